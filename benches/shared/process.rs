//! Processes that a benchmark starts and exchanges lines with.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::problem::Problem;

/// Longest time without a line from a process.
const SILENCE: Duration = Duration::from_secs(180);

/// A process that answers each line with lines. It is killed on drop.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a process. It inherits standard error.
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn start(name: impl Into<String>, mut command: Command) -> Result<Self, Problem> {
        let name = name.into();
        let started =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child =
            started.map_err(|error| Problem::new(format!("{name} cannot be started: {error}")))?;
        let ends = child.stdin.take().zip(child.stdout.take());
        let (input, output) = ends.ok_or_else(|| Problem::new(format!("{name} has no ends")))?;
        Ok(Self { name, child, input, lines: BufReader::new(output).lines() })
    }

    /// Returns the next line of its output.
    ///
    /// # Errors
    /// The process ended, or prints nothing for three minutes.
    pub async fn line(&mut self) -> Result<String, Problem> {
        match timeout(SILENCE, self.lines.next_line()).await {
            Ok(line) => {
                line?.ok_or_else(|| Problem::new(format!("{} ended, see above", self.name)))
            }
            Err(_) => Err(Problem::new(format!("{} said nothing for {SILENCE:?}", self.name))),
        }
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// The process ended.
    pub async fn tell(&mut self, line: &str) -> Result<(), Problem> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(self.input.flush().await?)
    }

    /// Reads the next line, which must be `wanted`.
    ///
    /// # Errors
    /// The line is another one, or [`Process::line`] fails.
    pub async fn expect(&mut self, wanted: &str) -> Result<(), Problem> {
        let said = self.line().await?;
        if said == wanted {
            return Ok(());
        }
        Err(Problem::new(format!("{} said: {said}", self.name)))
    }

    /// Closes its standard input and waits until it ends successfully.
    ///
    /// # Errors
    /// The process does not end, or fails.
    pub async fn end(mut self) -> Result<(), Problem> {
        drop(self.input);
        let status = timeout(SILENCE, self.child.wait())
            .await
            .map_err(|_| Problem::new(format!("{} does not end", self.name)))??;
        if status.success() {
            Ok(())
        } else {
            Err(Problem::new(format!("{}: {status}", self.name)))
        }
    }
}
