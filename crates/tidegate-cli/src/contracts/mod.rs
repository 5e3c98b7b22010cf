//! `tidegate events diff`: what changed in the schemas since a git revision, and whom it breaks.

mod comparison;
mod git;
mod readers;
mod report;
mod schemas;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;

use crate::arguments::EventsDiff;
use comparison::Comparison;
use git::Repository;
use readers::Readers;
use schemas::Schemas;

/// Default folder of the schemas.
const SCHEMAS: &str = "events/schemas";
/// Default place of the catalog.
const CATALOG: &str = "docs/catalog/catalog.json";

/// Compares the schemas of the working tree with those of a revision.
///
/// The exit code is 1 if a change breaks a reader.
///
/// A revision may have no schemas in the folder:
///
/// - If it has them in another folder, which has them no more, the folder was moved. They are
///   compared, so that a move hides no break.
/// - Otherwise these are the first schemas, and nothing is compared. This is not a problem: a gate
///   has to let the commit pass that brings them. But a revision may also be the wrong one, so a
///   note says what happened.
///
/// # Errors
/// There are no schemas, no repository, no such revision, or a file is not what it must be.
pub(crate) fn diff(options: &EventsDiff) -> Result<ExitCode, Problem> {
    let folder = match &options.schemas {
        Some(folder) => folder.clone(),
        None => above(SCHEMAS, Path::is_dir).ok_or_else(|| {
            Problem::new(format!(
                "there is no {SCHEMAS} here or in a directory above; name the folder with \
                 --schemas DIR"
            ))
        })?,
    };
    let now = schemas::of_folder(&folder)?;
    let repository = Repository::around(&folder)?;
    let commit = repository.commit(&options.revision)?;
    let (repository, then) = older(repository, &commit, &now)?;
    let since = options.since.as_deref().map(|since| repository.commit(since)).transpose()?;
    let history = match options.transitive {
        true => schemas::history(&repository, &commit, since.as_deref())?,
        false => Vec::new(),
    };
    let readers = readers(options)?;
    for function in readers.undeclared() {
        output::note(&format!(
            "tidegate: the catalog names the function {}, which the topology does not \
             declare; generate the catalog anew",
            escaped(function)
        ));
    }
    if options.transitive && repository.is_shallow() {
        output::note(
            "tidegate: this clone is shallow, so older states of the schemas are missing; \
             `git fetch --unshallow` brings them",
        );
    }
    let mut comparison = Comparison::new(&then, &now, &readers);
    comparison.add_history(&history, &now, &readers);
    let breaks = comparison.breaks();
    let here = env::current_dir().unwrap_or_default();
    let shown = folder.strip_prefix(here).unwrap_or(&folder);
    if options.json {
        output::json(&report::json(&comparison, shown, &commit))?;
    } else {
        output::line(&report::text(&comparison, shown, &commit))?;
    }
    Ok(if breaks { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Returns the schemas of a commit, and the repository as seen from their folder in it.
fn older(
    repository: Repository,
    commit: &str,
    now: &Schemas,
) -> Result<(Repository, Schemas), Problem> {
    let then = schemas::of_commit(&repository, commit)?;
    if !then.is_empty() {
        return Ok((repository, then));
    }
    let short = commit.get(..12).unwrap_or(commit);
    let none = format!("commit {short} has no schemas in {}", named(repository.prefix()));
    let Some(folder) = schemas::moved_from(&repository, commit, now)? else {
        output::note(&format!(
            "tidegate: {none}, so every schema counts as new; if they are not the first ones, name \
             another revision"
        ));
        return Ok((repository, then));
    };
    output::note(&format!(
        "tidegate: {none}; they were in {} then, and are compared with those",
        named(&folder)
    ));
    let repository = repository.seen_from(&folder);
    let then = schemas::of_commit(&repository, commit)?;
    Ok((repository, then))
}

/// Returns a folder of a repository as a note names it.
fn named(prefix: &str) -> String {
    match prefix.trim_end_matches('/') {
        "" => "the repository's top".to_owned(),
        folder => escaped(folder).into_owned(),
    }
}

fn readers(options: &EventsDiff) -> Result<Readers, Problem> {
    let catalog = options.catalog.clone().or_else(|| above(CATALOG, Path::is_file));
    let topology = options.topology.clone().or_else(crate::topology_file::topology_here);
    Readers::new(catalog.as_deref(), topology.as_deref())
}

/// Returns what lies at this path here or in the nearest directory above.
fn above(path: &str, is: fn(&Path) -> bool) -> Option<PathBuf> {
    let here = env::current_dir().unwrap_or_default();
    here.ancestors().map(|directory| directory.join(path)).find(|found| is(found))
}
