//! All functions of the system, ready to be invoked.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};

use super::error_object::unknown_function;
use super::function_arn::function_arn;
use super::functions::Functions;
use super::host::{Host, Limits};
use super::output::Output;
use super::phase::EnvironmentId;
use super::process;
use super::spec::FunctionSpec;
use super::status::FunctionStatus;
use crate::invocation::{Answer, InvocationResult, Invoker, Request};
use crate::trial::Work;

/// Longest time that an initialisation may take: Lambda's own limit.
pub const INIT_LIMIT: Duration = Duration::from_secs(10);

/// Time that an environment waits at `/next` before it is frozen.
///
/// Lambda freezes an environment when its runtime has asked for the next invocation, and documents
/// no time. This pause avoids stopping and continuing a process that gets its next invocation at
/// once.
pub const FREEZE_AFTER: Duration = Duration::from_millis(5);

/// Size that a log file may reach, in bytes.
pub const LOG_LIMIT: u64 = 32 << 20;

/// Where a fleet keeps its files, and its limits.
#[derive(Clone, Debug)]
pub struct FleetOptions {
    /// State directory. Logs go to `logs/<function>.log` in it, and the numbers of running
    /// processes to `processes/`.
    pub state_dir: PathBuf,
    /// Longest time that an initialisation may take; [`INIT_LIMIT`] is Lambda's. If it fails or
    /// takes longer, it is repeated within the invocation, with the function's timeout.
    pub init_limit: Duration,
    /// Time that an environment waits at `/next` before its process group is stopped until the next
    /// invocation, as Lambda freezes environments. `None` lets processes run on, for example under
    /// a debugger.
    pub freeze_after: Option<Duration>,
    /// Size in bytes at which a function's log file is renamed to `<function>.log.1` and a new one
    /// is begun. The default is [`LOG_LIMIT`]. The logs of a function take at most twice as much.
    /// [`LogLine`](super::LogLine) describes their lines.
    pub log_limit_bytes: u64,
}

impl FleetOptions {
    /// Returns options with Lambda's limits.
    pub fn new(state_dir: PathBuf) -> Self {
        Self {
            state_dir,
            init_limit: INIT_LIMIT,
            freeze_after: Some(FREEZE_AFTER),
            log_limit_bytes: LOG_LIMIT,
        }
    }
}

/// Why a fleet could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A directory or file of the state directory cannot be used.
    #[error("cannot use {path}: {source}")]
    StateDir {
        /// The directory or file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// The functions of the system and their processes.
///
/// A process is started when there is an invocation for it. Dropping the fleet kills all processes.
#[derive(Debug)]
pub struct Fleet {
    hosts: BTreeMap<String, Arc<Host>>,
}

impl Fleet {
    /// Prepares the functions, and kills processes that an earlier engine left behind in the same
    /// state directory.
    ///
    /// # Errors
    /// The state directory cannot be used.
    pub fn start(functions: Vec<FunctionSpec>, options: &FleetOptions) -> Result<Self, FleetError> {
        let failed = |path: PathBuf| move |source| FleetError::StateDir { path, source };
        let logs = options.state_dir.join("logs");
        std::fs::create_dir_all(&logs).map_err(failed(logs.clone()))?;
        end_left_behind(&options.state_dir)?;
        let records = records(&options.state_dir);
        let mut hosts = BTreeMap::new();
        for spec in functions {
            let log = logs.join(format!("{}.log", spec.name));
            let output =
                Output::open(&log, options.log_limit_bytes).map_err(failed(log.clone()))?;
            let arn = function_arn(&spec.region, &spec.name);
            let limits = Limits { init: options.init_limit, freeze_after: options.freeze_after };
            hosts.insert(spec.name.clone(), Host::new(spec, arn, limits, records.clone(), output));
        }
        Ok(Self { hosts })
    }

    /// Returns the work of an environment, for faults of its AWS calls.
    pub(crate) fn work(&self, function: &str, environment: EnvironmentId) -> Work {
        self.hosts.get(function).map_or(Work::Nothing, |host| host.work(environment))
    }

    /// Kills an environment, as an external cause would.
    pub(crate) fn kill(&self, function: &str, environment: EnvironmentId) {
        if let Some(host) = self.hosts.get(function) {
            host.kill(environment);
        }
    }

    async fn end(&self, grace: Duration) {
        let settled = self.hosts.values().map(|host| async {
            let mut load = host.load();
            let _ = load.wait_for(|load| load.in_flight == 0).await;
        });
        if tokio::time::timeout(grace, join_all(settled)).await.is_err() {
            tracing::warn!(in_flight = self.in_flight(), "invocations were interrupted");
        }
        for host in self.hosts.values() {
            host.stop();
        }
        let gone = self.hosts.values().map(|host| async {
            let mut load = host.load();
            let _ = load.wait_for(|load| load.environments == 0).await;
        });
        // A process cannot refuse SIGKILL, but it may be stuck in the kernel.
        if tokio::time::timeout(Duration::from_secs(5), join_all(gone)).await.is_err() {
            tracing::warn!("a killed process still runs after five seconds");
        }
    }
}

impl Functions for Fleet {
    fn specs(&self) -> Vec<&FunctionSpec> {
        self.hosts.values().map(|host| &host.spec).collect()
    }

    fn spec(&self, name: &str) -> Option<&FunctionSpec> {
        self.hosts.get(name).map(|host| &host.spec)
    }

    fn status(&self) -> BTreeMap<String, FunctionStatus> {
        self.hosts.iter().map(|(name, host)| (name.clone(), host.status())).collect()
    }

    fn in_flight(&self) -> usize {
        self.hosts.values().map(|host| host.load().borrow().in_flight).sum()
    }

    fn close_lines(&self) {
        for host in self.hosts.values() {
            host.close_line();
        }
    }

    fn stop(&self, grace: Duration) -> BoxFuture<'_, ()> {
        Box::pin(self.end(grace))
    }
}

impl Invoker for Fleet {
    fn invoke<'a>(&'a self, function: &'a str, request: Request) -> BoxFuture<'a, Answer> {
        let Some(host) = self.hosts.get(function) else {
            let result = unknown_function(function);
            return Box::pin(async {
                Answer { request_id: uuid::Uuid::new_v4().to_string(), result }
            });
        };
        let (request_id, answer) = host.invoke(request);
        Box::pin(async move {
            // The sender is dropped without an answer only when the fleet itself is.
            answer.await.unwrap_or(Answer { request_id, result: InvocationResult::Throttled })
        })
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for host in self.hosts.values() {
            // The time for an orderly end is over.
            host.kill_all();
            host.stop();
        }
    }
}

/// Kills processes that an earlier engine left behind in the same state directory.
///
/// # Errors
/// The records of processes cannot be read.
pub(crate) fn end_left_behind(state_dir: &Path) -> Result<(), FleetError> {
    let records = records(state_dir);
    let stale = process::reap_stale(&records);
    let stale = stale.map_err(|source| FleetError::StateDir { path: records, source })?;
    if stale > 0 {
        tracing::warn!(processes = stale, "killed processes that an earlier engine left behind");
    }
    Ok(())
}

/// Returns the directory of the records of running processes.
fn records(state_dir: &Path) -> PathBuf {
    state_dir.join("processes")
}
