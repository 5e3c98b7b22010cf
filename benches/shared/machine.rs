//! The machine and the versions of a measurement.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::processor;

/// Share of the machine's time that other processes may take. Above it, the page marks its times as
/// preliminary.
const OTHERS: f64 = 0.05;

/// The machine, the versions, and the share of other processes.
#[derive(Debug)]
pub struct Machine {
    /// The processor's name.
    processor: String,
    /// Number of processors.
    processors: usize,
    /// Version of the compiler.
    rust: String,
    /// Versions of the other tools.
    tools: String,
    /// The measured commit.
    commit: String,
    /// Amount of work, in words.
    amount: String,
    start: Instant,
    busy: Duration,
    /// Share of the processors' time that other processes took, between 0 and 1; known at the end.
    others: f64,
}

impl Machine {
    /// Records the machine before the first measurement.
    #[must_use]
    pub fn look(repository: &Path, tools: String, amount: String) -> Self {
        let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model =
            information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let git = |arguments: &[&str]| {
            said(Command::new("git").arg("-C").arg(repository).args(arguments))
        };
        let changed = if git(&["status", "--porcelain"]).is_empty() { "" } else { " and changes" };
        Self {
            processor: model
                .map_or_else(|| "unknown processor".to_owned(), |(_, name)| name.trim().to_owned()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            rust: said(Command::new("rustc").arg("--version")),
            tools,
            commit: format!("{}{changed}", git(&["rev-parse", "--short", "HEAD"])),
            amount,
            start: Instant::now(),
            busy: processor::busy().saturating_sub(processor::family()),
            others: 0.0,
        }
    }

    /// Records the share of other processes. Call it after the last measurement, when all processes
    /// of the benchmark have ended.
    #[must_use]
    pub fn finish(self) -> Self {
        let others =
            processor::busy().saturating_sub(processor::family()).saturating_sub(self.busy);
        let all = self.start.elapsed().as_secs_f64() * self.processors as f64;
        Self { others: others.as_secs_f64() / all, ..self }
    }

    /// Returns the text for the head of a page.
    #[must_use]
    pub fn text(&self) -> String {
        let others = self.others * 100.0;
        let remark = if self.others > OTHERS {
            format!(
                "\n> **Preliminary**: other work took {others:.0} % of the machine's time.\n\
                 > Counts are exact. Ratios of times are indicative.\n"
            )
        } else {
            String::new()
        };
        format!(
            "Written by `make bench` on {}, at {}.\n\n\
             - Machine: {} × {}; other processes took {others:.1} % of the processors' time.\n\
             - Versions: {}; {}.\n\
             - Amount: {}.\n{remark}",
            jiff::Timestamp::now().strftime("%Y-%m-%d"),
            self.commit,
            self.processors,
            self.processor,
            self.rust,
            self.tools,
            self.amount,
        )
    }
}

/// Returns the output of a command. It is empty if the command cannot run.
pub fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}
