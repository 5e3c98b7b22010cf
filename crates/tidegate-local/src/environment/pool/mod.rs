//! All environments of one function, as a pure state machine.
//!
//! Signals go in and actions come out. The pool has no clock and no I/O.

mod action;
mod signal;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub use self::action::Action;
pub use self::signal::Signal;
use super::error::EnvironmentError;
use super::phase::{Change, EnvironmentId, Happening, Illegal, InvocationId, Phase};

const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(10);

/// The environments of one function, and the invocations that wait for one.
///
/// Invariants:
///
/// - Each accepted invocation is in exactly one place: with an environment, in `waiting`, or in
///   `line`. It leaves with exactly one of [`Action::Complete`], [`Action::Fail`] and
///   [`Action::Throttle`].
/// - At most `limit` invocations and unfinished extensions occupy the function at a time.
/// - `line` is empty while there is room below the limit.
///
/// For example, with `limit` 1: the first [`Signal::Queue`] starts an environment. A second one
/// stands in line. When the first is answered, the second is assigned to the same environment.
#[derive(Debug)]
pub struct Pool {
    limit: usize,
    environments: BTreeMap<EnvironmentId, Phase>,
    /// Environments that wait at `/next`, the most recently used last.
    idle: Vec<EnvironmentId>,
    waiting: VecDeque<Waiting>,
    /// Invocations beyond the limit whose callers wait, in order of arrival. It is empty whenever
    /// there is room below the limit, so that no later invocation overtakes it.
    line: VecDeque<InvocationId>,
    line_closed: bool,
    failing: bool,
    /// Number of invocations in a row that failed because no environment could be started.
    failed_starts: u32,
    backing_off: bool,
    stopped: bool,
    started: u64,
}

/// An invocation that no environment has taken.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    id: InvocationId,
    /// An initialisation failed while this invocation was the first to wait. Lambda then
    /// initialises a second time, within the invocation.
    init_failed: bool,
}

impl Waiting {
    fn new(id: InvocationId) -> Self {
        Self { id, init_failed: false }
    }
}

impl Pool {
    /// Creates a pool of at most `limit` environments at work.
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

    /// Returns the number of invocations without a result, including those that wait in line.
    pub fn in_flight(&self) -> usize {
        self.line.len() + self.admitted()
    }

    /// Returns whether an invocation waits in line.
    pub fn has_line(&self) -> bool {
        !self.line.is_empty()
    }

    /// Returns the number of invocations that count against the limit.
    fn admitted(&self) -> usize {
        self.waiting.len()
            + self.environments.values().filter(|phase| phase.invocation().is_some()).count()
    }

    /// Returns the number of environments whose process has not ended.
    pub fn environments(&self) -> usize {
        self.environments.len()
    }

    /// Returns the number of environments that have work or could get some.
    fn usable(&self) -> usize {
        let usable =
            |phase: &&Phase| !matches!(phase, Phase::Overdue(_) | Phase::Stopping | Phase::Gone);
        self.environments.values().filter(usable).count()
    }

    /// Returns the phase of an environment.
    ///
    /// An environment that was removed is [`Phase::Gone`].
    pub fn phase(&self, environment: EnvironmentId) -> Phase {
        self.environments.get(&environment).copied().unwrap_or(Phase::Gone)
    }

    /// Takes one signal and returns the actions, to be done in this order.
    ///
    /// # Errors
    /// Returns [`Illegal`] if the signal is impossible in the environment's phase. The pool is then
    /// unchanged.
    pub fn step(&mut self, signal: Signal) -> Result<Vec<Action>, Illegal> {
        let mut actions = Vec::new();
        self.take(signal, &mut actions)?;
        while self.has_room()
            && let Some(first) = self.line.pop_front()
        {
            self.admit(first, &mut actions)?;
        }
        self.start_missing(&mut actions);
        Ok(actions)
    }

    fn take(&mut self, signal: Signal, actions: &mut Vec<Action>) -> Result<(), Illegal> {
        match signal {
            Signal::Invoke(invocation) | Signal::Queue(invocation) if self.has_room() => {
                self.admit(invocation, actions)?;
            }
            Signal::Invoke(invocation) => actions.push(Action::Throttle(invocation)),
            Signal::Queue(invocation) => self.stand_in_line(invocation, actions),
            Signal::CloseLine => {
                self.line_closed = true;
                actions.extend(self.line.drain(..).map(Action::Throttle));
            }
            Signal::LeaveLine(invocation) => {
                if let Some(place) = self.line.iter().position(|id| *id == invocation) {
                    self.line.remove(place);
                    actions.push(Action::Throttle(invocation));
                }
            }
            Signal::Polled(environment) => {
                let first = self.phase(environment) == Phase::Starting;
                self.advance(environment, Happening::Polled, None, actions)?;
                if first {
                    (self.failing, self.failed_starts) = (false, 0);
                }
            }
            Signal::Unheard(environment, id) => {
                self.advance(environment, Happening::Unheard(id), None, actions)?;
            }
            Signal::Answered(environment, id) => {
                self.advance(environment, Happening::Answered(id), None, actions)?;
            }
            Signal::Responded(environment, id) => {
                self.advance(environment, Happening::Responded(id), None, actions)?;
            }
            Signal::Finished(environment) => {
                self.advance(environment, Happening::Finished, None, actions)?;
            }
            Signal::Broke(environment, error) => {
                let error = Some(EnvironmentError::Extension(error));
                self.advance(environment, Happening::Broke, error, actions)?;
            }
            Signal::InitFailed(environment, error) => {
                let error = Some(EnvironmentError::Init(error));
                self.advance(environment, Happening::InitFailed, error, actions)?;
            }
            Signal::Limit(environment, limit) => {
                let error = Some(EnvironmentError::TimedOut);
                self.advance(environment, Happening::Limit(limit), error, actions)?;
            }
            Signal::Exited(environment, exit) => {
                let error = Some(EnvironmentError::Exited(exit));
                self.advance(environment, Happening::Exited, error, actions)?;
                self.forget(environment, actions);
            }
            Signal::BackOffOver => self.backing_off = false,
            Signal::Stop => self.stop(actions)?,
        }
        Ok(())
    }

    /// Puts an invocation in line, because no environment is free and its caller waits.
    fn stand_in_line(&mut self, invocation: InvocationId, actions: &mut Vec<Action>) {
        // No running invocation could end and make room.
        if self.stopped || self.line_closed || self.limit == 0 {
            actions.push(Action::Throttle(invocation));
        } else {
            self.line.push_back(invocation);
            actions.push(Action::StandInLine(invocation));
        }
    }

    fn forget(&mut self, environment: EnvironmentId, actions: &mut Vec<Action>) {
        self.environments.remove(&environment);
        self.idle.retain(|id| *id != environment);
        actions.push(Action::Forget(environment));
    }

    fn has_room(&self) -> bool {
        // Lambda counts an environment as busy until its extensions are done.
        let finishing = |phase: &&Phase| matches!(phase, Phase::Finishing(_));
        let finishing = self.environments.values().filter(finishing).count();
        !self.stopped && self.admitted() + finishing < self.limit
    }

    fn admit(
        &mut self,
        invocation: InvocationId,
        actions: &mut Vec<Action>,
    ) -> Result<(), Illegal> {
        let between = || {
            self.environments.iter().find(|(_, phase)| **phase == Phase::Between).map(|(id, _)| *id)
        };
        match self.idle.last().copied().or_else(between) {
            Some(environment) => {
                self.advance(environment, Happening::Assign(invocation), None, actions)
            }
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
        error: Option<EnvironmentError>,
        actions: &mut Vec<Action>,
    ) -> Result<(), Illegal> {
        let (phase, change) = self.phase(environment).next(happening)?;
        if let Some(known) = self.environments.get_mut(&environment) {
            *known = phase;
        }
        if phase != Phase::Idle {
            self.idle.retain(|id| *id != environment);
        }
        match change {
            Change::Nothing => {}
            Change::Free => match self.waiting.pop_front() {
                Some(waiting) => {
                    self.advance(environment, Happening::Assign(waiting.id), None, actions)?
                }
                // It was overdue, and another environment was started in its place.
                None if self.usable() > self.limit => {
                    self.advance(environment, Happening::Stop, None, actions)?;
                }
                None => {
                    self.idle.retain(|id| *id != environment);
                    self.idle.push(environment);
                }
            },
            Change::Deliver(id) => actions.push(Action::Deliver(environment, id)),
            Change::Hold(id) => actions.push(Action::Hold(environment, id)),
            Change::Respond(id) => {
                actions.extend([Action::Finish(environment, id), Action::Complete(id)])
            }
            Change::Complete(_) | Change::Vacant => {
                if let Change::Complete(id) = change {
                    actions.push(Action::Complete(id));
                }
                if let Some(waiting) = self.waiting.pop_front() {
                    self.advance(environment, Happening::Assign(waiting.id), None, actions)?;
                }
            }
            Change::InitFailed { kill } => {
                if kill {
                    actions.push(Action::Kill(environment));
                }
                self.init_failed(error.unwrap_or(EnvironmentError::TimedOut), actions);
            }
            Change::Abort(id) => {
                actions.push(Action::Kill(environment));
                actions.push(Action::Fail(id, error.unwrap_or(EnvironmentError::TimedOut)));
            }
            Change::Replace(id) => {
                actions.push(Action::Kill(environment));
                self.hand_on(id, actions)?;
            }
            Change::Lost(id) => {
                actions.push(Action::Fail(id, error.unwrap_or(EnvironmentError::Stopped)))
            }
            Change::Return(id) => self.hand_on(id, actions)?,
            Change::Overdue(id) => {
                actions.push(Action::Overdue(environment, id));
                self.hand_on(id, actions)?;
            }
            Change::Kill(invocation) => {
                actions.push(Action::Kill(environment));
                actions.extend(invocation.map(|id| Action::Fail(id, EnvironmentError::Stopped)));
            }
        }
        Ok(())
    }

    /// Puts an invocation that no process has seen first: it goes to an idle environment or to the
    /// next one that starts.
    fn hand_on(
        &mut self,
        invocation: InvocationId,
        actions: &mut Vec<Action>,
    ) -> Result<(), Illegal> {
        match self.idle.last().copied() {
            Some(environment) => {
                self.advance(environment, Happening::Assign(invocation), None, actions)
            }
            None => {
                self.waiting.push_front(Waiting::new(invocation));
                Ok(())
            }
        }
    }

    /// Handles a failed initialisation as Lambda does.
    ///
    /// The first failure is followed at once by another initialisation, within the invocation. A
    /// second failure fails the invocation. Between such pairs there is a pause.
    fn init_failed(&mut self, error: EnvironmentError, actions: &mut Vec<Action>) {
        self.failing = true;
        if let Some(first) = self.waiting.front_mut().filter(|first| !first.init_failed) {
            first.init_failed = true;
            return;
        }
        if let Some(waiting) = self.waiting.pop_front() {
            actions.push(Action::Fail(waiting.id, error));
        }
        self.failed_starts = self.failed_starts.saturating_add(1);
        if !self.backing_off {
            self.backing_off = true;
            let doublings = self.failed_starts.saturating_sub(1).min(16);
            let pause = FIRST_BACK_OFF.saturating_mul(1 << doublings).min(LONGEST_BACK_OFF);
            actions.push(Action::BackOff(pause));
        }
    }

    /// Starts an environment for each invocation that waits for one. While initialisations fail,
    /// starts only one at a time.
    fn start_missing(&mut self, actions: &mut Vec<Action>) {
        if self.backing_off || self.stopped {
            return;
        }
        let wanted = if self.failing { self.waiting.len().min(1) } else { self.waiting.len() };
        let starting =
            self.environments.values().filter(|phase| **phase == Phase::Starting).count();
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
        actions.extend(
            self.waiting
                .drain(..)
                .map(|waiting| Action::Fail(waiting.id, EnvironmentError::Stopped)),
        );
        let all: Vec<_> = self.environments.keys().copied().collect();
        for environment in all {
            self.advance(environment, Happening::Stop, None, actions)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
