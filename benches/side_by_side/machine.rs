//! What was measured on, and with.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::processor;

/// Share of the machine's time that others may take before a measurement of time is worth less.
const OTHERS: f64 = 0.05;

/// The machine, the versions, and what else ran.
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) rust: String,
    pub(crate) python: String,
    pub(crate) commit: String,
    /// How much was measured.
    pub(crate) amount: String,
    start: Instant,
    busy: Duration,
    /// Share of the processors' time that other processes took, between 0 and 1; known at the end.
    pub(crate) others: f64,
}

impl Machine {
    /// Looks before the first measurement.
    pub(crate) fn look(python: &Path, repository: &Path, amount: String) -> Self {
        const VERSIONS: &str = "import platform; from importlib.metadata import version as v; print(f\"Python {platform.python_version()}, \
             aws-lambda-powertools {v('aws-lambda-powertools')}, botocore {v('botocore')}\")";
        let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let git = |arguments: &[&str]| said(Command::new("git").arg("-C").arg(repository).args(arguments));
        let changed = if git(&["status", "--porcelain"]).is_empty() { "" } else { " and changes" };
        Machine {
            processor: model
                .map_or_else(|| "unknown processor".to_owned(), |(_, name)| name.trim().to_owned()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            rust: said(Command::new("rustc").arg("--version")),
            python: said(Command::new(python).args(["-c", VERSIONS])),
            commit: format!("{}{changed}", git(&["rev-parse", "--short", "HEAD"])),
            amount,
            start: Instant::now(),
            busy: processor::busy().saturating_sub(processor::family()),
            others: 0.0,
        }
    }

    /// Looks after the last one, when all processes of the benchmark have ended.
    pub(crate) fn finish(self) -> Self {
        let others = processor::busy().saturating_sub(processor::family()).saturating_sub(self.busy);
        let all = self.start.elapsed().as_secs_f64() * self.processors as f64;
        Machine { others: others.as_secs_f64() / all, ..self }
    }

    /// Others were at work.
    pub(crate) fn busy(&self) -> bool {
        self.others > OTHERS
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}
