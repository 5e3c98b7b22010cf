//! The protocol between the processes of the benchmark: lines on standard input and output.
//!
//! A worker warms up, prints `ready`, waits for a line, works, and prints what it [`Measured`] as
//! JSON. The workers of both languages do so.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

/// Prints one line.
pub(crate) fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Measurements of a worker, made by itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Records whose effect took place.
    pub(crate) applied: u64,
    /// Records whose effect had already taken place.
    pub(crate) duplicate: u64,
    /// Time from first to last record, in nanoseconds.
    pub(crate) wall_ns: u64,
    /// Processor time, in nanoseconds.
    pub(crate) cpu_ns: u64,
}
