//! What a host remembers of its environments and invocations.

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
    /// Why the last start failed; none once one has worked.
    pub(super) start_failure: Option<String>,
    /// A person has been told.
    pub(super) start_failure_told: bool,
}

/// An invocation without a result.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) request_id: String,
    pub(super) request: Request,
    pub(super) caller: oneshot::Sender<Answer>,
    /// Where it was handed over, or was about to be.
    pub(super) environment: Option<EnvironmentId>,
    /// Set while a process has it, or one is started a second time for it.
    pub(super) deadline: Option<Deadline>,
    pub(super) timer: Option<AbortHandle>,
    /// Counts what a timer may refer to, so that a late one is recognised.
    pub(super) timers: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) unix_ms: u64,
    /// When the invocation was handed over, or its second initialisation began.
    pub(super) began: Instant,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) waiters: VecDeque<oneshot::Sender<HandOff>>,
    pub(super) extensions: Extensions,
    /// It has come to `/next`, and counts as there once its extensions are too.
    pub(super) waits_for_extensions: bool,
    pub(super) process: Option<Arc<Process>>,
    pub(super) pipes: Arc<Pipes>,
    /// It is started within an invocation, after another initialisation failed.
    pub(super) within: bool,
    pub(super) started: Option<Instant>,
    /// What its initialisation took, until a report has said so.
    pub(super) init: Option<Duration>,
    pub(super) killed: bool,
    pub(super) sampled: Option<Instant>,
    /// When it last came to `/next`.
    pub(super) polled: Option<Instant>,
    /// A task waits to freeze it.
    pub(super) freezing: bool,
    pub(super) frozen: bool,
    /// Told when it gets an invocation, or is to come for one.
    pub(super) work: Arc<Notify>,
    /// Most memory seen of it.
    pub(super) peak_bytes: u64,
    /// It used more memory than declared and was killed for it.
    pub(super) over_memory: bool,
}

impl Slot {
    /// Kills the process, or sees to it that one that is just being started is killed.
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
    /// Lets the invocation's time begin, if it has not yet.
    pub(super) fn begin(&mut self, timeout: Duration) -> Deadline {
        *self.deadline.get_or_insert_with(|| {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + timeout;
            let unix_ms = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX);
            Deadline { unix_ms, began: Instant::now() }
        })
    }
}
