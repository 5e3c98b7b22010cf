//! `tidegate new`: creates a function with a test that passes, and declares it.
//!
//! The templates in `templates/` are compiled, linted and tested with this crate.

mod declaration;
mod existing;
mod files;
mod hcl;
mod insertion;
mod manifest;
mod mapping;
mod name;
mod path;
mod place;
mod template;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::process::ExitCode;

use terminal::output;
use terminal::problem::Problem;
use topology::Mistake;

use self::declaration::Declaration;
use self::files::Files;
use self::manifest::Toolkit;
use self::path::shown;
use self::place::Place;
use crate::arguments::NewFunction;

/// Content of a topology without any entry.
const EMPTY: &str = "event_bytes_limit = 262144\n";

/// Creates a function in the workspace of this directory and declares it, or creates a separate
/// crate.
///
/// After an error, nothing is written.
///
/// # Errors
/// - Misuse: the name is not a valid name of a function, or the source is not declared.
/// - Problem: the function or the folder already exists, a file cannot be read or written, or the
///   topology would have a mistake.
pub(crate) fn function(options: &NewFunction) -> Result<ExitCode, Problem> {
    let name = options.name.as_str();
    name::check(name)?;
    let place = Place::find(options)?;
    let text = match &place.topology {
        Some(file) => files::read(file)?,
        None => EMPTY.to_owned(),
    };
    let topology =
        topology::parse(&text).map_err(|mistakes| broken(place.topology.as_deref(), &mistakes))?;
    if topology.functions.contains_key(name) {
        return Err(Problem::new(format!(
            "the topology declares a function {name} already; choose another name"
        )));
    }
    let declaration = Declaration::new(
        name,
        options.source,
        options.from.as_deref(),
        &topology,
        place.topology.is_none(),
    )?;
    let toolkit = Toolkit::from_options(options)?;
    let manifest = manifest::text(name, options.source, place.manifest.as_ref(), toolkit.as_ref())?;
    let mut files = Files::new(place.folder.clone());
    files.add("Cargo.toml", manifest);
    files.add("src/main.rs", template::main(options.source, &declaration.from));
    files.add("src/handler.rs", template::handler(options.source, &declaration.keys));
    let extended = extended(&text, &declaration).map_err(|why| match &place.topology {
        Some(file) => Problem::new(format!(
            "{} does not allow such a function, and nothing was written: {why}",
            shown(file)
        )),
        None => Problem::misuse(why),
    })?;
    let declared = place.topology.as_deref().map(|file| (file, extended.as_str()));
    files.vacant()?;
    if options.dry_run {
        files.show()?;
    } else {
        files.write(declared)?;
        output::line(&files.made().join("\n"))?;
    }
    output::line(&summary(options, &place, &declaration))?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the topology with the new entries.
///
/// # Errors
/// The entries break a rule that the topology kept before.
fn extended(text: &str, declaration: &Declaration) -> Result<String, String> {
    let mut extended = text.to_owned();
    for (section, entries) in declaration.sections() {
        extended = insertion::insert(&extended, section, &entries)?;
    }
    let said = |mistakes: Vec<Mistake>| {
        mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join("; ")
    };
    let known: Vec<String> = topology::check_text(text)
        .map_err(said)?
        .warnings
        .into_iter()
        .map(|known| known.message)
        .collect();
    let mut warnings = topology::check_text(&extended).map_err(said)?.warnings;
    warnings.retain(|warning| !known.contains(&warning.message));
    if warnings.is_empty() { Ok(extended) } else { Err(said(warnings)) }
}

fn broken(file: Option<&Path>, mistakes: &[Mistake]) -> Problem {
    let (line, message) =
        mistakes.first().map_or((0, ""), |first| (first.position.line, first.message.as_str()));
    Problem::new(format!(
        "{} has mistakes, the first in line {line}: {message}; `tidegate topology check` lists them",
        file.map(shown).unwrap_or_default(),
    ))
}

/// Returns what was declared, or would be, and the next steps.
fn summary(options: &NewFunction, place: &Place, declaration: &Declaration) -> String {
    let name = &options.name;
    let mut lines = Vec::new();
    match &place.topology {
        Some(file) => {
            let file = shown(file);
            if options.dry_run {
                lines.push(format!("to {file}:\n{}", declaration.text()));
            } else {
                lines.push(format!("declared in {file}: {}", declaration.names().join(", ")));
            }
        }
        None => lines.push(format!(
            "Declare it where your system is declared. In Tidegate's own terms:\n\n{}\nIn every \
             case the function needs {} and {} in its \
             environment and the right to write to both, and its mapping must report batch item failures.",
            declaration.text(),
            topology::LETTERS,
            topology::LARGE_LETTERS,
        )),
    }
    if !options.dry_run {
        let folder = shown(&place.folder);
        let package = if place.topology.is_some() {
            format!("cargo test --package {name}")
        } else {
            format!("cargo test --manifest-path {folder}/Cargo.toml")
        };
        lines.push("next:".to_owned());
        if let Some(member) = &place.not_a_member {
            lines.push(format!("  {member}"));
        }
        lines.push(format!("  `{package}` runs its test, which passes"));
        lines.push(format!("  {folder}/src/handler.rs handles one record"));
        if place.topology.is_some() {
            lines.push("  `tidegate local up` builds it and runs it with the others".to_owned());
        }
    }
    lines.join("\n")
}
