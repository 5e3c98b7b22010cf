//! Schedules and groups in a directory: each schedule has a file, and one for how far it has come.
//!
//! A file is replaced by renaming, so the end of the process at any moment leaves the old or the
//! new one. Files are not flushed to the disk: after a power failure older ones may be found.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::definition::Definition;
use super::key::Key;
use super::progress::Progress;
use crate::checkpoint::file_name;

const DEFINITION: &str = "json";
const PROGRESS: &str = "progress";

/// The directory.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
}

/// What a store holds.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) schedules: Vec<(Definition, Option<Progress>)>,
    /// When each group was created.
    pub(super) groups: BTreeMap<String, Timestamp>,
}

impl Store {
    /// Opens a directory and creates it if it is missing.
    pub(super) fn open(directory: &Path) -> io::Result<(Self, Stored)> {
        fs::create_dir_all(directory)?;
        let store = Self { directory: directory.to_owned() };
        let mut stored =
            Stored { groups: read(&store.groups())?.unwrap_or_default(), ..Stored::default() };
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path == store.groups() || path.extension() != Some(DEFINITION.as_ref()) {
                continue;
            }
            if let Some(definition) = read::<Definition>(&path)? {
                let progress: Option<Progress> = read(&path.with_extension(PROGRESS))?;
                let progress = progress.filter(|kept| kept.identity == definition.identity);
                stored.schedules.push((definition, progress));
            }
        }
        Ok((store, stored))
    }

    fn groups(&self) -> PathBuf {
        self.directory.join("groups.json")
    }

    /// Returns the path of a schedule's file. No part of it comes from a request unchanged.
    fn path(&self, key: &Key, extension: &str) -> PathBuf {
        let (group, name) = (file_name(&key.group), file_name(&key.name));
        // A name as file has no tilde.
        self.directory.join(format!("{group}~{name}.{extension}"))
    }

    pub(super) fn keep_groups(&self, groups: &BTreeMap<String, Timestamp>) -> io::Result<()> {
        write(&self.groups(), groups)
    }

    pub(super) fn keep_definition(&self, definition: &Definition) -> io::Result<()> {
        write(&self.path(&definition.key, DEFINITION), definition)
    }

    pub(super) fn keep_progress(&self, key: &Key, progress: &Progress) -> io::Result<()> {
        write(&self.path(key, PROGRESS), progress)
    }

    pub(super) fn remove_definition(&self, key: &Key) -> io::Result<()> {
        remove(&self.path(key, DEFINITION))
    }

    pub(super) fn remove_progress(&self, key: &Key) -> io::Result<()> {
        remove(&self.path(key, PROGRESS))
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let read = serde_json::from_slice(&text).map_err(|error| {
        let reason = format!(
            "{} is not a file of a schedule ({error}); delete it to forget the schedule",
            path.display()
        );
        io::Error::new(io::ErrorKind::InvalidData, reason)
    })?;
    Ok(Some(read))
}

fn write<T: Serialize + ?Sized>(path: &Path, content: &T) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, serde_json::to_vec(content)?)?;
    fs::rename(&temporary, path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
