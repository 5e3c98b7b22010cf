//! Stores where a stream mapping resumes after a restart.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use parking_lot::Mutex;

/// Durable checkpoints: one position per mapping and shard.
///
/// Every record up to and including a checkpoint is done. Calls are short and block. The engine
/// stores a checkpoint about once per batch.
pub trait Checkpoints: Send + Sync {
    /// Returns the stored sequence number of a shard.
    ///
    /// # Errors
    /// The store cannot be read, or its content is not a checkpoint.
    fn load(&self, mapping: &str, shard: &str) -> io::Result<Option<String>>;

    /// Stores the sequence number of a shard and replaces the previous one.
    ///
    /// # Errors
    /// The store cannot be written.
    fn store(&self, mapping: &str, shard: &str, sequence: &str) -> io::Result<()> {
        self.store_all(mapping, &[(shard, sequence)])
    }

    /// Stores several positions of one mapping, either all of them or none.
    ///
    /// # Errors
    /// The store cannot be written.
    fn store_all(&self, mapping: &str, positions: &[(&str, &str)]) -> io::Result<()>;
}

/// Checkpoints in memory, which end with the process.
#[derive(Debug, Default)]
pub struct MemoryCheckpoints {
    positions: Mutex<HashMap<(String, String), String>>,
}

impl Checkpoints for MemoryCheckpoints {
    fn load(&self, mapping: &str, shard: &str) -> io::Result<Option<String>> {
        let positions = self.positions.lock();
        Ok(positions.get(&(mapping.to_owned(), shard.to_owned())).cloned())
    }

    fn store_all(&self, mapping: &str, stored: &[(&str, &str)]) -> io::Result<()> {
        let mut positions = self.positions.lock();
        for &(shard, sequence) in stored {
            positions.insert((mapping.to_owned(), shard.to_owned()), sequence.to_owned());
        }
        Ok(())
    }
}

/// Most bytes for which one write is atomic if the process dies: the kernel copies a page as a
/// whole.
const PAGE: usize = 4096;

/// Checkpoints in a directory, one small JSON file per mapping.
///
/// They survive the end of the process at any moment. If the old and the new content fit into a
/// page, one write overwrites the file in place. Otherwise a renamed file replaces it: on some file
/// systems renaming costs twenty times as much, since it writes to the disk at once.
///
/// Files are not flushed to the disk. After a power failure an older checkpoint may be found; the
/// records after it are then delivered again.
#[derive(Debug)]
pub struct FileCheckpoints {
    directory: PathBuf,
    mappings: Mutex<HashMap<String, Stored>>,
}

/// Content of the file of one mapping.
#[derive(Debug)]
struct Stored {
    shards: BTreeMap<String, String>,
    /// Bytes of the file; `None` if there is no file.
    length: Option<usize>,
}

impl FileCheckpoints {
    /// Opens a directory and creates it if it is missing.
    ///
    /// # Errors
    /// The directory cannot be created.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self { directory: directory.to_owned(), mappings: Mutex::default() })
    }

    fn path(&self, mapping: &str) -> PathBuf {
        self.directory.join(format!("{}.json", file_name(mapping)))
    }

    /// Calls `act` with the stored positions of a mapping, which are read on first use.
    fn with<T>(
        &self,
        mapping: &str,
        act: impl FnOnce(&Path, &mut Stored) -> io::Result<T>,
    ) -> io::Result<T> {
        let path = self.path(mapping);
        let mut mappings = self.mappings.lock();
        match mappings.entry(mapping.to_owned()) {
            Entry::Occupied(known) => act(&path, known.into_mut()),
            Entry::Vacant(new) => act(&path, new.insert(Stored::read(&path)?)),
        }
    }
}

impl Stored {
    fn read(path: &Path) -> io::Result<Self> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { shards: BTreeMap::new(), length: None });
            }
            Err(error) => return Err(at(path, error)),
        };
        let shards = serde_json::from_slice(&text).map_err(|error| {
            let reason = format!(
                "{} is not a checkpoint file ({error}); delete it to read the source from its starting position",
                path.display()
            );
            io::Error::new(io::ErrorKind::InvalidData, reason)
        })?;
        Ok(Self { shards, length: Some(text.len()) })
    }

    fn write(&mut self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec(&self.shards)?;
        let small = self.length.filter(|length| *length <= PAGE && text.len() <= PAGE);
        if let Some(length) = small {
            // Trailing spaces cover the rest of the longer old content.
            text.resize(length.max(text.len()), b' ');
        }
        let overwritten = match small.map(|_| overwrite(path, &text)) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at(path, error));
            }
            Some(Ok(())) => true,
            _ => false,
        };
        if !overwritten {
            let temporary = path.with_extension("tmp");
            fs::write(&temporary, &text).map_err(|error| at(&temporary, error))?;
            fs::rename(&temporary, path).map_err(|error| at(path, error))?;
        }
        self.length = Some(text.len());
        Ok(())
    }
}

fn overwrite(path: &Path, text: &[u8]) -> io::Result<()> {
    fs::File::options().write(true).open(path)?.write_all(text)
}

impl Checkpoints for FileCheckpoints {
    fn load(&self, mapping: &str, shard: &str) -> io::Result<Option<String>> {
        self.with(mapping, |_, stored| Ok(stored.shards.get(shard).cloned()))
    }

    fn store_all(&self, mapping: &str, positions: &[(&str, &str)]) -> io::Result<()> {
        self.with(mapping, |path, stored| {
            let positions =
                positions.iter().map(|&(shard, sequence)| (shard.to_owned(), sequence.to_owned()));
            stored.shards.extend(positions);
            stored.write(path)
        })
    }
}

/// Encodes the name of a mapping, or another name, as a file name.
///
/// Letters, digits and `-` stay. Any other character becomes its code point: `f/a` becomes
/// `f_2f_a`.
pub(crate) fn file_name(mapping: &str) -> String {
    mapping.chars().fold(String::with_capacity(mapping.len()), |mut name, c| {
        if c.is_ascii_alphanumeric() || c == '-' {
            name.push(c);
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(name, "_{:x}_", u32::from(c));
        }
        name
    })
}

fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the contract of every implementation.
    fn contract(checkpoints: &dyn Checkpoints) {
        let load = |mapping: &str, shard: &str| checkpoints.load(mapping, shard).unwrap();
        assert_eq!(load("f/a", "shard-1"), None);
        checkpoints.store("f/a", "shard-1", "41").unwrap();
        checkpoints.store("f/a", "shard-2", "7").unwrap();
        checkpoints.store("f/b", "shard-1", "1").unwrap();
        checkpoints.store("f_a", "shard-1", "2").unwrap();
        checkpoints.store_all("f/a", &[("shard-1", "42"), ("shard-3", "8")]).unwrap();
        assert_eq!(load("f/a", "shard-3").as_deref(), Some("8"));
        assert_eq!(load("f/a", "shard-1").as_deref(), Some("42"));
        assert_eq!(load("f/a", "shard-2").as_deref(), Some("7"));
        assert_eq!(load("f/b", "shard-1").as_deref(), Some("1"));
        assert_eq!(load("f_a", "shard-1").as_deref(), Some("2"));
        assert_eq!(load("f/b", "shard-2"), None);
    }

    #[test]
    fn memory_keeps_the_contract() {
        contract(&MemoryCheckpoints::default());
    }

    #[test]
    fn files_keep_the_contract() {
        let directory = tempfile::tempdir().unwrap();
        contract(&FileCheckpoints::open(directory.path()).unwrap());
    }

    #[test]
    fn files_are_found_by_the_next_process() {
        let directory = tempfile::tempdir().unwrap();
        FileCheckpoints::open(directory.path()).unwrap().store("m", "s", "5").unwrap();
        let next = FileCheckpoints::open(directory.path()).unwrap();
        next.store("m", "t", "6").unwrap();
        assert_eq!(next.load("m", "s").unwrap().as_deref(), Some("5"));
    }

    #[test]
    fn a_checkpoint_that_grows_and_shrinks_is_found_whole_by_the_next_process() {
        let directory = tempfile::tempdir().unwrap();
        let checkpoints = FileCheckpoints::open(directory.path()).unwrap();
        // Within a page, beyond a page, exactly a page with the braces and keys, and back.
        for length in [1, 100, 10, PAGE, 3, PAGE - r#"{"s":""}"#.len(), 2 * PAGE, 0, 50] {
            let stored = "x".repeat(length);
            checkpoints.store("m", "s", &stored).unwrap();
            let next = FileCheckpoints::open(directory.path()).unwrap();
            assert_eq!(next.load("m", "s").unwrap(), Some(stored), "{length}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_small_checkpoint_is_written_into_the_same_file() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        let checkpoints = FileCheckpoints::open(directory.path()).unwrap();
        let inode = |sequence: &str| {
            checkpoints.store("m", "s", sequence).unwrap();
            fs::metadata(directory.path().join("m.json")).unwrap().ino()
        };
        assert_eq!(inode("1"), inode("22"));
    }

    #[test]
    fn a_damaged_file_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("m.json"), "{").unwrap();
        let error = FileCheckpoints::open(directory.path()).unwrap().load("m", "s").unwrap_err();
        assert!(error.to_string().contains("m.json is not a checkpoint file"), "{error}");
    }
}
