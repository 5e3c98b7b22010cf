//! What a function's processes print: one log file per function, lines unchanged, metrics added up.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

use super::pipes::End;
use crate::metrics::Metrics;

/// A line longer than this is written in pieces.
const LONGEST_LINE: usize = 1 << 20;

/// The output of one function.
#[derive(Debug)]
pub(crate) struct Output {
    file: Mutex<File>,
    metrics: Mutex<Metrics>,
    bytes: AtomicU64,
}

impl Output {
    /// Appends to `file`.
    pub(crate) fn open(file: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(file)?;
        Ok(Self { file: Mutex::new(file), metrics: Mutex::default(), bytes: AtomicU64::default() })
    }

    /// The metrics so far.
    pub(crate) fn metrics(&self) -> Metrics {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes of all lines so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Writes whole lines; the last one may lack its end.
    fn write(&self, lines: &[u8]) {
        self.bytes.fetch_add(lines.len() as u64, Ordering::Relaxed);
        {
            let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
            for line in lines.split(|byte| *byte == b'\n') {
                metrics.add_line(line);
            }
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let end: &[u8] = if lines.ends_with(b"\n") { b"" } else { b"\n" };
        if let Err(error) = file.write_all(lines).and_then(|()| file.write_all(end)) {
            tracing::warn!(%error, "a function's log cannot be written");
        }
    }

    /// Copies a stream of a process until its end. Lines of several processes never mix.
    pub(crate) async fn copy(self: Arc<Self>, mut from: impl AsyncRead + Unpin, mut end: End) {
        let mut buffer = Vec::with_capacity(8 * 1024);
        loop {
            let before = buffer.len();
            let read = tokio::select! {
                // What was printed before somebody asked has to be read before he is answered.
                biased;
                read = from.read_buf(&mut buffer) => read,
                Some(read_so_far) = end.asked() => {
                    let _ = read_so_far.send(());
                    continue;
                }
            };
            match read {
                Ok(0) => break,
                Ok(_) => end.read(buffer.get(before..).unwrap_or_default()),
                Err(error) => {
                    tracing::warn!(%error, "a function's output cannot be read");
                    break;
                }
            }
            let whole = match buffer.iter().rposition(|byte| *byte == b'\n') {
                Some(last) => last + 1,
                None if buffer.len() >= LONGEST_LINE => buffer.len(),
                None => continue,
            };
            self.write(buffer.get(..whole).unwrap_or_default());
            buffer.drain(..whole);
        }
        if !buffer.is_empty() {
            self.write(&buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_kept_whole_and_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f.log");
        let output = Arc::new(Output::open(&file).unwrap());
        let (mut one, from_one) = tokio::io::duplex(64);
        let (mut two, from_two) = tokio::io::duplex(64);
        let (_pipes, [first, second]) = super::super::pipes::Pipes::new();
        let copies = [
            tokio::spawn(Arc::clone(&output).copy(from_one, first)),
            tokio::spawn(Arc::clone(&output).copy(from_two, second)),
        ];
        use tokio::io::AsyncWriteExt;
        for part in ["a1 ", "a2\na3", "\n"] {
            one.write_all(part.as_bytes()).await.unwrap();
            two.write_all(b"b\n").await.unwrap();
            tokio::task::yield_now().await;
        }
        two.write_all(b"without an end").await.unwrap();
        drop((one, two));
        for copy in copies {
            copy.await.unwrap();
        }
        let mut lines: Vec<_> = std::fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        assert_eq!(lines, ["a1 a2", "a3", "b", "b", "b", "without an end"]);
        assert_eq!(output.bytes(), 6 + 3 + 3 * 2 + 14);
    }
}
