//! The end of an invocation: its report, its counts, the answer to its caller.

use std::time::Duration;

use super::Host;
use super::state::{Open, State};
use crate::environment::error::EnvironmentError;
use crate::environment::phase::{EnvironmentId, InvocationId, Phase};
use crate::environment::report::{self, Report};
use crate::invocation::{Answer, InvocationResult};

impl Host {
    /// Ends an invocation and sends the result to its caller.
    pub(super) fn finish(
        &self,
        state: &mut State,
        id: InvocationId,
        result: InvocationResult,
        error: Option<&EnvironmentError>,
    ) {
        let Some(open) = state.open.remove(&id) else { return };
        if let Some(timer) = &open.timer {
            timer.abort();
        }
        match result {
            InvocationResult::Throttled => state.counts.throttles += 1,
            InvocationResult::Success(_) => state.counts.invocations += 1,
            InvocationResult::FunctionError(_) => {
                state.counts.invocations += 1;
                state.counts.errors += 1;
            }
        }
        if result != InvocationResult::Throttled {
            let took = open.deadline.map(|deadline| deadline.began.elapsed()).unwrap_or_default();
            state.counts.billed_ms += billed_ms(took);
            if open.deadline.is_some() {
                state.counts.durations.record(took.as_secs_f64() * 1000.0, 1);
            }
            self.report(state, &open, took, error);
        }
        // A caller that no longer waits has already decided; the function ran all the same.
        let _ = open.caller.send(Answer { request_id: open.request_id, result });
    }

    /// Writes the last lines of the invocation's log.
    fn report(
        &self,
        state: &mut State,
        open: &Open,
        took: Duration,
        error: Option<&EnvironmentError>,
    ) {
        let request_id = open.request_id.as_str();
        let mut report = Report {
            request_id,
            took,
            init: None,
            memory_mb: self.spec.memory_mb,
            peak_bytes: state.counts.peak_rss_bytes,
            error: error.map(|error| (error, self.spec.timeout)),
        };
        if let Some(environment) = open.environment {
            self.sample(state, environment, open.request.log.is_some());
            if let Some(slot) = state.slots.get_mut(&environment) {
                slot.pipes.end();
                (report.init, report.peak_bytes) = (slot.init.take(), slot.peak_bytes);
                if slot.over_memory {
                    let (used_mb, declared_mb) =
                        (slot.peak_bytes.div_ceil(1 << 20), self.spec.memory_mb);
                    let line = format!(
                        "[tidegate] the process used {used_mb} MB of the {declared_mb} MB declared and was killed\n"
                    );
                    self.output.said(Some(request_id), line.as_bytes());
                }
            }
        } else {
            // No process received it.
            self.output.said(Some(request_id), report::start(request_id).as_bytes());
        }
        let lines = report.lines();
        self.output.said(Some(request_id), lines.as_bytes());
        if let Some(tail) = &open.request.log {
            if open.environment.is_none() {
                tail.begin(&report::start(request_id));
            }
            tail.end(&lines);
        }
    }

    /// Reports a failed initialisation, if the environment was initialising.
    pub(super) fn report_init(
        &self,
        state: &mut State,
        environment: EnvironmentId,
        error: &EnvironmentError,
    ) {
        if state.pool.phase(environment) == Phase::Starting
            && let Some(slot) = state.slots.get(&environment)
        {
            slot.pipes.read_out();
            let took = slot.started.map(|started| started.elapsed()).unwrap_or_default();
            self.output.said(None, report::init_report(took, slot.within, error).as_bytes());
            let limit = if slot.within { self.spec.timeout } else { self.limits.init };
            let (why, last) = (error.of_start(limit), slot.pipes.last_line());
            let last =
                last.map(|line| format!("; the last it printed: {line}")).unwrap_or_default();
            state.counts.start_failure = Some(format!("{why}{last}"));
        }
    }

    /// Warns that a function cannot be started: once, until a start has worked.
    pub(super) fn tell_start_failure(&self, state: &mut State) {
        if !std::mem::replace(&mut state.counts.start_failure_told, true)
            && let Some(why) = &state.counts.start_failure
        {
            tracing::warn!(
                "function {} cannot be started: {why}. Retrying with pauses of up to 10 s; its deliveries wait or are given up as declared",
                self.spec.name
            );
        }
    }

    /// Clears the failure of the last start: an environment is ready.
    pub(super) fn started(&self, state: &mut State) {
        state.counts.start_failure = None;
        if std::mem::take(&mut state.counts.start_failure_told) {
            tracing::warn!("function {} can be started again", self.spec.name);
        }
    }
}

/// Rounds an invocation up to the next millisecond, as Lambda does.
fn billed_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_millisecond_is_billed_as_a_whole_one() {
        let billed =
            [0, 1, 1_000_000, 1_000_001].map(|nanos| billed_ms(Duration::from_nanos(nanos)));
        assert_eq!(billed, [0, 1, 1, 2]);
    }
}
