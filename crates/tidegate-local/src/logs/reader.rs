//! Reads the logs of several functions as one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::line::Line;
use crate::environment::LogLine;

/// Number of lines of one file that are sorted among themselves. Several processes write to it,
/// each when its pipe is read.
const WINDOW: usize = 4096;
/// Bytes that are read at a time.
const CHUNK: usize = 256 * 1024;

/// The lines of several functions, ordered by time.
///
/// Its memory is bounded, regardless of the length of the logs.
#[derive(Debug)]
pub struct Reader {
    tails: Vec<Tail>,
}

/// The log of one function, read to its current end: first the rotated file, then the current one.
#[derive(Debug)]
struct Tail {
    /// Path of the current file.
    path: PathBuf,
    /// Path of the rotated file.
    older: PathBuf,
    function: Arc<str>,
    /// The file that is read now, and the one before it. While they are open, no other file can
    /// have their inodes.
    file: Option<File>,
    before: Option<File>,
    offset: u64,
    /// An incomplete line at the end of what was read.
    part: Vec<u8>,
    /// Lines that were read and not returned, by time and place in the file.
    window: BinaryHeap<Reverse<(Timestamp, u64)>>,
    lines: std::collections::HashMap<u64, Line>,
    number: u64,
    last: Timestamp,
    ended: bool,
    /// Another file follows this one. One more read of this one reaches its end.
    followed: bool,
}

/// Returns whether the open file is the one at this path now.
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(named) => {
            let own = file.metadata()?;
            Ok((own.dev(), own.ino()) == (named.dev(), named.ino()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Reader {
    /// Opens the logs of these functions in a directory.
    ///
    /// A file that does not exist yet counts as empty.
    pub fn open(logs: &Path, functions: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let tails = functions.into_iter().map(|function| Tail::new(logs, function.as_ref()));
        Self { tails: tails.collect() }
    }

    /// Returns the next line in order of time.
    ///
    /// `None` at the end of what was written so far.
    ///
    /// Text after the last line end is not a line yet.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        for tail in &mut self.tails {
            tail.fill()?;
        }
        let first = self.tails.iter_mut().filter(|tail| !tail.window.is_empty());
        Ok(first.min_by_key(|tail| tail.head()).and_then(Tail::take))
    }

    /// Continues with lines that were written since [`next_line`](Self::next_line) returned `None`.
    ///
    /// A file that was truncated is read from its beginning.
    ///
    /// # Errors
    /// The length of a file cannot be read.
    pub fn again(&mut self) -> io::Result<()> {
        for tail in &mut self.tails {
            tail.ended = false;
            if let Some(file) = &mut tail.file
                && file.metadata()?.len() < tail.offset
            {
                tail.offset = file.seek(SeekFrom::Start(0))?;
                tail.part.clear();
            }
        }
        Ok(())
    }

    /// Skips everything that was written so far.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn skip(&mut self) -> io::Result<()> {
        while self.next_line()?.is_some() {}
        Ok(())
    }
}

impl Tail {
    fn new(logs: &Path, function: &str) -> Self {
        Self {
            path: logs.join(format!("{function}.log")),
            older: logs.join(format!("{function}.log.1")),
            function: Arc::from(function),
            file: None,
            before: None,
            offset: 0,
            part: Vec::new(),
            window: BinaryHeap::new(),
            lines: std::collections::HashMap::new(),
            number: 0,
            last: Timestamp::UNIX_EPOCH,
            ended: false,
            followed: false,
        }
    }

    fn head(&self) -> Option<Timestamp> {
        self.window.peek().map(|Reverse((at, _))| *at)
    }

    fn take(&mut self) -> Option<Line> {
        let Reverse((_, number)) = self.window.pop()?;
        self.lines.remove(&number)
    }

    /// Returns the file that follows the one that is read, or the first one. `None` if there is
    /// none.
    ///
    /// A file is renamed once and then replaced. So the current file follows one that has the older
    /// name. If the file that is read has neither name, more than one file was begun since; then
    /// the file with the older name follows.
    ///
    /// For example, `a.log` was read and is now deleted, `a.log.1` and a new `a.log` exist:
    /// `a.log.1` follows, then `a.log`.
    fn next_file(&self) -> io::Result<Option<File>> {
        let opened = |path: &Path| match File::open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let named = |file: &Option<File>, path| {
            file.as_ref().map_or(Ok(false), |file| is_named(file, path))
        };
        if named(&self.file, &self.path)? {
            return Ok(None);
        }
        let read = named(&self.file, &self.older)? || named(&self.before, &self.older)?;
        let older = if read { None } else { opened(&self.older)? };
        older.map_or_else(|| opened(&self.path), |older| Ok(Some(older)))
    }

    /// Reads until there are enough lines to sort, or nothing is left.
    fn fill(&mut self) -> io::Result<()> {
        let failed = |path: &Path, error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        };
        while self.window.len() < WINDOW && !self.ended {
            let Some(file) = &mut self.file else {
                self.file = self.next_file().map_err(|error| failed(&self.path, error))?;
                self.ended = self.file.is_none();
                continue;
            };
            let before = self.part.len();
            let limit = CHUNK as u64;
            let read = file
                .take(limit)
                .read_to_end(&mut self.part)
                .map_err(|error| failed(&self.path, error))?;
            self.offset += read as u64;
            if read > 0 {
                self.cut(before);
                continue;
            }
            let next = self.next_file().map_err(|error| failed(&self.path, error))?;
            match next {
                None => self.ended = true,
                // Lines that were written before the file was renamed are read first.
                Some(_) if !self.followed => self.followed = true,
                Some(next) => {
                    self.before = self.file.replace(next);
                    (self.offset, self.followed) = (0, false);
                    // Nothing more is added to the last line of the file.
                    if !self.part.is_empty() {
                        self.part.push(b'\n');
                        self.cut(0);
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes the whole lines out of what was read. There is no line end before `from`.
    fn cut(&mut self, from: usize) {
        let end = self.part.get(from..).and_then(|new| new.iter().rposition(|byte| *byte == b'\n'));
        let Some(end) = end else { return };
        let rest = self.part.split_off(from + end + 1);
        let whole = std::mem::replace(&mut self.part, rest);
        let whole = String::from_utf8_lossy(&whole);
        for text in whole.lines() {
            let tagged = LogLine::parse(text);
            let text = tagged.map_or(text, |line| line.text);
            if text.trim().is_empty() {
                continue;
            }
            let read = tagged.and_then(|line| line.time.parse().ok());
            let mut line = Line::parse(&self.function, text, read.unwrap_or(self.last));
            if line.request_id.is_none() {
                line.request_id = tagged.and_then(|line| line.request_id.map(str::to_owned));
            }
            self.last = line.at;
            self.number += 1;
            self.window.push(Reverse((line.at, self.number)));
            self.lines.insert(self.number, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn at(millis: i64, message: &str) -> String {
        let at = Timestamp::from_millisecond(millis).unwrap();
        format!("{{\"timestamp\":\"{at}\",\"message\":\"{message}\"}}\n")
    }

    fn append(file: &Path, text: &str) {
        let file = File::options().create(true).append(true).open(file);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn read(reader: &mut Reader) -> Vec<String> {
        std::iter::from_fn(|| reader.next_line().unwrap())
            .map(|line| format!("{} {}", line.function, line.message))
            .collect()
    }

    #[test]
    fn lines_come_in_order_of_time_across_functions_and_within_one() {
        let dir = tempfile::tempdir().unwrap();
        append(
            &dir.path().join("a.log"),
            &[at(10, "1"), at(40, "4"), at(30, "3"), "no time\n".into()].concat(),
        );
        append(&dir.path().join("b.log"), &[at(20, "2"), "\n".into(), at(50, "5")].concat());
        let mut reader = Reader::open(dir.path(), ["a", "b", "c"]);
        assert_eq!(read(&mut reader), ["a 1", "b 2", "a 3", "a no time", "a 4", "b 5"]);
    }

    #[test]
    fn a_line_of_the_engines_own_form_has_its_time_and_request() {
        let dir = tempfile::tempdir().unwrap();
        let plain = "2026-11-21T22:30:00.123Z r-1 plain\n2026-11-21T22:30:00.124Z - \n";
        let said = r#"2026-11-21T22:30:00.125Z r-2 {"message":"two","request_id":"r-3"}"#;
        append(&dir.path().join("a.log"), &format!("{plain}{said}\n"));
        let mut reader = Reader::open(dir.path(), ["a"]);
        let one = reader.next_line().unwrap().unwrap();
        assert_eq!((one.text.as_str(), one.request_id.as_deref()), ("plain", Some("r-1")));
        assert_eq!(one.at.to_string(), "2026-11-21T22:30:00.123Z");
        let two = reader.next_line().unwrap().unwrap();
        assert_eq!((two.message.as_str(), two.request_id.as_deref()), ("two", Some("r-3")));
        assert_eq!(reader.next_line().unwrap(), None);
    }

    #[test]
    fn a_file_that_was_renamed_is_read_to_its_end_and_then_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let (file, older) = (dir.path().join("a.log"), dir.path().join("a.log.1"));
        append(&file, "one\n");
        let mut reader = Reader::open(dir.path(), ["a"]);
        assert_eq!(read(&mut reader), ["a one"]);
        append(&file, "two\n");
        fs::rename(&file, &older).unwrap();
        append(&file, "three\n");
        reader.again().unwrap();
        assert_eq!(read(&mut reader), ["a two", "a three"]);
    }

    #[test]
    fn what_was_rotated_away_is_read_before_what_is_written_now() {
        let dir = tempfile::tempdir().unwrap();
        let (file, older) = (dir.path().join("a.log"), dir.path().join("a.log.1"));
        append(&older, "one\ntwo");
        append(&file, "three\n");
        let mut reader = Reader::open(dir.path(), ["a"]);
        assert_eq!(read(&mut reader), ["a one", "a two", "a three"]);
        reader.again().unwrap();
        assert_eq!(read(&mut reader), [""; 0], "nothing is read twice");
        fs::remove_file(&file).unwrap();
        reader.again().unwrap();
        assert_eq!(read(&mut reader), [""; 0], "nor because a file was removed");
        append(&file, "four\n");
        reader.again().unwrap();
        assert_eq!(read(&mut reader), ["a four"]);
    }

    #[test]
    fn a_file_that_was_rotated_twice_between_two_looks_loses_no_line_that_is_still_there() {
        let dir = tempfile::tempdir().unwrap();
        let (file, older) = (dir.path().join("a.log"), dir.path().join("a.log.1"));
        append(&file, "one\n");
        let mut reader = Reader::open(dir.path(), ["a"]);
        assert_eq!(read(&mut reader), ["a one"]);
        append(&file, "two\n");
        for next in ["three\n", "four\n"] {
            fs::rename(&file, &older).unwrap();
            append(&file, next);
        }
        reader.again().unwrap();
        assert_eq!(read(&mut reader), ["a two", "a three", "a four"]);
    }

    #[test]
    fn what_is_written_later_follows_and_half_a_line_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.log");
        append(&file, "one\ntw");
        let mut reader = Reader::open(dir.path(), ["a", "b"]);
        assert_eq!(read(&mut reader), ["a one"]);
        append(&file, "o\n");
        assert_eq!(read(&mut reader), [""; 0], "only after it was asked to look again");
        append(&dir.path().join("b.log"), "three\n");
        reader.again().unwrap();
        assert_eq!(read(&mut reader), ["a two", "b three"]);
        File::create(&file).unwrap();
        append(&file, "anew\n");
        reader.again().unwrap();
        assert_eq!(read(&mut reader), ["a anew"]);
    }

    #[test]
    fn no_more_lines_are_held_than_are_put_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let lines: i64 = 100_000;
        let text: String = (0..lines).map(|n| at(n, "x")).collect();
        append(&dir.path().join("a.log"), &text);
        let mut reader = Reader::open(dir.path(), ["a"]);
        let (mut given, mut most) = (0, 0);
        while let Some(line) = reader.next_line().unwrap() {
            assert_eq!(line.at.as_millisecond(), given);
            given += 1;
            most = most.max(reader.tails[0].window.len());
        }
        assert_eq!(given, lines);
        assert!(most < 3 * WINDOW, "{most}");
    }
}
