//! The file of injected faults, from which they can be injected again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::error::FaultError;
use super::kind::Fault;
use super::site::Site;

/// One injected fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The fault.
    #[serde(flatten)]
    pub fault: Fault,
    /// Where it was injected.
    #[serde(flatten)]
    pub site: Site,
}

/// A file of JSON lines, with one [`Entry`] each, in the order of injection.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    /// Creates a new journal and replaces an existing file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: &Path) -> Result<Self, FaultError> {
        let failed = |source| FaultError::Journal { path: path.to_owned(), source };
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(path)
            .map_err(failed)?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an entry.
    pub(super) fn add(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file.lock().write_all(&line)
    }

    /// Reads a journal.
    ///
    /// A last line that was cut off while it was written is ignored.
    ///
    /// # Errors
    /// The file cannot be read, or a line is not an entry.
    pub fn read(path: &Path) -> Result<Vec<Entry>, FaultError> {
        let text = fs::read_to_string(path)
            .map_err(|source| FaultError::Journal { path: path.to_owned(), source })?;
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        let lines = whole.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(index, line)| {
                serde_json::from_str(line).map_err(|error| FaultError::Entry {
                    path: path.to_owned(),
                    line: index + 1,
                    why: error.to_string(),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::{Kind, When};
    use super::*;

    fn entry(attempt: u32) -> Entry {
        Entry {
            fault: Fault { when: Some(When::Before), ..Fault::new(Kind::Kill) },
            site: Site {
                function: "f".to_owned(),
                operation: Some("SQS.SendMessage".to_owned()),
                delivery: "d".to_owned(),
                attempt,
                call: 2,
            },
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_a_line_cut_off_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("faults.jsonl");
        let journal = Journal::create(&path).unwrap();
        journal.add(&entry(1)).unwrap();
        journal.add(&entry(2)).unwrap();
        assert_eq!(Journal::read(&path).unwrap(), [entry(1), entry(2)]);
        let line = fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
        assert_eq!(
            line,
            r#"{"fault":"kill","when":"before","function":"f","operation":"SQS.SendMessage","delivery":"d","attempt":1,"call":2}"#
        );
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"fault\":\"ki")
            .unwrap();
        assert_eq!(Journal::read(&path).unwrap().len(), 2);
    }

    #[test]
    fn a_line_that_is_no_entry_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("faults.jsonl");
        fs::write(&path, "\n{\"fault\":\"explode\"}\n").unwrap();
        let error = Journal::read(&path).unwrap_err().to_string();
        assert!(error.contains("faults.jsonl:2") && error.contains("explode"), "{error}");
    }
}
