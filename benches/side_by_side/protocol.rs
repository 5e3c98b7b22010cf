//! How the processes of a benchmark talk: a line each on standard input and output.
//!
//! A worker warms up, says `ready`, waits for a line, works, and says what it [`Measured`] as JSON. Both workers do, whatever their language.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

/// Says one line.
pub(crate) fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// What a worker measured of itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Records whose effect took place.
    pub(crate) applied: u64,
    /// Records whose effect was there already.
    pub(crate) duplicate: u64,
    /// Time from first to last record, in nanoseconds.
    pub(crate) wall_ns: u64,
    /// Processor time, in nanoseconds.
    pub(crate) cpu_ns: u64,
}
