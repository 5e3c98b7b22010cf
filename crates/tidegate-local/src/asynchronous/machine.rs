//! Decides about a function's asynchronous events: a state machine without clock and I/O.
//!
//! Every accepted event is either in memory (`events`) or waits in its queue (`resting`), never in
//! both. Its message leaves the queue only by [`Action::Finish`].
//!
//! Example: an event whose function always fails, with two retries and an on-failure destination.
//! [`Input::Accepted`] leads to [`Action::Invoke`]. The first error leads to a wait of 60 s, the
//! second to one of 120 s, and the third to [`Action::HandOver`]. [`Input::HandedOver`] then leads
//! to [`Action::Finish`].

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::life::{Life, State};
use super::settings::AsynchronousSettings;
use super::step::{Action, Counts, Input};
use crate::driver::{IllegalInput, Machine};
use crate::invocation::{Answer, InvocationResult};
use crate::own_queue::{EXTEND_AFTER, EventMachine, HELD, HELD_AT_MOST, Phase, Resting, too_many};
use crate::pace::Earliest;
use crate::pace::retry::is_exhausted;
use crate::pace::scale::scale;
use lambda_shapes::asynchronous_record::{Condition, Ended, record};
use lambda_shapes::moment::Moment;

/// Lambda's waits after the first and the second function error.
const AFTER_ERROR: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];
/// Lambda's wait after the first throttle; it doubles up to [`LONGEST_AFTER_THROTTLE`].
const AFTER_THROTTLE: Duration = Duration::from_secs(1);
const LONGEST_AFTER_THROTTLE: Duration = Duration::from_secs(300);

/// The state machine of one function's asynchronous events.
#[derive(Debug)]
pub struct Invocations {
    settings: AsynchronousSettings,
    events: BTreeMap<u64, Life>,
    /// Events that wait in their queue for a later attempt.
    resting: Resting<Life>,
    phase: Phase,
    counts: Counts,
}

impl Invocations {
    /// Creates a state machine without events.
    #[must_use]
    pub fn new(settings: AsynchronousSettings) -> Self {
        Self {
            settings,
            events: BTreeMap::new(),
            resting: Resting::default(),
            phase: Phase::Running,
            counts: Counts::default(),
        }
    }

    /// Returns the counts since the start.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns the number of invocations in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.events.values().filter(|life| life.state == State::InFlight).count()
    }

    /// Returns the number of events that wait for an attempt or are being handed over.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.events.len() - self.in_flight() + self.resting.len()
    }

    fn answered(&mut self, event: u64, answer: Answer, now: Moment, actions: &mut Vec<Action>) {
        let Some(life) = self.events.get_mut(&event) else { return };
        match answer.result {
            InvocationResult::Success(response) => {
                self.counts.delivered += 1;
                life.attempts += 1;
                life.answer = Some(response);
                match self.settings.has_success_destination {
                    true => self.end(event, Condition::Success, now, actions),
                    false => self.finish(event, actions),
                }
            }
            InvocationResult::Throttled => {
                self.counts.throttled += 1;
                let factor = 2_u32.saturating_pow(life.throttles.min(20));
                let wait = AFTER_THROTTLE.saturating_mul(factor).min(LONGEST_AFTER_THROTTLE);
                life.throttles += 1;
                life.state = State::Due(now.after(scale(wait, self.settings.time_scale)));
            }
            InvocationResult::FunctionError(error) => {
                self.counts.last_error = Some(String::from_utf8_lossy(&error).into_owned());
                self.counts.last_error_at = Some(now);
                life.throttles = 0;
                life.attempts += 1;
                life.answer = Some(error);
                if is_exhausted(life.attempts, Some(self.settings.maximum_retry_attempts)) {
                    return self.end(event, Condition::RetriesExhausted, now, actions);
                }
                let index = usize::try_from(life.attempts - 1).unwrap_or(usize::MAX);
                let wait =
                    AFTER_ERROR.get(index).or(AFTER_ERROR.last()).copied().unwrap_or_default();
                life.state = State::Due(now.after(scale(wait, self.settings.time_scale)));
                self.counts.retries += 1;
            }
        }
    }

    /// Ends an event that was given up, or whose success has a destination.
    fn end(&mut self, event: u64, condition: Condition, now: Moment, actions: &mut Vec<Action>) {
        let Some(life) = self.events.get_mut(&event) else { return };
        let success = condition == Condition::Success;
        self.counts.failed += u64::from(!success);
        let ended = Ended {
            request_id: &life.content.request_id,
            function_arn: &self.settings.function_arn,
            qualifier: life.content.qualifier.as_deref(),
            condition,
            count: life.attempts,
            payload: &life.content.payload,
            answer: life.answer.as_deref(),
        };
        match record(&ended, now) {
            Ok(body) if success => {
                life.state = State::HandingOver;
                self.counts.told += 1;
                actions.push(Action::SendSuccess { event, body });
            }
            Ok(body) if self.settings.has_destination => {
                life.state = State::HandingOver;
                actions.push(Action::HandOver { event, body });
            }
            _ => self.finish(event, actions),
        }
    }

    fn finish(&mut self, event: u64, actions: &mut Vec<Action>) {
        self.events.remove(&event);
        actions.push(Action::Finish { event });
    }

    /// Releases waiting events, and ends once nothing is in flight.
    fn wind_down(&mut self, actions: &mut Vec<Action>) {
        let due = |_: &u64, life: &mut Life| matches!(life.state, State::Due(_));
        let released = self.events.extract_if(.., due);
        actions.extend(released.map(|(event, _)| Action::Release { event }));
        if self.in_flight() == 0 {
            self.phase = Phase::Stopped;
            actions.push(Action::Stopped);
        }
    }

    /// Begins everything that can begin now, and asks for the next timer.
    fn settle(&mut self, now: Moment, actions: &mut Vec<Action>) {
        if self.phase == Phase::Stopping {
            self.wind_down(actions);
        }
        if self.phase == Phase::Stopped {
            return;
        }
        let mut in_flight = self.in_flight();
        let mut due = Earliest::default();
        let mut hopeless = Vec::new();
        for (event, life) in &mut self.events {
            if let State::Due(moment) = life.state
                && self.phase == Phase::Running
            {
                let expires = life.content.accepted.after(self.settings.maximum_event_age);
                if self.settings.maximum_concurrency == 0 {
                    hopeless.push((*event, Condition::ZeroReservedConcurrency));
                } else if expires < now {
                    hopeless.push((*event, Condition::EventAgeExceeded));
                } else if moment > now {
                    due.add(moment.min(expires.after(Duration::from_millis(1))));
                } else if in_flight < self.settings.maximum_concurrency {
                    in_flight += 1;
                    life.state = State::InFlight;
                    actions.push(Action::Invoke { event: *event, content: life.content.clone() });
                }
            }
            if life.extend <= now {
                life.extend = now.after(self.settings.hidden / EXTEND_AFTER);
                actions.push(Action::Hide { event: *event });
            }
            due.add(life.extend);
        }
        for (event, condition) in hopeless {
            self.end(event, condition, now, actions);
        }
        if self.phase == Phase::Running {
            self.rest(now, actions);
        }
        actions.extend(due.moment().map(Action::WaitUntil));
    }

    /// Returns the events with the longest waits to their queue if more than [`HELD`] wait.
    ///
    /// Events that are due within [`SHORTEST_REST`](crate::own_queue::resting::SHORTEST_REST) stay.
    fn rest(&mut self, now: Moment, actions: &mut Vec<Action>) {
        if self.events.len() <= HELD {
            return;
        }
        let waiting = self.events.iter().filter_map(|(event, life)| match life.state {
            State::Due(due) => Some((self.wakes(life, due), *event)),
            State::InFlight | State::HandingOver => None,
        });
        let resting: Vec<_> = too_many(waiting, now).collect();
        for (wakes, event) in resting {
            if let Some(mut life) = self.events.remove(&event) {
                life.content.payload = Bytes::new();
                let id = life.content.request_id.clone();
                self.resting.add(id, life, wakes, self.settings.hidden);
                actions.push(Action::Rest { event, wait: wakes.since(now) });
            }
        }
    }

    /// Returns when an event needs attention: at its next attempt, or when it becomes too old.
    fn wakes(&self, life: &Life, due: Moment) -> Moment {
        let expired = life.content.accepted.after(self.settings.maximum_event_age);
        due.min(expired.after(Duration::from_millis(1)))
    }

    fn illegal(&self, event: u64, input: &Input) -> IllegalInput {
        let state = match self.events.get(&event) {
            Some(life) => format!("event {event}, {},", life.state),
            None => format!("event {event}, which does not exist,"),
        };
        let machine = "asynchronous invocation".to_owned();
        IllegalInput { machine, state, input: input.to_string() }
    }
}

impl Machine for Invocations {
    type Input = Input;
    type Action = Action;

    fn timer_due() -> Input {
        Input::TimerDue
    }

    fn stop() -> Input {
        Input::Stop
    }

    fn handle(&mut self, input: Input, now: Moment) -> Result<Vec<Action>, IllegalInput> {
        let mut actions = Vec::new();
        match input {
            Input::Accepted { event, .. } if self.phase != Phase::Running => {
                actions.push(Action::Release { event });
            }
            Input::Accepted { event, content } => {
                if self.events.contains_key(&event) {
                    return Err(self.illegal(event, &Input::Accepted { event, content }));
                }
                let extend = now.after(self.settings.hidden / EXTEND_AFTER);
                let life = match self.resting.wake(&content.request_id) {
                    Some(life) => Life { content, extend, ..life },
                    None => {
                        let (state, answer) = (State::Due(now), None);
                        Life { content, state, attempts: 0, throttles: 0, answer, extend }
                    }
                };
                self.events.insert(event, life);
            }
            Input::Answered { event, answer } => {
                match self.events.get(&event).map(|life| life.state) {
                    Some(State::InFlight) => self.answered(event, answer, now, &mut actions),
                    _ => return Err(self.illegal(event, &Input::Answered { event, answer })),
                }
            }
            Input::HandedOver { event } => match self.events.get(&event).map(|life| life.state) {
                Some(State::HandingOver) => self.finish(event, &mut actions),
                _ => return Err(self.illegal(event, &Input::HandedOver { event })),
            },
            Input::Empty { began } => drop(self.resting.forget_lost(began)),
            Input::TimerDue => {}
            Input::Stop => {
                if self.phase == Phase::Running {
                    self.phase = Phase::Stopping;
                }
            }
        }
        self.settle(now, &mut actions);
        Ok(actions)
    }
}

impl EventMachine for Invocations {
    /// Returns how many events may be taken from the queue now.
    ///
    /// Events that wait for a later attempt do not count, so they never block other events: see
    /// [`Action::Rest`].
    fn room(&self, now: Moment) -> usize {
        if self.phase != Phase::Running {
            return 0;
        }
        let active = self
            .events
            .values()
            .filter(|life| match life.state {
                State::Due(due) => due <= now,
                State::InFlight => true,
                // A hand-over needs no execution environment, and its destination may be
                // unavailable for a long time.
                State::HandingOver => false,
            })
            .count();
        let ahead = (self.settings.maximum_concurrency.max(1) * 2).saturating_sub(active);
        ahead.min(HELD_AT_MOST.saturating_sub(self.events.len()))
    }

    fn is_idle(&self) -> bool {
        self.events.is_empty() && self.resting.is_empty()
    }

    fn empty(began: Moment) -> Input {
        Input::Empty { began }
    }
}
