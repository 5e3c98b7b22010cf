//! Output of a function's processes: one log file per function, with printed metrics summed.

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
    /// Opens `file` for appending. It may grow to `limit` bytes.
    pub(crate) fn open(file: &Path, limit: u64) -> io::Result<Self> {
        let file = LogFile::open(file, limit)?;
        Ok(Self { file: Mutex::new(file), metrics: Mutex::default(), bytes: AtomicU64::default() })
    }

    /// Returns the metrics since the start.
    pub(crate) fn metrics(&self) -> Metrics {
        self.metrics.lock().clone()
    }

    /// Returns the bytes of all lines printed since the start.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns why the log cannot be written at present.
    pub(crate) fn failure(&self) -> Option<String> {
        self.file.lock().failure()
    }

    /// Appends lines that a process printed, and adds up their metrics. The last line may lack its
    /// end.
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

    /// Appends lines that Lambda or the engine writes.
    pub(crate) fn said(&self, request_id: Option<&str>, lines: &[u8]) {
        self.file.lock().append(request_id, lines);
    }
}
