//! What was measured on, and with.

use std::path::Path;
use std::process::Command;

/// The machine, the versions, and what else ran.
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) rust: String,
    pub(crate) python: String,
    pub(crate) commit: String,
    /// How much was measured.
    pub(crate) amount: String,
    pub(crate) load_before: f64,
    pub(crate) load_after: f64,
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
            load_before: load(),
            load_after: 0.0,
        }
    }

    /// Looks after the last one.
    pub(crate) fn finish(self) -> Self {
        Machine { load_after: load(), ..self }
    }

    /// Others were at work: one client and one stub make a load of two at most.
    pub(crate) fn busy(&self) -> bool {
        self.load_before > 1.0 || self.load_after > 2.5
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

/// Average number of runnable processes over the last minute.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}
