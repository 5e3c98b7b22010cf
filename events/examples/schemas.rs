//! Writes the files that are generated from the types.
//!
//! These are schemas, documents of the schema registry, samples, Lambda events and the catalog of
//! all messages. The program refuses to change a published schema in a way that breaks its readers.

#[path = "../generate/mod.rs"]
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_imports,
    reason = "it is a part of the tests, which use more of it"
)]
mod generate;

use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    let files = generate::files()?;
    let committed = generate::committed()?;
    for (path, value) in &files {
        let Some(Some(published)) = committed.get(path) else { continue };
        let broken = if path.starts_with("schemas/") {
            generate::breaking_changes(published, value)
        } else {
            Vec::new()
        };
        if !broken.is_empty() {
            let text = broken.join("\n  ");
            return Err(format!(
                "{path} is published; make a new version of the type instead:\n  {text}"
            )
            .into());
        }
    }
    for (path, value) in &files {
        if committed.get(path).is_some_and(|committed| committed.as_ref() == Some(value)) {
            continue;
        }
        let file = generate::root().join(path);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(file, format!("{value:#}\n"))?;
        writeln!(std::io::stdout(), "wrote events/{path}")?;
    }
    for path in committed
        .keys()
        .filter(|path| !files.contains_key(*path) && !generate::is_older_version(path, &files))
    {
        std::fs::remove_file(generate::root().join(path))?;
        writeln!(std::io::stdout(), "removed events/{path}: no type makes it")?;
    }
    catalog()
}

/// Writes the catalog. Its page names the schemas, so it comes last.
fn catalog() -> Result<(), Box<dyn Error>> {
    for (path, text) in generate::catalog::files(&generate::all()?)? {
        let file = generate::catalog::repository().join(&path);
        if std::fs::read_to_string(&file).is_ok_and(|written| written == text) {
            continue;
        }
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(file, text)?;
        writeln!(std::io::stdout(), "wrote {path}")?;
    }
    Ok(())
}
