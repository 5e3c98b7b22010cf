//! The exchange between a function's process and its host: `/next`, an invocation, an answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Host;
use super::state::{Open, Slot, State};
use crate::environment::error::EnvironmentError;
use crate::environment::error_object::error_object;
use crate::environment::extensions::Invoked;
use crate::environment::hand_off::{Content, HandOff};
use crate::environment::phase::{EnvironmentId, Illegal, InvocationId, Limit, Phase};
use crate::environment::pool::Signal;
use crate::environment::report;
use crate::environment::trace::trace_id;
use crate::invocation::{InvocationResult, Request};

/// Why an answer of a process was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The answer names an invocation that the environment does not have.
    #[error("{0} is not the request id of the current invocation")]
    RequestId(String),
    /// The environment is not in a phase that allows an answer.
    #[error(transparent)]
    Phase(#[from] Illegal),
}

impl Host {
    /// Registers a request of the process for its next invocation, which comes through the
    /// receiver.
    pub(crate) fn polled(
        self: &Arc<Self>,
        environment: EnvironmentId,
    ) -> Result<oneshot::Receiver<HandOff>, Illegal> {
        let (waiter, hand_off) = oneshot::channel();
        let mut state = self.lock();
        let phase = state.pool.phase(environment);
        let first = phase == Phase::Starting;
        let done = matches!(phase, Phase::Finishing(_) | Phase::Overdue(_));
        if let Some(slot) = state.slots.get_mut(&environment) {
            if first {
                slot.init = slot.started.map(|started| started.elapsed());
            }
            slot.extensions.close();
            slot.waiters.retain(|waiter| !waiter.is_closed());
            slot.waiters.push_back(waiter);
            slot.waits_for_extensions = done && slot.extensions.at_work();
            if slot.waits_for_extensions {
                return Ok(hand_off);
            }
        }
        if first {
            self.started(&mut state);
        }
        self.try_run(&mut state, Signal::Polled(environment), None)?;
        self.freeze_when_idle(&mut state, environment);
        Ok(hand_off)
    }

    /// Handles a waiter that hung up before the invocation was written to it.
    pub(crate) fn unheard(self: &Arc<Self>, environment: EnvironmentId, invocation: InvocationId) {
        let mut state = self.lock();
        self.run(&mut state, Signal::Unheard(environment, invocation), None);
    }

    /// Accepts the process's answer to the invocation with this request id.
    ///
    /// An environment that is to die or to time out at work does so now at the latest, and its
    /// answer is lost. So the same faults fail the same invocations on a machine of another speed.
    pub(crate) fn answered(
        self: &Arc<Self>,
        environment: EnvironmentId,
        request_id: &str,
        result: InvocationResult,
    ) -> Result<(), Refused> {
        let mut state = self.lock();
        let current = state.pool.phase(environment).invocation();
        let known = current
            .filter(|id| state.open.get(id).is_some_and(|open| open.request_id == request_id));
        let Some(invocation) = known else { return Err(Refused::RequestId(request_id.to_owned())) };
        let fate = state.open.get(&invocation).map(|open| open.request.fate()).unwrap_or_default();
        if fate.kill_during.is_some() {
            if let Some(slot) = state.slots.get_mut(&environment) {
                slot.kill();
            }
            return Ok(());
        }
        if fate.time_out.is_some() {
            let limit = Limit::Invocation(invocation);
            return Ok(self.try_run(&mut state, Signal::Limit(environment, limit), None)?);
        }
        let at_work = state.slots.get(&environment).is_some_and(|slot| slot.extensions.at_work());
        let signal = if at_work { Signal::Responded } else { Signal::Answered };
        self.try_run(&mut state, signal(environment, invocation), Some(result))?;
        if let Some(slot) = state.slots.get_mut(&environment).filter(|_| fate.kill_after) {
            slot.kill();
        }
        Ok(())
    }

    /// Fails the invocation whose answer the process broke off.
    ///
    /// Does nothing if the process has ended: its end then says why.
    pub(crate) fn broken_off(self: &Arc<Self>, environment: EnvironmentId, request_id: &str) {
        let ended = |slot: &Slot| {
            slot.killed || slot.process.as_ref().is_some_and(|process| process.has_ended())
        };
        if self.lock().slots.get(&environment).is_none_or(ended) {
            return;
        }
        let message =
            format!("RequestId: {request_id} Error: the response ended before it was complete");
        let error = error_object("Runtime.TruncatedResponse", &message);
        if let Err(why) =
            self.answered(environment, request_id, InvocationResult::FunctionError(error))
        {
            tracing::debug!(function = self.spec.name, %why, "a response ended early, after its invocation had ended");
        }
    }

    /// Returns whether this is the request id of the environment's current invocation.
    pub(crate) fn is_current(&self, environment: EnvironmentId, request_id: &str) -> bool {
        let state = self.lock();
        let current = state.pool.phase(environment).invocation();
        current.and_then(|id| state.open.get(&id)).is_some_and(|open| open.request_id == request_id)
    }

    /// Hands the invocation to the first waiter that is still there. Returns false if there is
    /// none.
    pub(super) fn deliver(
        self: &Arc<Self>,
        state: &mut State,
        environment: EnvironmentId,
        id: InvocationId,
    ) -> bool {
        self.thaw(state, environment);
        let (Some(slot), Some(open)) = (state.slots.get_mut(&environment), state.open.get_mut(&id))
        else {
            return false;
        };
        // A process that was just killed may still seem to wait. A process that polls before its
        // slot knows it is a new one.
        if slot.process.as_ref().is_some_and(|process| process.has_ended()) {
            return false;
        }
        slot.pipes.begin(&open.request_id, open.request.log.clone());
        let start = report::start(&open.request_id);
        // A waiter may hang up; another one may then get the same invocation.
        let first = open.environment.replace(environment).is_none();
        if first {
            self.output.said(Some(&open.request_id), start.as_bytes());
        }
        if let Some(tail) = &open.request.log {
            tail.begin(&start);
        }
        let fate = open.request.fate();
        if first && fate.kill_before {
            slot.kill();
            return true;
        }
        if let Some(after) = fate.kill_during.filter(|_| first) {
            tokio::spawn(Arc::clone(self).kill_at_work(environment, id, after));
        }
        let deadline = open.begin(self.spec.timeout);
        let limit = fate.time_out.unwrap_or(self.spec.timeout);
        let left = limit.saturating_sub(deadline.began.elapsed());
        self.arm(open, environment, Limit::Invocation(id), left);
        let event = Invoked {
            request_id: open.request_id.clone(),
            deadline_unix_ms: deadline.unix_ms,
            function_arn: self.arn_of(&open.request),
            trace_id: trace_id(),
        };
        slot.extensions.invoked(id, &event);
        while let Some(waiter) = slot.waiters.pop_front() {
            let content = Content { event: event.clone(), request: open.request.clone() };
            let host = Arc::downgrade(self);
            let hand_off = HandOff::new(content, move || {
                if let Some(host) = host.upgrade() {
                    host.unheard(environment, id);
                }
            });
            match waiter.send(hand_off) {
                Ok(()) => return true,
                Err(hand_off) => hand_off.forget(),
            }
        }
        false
    }

    /// Returns the function's ARN as this invocation names it.
    fn arn_of(&self, request: &Request) -> String {
        match &request.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", self.arn),
            None => self.arn.clone(),
        }
    }

    pub(super) fn arm(
        self: &Arc<Self>,
        open: &mut Open,
        environment: EnvironmentId,
        limit: Limit,
        after: Duration,
    ) {
        if let Some(timer) = open.timer.take() {
            timer.abort();
        }
        open.timers += 1;
        let (host, timer) = (Arc::clone(self), open.timers);
        let task = tokio::spawn(async move {
            tokio::time::sleep(after).await;
            host.limit(environment, limit, timer);
        });
        open.timer = Some(task.abort_handle());
    }

    /// Watches a limit of an environment that belongs to no open invocation.
    pub(super) fn watch(
        self: &Arc<Self>,
        environment: EnvironmentId,
        limit: Limit,
        after: Duration,
    ) {
        let host = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            host.limit(environment, limit, 0);
        });
    }

    pub(super) fn limit(self: &Arc<Self>, environment: EnvironmentId, limit: Limit, timer: u64) {
        let mut state = self.lock();
        let late = match limit {
            Limit::Init | Limit::Return(_) | Limit::Extensions(_) => false,
            Limit::Take(id) | Limit::Invocation(id) => {
                state.open.get(&id).is_none_or(|open| open.timers != timer)
            }
        };
        if !late {
            match limit {
                Limit::Init => {
                    self.report_init(&mut state, environment, &EnvironmentError::TimedOut)
                }
                Limit::Extensions(id) if state.pool.phase(environment) == Phase::Finishing(id) => {
                    let line = "[tidegate] extensions were still at work at the function's timeout: the \
                                environment is ended\n";
                    self.output.said(None, line.as_bytes());
                }
                _ => {}
            }
            self.run(&mut state, Signal::Limit(environment, limit), None);
        }
    }
}
