//! Decides about the events of a bus: a state machine without clock and I/O.
//!
//! An event lives until every matching rule has handed it to its target or to a dead-letter queue.
//! It is either in memory (`events`) or waits in its queue (`resting`), never in both. Its message
//! leaves the queue only by [`Action::Finish`].
//!
//! Example: rules 0 and 1 match an event. [`Input::Accepted`] leads to two times
//! [`Action::HandOver`]. Rule 0 succeeds. Rule 1 fails with a final error, which leads to
//! [`Action::Park`]. [`Input::Parked`] then leads to [`Action::Finish`], since no hand-over is
//! left.

use std::collections::BTreeMap;
use std::time::Duration;

use super::life::{HandOver, Life, State};
use super::refusal::{GivenUp, Refusal};
use super::settings::BusSettings;
use super::status::RuleStatus;
use super::step::{Action, Input};
use crate::driver::{IllegalInput, Machine};
use crate::exhausted::Exhausted;
use crate::own_queue::{EXTEND_AFTER, EventMachine, HELD, HELD_AT_MOST, Phase, Resting, too_many};
use crate::pace::Earliest;
use crate::pace::scale::scale;
use lambda_shapes::moment::Moment;
use lambda_shapes::text::shortened;

/// Wait after the first failed try; it doubles up to [`LONGEST`].
///
/// EventBridge documents only that its back-off is exponential with jitter, and makes 185 tries
/// within a day. These numbers lead to about as many.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);
/// Most concurrent hand-overs.
pub(super) const AT_A_TIME: usize = 32;

/// The state machine of one bus: its events that have not reached every target.
#[derive(Debug)]
pub struct Router {
    settings: BusSettings,
    pub(super) events: BTreeMap<u64, Life>,
    /// Events that wait in their queue for another try.
    pub(super) resting: Resting<Life>,
    phase: Phase,
    rules: Vec<RuleStatus>,
}

impl Router {
    /// Creates a state machine without events.
    #[must_use]
    pub fn new(settings: BusSettings) -> Self {
        let rules = vec![RuleStatus::default(); settings.retries.len()];
        Self {
            settings,
            events: BTreeMap::new(),
            resting: Resting::default(),
            phase: Phase::Running,
            rules,
        }
    }

    /// Returns the counts since the start, by rule.
    #[must_use]
    pub fn counts(&self) -> &[RuleStatus] {
        &self.rules
    }

    /// Returns the number of events that are not yet handed to every target.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.events.len() + self.resting.len()
    }

    /// Returns whether an event with this message id waits in its queue for another try.
    #[must_use]
    pub fn rests(&self, id: &str) -> bool {
        self.resting.contains(id)
    }

    fn new_life(
        &mut self,
        id: String,
        accepted: Moment,
        rules: Vec<usize>,
        now: Moment,
        extend: Moment,
    ) -> Life {
        for rule in &rules {
            self.count(*rule, |counts| {
                counts.matched += 1;
                counts.waiting += 1;
            });
        }
        let due = || HandOver { state: State::Due(now), failed: 0, refusal: None };
        let left = rules.into_iter().map(|rule| (rule, due())).collect();
        Life { id, accepted, left, extend }
    }

    fn expect(
        &self,
        event: u64,
        rule: usize,
        expected: State,
        input: impl Fn() -> String,
    ) -> Result<(), IllegalInput> {
        let found = self.events.get(&event).and_then(|life| life.left.get(&rule));
        let state = match found.map(|hand_over| hand_over.state) {
            Some(state) if state == expected => return Ok(()),
            Some(State::Due(_)) => "waiting for its next try",
            Some(State::Trying) => "being handed over",
            Some(State::Parking) => "on its way to the dead-letter queue",
            None => "which has no such hand-over",
        };
        Err(illegal(format!("event {event} for rule {rule}, {state},"), input()))
    }

    fn tried(
        &mut self,
        event: u64,
        rule: usize,
        result: Result<(), Refusal>,
        jitter: f64,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let Err(refusal) = result else {
            self.count(rule, |counts| counts.handed_over += 1);
            return self.done(event, rule, actions);
        };
        let Some(retries) = self.settings.retries.get(rule).copied() else { return };
        let life = self.events.get_mut(&event);
        let Some(hand_over) = life.and_then(|life| life.left.get_mut(&rule)) else { return };
        hand_over.failed += 1;
        let (failed, is_transient) = (hand_over.failed, refusal.is_transient);
        let why = shortened(&refusal.message);
        hand_over.refusal = Some(refusal);
        if is_transient && failed <= retries.maximum_attempts {
            // Jitter: half of the wait is random.
            let wait =
                FIRST.saturating_mul(2_u32.saturating_pow((failed - 1).min(20))).min(LONGEST);
            let wait =
                scale(wait, self.settings.time_scale).mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
            hand_over.state = State::Due(now.after(wait));
        }
        self.count(rule, |counts| {
            counts.failing += u64::from(failed == 1);
            counts.last_error = Some(why);
            counts.last_error_at = Some(now.with_millis());
        });
        if !is_transient {
            self.give_up(event, rule, None, actions);
        } else if failed > retries.maximum_attempts {
            self.give_up(event, rule, Some(Exhausted::MaximumRetryAttempts), actions);
        }
    }

    fn give_up(
        &mut self,
        event: u64,
        rule: usize,
        exhausted: Option<Exhausted>,
        actions: &mut Vec<Action>,
    ) {
        let life = self.events.get_mut(&event);
        let Some(hand_over) = life.and_then(|life| life.left.get_mut(&rule)) else { return };
        let Some(refusal) = hand_over.refusal.clone() else { return };
        hand_over.state = State::Parking;
        let retry_attempts = hand_over.failed.saturating_sub(1);
        let exhausted = exhausted.filter(|_| retry_attempts > 0);
        actions.push(Action::Park {
            event,
            rule,
            given_up: GivenUp { refusal, retry_attempts, exhausted },
        });
        self.count(rule, |counts| counts.failed += 1);
    }

    fn done(&mut self, event: u64, rule: usize, actions: &mut Vec<Action>) {
        let Some(life) = self.events.get_mut(&event) else { return };
        let done = life.left.remove(&rule);
        if life.left.is_empty() {
            self.events.remove(&event);
            actions.push(Action::Finish { event });
        }
        if let Some(done) = done {
            self.forget(rule, &done);
        }
    }

    /// Uncounts a hand-over that is done, or no longer this engine's to do.
    fn forget(&mut self, rule: usize, hand_over: &HandOver) {
        self.count(rule, |counts| {
            counts.waiting = counts.waiting.saturating_sub(1);
            counts.failing = counts.failing.saturating_sub(u64::from(hand_over.failed > 0));
        });
    }

    fn count(&mut self, rule: usize, count: impl FnOnce(&mut RuleStatus)) {
        if let Some(counts) = self.rules.get_mut(rule) {
            count(counts);
        }
    }

    fn trying(&self) -> usize {
        let hand_overs = self.events.values().flat_map(|life| life.left.values());
        hand_overs.filter(|hand_over| hand_over.state == State::Trying).count()
    }

    /// Releases waiting events, and ends once no try is in flight.
    fn wind_down(&mut self, actions: &mut Vec<Action>) {
        let due = |_: &u64, life: &mut Life| {
            life.left.values().all(|hand_over| matches!(hand_over.state, State::Due(_)))
        };
        let released: Vec<_> = self.events.extract_if(.., due).collect();
        for (event, life) in released {
            life.left.iter().for_each(|(rule, hand_over)| self.forget(*rule, hand_over));
            actions.push(Action::Release { event });
        }
        if self.trying() == 0 {
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
        let mut trying = self.trying();
        let mut due = Earliest::default();
        let (mut too_old, mut again) = (Vec::new(), Vec::new());
        for (event, life) in &mut self.events {
            for (rule, hand_over) in &mut life.left {
                let State::Due(moment) = hand_over.state else { continue };
                let Some(retries) = self.settings.retries.get(*rule) else { continue };
                let expires = life.accepted.after(retries.maximum_age);
                if self.phase != Phase::Running {
                    // Stopping: the event is here only because another of its hand-overs is in
                    // flight.
                } else if hand_over.failed > 0 && expires < now {
                    // Even an event that is too old is tried once.
                    too_old.push((*event, *rule));
                } else if moment > now {
                    due.add(moment.min(expires.after(Duration::from_millis(1)).max(now)));
                } else if trying < AT_A_TIME {
                    trying += 1;
                    hand_over.state = State::Trying;
                    again.extend((hand_over.failed > 0).then_some(*rule));
                    actions.push(Action::HandOver { event: *event, rule: *rule });
                }
            }
            if life.extend <= now {
                life.extend = now.after(self.settings.hidden / EXTEND_AFTER);
                actions.push(Action::Hide { event: *event });
            }
            due.add(life.extend);
        }
        for rule in again {
            self.count(rule, |counts| counts.retries += 1);
        }
        for (event, rule) in too_old {
            self.give_up(event, rule, Some(Exhausted::MaximumEventAgeInSeconds), actions);
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
        let waiting =
            self.events.iter().filter_map(|(event, life)| Some((self.wakes(life)?, *event)));
        let resting: Vec<_> = too_many(waiting, now).collect();
        for (wakes, event) in resting {
            if let Some(life) = self.events.remove(&event) {
                self.resting.add(life.id.clone(), life, wakes, self.settings.hidden);
                actions.push(Action::Rest { event, wait: wakes.since(now) });
            }
        }
    }

    /// Returns when an event needs attention; `None` while one of its hand-overs goes on.
    fn wakes(&self, life: &Life) -> Option<Moment> {
        let due = life.left.iter().map(|(rule, hand_over)| {
            let State::Due(due) = hand_over.state else { return None };
            let expires = life.accepted.after(self.settings.retries.get(*rule)?.maximum_age);
            Some(due.min(expires.after(Duration::from_millis(1))))
        });
        due.min_by_key(|due| due.map_or(i64::MIN, Moment::as_millis))?
    }
}

impl Machine for Router {
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
            Input::Accepted { event, id, accepted, rules } => {
                if self.events.contains_key(&event) {
                    let input = Input::Accepted { event, id, accepted, rules };
                    return Err(illegal(
                        format!("event {event}, which already exists,"),
                        input.to_string(),
                    ));
                }
                let extend = now.after(self.settings.hidden / EXTEND_AFTER);
                match self.resting.wake(&id) {
                    Some(life) => drop(self.events.insert(event, Life { extend, ..life })),
                    None if rules.is_empty() => actions.push(Action::Finish { event }),
                    None => {
                        let life = self.new_life(id, accepted, rules, now, extend);
                        self.events.insert(event, life);
                    }
                }
            }
            Input::Tried { event, rule, result, jitter } => {
                self.expect(event, rule, State::Trying, || {
                    format!("a try of event {event} for rule {rule}")
                })?;
                self.tried(event, rule, result, jitter, now, &mut actions);
            }
            Input::Parked { event, rule } => {
                let input = || Input::Parked { event, rule }.to_string();
                self.expect(event, rule, State::Parking, input)?;
                self.done(event, rule, &mut actions);
            }
            Input::Empty { began } => {
                for life in self.resting.forget_lost(began) {
                    life.left.iter().for_each(|(rule, hand_over)| self.forget(*rule, hand_over));
                }
            }
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

impl EventMachine for Router {
    /// Returns how many events may be taken from the queue now.
    ///
    /// Events that wait for a later try do not count, so they never block other events: see
    /// [`Action::Rest`].
    fn room(&self, now: Moment) -> usize {
        if self.phase != Phase::Running {
            return 0;
        }
        let is_active = |hand_over: &HandOver| match hand_over.state {
            State::Due(due) => due <= now,
            State::Trying => true,
            State::Parking => false,
        };
        let active = self.events.values().filter(|life| life.left.values().any(is_active)).count();
        (AT_A_TIME * 2).saturating_sub(active).min(HELD_AT_MOST.saturating_sub(self.events.len()))
    }

    fn is_idle(&self) -> bool {
        self.waiting() == 0
    }

    fn empty(began: Moment) -> Input {
        Input::Empty { began }
    }
}

fn illegal(state: String, input: String) -> IllegalInput {
    IllegalInput { machine: "bus".to_owned(), state, input }
}
