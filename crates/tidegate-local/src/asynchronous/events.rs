//! The life of a function's asynchronous events, as a state machine without clock and I/O.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::failure::{self, Condition, GivenUp};
use crate::invocation::{Answer, InvocationResult};
use crate::mapping::moment::Moment;
use crate::mapping::retry::{is_exhausted, scale};
use crate::topology::model::Asynchronous;

/// Lambda's waits after the first and the second function error.
const AFTER_ERROR: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];
/// Lambda's wait after the first throttle, doubled up to the longest.
const AFTER_THROTTLE: Duration = Duration::from_secs(1);
const LONGEST_AFTER_THROTTLE: Duration = Duration::from_secs(300);
/// Events held at a time, those that wait for a retry included.
const HELD: usize = 1000;
/// For how many seconds a received event is hidden in its queue at a time: how soon another engine takes over after a crash.
pub(crate) const HIDDEN_SECONDS: u32 = 120;
/// The part of the time for which an event is hidden in its queue after which that time is extended.
const EXTEND_AFTER: u32 = 2;

/// What asynchronous invocation of a function goes by.
#[derive(Clone, Debug)]
pub struct AsynchronousSettings {
    /// Unqualified ARN of the function.
    pub function_arn: String,
    /// Retries after a function error.
    pub maximum_retry_attempts: u32,
    /// How long an event is kept.
    pub maximum_event_age: Duration,
    /// Most concurrent invocations.
    pub maximum_concurrency: usize,
    /// Given-up events go to a destination, and count as finished only once they are there.
    pub has_destination: bool,
    /// For how long a received event is hidden in its queue at a time.
    pub hidden: Duration,
    /// Divides the waits between attempts; 1 is AWS's own pace.
    pub time_scale: f64,
}

impl AsynchronousSettings {
    /// Settings of a declared function; Lambda's defaults (2 retries, 6 hours) where it declares none.
    #[must_use]
    pub fn of(
        declared: Option<&Asynchronous>,
        function_arn: &str,
        maximum_concurrency: u32,
        time_scale: f64,
    ) -> Self {
        Self {
            function_arn: function_arn.to_owned(),
            maximum_retry_attempts: declared.map_or(2, |declared| declared.maximum_retry_attempts),
            maximum_event_age: Duration::from_secs(
                declared.map_or(21_600, |declared| declared.maximum_event_age_seconds).into(),
            ),
            maximum_concurrency: usize::try_from(maximum_concurrency.max(1)).unwrap_or(usize::MAX),
            has_destination: declared.is_some(),
            hidden: Duration::from_secs(HIDDEN_SECONDS.into()),
            time_scale,
        }
    }
}

/// An event as its source hands it over.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it was accepted for asynchronous invocation; its age counts from here.
    pub accepted: Moment,
    /// The payload.
    pub payload: Bytes,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// An event came, under a number that is not in use.
    Accepted {
        /// Its number.
        event: u64,
        /// The event.
        content: Event,
    },
    /// An invocation is over.
    Answered {
        /// The event.
        event: u64,
        /// How it ended.
        answer: Answer,
    },
    /// The on-failure record has reached its destination.
    HandedOver {
        /// The event.
        event: u64,
    },
    /// A moment that was waited for has come.
    TimerDue,
    /// Nothing new may be begun.
    Stop,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { event, .. } => write!(f, "event {event}, new"),
            Self::Answered { event, .. } => write!(f, "an answer to event {event}"),
            Self::HandedOver { event } => write!(f, "the hand-over of event {event}"),
            Self::TimerDue => f.write_str("a timer"),
            Self::Stop => f.write_str("a stop"),
        }
    }
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Invoke the function.
    Invoke {
        /// The event.
        event: u64,
        /// Its payload.
        payload: Bytes,
    },
    /// Keep the event hidden in its queue for the settings' time from now on.
    Hide {
        /// The event.
        event: u64,
    },
    /// Send this to the on-failure destination.
    HandOver {
        /// The event.
        event: u64,
        /// The on-failure record.
        body: String,
    },
    /// The event's life has ended: delete it from its queue.
    Finish {
        /// The event.
        event: u64,
    },
    /// Give [`Input::TimerDue`] at this moment. Each step says anew what is waited for; without it nothing is.
    WaitUntil(Moment),
    /// Nothing is in flight after [`Input::Stop`].
    Stopped,
}

/// An input that the state does not allow.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("asynchronous invocation: {state} does not allow {input}")]
pub struct IllegalInput {
    /// What was going on.
    pub state: String,
    /// What came.
    pub input: String,
}

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Function errors after which an event is tried again.
    pub retries: u64,
    /// Invocations for which no execution environment was free.
    pub throttled: u64,
    /// Events given up.
    pub failed: u64,
    /// Events the function is done with.
    pub delivered: u64,
    /// The last function error.
    pub last_error: Option<String>,
}

/// The events of one function.
#[derive(Debug)]
pub struct Events {
    settings: AsynchronousSettings,
    events: BTreeMap<u64, Life>,
    stop: Stop,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Running,
    Stopping,
    Stopped,
}

#[derive(Debug)]
struct Life {
    content: Event,
    state: State,
    attempts: u32,
    throttles: u32,
    request_id: String,
    error: Option<Bytes>,
    /// When the event's hiding must be extended.
    extend: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Due(Moment),
    InFlight,
    HandingOver,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Due(_) => "waiting for its next attempt",
            Self::InFlight => "in flight",
            Self::HandingOver => "being handed over",
        })
    }
}

impl Events {
    /// No events.
    #[must_use]
    pub fn new(settings: AsynchronousSettings) -> Self {
        Self { settings, events: BTreeMap::new(), stop: Stop::Running, counts: Counts::default() }
    }

    /// Counts since the start.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// No event is alive.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.events.is_empty()
    }

    /// Number of invocations in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.events.values().filter(|life| life.state == State::InFlight).count()
    }

    /// Number of events that wait for an attempt or are being handed over.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.events.len() - self.in_flight()
    }

    /// How many events may be taken in now. Events that wait for a later attempt do not hold others up.
    #[must_use]
    pub fn room(&self, now: Moment) -> usize {
        if self.stop != Stop::Running {
            return 0;
        }
        let active = self
            .events
            .values()
            .filter(|life| match life.state {
                State::Due(due) => due <= now,
                State::InFlight => true,
                // A hand-over needs no environment, and its destination may be out of order for long.
                State::HandingOver => false,
            })
            .count();
        let ahead = (self.settings.maximum_concurrency * 2).saturating_sub(active);
        ahead.min(HELD.saturating_sub(self.events.len()))
    }

    /// The one transition: takes in what happened and says what is to be done.
    ///
    /// # Errors
    /// An input that the state does not allow. The state is then unchanged.
    pub fn handle(&mut self, input: Input, now: Moment) -> Result<Vec<Action>, IllegalInput> {
        let mut actions = Vec::new();
        let refused = |state: String, input: &Input| Err(IllegalInput { state, input: input.to_string() });
        let described = |event: u64, life: Option<&Life>| match life {
            Some(life) => format!("event {event}, {},", life.state),
            None => format!("event {event}, which does not exist,"),
        };
        match input {
            // It stays in its queue and becomes visible again.
            Input::Accepted { .. } if self.stop != Stop::Running => {}
            Input::Accepted { event, content } => {
                if let Some(life) = self.events.get(&event) {
                    let state = described(event, Some(life));
                    return refused(state, &Input::Accepted { event, content });
                }
                let life = Life {
                    content,
                    state: State::Due(now),
                    attempts: 0,
                    throttles: 0,
                    request_id: String::new(),
                    error: None,
                    extend: now.after(self.settings.hidden / EXTEND_AFTER),
                };
                self.events.insert(event, life);
            }
            Input::Answered { event, answer } => match self.events.get(&event).map(|life| life.state) {
                Some(State::InFlight) => self.answered(event, answer, now, &mut actions),
                _ => {
                    let state = described(event, self.events.get(&event));
                    return refused(state, &Input::Answered { event, answer });
                }
            },
            Input::HandedOver { event } => match self.events.get(&event).map(|life| life.state) {
                Some(State::HandingOver) => self.finish(event, &mut actions),
                _ => {
                    let state = described(event, self.events.get(&event));
                    return refused(state, &Input::HandedOver { event });
                }
            },
            Input::TimerDue => {}
            Input::Stop => {
                if self.stop == Stop::Running {
                    self.stop = Stop::Stopping;
                }
            }
        }
        self.settle(now, &mut actions);
        Ok(actions)
    }

    fn answered(&mut self, event: u64, answer: Answer, now: Moment, actions: &mut Vec<Action>) {
        let Some(life) = self.events.get_mut(&event) else { return };
        match answer.result {
            InvocationResult::Success(_) => {
                self.counts.delivered += 1;
                self.finish(event, actions);
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
                life.throttles = 0;
                life.attempts += 1;
                life.request_id = answer.request_id;
                life.error = Some(error);
                if is_exhausted(life.attempts, Some(self.settings.maximum_retry_attempts)) {
                    return self.give_up(event, Condition::RetriesExhausted, now, actions);
                }
                let index = usize::try_from(life.attempts - 1).unwrap_or(usize::MAX);
                let wait = AFTER_ERROR.get(index).or(AFTER_ERROR.last()).copied().unwrap_or_default();
                life.state = State::Due(now.after(scale(wait, self.settings.time_scale)));
                self.counts.retries += 1;
            }
        }
    }

    fn give_up(&mut self, event: u64, condition: Condition, now: Moment, actions: &mut Vec<Action>) {
        let Some(life) = self.events.get_mut(&event) else { return };
        self.counts.failed += 1;
        let given_up = GivenUp {
            request_id: &life.request_id,
            function_arn: &self.settings.function_arn,
            condition,
            count: life.attempts,
            payload: &life.content.payload,
            error: life.error.as_deref(),
        };
        match failure::record(&given_up, now) {
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

    fn settle(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let mut in_flight = self.in_flight();
        match self.stop {
            Stop::Running => {}
            Stop::Stopping if in_flight == 0 => {
                self.stop = Stop::Stopped;
                actions.push(Action::Stopped);
                return;
            }
            Stop::Stopping => {}
            Stop::Stopped => return,
        }
        let mut due: Option<Moment> = None;
        let mut wait = |moment: Moment| due = Some(due.map_or(moment, |earliest| earliest.min(moment)));
        let mut too_old = Vec::new();
        for (event, life) in &mut self.events {
            if let State::Due(moment) = life.state
                && self.stop == Stop::Running
            {
                let expires = life.content.accepted.after(self.settings.maximum_event_age);
                if expires < now {
                    too_old.push(*event);
                    continue;
                }
                if moment > now {
                    wait(moment.min(expires.after(Duration::from_millis(1))));
                } else if in_flight < self.settings.maximum_concurrency {
                    in_flight += 1;
                    life.state = State::InFlight;
                    actions.push(Action::Invoke { event: *event, payload: life.content.payload.clone() });
                }
            }
            if life.extend <= now {
                life.extend = now.after(self.settings.hidden / EXTEND_AFTER);
                actions.push(Action::Hide { event: *event });
            }
            wait(life.extend);
        }
        for event in too_old {
            self.give_up(event, Condition::EventAgeExceeded, now, actions);
        }
        if let Some(moment) = due {
            actions.push(Action::WaitUntil(moment));
        }
    }
}

#[cfg(test)]
mod tests;
