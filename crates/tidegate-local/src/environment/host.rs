//! The environments of one function at work: carries out what the [`Pool`] decides.

mod state;

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::future::join_all;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use self::state::{Counts, Deadline, Open, Slot, State, finish};
use super::delivery::Delivery;
use super::failure::error_object;
use super::output::Output;
use super::phase::{EnvironmentId, Illegal, InvocationId, Limit};
use super::pipes::{Pipes, READ_LIMIT};
use super::pool::{Action, Event, Exit, Failure, Pool};
use super::process::{self, Launch};
use super::spec::FunctionSpec;
use super::status::FunctionStatus;
use crate::invocation::{Answer, InvocationResult, Request};
use crate::log_tail::LogTail;
use crate::runtime_api;
use crate::usage::Usage;

/// How long an initialised process may take to come back for an invocation that is kept for it.
const TAKE_LIMIT: Duration = Duration::from_secs(2);
/// How often at most a process at work is looked at for its memory.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// One function: its pool, its processes and the callers that wait.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) spec: FunctionSpec,
    pub(crate) arn: String,
    init_limit: Duration,
    records: PathBuf,
    output: Arc<Output>,
    state: Mutex<State>,
    load: watch::Sender<Load>,
}

/// What a stop waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) in_flight: usize,
    pub(crate) environments: usize,
}

/// Why an answer of a process was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// It names another invocation than the environment has.
    #[error("{0} is not the request id of the current invocation")]
    RequestId(String),
    /// The environment is not in a phase for it.
    #[error(transparent)]
    Phase(#[from] Illegal),
}

impl Host {
    pub(crate) fn new(
        spec: FunctionSpec,
        arn: String,
        init_limit: Duration,
        records: PathBuf,
        output: Output,
    ) -> Arc<Self> {
        let state = State {
            pool: Pool::new(spec.maximum_concurrency),
            open: HashMap::new(),
            slots: HashMap::new(),
            last_invocation: 0,
            counts: Counts::default(),
            memory_mb: spec.memory_mb,
        };
        let (load, _) = watch::channel(Load::default());
        Arc::new(Self {
            spec,
            arn,
            init_limit,
            records,
            output: Arc::new(output),
            state: Mutex::new(state),
            load,
        })
    }

    /// Invokes the function; the answer comes through the receiver.
    pub(crate) fn invoke(self: &Arc<Self>, request: Request) -> (String, oneshot::Receiver<Answer>) {
        let request_id = request.request_id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let (caller, answer) = oneshot::channel();
        let mut state = self.lock();
        state.last_invocation += 1;
        let id = InvocationId(state.last_invocation);
        let open =
            Open { request_id: request_id.clone(), request, caller, deadline: None, timer: None, timers: 0 };
        state.open.insert(id, open);
        self.run(&mut state, Event::Invoke(id), None);
        (request_id, answer)
    }

    /// The process asks for an invocation: it will come through the receiver.
    pub(crate) fn polled(
        self: &Arc<Self>,
        environment: EnvironmentId,
    ) -> Result<oneshot::Receiver<Delivery>, Illegal> {
        let (waiter, delivery) = oneshot::channel();
        let mut state = self.lock();
        if let Some(slot) = state.slots.get_mut(&environment) {
            slot.waiters.retain(|waiter| !waiter.is_closed());
            slot.waiters.push_back(waiter);
        }
        self.try_run(&mut state, Event::Polled(environment), None)?;
        Ok(delivery)
    }

    /// The waiter hung up before it was written to.
    pub(crate) fn unheard(self: &Arc<Self>, environment: EnvironmentId, invocation: InvocationId) {
        let mut state = self.lock();
        self.run(&mut state, Event::Unheard(environment, invocation), None);
    }

    /// The process answers the invocation with this request id.
    pub(crate) fn answered(
        self: &Arc<Self>,
        environment: EnvironmentId,
        request_id: &str,
        result: InvocationResult,
    ) -> Result<(), Refused> {
        let mut state = self.lock();
        let current = state.pool.phase(environment).invocation();
        let known = current.filter(|id| state.open.get(id).is_some_and(|open| open.request_id == request_id));
        let Some(invocation) = known else { return Err(Refused::RequestId(request_id.to_owned())) };
        self.try_run(&mut state, Event::Answered(environment, invocation), Some(result))?;
        self.sample(&mut state, environment, false);
        Ok(())
    }

    /// Whether this is the request id of the environment's invocation.
    pub(crate) fn is_current(&self, environment: EnvironmentId, request_id: &str) -> bool {
        let state = self.lock();
        let current = state.pool.phase(environment).invocation();
        current.and_then(|id| state.open.get(&id)).is_some_and(|open| open.request_id == request_id)
    }

    /// The process reports that its initialisation failed.
    pub(crate) fn init_failed(
        self: &Arc<Self>,
        environment: EnvironmentId,
        error: Bytes,
    ) -> Result<(), Illegal> {
        let mut state = self.lock();
        self.try_run(&mut state, Event::InitFailed(environment, error), None)
    }

    /// The environment is about to get an invocation whose log is wanted. What it printed until now belongs to others.
    pub(crate) async fn begin_log(&self, environment: EnvironmentId, request_id: &str, log: &Arc<LogTail>) {
        if let Some(pipes) = self.pipes(environment) {
            pipes.read_out().await;
            log.begin(request_id);
            pipes.collect(Some(Arc::clone(log)));
        }
    }

    /// The environment's invocation is about to have its result: what it printed until now is read, if its log is wanted.
    pub(crate) async fn end_log(&self, environment: EnvironmentId) {
        if let Some(pipes) = self.pipes(environment).filter(|pipes| pipes.is_collecting()) {
            pipes.read_out().await;
            pipes.collect(None);
            self.sample(&mut self.lock(), environment, true);
        }
    }

    fn pipes(&self, environment: EnvironmentId) -> Option<Arc<Pipes>> {
        self.lock().slots.get(&environment)?.pipes.clone()
    }

    /// Kills every environment and fails what they had.
    pub(crate) fn stop(self: &Arc<Self>) {
        let mut state = self.lock();
        self.run(&mut state, Event::Stop, None);
    }

    /// Changes of the load.
    pub(crate) fn load(&self) -> watch::Receiver<Load> {
        self.load.subscribe()
    }

    /// What the function did and uses.
    pub(crate) fn status(&self) -> FunctionStatus {
        let metrics = self.output.metrics();
        let mut state = self.lock();
        let environments: Vec<_> = state.slots.keys().copied().collect();
        let (mut cpu_seconds, mut rss_bytes, mut pids) = (state.counts.dead_cpu_seconds, 0, Vec::new());
        for environment in environments {
            let Some((pid, used)) = self.sample(&mut state, environment, true) else { continue };
            cpu_seconds += used.cpu_seconds;
            rss_bytes += used.rss_bytes;
            pids.push(pid);
        }
        pids.sort_unstable();
        FunctionStatus {
            environments: state.pool.environments(),
            invocations: state.counts.invocations,
            errors: state.counts.errors,
            throttles: state.counts.throttles,
            timeouts: state.counts.timeouts,
            billed_ms: state.counts.billed_ms,
            log_bytes: self.output.bytes(),
            metric_series: metrics.series(),
            memory_mb: self.spec.memory_mb,
            duration_ms: state.counts.durations.summary(),
            cpu_seconds,
            rss_bytes,
            peak_rss_bytes: state.counts.peak_rss_bytes,
            metrics: metrics.sums().clone(),
            distributions: metrics.distributions(),
            pids,
        }
    }

    fn sample(&self, state: &mut State, environment: EnvironmentId, now: bool) -> Option<(i32, Usage)> {
        let slot = state.slots.get_mut(&environment)?;
        if !now && slot.sampled.is_some_and(|last| last.elapsed() < SAMPLE_INTERVAL) {
            return None;
        }
        slot.sampled = Some(Instant::now());
        let process = slot.process.as_ref()?;
        let used = process.usage()?;
        state.counts.peak_rss_bytes = state.counts.peak_rss_bytes.max(used.peak_rss_bytes);
        Some((process.pid(), used))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limit(self: &Arc<Self>, environment: EnvironmentId, limit: Limit, timer: u64) {
        let mut state = self.lock();
        let late = match limit {
            Limit::Init => false,
            Limit::Take(id) | Limit::Invocation(id) => {
                state.open.get(&id).is_none_or(|open| open.timers != timer)
            }
        };
        if !late {
            self.run(&mut state, Event::Limit(environment, limit), None);
        }
    }

    fn run(self: &Arc<Self>, state: &mut State, event: Event, result: Option<InvocationResult>) {
        if let Err(illegal) = self.try_run(state, event, result) {
            tracing::error!(function = self.spec.name, %illegal, "an event was refused");
        }
    }

    fn try_run(
        self: &Arc<Self>,
        state: &mut State,
        event: Event,
        result: Option<InvocationResult>,
    ) -> Result<(), Illegal> {
        let mut result = result;
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in state.pool.step(event)? {
                self.act(state, action, &mut result, &mut events);
            }
        }
        let now = Load { in_flight: state.pool.in_flight(), environments: state.pool.environments() };
        self.load.send_if_modified(|load| std::mem::replace(load, now) != now);
        Ok(())
    }

    fn act(
        self: &Arc<Self>,
        state: &mut State,
        action: Action,
        result: &mut Option<InvocationResult>,
        events: &mut VecDeque<Event>,
    ) {
        match action {
            Action::Start(environment) => {
                state.slots.insert(environment, Slot::default());
                tokio::spawn(Arc::clone(self).run_environment(environment));
            }
            Action::Deliver(environment, id) => {
                if !self.deliver(state, environment, id) {
                    events.push_back(Event::Unheard(environment, id));
                }
            }
            Action::Hold(environment, id) => {
                if let Some(open) = state.open.get_mut(&id) {
                    open.deadline = None;
                    self.arm(open, environment, Limit::Take(id), TAKE_LIMIT);
                }
            }
            Action::Complete(id) => {
                let result = result.take().unwrap_or_else(|| InvocationResult::FunctionError(Bytes::new()));
                finish(state, id, result);
            }
            Action::Fail(id, failure) => {
                state.counts.timeouts += u64::from(failure == Failure::TimedOut);
                let request_id = state.open.get(&id).map(|open| open.request_id.clone()).unwrap_or_default();
                let payload = failure.payload(&request_id, self.spec.timeout, self.init_limit);
                finish(state, id, InvocationResult::FunctionError(payload));
            }
            Action::Throttle(id) => finish(state, id, InvocationResult::Throttled),
            Action::Kill(environment) => {
                self.sample(state, environment, true);
                if let Some(slot) = state.slots.get_mut(&environment) {
                    slot.killed = true;
                    if let Some(process) = &slot.process {
                        process.kill();
                    }
                }
            }
            Action::Forget(environment) => {
                state.slots.remove(&environment);
            }
            Action::BackOff(pause) => {
                let host = Arc::clone(self);
                tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    let mut state = host.lock();
                    host.run(&mut state, Event::BackOffOver, None);
                });
            }
        }
    }

    /// Hands the invocation to the first waiter that is still there; false if there is none.
    fn deliver(self: &Arc<Self>, state: &mut State, environment: EnvironmentId, id: InvocationId) -> bool {
        let (Some(slot), Some(open)) = (state.slots.get_mut(&environment), state.open.get_mut(&id)) else {
            return false;
        };
        // A process that has just been killed may still seem to wait; one that polls before it is known here is new.
        if slot.process.as_ref().is_some_and(|process| process.has_ended()) {
            return false;
        }
        let deadline = match open.deadline {
            Some(deadline) => deadline,
            None => {
                let unix =
                    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + self.spec.timeout;
                let unix_ms = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX);
                let deadline = Deadline { unix_ms, began: Instant::now() };
                open.deadline = Some(deadline);
                self.arm(open, environment, Limit::Invocation(id), self.spec.timeout);
                deadline
            }
        };
        while let Some(waiter) = slot.waiters.pop_front() {
            let delivery =
                Delivery::new(self, environment, id, &open.request_id, deadline.unix_ms, &open.request);
            match waiter.send(delivery) {
                Ok(()) => return true,
                Err(delivery) => delivery.forget(),
            }
        }
        false
    }

    fn arm(self: &Arc<Self>, open: &mut Open, environment: EnvironmentId, limit: Limit, after: Duration) {
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

    /// One environment from its start to the end of its process.
    async fn run_environment(self: Arc<Self>, environment: EnvironmentId) {
        let (exit, used) = self
            .run_process(environment)
            .await
            .unwrap_or_else(|why| (Exit::NotStarted(why), Usage::default()));
        tracing::debug!(function = self.spec.name, environment = environment.0, ?exit, "environment ended");
        let mut state = self.lock();
        state.counts.dead_cpu_seconds += used.cpu_seconds;
        self.run(&mut state, Event::Exited(environment, exit), None);
    }

    async fn run_process(self: &Arc<Self>, environment: EnvironmentId) -> Result<(Exit, Usage), String> {
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
        let ended = match tokio::time::timeout(self.init_limit, &mut end).await {
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

/// The result of an invocation of a function that is not declared.
pub(crate) fn unknown_function(name: &str, arn: &str) -> InvocationResult {
    let message = format!("Function not found: {arn} (no function {name} is declared)");
    InvocationResult::FunctionError(error_object("ResourceNotFoundException", &message))
}
