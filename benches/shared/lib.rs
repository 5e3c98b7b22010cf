//! What the benchmarks have in common: the machine they ran on, processes, budgets, samples, and the pages they write.

pub mod budget;
pub mod machine;
pub mod problem;
pub mod process;
pub mod processor;
pub mod sample;
pub mod table;

use std::io::Write;

/// A line of progress. Standard output may be closed; the page is written all the same.
pub fn progress(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
