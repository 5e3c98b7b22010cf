//! The engine of one measurement, in a process of its own, as users run it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use benchmarks::problem::Problem;
use nix::sys::signal::Signal;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::aws::Aws;
use crate::proc::Proc;

const PATIENCE: Duration = Duration::from_secs(60);

/// A running engine. It is killed when dropped.
pub(crate) struct Engine {
    child: Child,
    pub(crate) process: Proc,
    /// The engine's endpoint, at which a write wakes pollers.
    pub(crate) aws: Aws,
    log: PathBuf,
}

impl Engine {
    /// Starts `tidegate local up` and waits until it is ready.
    ///
    /// The emulator runs already. The engine keeps its state in `state`.
    pub(crate) async fn start(
        tidegate: &Path,
        topology: &Path,
        endpoint: &str,
        state: &Path,
        arguments: &[&Path],
    ) -> Result<Self, Problem> {
        std::fs::create_dir_all(state)?;
        let log = state.join("engine.log");
        let written = std::fs::File::create(&log)?;
        let mut command = Command::new(tidegate);
        command
            .args(["local", "up", "--topology"])
            .arg(topology)
            .arg("--state-dir")
            .arg(state)
            .args(arguments);
        command.env("AWS_ENDPOINT_URL", endpoint).env_remove("RUST_LOG").stdin(Stdio::null());
        command.stdout(written.try_clone()?).stderr(written).kill_on_drop(true);
        let child = command.spawn().map_err(|error| {
            Problem::new(format!("{} cannot be started: {error}", tidegate.display()))
        })?;
        let process = Proc(child.id().unwrap_or_default());
        let mut engine = Self { child, process, aws: Aws::new(""), log };
        let (started, ready) = (Instant::now(), state.join("engine.json"));
        while !ready.is_file() {
            if engine.child.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                return Err(Problem::new(format!(
                    "the engine does not get ready: {}",
                    engine.said()
                )));
            }
            sleep(Duration::from_millis(10)).await;
        }
        let file: serde_json::Value = serde_json::from_slice(&std::fs::read(&ready)?)?;
        let endpoint = file.get("endpoint").and_then(serde_json::Value::as_str);
        engine.aws = Aws::new(endpoint.ok_or_else(|| Problem::new("the engine has no endpoint"))?);
        Ok(engine)
    }

    /// Returns what the engine has printed.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Stops the engine until [`Engine::resume`]. The engine then finds everything that was written
    /// in between.
    pub(crate) fn pause(&self) -> Result<(), Problem> {
        self.process.signal(Signal::SIGSTOP)
    }

    pub(crate) fn resume(&self) -> Result<(), Problem> {
        self.process.signal(Signal::SIGCONT)
    }

    /// Ends the engine in an orderly way, with its functions.
    pub(crate) async fn stop(mut self) -> Result<(), Problem> {
        self.process.signal(Signal::SIGTERM)?;
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => match status?.success() {
                true => Ok(()),
                false => Err(Problem::new(format!("the engine failed: {}", self.said()))),
            },
            Err(_) => Err(Problem::new("the engine does not end")),
        }
    }
}
