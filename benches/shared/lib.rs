//! Parts that both benchmarks share: machine, processes, budgets, samples and tables.

pub mod budget;
pub mod machine;
pub mod problem;
pub mod process;
pub mod processor;
pub mod sample;
pub mod table;

use std::io::Write;

/// Prints a line of progress. Standard output may be closed; the benchmark continues and writes the
/// page.
pub fn progress(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
