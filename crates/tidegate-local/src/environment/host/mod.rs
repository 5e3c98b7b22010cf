//! Runs the environments of one function: carries out what the [`Pool`] decides.

mod account;
mod ending;
pub(crate) mod exchange;
mod extension;
mod freezer;
mod kill;
mod life;
mod memory;
mod state;

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;

use self::state::{Counts, Open, Slot, State};
use super::error::EnvironmentError;
use super::output::Output;
use super::phase::{EnvironmentId, Illegal, InvocationId, Limit};
use super::pipes::Pipes;
use super::pool::{Action, Pool, Signal};
use super::spec::FunctionSpec;
use crate::invocation::{Answer, InvocationResult, Request};

/// Time within which an initialised process must come back for an invocation that is kept for it.
/// After that another environment gets the invocation.
const TAKE_LIMIT: Duration = Duration::from_secs(2);

/// Time that a caller of Invoke waits for a function for which event sources stand in line.
const BRIEFLY: Duration = Duration::from_secs(2);

/// One function: its pool, its processes and the waiting callers.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) spec: FunctionSpec,
    pub(crate) arn: String,
    limits: Limits,
    records: PathBuf,
    output: Arc<Output>,
    state: Mutex<State>,
    load: watch::Sender<Load>,
}

/// Time limits that are the same for every function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Longest time that a first initialisation may take.
    pub(crate) init: Duration,
    /// Time without work after which an environment is frozen. `None` disables freezing.
    pub(crate) freeze_after: Option<Duration>,
}

/// The counts that a stop waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) in_flight: usize,
    pub(crate) environments: usize,
}

impl Host {
    pub(crate) fn new(
        spec: FunctionSpec,
        arn: String,
        limits: Limits,
        records: PathBuf,
        output: Output,
    ) -> Arc<Self> {
        let state = State {
            pool: Pool::new(spec.maximum_concurrency),
            open: HashMap::new(),
            slots: HashMap::new(),
            last_invocation: 0,
            counts: Counts::default(),
        };
        let (load, _) = watch::channel(Load::default());
        Arc::new(Self {
            spec,
            arn,
            limits,
            records,
            output: Arc::new(output),
            state: Mutex::new(state),
            load,
        })
    }

    /// Invokes the function. Returns the request id and the receiver of the answer.
    pub(crate) fn invoke(
        self: &Arc<Self>,
        request: Request,
    ) -> (String, oneshot::Receiver<Answer>) {
        let request_id =
            request.request_id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let (caller, answer) = oneshot::channel();
        let mut state = self.lock();
        state.last_invocation += 1;
        let id = InvocationId(state.last_invocation);
        let mut open = Open {
            request_id: request_id.clone(),
            request,
            caller,
            environment: None,
            deadline: None,
            timer: None,
            timers: 0,
        };
        // While sources stand in line, a caller that does not wait would never find a free place.
        if open.request.patience.is_zero() && state.pool.has_line() {
            open.request.patience = BRIEFLY;
        }
        let patient = !open.request.patience.is_zero();
        state.open.insert(id, open);
        let signal = if patient { Signal::Queue(id) } else { Signal::Invoke(id) };
        self.run(&mut state, signal, None);
        (request_id, answer)
    }

    /// Handles a report of the process that its initialisation failed.
    pub(crate) fn init_failed(
        self: &Arc<Self>,
        environment: EnvironmentId,
        error: Bytes,
    ) -> Result<(), Illegal> {
        let mut state = self.lock();
        self.report_init(&mut state, environment, &EnvironmentError::Init(error.clone()));
        self.try_run(&mut state, Signal::InitFailed(environment, error), None)
    }

    /// Throttles every invocation that waits in line, now and later.
    pub(crate) fn close_line(self: &Arc<Self>) {
        let mut state = self.lock();
        self.run(&mut state, Signal::CloseLine, None);
    }

    /// Ends every environment and fails the invocations that they had.
    pub(crate) fn stop(self: &Arc<Self>) {
        let mut state = self.lock();
        self.run(&mut state, Signal::Stop, None);
    }

    /// Returns a receiver of changes of the load.
    pub(crate) fn load(&self) -> watch::Receiver<Load> {
        self.load.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn run(self: &Arc<Self>, state: &mut State, signal: Signal, result: Option<InvocationResult>) {
        if let Err(illegal) = self.try_run(state, signal, result) {
            tracing::error!(function = self.spec.name, %illegal, "impossible signal for the function's state machine");
        }
    }

    fn try_run(
        self: &Arc<Self>,
        state: &mut State,
        signal: Signal,
        result: Option<InvocationResult>,
    ) -> Result<(), Illegal> {
        let mut result = result;
        let mut signals = VecDeque::from([signal]);
        while let Some(signal) = signals.pop_front() {
            for action in state.pool.step(signal)? {
                self.act(state, action, &mut result, &mut signals);
            }
        }
        let now =
            Load { in_flight: state.pool.in_flight(), environments: state.pool.environments() };
        self.load.send_if_modified(|load| std::mem::replace(load, now) != now);
        Ok(())
    }

    fn act(
        self: &Arc<Self>,
        state: &mut State,
        action: Action,
        result: &mut Option<InvocationResult>,
        signals: &mut VecDeque<Signal>,
    ) {
        match action {
            Action::Start { environment, within } => {
                self.start_environment(state, environment, within);
            }
            Action::Deliver(environment, id) => {
                if !self.deliver(state, environment, id) {
                    signals.push_back(Signal::Unheard(environment, id));
                }
            }
            Action::Hold(environment, id) => {
                self.thaw(state, environment);
                if let Some(open) = state.open.get_mut(&id) {
                    open.deadline = None;
                    self.arm(open, environment, Limit::Take(id), TAKE_LIMIT);
                }
            }
            Action::Overdue(environment, id) => {
                self.watch(environment, Limit::Return(id), self.spec.timeout);
            }
            Action::Finish(environment, id) => {
                let began = state
                    .open
                    .get(&id)
                    .and_then(|open| open.deadline)
                    .map(|deadline| deadline.began);
                let used = began.map(|began| began.elapsed()).unwrap_or_default();
                self.watch(
                    environment,
                    Limit::Extensions(id),
                    self.spec.timeout.saturating_sub(used),
                );
            }
            Action::Complete(id) => {
                let result =
                    result.take().unwrap_or_else(|| InvocationResult::FunctionError(Bytes::new()));
                self.finish(state, id, result, None);
            }
            Action::Fail(id, error) => {
                state.counts.timeouts += u64::from(error == EnvironmentError::TimedOut);
                let request_id =
                    state.open.get(&id).map(|open| open.request_id.clone()).unwrap_or_default();
                let payload = error.payload(&request_id, self.spec.timeout);
                self.finish(state, id, InvocationResult::FunctionError(payload), Some(&error));
            }
            Action::Throttle(id) => self.finish(state, id, InvocationResult::Throttled, None),
            Action::StandInLine(id) => {
                if let Some(open) = state.open.get_mut(&id) {
                    let patience = open.request.patience.min(self.spec.timeout);
                    open.timer = Some(self.signal_after(patience, Signal::LeaveLine(id)));
                }
            }
            Action::Kill(environment) => {
                self.sample(state, environment, true);
                self.shut_down(state, environment);
            }
            Action::Forget(environment) => {
                state.slots.remove(&environment);
            }
            Action::BackOff(pause) => {
                self.tell_start_failure(state);
                self.signal_after(pause, Signal::BackOffOver);
            }
        }
    }

    /// Starts an environment, for the first time or `within` an invocation.
    fn start_environment(
        self: &Arc<Self>,
        state: &mut State,
        environment: EnvironmentId,
        within: Option<InvocationId>,
    ) {
        let pipes = Pipes::new(Arc::clone(&self.output));
        state.slots.insert(environment, Slot::new(pipes, within.is_some()));
        let limit = if within.is_some() { self.spec.timeout } else { self.limits.init };
        if let Some(open) = within.and_then(|id| state.open.get_mut(&id)) {
            open.begin(self.spec.timeout);
        }
        tokio::spawn(Arc::clone(self).run_environment(environment, limit));
    }

    fn signal_after(self: &Arc<Self>, after: Duration, signal: Signal) -> AbortHandle {
        let host = Arc::clone(self);
        let waiting = tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let mut state = host.lock();
            host.run(&mut state, signal, None);
        });
        waiting.abort_handle()
    }
}
