//! All environments of one function, as a pure state machine: events in, actions out, no clock and no I/O.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::phase::{Effect, EnvironmentId, Happening, Illegal, InvocationId, Limit, Phase};

const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(10);

/// What happens to the function.
#[derive(Clone, Debug)]
pub enum Event {
    /// A caller invokes it and wants to know at once if no environment is free.
    Invoke(InvocationId),
    /// An event source invokes it and waits in line while no environment is free.
    Queue(InvocationId),
    /// A caller does not wait in line any longer.
    LeaveLine(InvocationId),
    /// Nobody waits in line from now on: the engine is about to stop.
    CloseLine,
    /// The process of an environment called `/next`.
    Polled(EnvironmentId),
    /// The waiter hung up before the invocation was written to it.
    Unheard(EnvironmentId, InvocationId),
    /// The process answered.
    Answered(EnvironmentId, InvocationId),
    /// The process answered, and its extensions are still at work on the invocation.
    Responded(EnvironmentId, InvocationId),
    /// The extensions of an environment are done with the last invocation.
    Finished(EnvironmentId),
    /// An extension reported that it failed, with this error object.
    Broke(EnvironmentId, Bytes),
    /// The process reported that its initialisation failed, with this error object.
    InitFailed(EnvironmentId, Bytes),
    /// A time limit passed.
    Limit(EnvironmentId, Limit),
    /// The process ended.
    Exited(EnvironmentId, Exit),
    /// The back-off after failed initialisations is over.
    BackOffOver,
    /// The engine stops: no environment may be left.
    Stop,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// It could not be started.
    NotStarted(String),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a process. Its initialisation has [`Limit::Init`]; one that is made again within an invocation has the function's timeout, which
    /// begins now and which the invocation shares.
    Start {
        /// The new environment.
        environment: EnvironmentId,
        /// The invocation that an initialisation failed before.
        within: Option<InvocationId>,
    },
    /// Write the invocation to the waiter of the environment, and watch [`Limit::Invocation`].
    Deliver(EnvironmentId, InvocationId),
    /// Keep the invocation for the environment, and watch [`Limit::Take`].
    Hold(EnvironmentId, InvocationId),
    /// The invocation is for another environment now; watch [`Limit::Return`].
    Overdue(EnvironmentId, InvocationId),
    /// The invocation is about to be complete before the extensions are done; watch [`Limit::Extensions`].
    Finish(EnvironmentId, InvocationId),
    /// The invocation has its answer.
    Complete(InvocationId),
    /// The invocation failed without an answer.
    Fail(InvocationId, Failure),
    /// The invocation is refused.
    Throttle(InvocationId),
    /// The invocation waits in line. Send [`Event::LeaveLine`] when its caller has waited long enough.
    StandInLine(InvocationId),
    /// Kill the environment's process.
    Kill(EnvironmentId),
    /// The environment's process has ended; forget it.
    Forget(EnvironmentId),
    /// Send [`Event::BackOffOver`] after this time.
    BackOff(Duration),
}

/// Why an invocation failed without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The function's timeout passed.
    TimedOut,
    /// The process ended.
    Exited(Exit),
    /// The process reported that its initialisation failed.
    Init(Bytes),
    /// An extension of the process reported that it failed.
    Extension(Bytes),
    /// The engine stopped.
    Stopped,
}

/// The environments of one function and the invocations waiting for one.
#[derive(Debug)]
pub struct Pool {
    limit: usize,
    environments: BTreeMap<EnvironmentId, Phase>,
    /// Those that wait at `/next`, the most recently used last.
    idle: Vec<EnvironmentId>,
    waiting: VecDeque<Waiting>,
    /// Invocations beyond the limit whose callers wait, in the order in which they came. It is empty
    /// whenever there is room below the limit, so that nobody overtakes it.
    line: VecDeque<InvocationId>,
    line_closed: bool,
    failing: bool,
    /// Invocations in a row that failed because no environment could be started.
    failed_starts: u32,
    backing_off: bool,
    stopped: bool,
    started: u64,
}

/// An invocation that no environment has taken.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    id: InvocationId,
    /// An initialisation failed while it was the first to wait. Lambda initialises a second time, within the invocation.
    init_failed: bool,
}

impl Waiting {
    fn new(id: InvocationId) -> Self {
        Self { id, init_failed: false }
    }
}

impl Pool {
    /// A pool of at most `limit` environments at work.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            environments: BTreeMap::new(),
            idle: Vec::new(),
            waiting: VecDeque::new(),
            line: VecDeque::new(),
            line_closed: false,
            failing: false,
            failed_starts: 0,
            backing_off: false,
            stopped: false,
            started: 0,
        }
    }

    /// Invocations without a result, those that wait in line included.
    pub fn in_flight(&self) -> usize {
        self.line.len() + self.admitted()
    }

    /// Somebody waits in line.
    pub fn has_line(&self) -> bool {
        !self.line.is_empty()
    }

    /// Invocations that count against the limit.
    fn admitted(&self) -> usize {
        self.waiting.len() + self.environments.values().filter(|phase| phase.invocation().is_some()).count()
    }

    /// The environments whose process has not ended.
    pub fn environments(&self) -> usize {
        self.environments.len()
    }

    /// The environments that have work or could get some.
    fn usable(&self) -> usize {
        let usable = |phase: &&Phase| !matches!(phase, Phase::Overdue(_) | Phase::Stopping | Phase::Gone);
        self.environments.values().filter(usable).count()
    }

    /// The phase of an environment; one that was forgotten is gone.
    pub fn phase(&self, environment: EnvironmentId) -> Phase {
        self.environments.get(&environment).copied().unwrap_or(Phase::Gone)
    }

    /// Takes one event and says what is to be done, in this order.
    ///
    /// # Errors
    /// An event that is not possible in the environment's phase; nothing has changed then.
    pub fn step(&mut self, event: Event) -> Result<Vec<Action>, Illegal> {
        let mut actions = Vec::new();
        match event {
            Event::Invoke(invocation) => match self.has_room() {
                true => self.admit(invocation, &mut actions)?,
                false => actions.push(Action::Throttle(invocation)),
            },
            Event::Queue(invocation) => match self.has_room() {
                true => self.admit(invocation, &mut actions)?,
                // Nothing would ever end and make room.
                false if self.stopped || self.line_closed || self.limit == 0 => {
                    actions.push(Action::Throttle(invocation));
                }
                false => {
                    self.line.push_back(invocation);
                    actions.push(Action::StandInLine(invocation));
                }
            },
            Event::CloseLine => {
                self.line_closed = true;
                actions.extend(self.line.drain(..).map(Action::Throttle));
            }
            Event::LeaveLine(invocation) => {
                if let Some(place) = self.line.iter().position(|id| *id == invocation) {
                    self.line.remove(place);
                    actions.push(Action::Throttle(invocation));
                }
            }
            Event::Polled(environment) => {
                let first = self.phase(environment) == Phase::Starting;
                self.advance(environment, Happening::Polled, None, &mut actions)?;
                if first {
                    (self.failing, self.failed_starts) = (false, 0);
                }
            }
            Event::Unheard(environment, id) => {
                self.advance(environment, Happening::Unheard(id), None, &mut actions)?
            }
            Event::Answered(environment, id) => {
                self.advance(environment, Happening::Answered(id), None, &mut actions)?
            }
            Event::Responded(environment, id) => {
                self.advance(environment, Happening::Responded(id), None, &mut actions)?
            }
            Event::Finished(environment) => {
                self.advance(environment, Happening::Finished, None, &mut actions)?
            }
            Event::Broke(environment, error) => {
                self.advance(environment, Happening::Broke, Some(Failure::Extension(error)), &mut actions)?;
            }
            Event::InitFailed(environment, error) => {
                self.advance(environment, Happening::InitFailed, Some(Failure::Init(error)), &mut actions)?;
            }
            Event::Limit(environment, limit) => {
                self.advance(environment, Happening::Limit(limit), Some(Failure::TimedOut), &mut actions)?;
            }
            Event::Exited(environment, exit) => {
                self.advance(environment, Happening::Exited, Some(Failure::Exited(exit)), &mut actions)?;
                self.environments.remove(&environment);
                self.idle.retain(|id| *id != environment);
                actions.push(Action::Forget(environment));
            }
            Event::BackOffOver => self.backing_off = false,
            Event::Stop => self.stop(&mut actions)?,
        }
        while self.has_room()
            && let Some(first) = self.line.pop_front()
        {
            self.admit(first, &mut actions)?;
        }
        self.start_missing(&mut actions);
        Ok(actions)
    }

    fn has_room(&self) -> bool {
        // Lambda counts an environment as busy until its extensions are done.
        let finishing = |phase: &&Phase| matches!(phase, Phase::Finishing(_));
        let finishing = self.environments.values().filter(finishing).count();
        !self.stopped && self.admitted() + finishing < self.limit
    }

    fn admit(&mut self, invocation: InvocationId, actions: &mut Vec<Action>) -> Result<(), Illegal> {
        let between =
            || self.environments.iter().find(|(_, phase)| **phase == Phase::Between).map(|(id, _)| *id);
        match self.idle.last().copied().or_else(between) {
            Some(environment) => self.advance(environment, Happening::Assign(invocation), None, actions),
            None => {
                self.waiting.push_back(Waiting::new(invocation));
                Ok(())
            }
        }
    }

    fn advance(
        &mut self,
        environment: EnvironmentId,
        happening: Happening,
        failure: Option<Failure>,
        actions: &mut Vec<Action>,
    ) -> Result<(), Illegal> {
        let (phase, effect) = self.phase(environment).next(happening)?;
        if let Some(known) = self.environments.get_mut(&environment) {
            *known = phase;
        }
        if phase != Phase::Idle {
            self.idle.retain(|id| *id != environment);
        }
        match effect {
            Effect::Nothing => {}
            Effect::Free => match self.waiting.pop_front() {
                Some(waiting) => self.advance(environment, Happening::Assign(waiting.id), None, actions)?,
                // It was overdue, and another one was started in its place.
                None if self.usable() > self.limit => {
                    self.advance(environment, Happening::Stop, None, actions)?;
                }
                None => {
                    self.idle.retain(|id| *id != environment);
                    self.idle.push(environment);
                }
            },
            Effect::Deliver(id) => actions.push(Action::Deliver(environment, id)),
            Effect::Hold(id) => actions.push(Action::Hold(environment, id)),
            Effect::Respond(id) => actions.extend([Action::Finish(environment, id), Action::Complete(id)]),
            Effect::Complete(_) | Effect::Vacant => {
                if let Effect::Complete(id) = effect {
                    actions.push(Action::Complete(id));
                }
                if let Some(waiting) = self.waiting.pop_front() {
                    self.advance(environment, Happening::Assign(waiting.id), None, actions)?;
                }
            }
            Effect::InitFailed { kill } => {
                if kill {
                    actions.push(Action::Kill(environment));
                }
                self.init_failed(failure.unwrap_or(Failure::TimedOut), actions);
            }
            Effect::Abort(id) => {
                actions.push(Action::Kill(environment));
                actions.push(Action::Fail(id, failure.unwrap_or(Failure::TimedOut)));
            }
            Effect::Replace(id) => {
                actions.push(Action::Kill(environment));
                self.hand_on(id, actions)?;
            }
            Effect::Lost(id) => actions.push(Action::Fail(id, failure.unwrap_or(Failure::Stopped))),
            Effect::Return(id) => self.hand_on(id, actions)?,
            Effect::Overdue(id) => {
                actions.push(Action::Overdue(environment, id));
                self.hand_on(id, actions)?;
            }
            Effect::Kill(invocation) => {
                actions.push(Action::Kill(environment));
                actions.extend(invocation.map(|id| Action::Fail(id, Failure::Stopped)));
            }
        }
        Ok(())
    }

    /// An invocation no process has seen goes first, to an idle environment or to the next one that starts.
    fn hand_on(&mut self, invocation: InvocationId, actions: &mut Vec<Action>) -> Result<(), Illegal> {
        match self.idle.last().copied() {
            Some(environment) => self.advance(environment, Happening::Assign(invocation), None, actions),
            None => {
                self.waiting.push_front(Waiting::new(invocation));
                Ok(())
            }
        }
    }

    /// As Lambda does it: the first failure is followed at once by another initialisation, within the invocation; a second one fails the
    /// invocation. Pauses lie between such pairs.
    fn init_failed(&mut self, failure: Failure, actions: &mut Vec<Action>) {
        self.failing = true;
        if let Some(first) = self.waiting.front_mut().filter(|first| !first.init_failed) {
            first.init_failed = true;
            return;
        }
        if let Some(waiting) = self.waiting.pop_front() {
            actions.push(Action::Fail(waiting.id, failure));
        }
        self.failed_starts = self.failed_starts.saturating_add(1);
        if !self.backing_off {
            self.backing_off = true;
            let doublings = self.failed_starts.saturating_sub(1).min(16);
            let pause = FIRST_BACK_OFF.saturating_mul(1 << doublings).min(LONGEST_BACK_OFF);
            actions.push(Action::BackOff(pause));
        }
    }

    /// Starts an environment for each invocation that waits for one; a single one while initialisations fail.
    fn start_missing(&mut self, actions: &mut Vec<Action>) {
        if self.backing_off || self.stopped {
            return;
        }
        let wanted = if self.failing { self.waiting.len().min(1) } else { self.waiting.len() };
        let starting = self.environments.values().filter(|phase| **phase == Phase::Starting).count();
        let within = self.waiting.front().filter(|first| first.init_failed).map(|first| first.id);
        for _ in starting..wanted {
            self.started += 1;
            let environment = EnvironmentId(self.started);
            self.environments.insert(environment, Phase::Starting);
            actions.push(Action::Start { environment, within });
        }
    }

    fn stop(&mut self, actions: &mut Vec<Action>) -> Result<(), Illegal> {
        self.stopped = true;
        actions.extend(self.line.drain(..).map(Action::Throttle));
        actions.extend(self.waiting.drain(..).map(|waiting| Action::Fail(waiting.id, Failure::Stopped)));
        let all: Vec<_> = self.environments.keys().copied().collect();
        for environment in all {
            self.advance(environment, Happening::Stop, None, actions)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
