//! The lines of a file, plain or gzip.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use terminal::problem::Problem;

use super::row::{COLUMNS, Row};

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Longest header in bytes. A binary file may have no line end for long.
const HEADER_BYTES: u64 = 4096;

/// The lines of a file after its header, read one by one.
///
/// A record is one line. A quoted column ends at the line end, so one stray quote affects only its
/// own line.
pub(crate) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    line: Vec<u8>,
}

impl Lines {
    /// Opens a CSV file and checks its header. The content, not the name, decides whether the file
    /// is compressed.
    ///
    /// # Errors
    /// Fails if the file cannot be read, or if its first line is not the header.
    pub(crate) fn open(path: &Path) -> Result<Self, Problem> {
        let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let mut start = Vec::new();
        file.by_ref().take(2).read_to_end(&mut start).map_err(|error| unreadable(path, &error))?;
        let compressed = start == GZIP;
        let whole = BufReader::with_capacity(1 << 16, Cursor::new(start).chain(file));
        let mut reader: Box<dyn BufRead> = if compressed {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(whole)))
        } else {
            Box::new(whole)
        };
        let mut header = Vec::new();
        reader
            .by_ref()
            .take(HEADER_BYTES)
            .read_until(b'\n', &mut header)
            .map_err(|error| unreadable(path, &error))?;
        strip_line_end(&mut header);
        let text = header.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&header);
        if Row::split(text).is_none_or(|row| row.columns() != COLUMNS) {
            let found = if compressed {
                "gzip, but not of an online-retail CSV"
            } else {
                "neither online-retail CSV nor gzip of one"
            };
            return Err(Problem::new(format!(
                "{} is {found}: its first line must be `{}`",
                path.display(),
                COLUMNS.join(",")
            )));
        }
        Ok(Self { path: path.to_owned(), reader, line: Vec::new() })
    }

    /// Path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the next line that is not empty, without its line end.
    ///
    /// # Errors
    /// Fails if the file cannot be read further.
    pub(crate) fn next_line(&mut self) -> Result<Option<&[u8]>, Problem> {
        loop {
            self.line.clear();
            let read = self
                .reader
                .read_until(b'\n', &mut self.line)
                .map_err(|error| unreadable(&self.path, &error))?;
            if read == 0 {
                return Ok(None);
            }
            strip_line_end(&mut self.line);
            if !self.line.is_empty() {
                return Ok(Some(&self.line));
            }
        }
    }
}

fn strip_line_end(line: &mut Vec<u8>) {
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(format!("{} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn all(path: &Path) -> Result<Vec<String>, String> {
        let mut lines = Lines::open(path).map_err(|problem| problem.to_string())?;
        let mut found = Vec::new();
        while let Some(line) = lines.next_line().map_err(|problem| problem.to_string())? {
            found.push(String::from_utf8_lossy(line).into_owned());
        }
        Ok(found)
    }

    fn gzip(content: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_compressed_files_give_the_same_lines() {
        let content = format!("\u{feff}{}\r\na\r\n\r\nb,\"c\n", COLUMNS.join(","));
        let expected = Ok(vec!["a".to_owned(), "b,\"c".to_owned()]);
        assert_eq!(all(file(content.as_bytes()).path()), expected);
        assert_eq!(all(file(&gzip(&content)).path()), expected);
    }

    #[test]
    fn a_file_made_of_several_gzip_members_is_read_to_its_end() {
        let mut content = gzip(&format!("{}\na\n", COLUMNS.join(",")));
        content.extend(gzip("b\n"));
        assert_eq!(all(file(&content).path()), Ok(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn what_is_no_online_retail_file_is_said_in_one_line() {
        let cut = gzip(&format!("{}\n{}", COLUMNS.join(","), "line\n".repeat(10_000)));
        for (content, part) in [
            (b"a,b\n1,2\n".to_vec(), "neither online-retail CSV nor gzip"),
            (Vec::new(), "neither online-retail CSV nor gzip"),
            (gzip("{}"), "gzip, but not of an online-retail CSV"),
            (cut[..cut.len() / 2].to_vec(), "cannot be read"),
            (b"\x1f\x8bxxxx".to_vec(), "cannot be read"),
        ] {
            let problem = all(file(&content).path()).unwrap_err();
            assert!(problem.contains(part) && !problem.contains('\n'), "{problem}");
        }
        assert!(
            all(Path::new("/no/such/file")).unwrap_err().contains("/no/such/file cannot be read")
        );
    }
}
