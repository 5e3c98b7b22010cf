//! The log file of a function: bounded in size, and never a reason to stop.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Appends lines in the form of [`LogLine`](super::LogLine).
///
/// At its limit the file is renamed to `<name>.1`, which replaces the previous one, and a new file
/// is begun. So the logs of a function take at most twice the limit.
///
/// If a write fails, for example on a full disk, the lines are counted and dropped. Once writing
/// works again, the file says how much was lost.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    limit: u64,
    buffer: Vec<u8>,
    failure: Option<WriteFailure>,
}

/// The current failure to write, and how much it has cost.
#[derive(Debug)]
struct WriteFailure {
    error: io::Error,
    lost_bytes: u64,
}

impl LogFile {
    /// Opens `path` for appending. The file may grow to `limit` bytes.
    pub(crate) fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let file = append_to(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size, limit, buffer: Vec::new(), failure: None })
    }

    /// Returns why nothing can be written at present.
    pub(crate) fn failure(&self) -> Option<String> {
        let failure = self.failure.as_ref()?;
        let (path, error, lost) = (self.path.display(), &failure.error, failure.lost_bytes);
        Some(format!("cannot write {path}: {error}; {lost} bytes of output were lost"))
    }

    /// Appends whole lines. The last one may lack its end.
    pub(crate) fn append(&mut self, request_id: Option<&str>, lines: &[u8]) {
        let prefix = format!("{:.3} {} ", jiff::Timestamp::now(), request_id.unwrap_or("-"));
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            buffer.extend_from_slice(prefix.as_bytes());
            buffer.extend_from_slice(line);
        }
        if !buffer.ends_with(b"\n") {
            buffer.push(b'\n');
        }
        self.put(&buffer);
        self.buffer = buffer;
    }

    fn put(&mut self, lines: &[u8]) {
        let written = self.rotate(lines.len() as u64).and_then(|()| self.say_what_was_lost());
        match written.and_then(|()| self.write(lines)) {
            Ok(()) => {}
            Err(error) => {
                let lost_bytes = lines.len() as u64;
                match &mut self.failure {
                    Some(failure) => {
                        *failure =
                            WriteFailure { error, lost_bytes: failure.lost_bytes + lost_bytes };
                    }
                    None => {
                        let path = self.path.display();
                        tracing::warn!(%path, %error, "cannot write a function's log; deliveries continue, but its output is lost until writing works again");
                        self.failure = Some(WriteFailure { error, lost_bytes });
                    }
                }
            }
        }
    }

    /// Writes everything or nothing.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(bytes);
        match written {
            Ok(()) => self.size += bytes.len() as u64,
            // A part may have been written before the disk was full.
            Err(_) => drop(self.file.set_len(self.size)),
        }
        written
    }

    fn say_what_was_lost(&mut self) -> io::Result<()> {
        let Some(WriteFailure { error, lost_bytes }) = &self.failure else { return Ok(()) };
        let now = jiff::Timestamp::now();
        let line = format!(
            "{now:.3} - [tidegate] {lost_bytes} bytes of output before this line were lost: {error}\n"
        );
        self.write(line.as_bytes())?;
        tracing::info!(path = %self.path.display(), "a function's log can be written again");
        self.failure = None;
        Ok(())
    }

    /// Begins a new file if this one has no room.
    fn rotate(&mut self, bytes: u64) -> io::Result<()> {
        if self.size == 0 || self.size.saturating_add(bytes) <= self.limit {
            return Ok(());
        }
        let mut older = self.path.clone().into_os_string();
        older.push(".1");
        match fs::rename(&self.path, &older) {
            // The file was removed, and its content with it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        // If no new file can be opened, the old one continues under its new name, and the next line
        // tries again.
        self.file = append_to(&self.path)?;
        self.size = 0;
        let (now, limit, name) = (
            jiff::Timestamp::now(),
            self.limit,
            PathBuf::from(older).file_name().map(PathBuf::from),
        );
        let name = name.unwrap_or_default();
        let line = format!(
            "{now:.3} - [tidegate] log rotated at {limit} bytes: the previous file is now {}, older output is deleted\n",
            name.display()
        );
        self.write(line.as_bytes())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::super::LogLine;
    use super::*;

    fn texts(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| LogLine::parse(line).unwrap().text.to_owned()).collect()
    }

    #[test]
    fn each_line_has_its_time_and_request() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.log");
        let mut log = LogFile::open(&path, 1 << 20).unwrap();
        log.append(Some("r-1"), b"one\n  two\n\n");
        log.append(None, b"three");
        log.append(Some("r-2"), b"four\n");
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().map(|line| LogLine::parse(line).unwrap()).collect();
        let seen: Vec<_> = lines.iter().map(|line| (line.request_id, line.text)).collect();
        let r1 = Some("r-1");
        assert_eq!(
            seen,
            [(r1, "one"), (r1, "  two"), (r1, ""), (None, "three"), (Some("r-2"), "four")]
        );
    }

    #[test]
    fn a_log_takes_twice_its_limit_at_most_and_says_what_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (path, older) = (dir.path().join("f.log"), dir.path().join("f.log.1"));
        let mut log = LogFile::open(&path, 1000).unwrap();
        for n in 0..200 {
            log.append(None, format!("line {n}\n").as_bytes());
            let size = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
            assert!(size(&path) <= 1000 && size(&older) <= 1000);
        }
        assert!(texts(&path)[0].contains("now f.log.1"), "{:?}", texts(&path));
        assert_eq!(texts(&path).last().unwrap(), "line 199");
        // No line is missing between the two files.
        let numbers: Vec<u32> = [texts(&older), texts(&path)]
            .concat()
            .iter()
            .filter_map(|text| text.strip_prefix("line ")?.parse().ok())
            .collect();
        assert!(
            numbers.len() > 20 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "{numbers:?}"
        );
        // The next engine continues this file.
        assert_eq!(LogFile::open(&path, 1000).unwrap().size, fs::metadata(&path).unwrap().len());
    }

    #[test]
    fn a_file_that_somebody_removed_is_begun_anew_and_loses_nothing_that_comes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.log");
        let mut log = LogFile::open(&path, 100).unwrap();
        log.append(None, b"one\n");
        fs::remove_file(&path).unwrap();
        for _ in 0..3 {
            log.append(None, b"more than half of a file\n");
        }
        assert_eq!(log.failure().as_deref(), None);
        assert_eq!(texts(&path).last().unwrap(), "more than half of a file");
    }

    #[test]
    fn a_full_disk_is_named_and_what_was_lost_is_said_once_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.log");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut log = LogFile::open(&path, 1 << 20).unwrap();
        log.append(Some("r-1"), b"one\n");
        log.append(Some("r-1"), b"two\n");
        let failure = log.failure().unwrap();
        assert!(
            failure.contains("f.log") && failure.contains("No space left on device"),
            "{failure}"
        );
        let lost = 2 * "2026-11-21T22:30:00.123Z r-1 one\n".len();
        assert!(failure.contains(&format!("{lost} bytes")), "{failure}");
        fs::remove_file(&path).unwrap();
        log.file = append_to(&path).unwrap();
        log.append(Some("r-1"), b"three\n");
        assert_eq!(log.failure(), None);
        let texts = texts(&path);
        assert!(
            texts[0].starts_with(&format!("[tidegate] {lost} bytes of output before")),
            "{texts:?}"
        );
        assert_eq!(texts[1..], ["three"]);
    }
}
