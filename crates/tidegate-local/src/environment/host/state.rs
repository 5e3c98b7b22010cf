//! State of a host: its environments and invocations.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::distribution::Distribution;
use crate::environment::extensions::Extensions;
use crate::environment::hand_off::HandOff;
use crate::environment::phase::{EnvironmentId, InvocationId};
use crate::environment::pipes::Pipes;
use crate::environment::pool::Pool;
use crate::environment::process::Process;
use crate::invocation::{Answer, Request};

#[derive(Debug)]
pub(super) struct State {
    pub(super) pool: Pool,
    pub(super) open: HashMap<InvocationId, Open>,
    pub(super) slots: HashMap<EnvironmentId, Slot>,
    pub(super) last_invocation: u64,
    pub(super) counts: Counts,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) invocations: u64,
    pub(super) errors: u64,
    pub(super) throttles: u64,
    pub(super) timeouts: u64,
    pub(super) memory_kills: u64,
    pub(super) billed_ms: u64,
    pub(super) durations: Distribution,
    pub(super) dead_cpu_seconds: f64,
    pub(super) peak_rss_bytes: u64,
    /// Why the last start failed. `None` once a start has worked.
    pub(super) start_failure: Option<String>,
    /// Whether a warning about the failure has been logged.
    pub(super) start_failure_told: bool,
}

/// An invocation without a result.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) request_id: String,
    pub(super) request: Request,
    pub(super) caller: oneshot::Sender<Answer>,
    /// Environment to which it was handed over, or was about to be.
    pub(super) environment: Option<EnvironmentId>,
    /// Set while a process works on it, or while a second start runs within it.
    pub(super) deadline: Option<Deadline>,
    pub(super) timer: Option<AbortHandle>,
    /// Number of timers set. A timer with an older number is late and is ignored.
    pub(super) timers: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) unix_ms: u64,
    /// When the invocation was handed over, or when its second initialisation began.
    pub(super) began: Instant,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) waiters: VecDeque<oneshot::Sender<HandOff>>,
    pub(super) extensions: Extensions,
    /// The process waits at `/next` and becomes free once its extensions are done.
    pub(super) waits_for_extensions: bool,
    pub(super) process: Option<Arc<Process>>,
    pub(super) pipes: Arc<Pipes>,
    /// The start is within an invocation, after another initialisation failed.
    pub(super) within: bool,
    pub(super) started: Option<Instant>,
    /// Duration of the initialisation, until a report has included it.
    pub(super) init: Option<Duration>,
    pub(super) killed: bool,
    pub(super) sampled: Option<Instant>,
    /// When the process last called `/next`.
    pub(super) polled: Option<Instant>,
    /// A task waits to freeze it.
    pub(super) freezing: bool,
    pub(super) frozen: bool,
    /// Notified when the environment gets an invocation or must come for one.
    pub(super) work: Arc<Notify>,
    /// Largest memory seen, in bytes.
    pub(super) peak_bytes: u64,
    /// The process used more memory than declared and was killed.
    pub(super) over_memory: bool,
}

impl Slot {
    /// Kills the process. If the process is just being started, it is killed as soon as it is
    /// known.
    pub(super) fn kill(&mut self) {
        self.killed = true;
        if let Some(process) = &self.process {
            process.kill();
        }
    }

    pub(super) fn new(pipes: Arc<Pipes>, within: bool) -> Self {
        Self {
            waiters: VecDeque::new(),
            extensions: Extensions::default(),
            waits_for_extensions: false,
            process: None,
            pipes,
            within,
            started: None,
            init: None,
            killed: false,
            sampled: None,
            polled: None,
            freezing: false,
            frozen: false,
            work: Arc::default(),
            peak_bytes: 0,
            over_memory: false,
        }
    }
}

impl Open {
    /// Starts the invocation's time, if it has not started yet.
    pub(super) fn begin(&mut self, timeout: Duration) -> Deadline {
        *self.deadline.get_or_insert_with(|| {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + timeout;
            let unix_ms = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX);
            Deadline { unix_ms, began: Instant::now() }
        })
    }
}
