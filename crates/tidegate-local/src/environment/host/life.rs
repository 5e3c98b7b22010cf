//! One environment from its start to the end of its process.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use super::Host;
use crate::environment::phase::{EnvironmentId, Limit};
use crate::environment::pipes::{Pipes, READ_LIMIT};
use crate::environment::pool::{Event, Exit};
use crate::environment::process::{self, Launch};
use crate::runtime_api;
use crate::usage::Usage;

impl Host {
    /// One environment from its start to the end of its process.
    ///
    /// It may take `limit` to come to its first `/next`.
    pub(super) async fn run_environment(self: Arc<Self>, environment: EnvironmentId, limit: Duration) {
        let (exit, used) = self
            .run_process(environment, limit)
            .await
            .unwrap_or_else(|why| (Exit::NotStarted(why), Usage::default()));
        tracing::debug!(function = self.spec.name, environment = environment.0, ?exit, "environment ended");
        let mut state = self.lock();
        state.counts.dead_cpu_seconds += used.cpu_seconds;
        self.run(&mut state, Event::Exited(environment, exit), None);
    }

    async fn run_process(
        self: &Arc<Self>,
        environment: EnvironmentId,
        limit: Duration,
    ) -> Result<(Exit, Usage), String> {
        let api = runtime_api::serve(Arc::clone(self), environment)
            .await
            .map_err(|error| format!("no port for it: {error}"))?;
        let launch = Launch {
            executable: self.spec.executable.clone(),
            environment: self.spec.process_environment(api.address()),
            records: self.records.clone(),
        };
        let (pipes, [first, second]) = Pipes::new();
        if let Some(slot) = self.lock().slots.get_mut(&environment) {
            slot.pipes = Some(Arc::clone(&pipes));
        }
        let started = process::start(launch).await?;
        {
            let mut state = self.lock();
            if let Some(slot) = state.slots.get_mut(&environment) {
                if slot.killed {
                    started.process.kill();
                }
                slot.process = Some(Arc::clone(&started.process));
            }
        }
        let copies = match (
            tokio::process::ChildStdout::from_std(started.stdout),
            tokio::process::ChildStderr::from_std(started.stderr),
        ) {
            (Ok(stdout), Ok(stderr)) => {
                let output = || Arc::clone(&self.output);
                [tokio::spawn(output().copy(stdout, first)), tokio::spawn(output().copy(stderr, second))]
            }
            (Err(error), _) | (_, Err(error)) => {
                started.process.kill();
                return Err(format!("its output cannot be read: {error}"));
            }
        };
        let mut end = started.end;
        let ended = match tokio::time::timeout(limit, &mut end).await {
            Ok(ended) => ended,
            Err(_) => {
                self.limit(environment, Limit::Init, 0);
                end.await
            }
        };
        if pipes.is_collecting() {
            // Its process group is dead, so they end at once, unless something left the group.
            let _ = tokio::time::timeout(READ_LIMIT, join_all(copies)).await;
        }
        ended.map_err(|_| "its end was not observed".to_owned())
    }
}
