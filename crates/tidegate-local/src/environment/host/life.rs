//! The life of one environment, from its start to the end of its process.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Host;
use crate::environment::error::EnvironmentError;
use crate::environment::exit::Exit;
use crate::environment::phase::{EnvironmentId, Limit};
use crate::environment::pool::Signal;
use crate::environment::process::{self, Launch};
use crate::environment::report;
use crate::runtime_api;
use crate::usage::Usage;

impl Host {
    /// Runs one environment from its start to the end of its process.
    ///
    /// The process must come to its first `/next` within `limit`.
    pub(super) async fn run_environment(
        self: Arc<Self>,
        environment: EnvironmentId,
        limit: Duration,
    ) {
        let (exit, used) = self
            .run_process(environment, limit)
            .await
            .unwrap_or_else(|why| (Exit::NotStarted(why), Usage::default()));
        tracing::debug!(
            function = self.spec.name,
            environment = environment.0,
            ?exit,
            "environment ended"
        );
        let mut state = self.lock();
        state.counts.dead_cpu_seconds += used.cpu_seconds;
        self.report_init(&mut state, environment, &EnvironmentError::Exited(exit.clone()));
        self.run(&mut state, Signal::Exited(environment, exit), None);
    }

    async fn run_process(
        self: &Arc<Self>,
        environment: EnvironmentId,
        limit: Duration,
    ) -> Result<(Exit, Usage), String> {
        let api = runtime_api::serve(Arc::clone(self), environment)
            .await
            .map_err(|error| format!("no free port for its Runtime API: {error}"))?;
        let launch = Launch {
            executable: self.spec.executable.clone(),
            arguments: self.spec.arguments.clone(),
            directory: self.spec.directory.clone(),
            environment: self.spec.process_environment(environment, api.address()),
            records: self.records.clone(),
        };
        if let Some(slot) = self.lock().slots.get_mut(&environment) {
            slot.started = Some(Instant::now());
        }
        let started = process::start(launch).await?;
        let pipes = {
            let mut state = self.lock();
            let Some(slot) = state.slots.get_mut(&environment) else {
                started.process.kill();
                return Err("the environment was removed before its process started".to_owned());
            };
            if slot.killed {
                started.process.kill();
            }
            slot.process = Some(Arc::clone(&started.process));
            Arc::clone(&slot.pipes)
        };
        self.output.said(None, report::init_start(started.process.pid()).as_bytes());
        if let Err(error) = pipes.attach(started.stdout, started.stderr) {
            started.process.kill();
            return Err(format!("its output cannot be read: {error}"));
        }
        let (process, mut end) = (Arc::clone(&started.process), started.end);
        let ended = {
            let watched = async {
                self.watch_memory(environment, &process).await;
                // The process was killed, or has ended.
                std::future::pending::<()>().await
            };
            let too_long = async {
                tokio::time::sleep(limit).await;
                self.limit(environment, Limit::Init, 0);
                std::future::pending::<()>().await
            };
            tokio::select! {
                ended = &mut end => ended,
                ((), ()) = async { tokio::join!(watched, too_long) } => end.await,
            }
        };
        // The process group is dead, so the pipes hold everything that it printed.
        pipes.read_out();
        ended.map_err(|_| "its exit could not be observed".to_owned())
    }
}
