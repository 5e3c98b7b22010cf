//! What a function's processes print: one log file per function, and metrics added up.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::log_file::LogFile;
use crate::metrics::Metrics;

/// The output of one function.
#[derive(Debug)]
pub(crate) struct Output {
    file: Mutex<LogFile>,
    metrics: Mutex<Metrics>,
    bytes: AtomicU64,
}

impl Output {
    /// Appends to `file`, which may grow to `limit` bytes.
    pub(crate) fn open(file: &Path, limit: u64) -> io::Result<Self> {
        let file = LogFile::open(file, limit)?;
        Ok(Self { file: Mutex::new(file), metrics: Mutex::default(), bytes: AtomicU64::default() })
    }

    /// The metrics so far.
    pub(crate) fn metrics(&self) -> Metrics {
        self.metrics.lock().clone()
    }

    /// Bytes of all printed lines so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Why the log is not written at present.
    pub(crate) fn failure(&self) -> Option<String> {
        self.file.lock().failure()
    }

    /// A process printed these lines; the last one may lack its end.
    pub(crate) fn printed(&self, request_id: Option<&str>, lines: &[u8]) {
        self.bytes.fetch_add(lines.len() as u64, Ordering::Relaxed);
        {
            let mut metrics = self.metrics.lock();
            for line in lines.split(|byte| *byte == b'\n') {
                metrics.add_line(line);
            }
        }
        self.said(request_id, lines);
    }

    /// Lambda, or the engine, says this.
    pub(crate) fn said(&self, request_id: Option<&str>, lines: &[u8]) {
        self.file.lock().append(request_id, lines);
    }
}
