//! The MiniStack of one measurement.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use benchmarks::problem::Problem;
use nix::sys::signal::Signal;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::aws::Aws;
use crate::proc::Proc;

const PATIENCE: Duration = Duration::from_secs(30);

/// A running MiniStack. It is killed when dropped.
pub(crate) struct Emulator {
    child: Child,
    pub(crate) process: Proc,
    pub(crate) aws: Aws,
}

impl Emulator {
    /// Starts a MiniStack on a free port.
    pub(crate) async fn start(tools: &Path) -> Result<Self, Problem> {
        let port = TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?.port();
        let program = tools.join("venv/bin/ministack");
        let mut command = Command::new(&program);
        // At INFO, MiniStack logs a line per request and per batch.
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
        command
            .env("LOG_LEVEL", "WARNING")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.kill_on_drop(true).spawn().map_err(|error| {
            Problem::new(format!(
                "{} cannot be started: {error}; scripts/setup installs MiniStack",
                program.display()
            ))
        })?;
        let process = Proc(child.id().unwrap_or_default());
        let aws = Aws::new(&format!("http://127.0.0.1:{port}"));
        let asked = Instant::now();
        while let Err(problem) =
            aws.call("kinesis", "Kinesis_20131202.ListStreams", &serde_json::json!({})).await
        {
            if asked.elapsed() > PATIENCE {
                return Err(problem);
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { child, process, aws })
    }

    /// Ends MiniStack in an orderly way, with the functions that it runs.
    pub(crate) async fn stop(mut self) -> Result<(), Problem> {
        self.process.signal(Signal::SIGTERM)?;
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}
