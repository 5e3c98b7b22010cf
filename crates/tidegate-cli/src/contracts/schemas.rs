//! The schemas of a folder, now and in a commit: one file for each version of a type.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde_json::Value;
use terminal::problem::Problem;

use super::git::{Blob, Repository};

/// A version of a type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TypeVersion {
    pub(super) kind: String,
    pub(super) version: u32,
}

/// The schemas of a folder.
pub(super) type Schemas = BTreeMap<TypeVersion, Value>;

/// What the folder held in an older commit, as far as later commits differ.
pub(super) struct Older {
    pub(super) commit: String,
    pub(super) schemas: Schemas,
}

impl TypeVersion {
    /// Reads a file's name, such as `OrderPlaced.v1.json`. `None`: another file.
    fn parse(name: &str) -> Option<Self> {
        let (kind, version) = name.strip_suffix(".json")?.rsplit_once(".v")?;
        let version = version.parse().ok().filter(|version| *version > 0)?;
        (!kind.is_empty() && !kind.contains('/')).then(|| Self { kind: kind.to_owned(), version })
    }
}

impl fmt::Display for TypeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} version {}", self.kind, self.version)
    }
}

/// Reads the schemas of a folder.
pub(super) fn of_folder(folder: &Path) -> Result<Schemas, Problem> {
    let unreadable = |error| Problem::new(format!("{} cannot be read: {error}", folder.display()));
    let mut schemas = Schemas::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(of) = TypeVersion::parse(&name) else { continue };
        let text = std::fs::read(&path)
            .map_err(|error| Problem::new(format!("{} cannot be read: {error}", path.display())))?;
        schemas.insert(of, parse(&text, &path.display().to_string())?);
    }
    if schemas.is_empty() {
        return Err(Problem::new(format!(
            "{} has no schemas; a file's name is TYPE.vVERSION.json, such as OrderPlaced.v1.json",
            folder.display()
        )));
    }
    Ok(schemas)
}

/// Reads the schemas of the folder in a commit.
pub(super) fn of_commit(repository: &Repository, commit: &str) -> Result<Schemas, Problem> {
    let mut schemas = Schemas::new();
    for (of, blob) in named(repository.files(commit)?) {
        schemas.insert(of, read(repository, &blob, commit)?);
    }
    Ok(schemas)
}

/// Returns the folder that had most of these schemas in a commit and has them no more: they were
/// moved since. Its path ends in a slash; that of the repository's top is empty.
pub(super) fn moved_from(
    repository: &Repository,
    commit: &str,
    now: &Schemas,
) -> Result<Option<String>, Problem> {
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for path in repository.paths(commit)? {
        let (folder, name) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
        let is_known = TypeVersion::parse(name).is_some_and(|of| now.contains_key(&of));
        if is_known && !repository.has(&path) {
            *folders.entry(folder.to_owned()).or_default() += 1;
        }
    }
    let most = folders.into_iter().max_by_key(|(_, schemas)| *schemas);
    Ok(most.map(|(folder, _)| folder))
}

/// Reads every other content that a schema had between `since` and this commit, newest first.
pub(super) fn history(
    repository: &Repository,
    commit: &str,
    since: Option<&str>,
) -> Result<Vec<Older>, Problem> {
    let mut seen: BTreeSet<Blob> = repository.files(commit)?.into_iter().collect();
    let mut history = Vec::new();
    for older in repository.history(commit, since)? {
        let mut schemas = Schemas::new();
        for (of, blob) in named(repository.files(&older)?) {
            if seen.insert(blob.clone()) {
                schemas.insert(of, read(repository, &blob, &older)?);
            }
        }
        history.push(Older { commit: older, schemas });
    }
    Ok(history)
}

fn named(files: Vec<Blob>) -> impl Iterator<Item = (TypeVersion, Blob)> {
    files.into_iter().filter_map(|blob| Some((TypeVersion::parse(&blob.name)?, blob)))
}

fn read(repository: &Repository, blob: &Blob, commit: &str) -> Result<Value, Problem> {
    let short = commit.get(..12).unwrap_or(commit);
    parse(&repository.content(blob)?, &format!("{} in commit {short}", blob.name))
}

fn parse(text: &[u8], name: &str) -> Result<Value, Problem> {
    let schema: Value = serde_json::from_slice(text)
        .map_err(|error| Problem::new(format!("{name} is not JSON: {error}")))?;
    match schema {
        Value::Object(_) | Value::Bool(_) => Ok(schema),
        _ => Err(Problem::new(format!("{name} is not a JSON Schema: it is not an object"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_says_type_and_version() {
        let of = TypeVersion::parse("Order.Placed.v12.json").unwrap();
        assert_eq!((of.kind.as_str(), of.version), ("Order.Placed", 12));
        for other in
            ["OrderPlaced.json", "OrderPlaced.v0.json", ".v1.json", "A.v1.yaml", "a/B.v1.json"]
        {
            assert_eq!(TypeVersion::parse(other), None, "{other}");
        }
    }
}
