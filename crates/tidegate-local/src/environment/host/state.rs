//! What a host remembers of its environments and invocations.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::distribution::Distribution;
use crate::environment::delivery::Delivery;
use crate::environment::phase::{EnvironmentId, InvocationId};
use crate::environment::pipes::Pipes;
use crate::environment::pool::Pool;
use crate::environment::process::Process;
use crate::invocation::{Answer, InvocationResult, Request};

#[derive(Debug)]
pub(super) struct State {
    pub(super) pool: Pool,
    pub(super) open: HashMap<InvocationId, Open>,
    pub(super) slots: HashMap<EnvironmentId, Slot>,
    pub(super) last_invocation: u64,
    pub(super) counts: Counts,
    /// Declared memory in MB, for reports.
    pub(super) memory_mb: u32,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) invocations: u64,
    pub(super) errors: u64,
    pub(super) throttles: u64,
    pub(super) timeouts: u64,
    pub(super) billed_ms: u64,
    pub(super) durations: Distribution,
    pub(super) dead_cpu_seconds: f64,
    pub(super) peak_rss_bytes: u64,
}

/// An invocation without a result.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) request_id: String,
    pub(super) request: Request,
    pub(super) caller: oneshot::Sender<Answer>,
    /// Set while a process has it.
    pub(super) deadline: Option<Deadline>,
    pub(super) timer: Option<AbortHandle>,
    /// Counts what a timer may refer to, so that a late one is recognised.
    pub(super) timers: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) unix_ms: u64,
    /// When the invocation was handed over.
    pub(super) began: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) waiters: VecDeque<oneshot::Sender<Delivery>>,
    pub(super) process: Option<Arc<Process>>,
    pub(super) pipes: Option<Arc<Pipes>>,
    pub(super) killed: bool,
    pub(super) sampled: Option<Instant>,
}

/// Ends an invocation and tells whoever waits for it.
pub(super) fn finish(state: &mut State, id: InvocationId, result: InvocationResult) {
    let Some(open) = state.open.remove(&id) else { return };
    if let Some(timer) = open.timer {
        timer.abort();
    }
    if let Some(log) = &open.request.log {
        let took = open.deadline.map(|deadline| deadline.began.elapsed()).unwrap_or_default();
        log.end(&open.request_id, took, state.memory_mb, state.counts.peak_rss_bytes);
    }
    if let Some(deadline) = open.deadline {
        let took = deadline.began.elapsed();
        state.counts.billed_ms += billed_ms(took);
        state.counts.durations.record(took.as_secs_f64() * 1000.0, 1);
    }
    match result {
        InvocationResult::Throttled => state.counts.throttles += 1,
        InvocationResult::Success(_) => state.counts.invocations += 1,
        InvocationResult::FunctionError(_) => {
            state.counts.invocations += 1;
            state.counts.errors += 1;
        }
    }
    // A caller that no longer waits has made up its mind; the function ran all the same.
    let _ = open.caller.send(Answer { request_id: open.request_id, result });
}

/// Lambda rounds each invocation up to a millisecond.
fn billed_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_millisecond_is_billed_as_a_whole_one() {
        let billed = [0, 1, 1_000_000, 1_000_001].map(|nanos| billed_ms(Duration::from_nanos(nanos)));
        assert_eq!(billed, [0, 1, 1, 2]);
    }
}
