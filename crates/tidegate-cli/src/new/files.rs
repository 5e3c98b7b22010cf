//! Writes the files of a function, all or none, and overwrites nothing.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use terminal::output;
use terminal::problem::Problem;

use super::path::shown;

/// Files in a folder that is created for them.
pub(super) struct Files {
    folder: PathBuf,
    files: Vec<(&'static str, String)>,
}

impl Files {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, files: Vec::new() }
    }

    pub(super) fn add(&mut self, name: &'static str, text: String) {
        self.files.push((name, text));
    }

    /// Prints the files without writing them.
    pub(super) fn show(&self) -> Result<(), Problem> {
        self.files.iter().try_for_each(|(name, text)| {
            output::line(&format!("{}:\n{text}", shown(&self.folder.join(name))))
        })
    }

    /// Returns a line for each file.
    pub(super) fn made(&self) -> Vec<String> {
        self.files
            .iter()
            .map(|(name, _)| format!("made {}", shown(&self.folder.join(name))))
            .collect()
    }

    /// Writes the files, and the new text of an existing file.
    ///
    /// After an error, the folder is removed and the other file is unchanged.
    pub(super) fn write(&self, changed: Option<(&Path, &str)>) -> Result<(), Problem> {
        self.make_folder()?;
        let written = self.files.iter().try_for_each(|(name, text)| {
            let file = self.folder.join(name);
            let made = file.parent().map_or(Ok(()), fs::create_dir_all);
            made.and_then(|()| fs::write(&file, text))
                .map_err(|error| cannot("written", &file, &error))
        });
        let changed =
            written.and_then(|()| changed.map_or(Ok(()), |(file, text)| replace(file, text)));
        if changed.is_err() {
            // If the folder cannot be removed either, the next attempt reports it.
            let _ = fs::remove_dir_all(&self.folder);
        }
        changed
    }

    /// Checks that the folder does not exist.
    ///
    /// An existing folder may have content, so it is never used.
    pub(super) fn vacant(&self) -> Result<(), Problem> {
        if fs::symlink_metadata(&self.folder).is_ok() { Err(self.taken()) } else { Ok(()) }
    }

    fn make_folder(&self) -> Result<(), Problem> {
        let folder = &self.folder;
        let parents = folder.parent().map_or(Ok(()), fs::create_dir_all);
        parents.and_then(|()| fs::create_dir(folder)).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => self.taken(),
            _ => cannot("made", folder, &error),
        })
    }

    fn taken(&self) -> Problem {
        let folder = shown(&self.folder);
        Problem::new(format!(
            "{folder} already exists, and nothing is overwritten; choose another name or folder"
        ))
    }
}

/// Reads a text file.
pub(super) fn read(file: &Path) -> Result<String, Problem> {
    fs::read_to_string(file).map_err(|error| cannot("read", file, &error))
}

/// Replaces a file as a whole, so that concurrent readers see either the old or the new text.
fn replace(file: &Path, text: &str) -> Result<(), Problem> {
    let replaced = || -> std::io::Result<()> {
        // A symbolic link is followed: the file behind it is replaced, not the link.
        let file = fs::canonicalize(file)?;
        let mut new = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
        new.write_all(text.as_bytes())?;
        new.as_file().set_permissions(fs::metadata(&file)?.permissions())?;
        new.as_file().sync_all()?;
        new.persist(&file)?;
        Ok(())
    };
    replaced().map_err(|error| cannot("written", file, &error))
}

fn cannot(done: &str, what: &Path, error: &std::io::Error) -> Problem {
    Problem::new(format!("{} cannot be {done}: {error}", shown(what)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_there_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("functions/mine");
        fs::create_dir_all(&folder).unwrap();
        let mut files = Files::new(folder.clone());
        files.add("Cargo.toml", String::new());
        let problem = files.write(None).unwrap_err().to_string();
        assert!(problem.contains("nothing is overwritten"), "{problem}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn when_the_topology_cannot_be_written_the_folder_goes_again() {
        let root = tempfile::tempdir().unwrap();
        let mut files = Files::new(root.path().join("functions/mine"));
        files.add("src/main.rs", String::new());
        assert!(files.write(Some((&root.path().join("missing"), "text"))).is_err());
        assert!(!root.path().join("functions/mine").exists());
    }

    #[test]
    fn a_replaced_file_keeps_its_permissions_and_leaves_nothing_beside_it() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("t");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&file, "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
