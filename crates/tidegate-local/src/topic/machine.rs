//! Decides about the messages of a topic: a state machine without clock and I/O.
//!
//! A message lives until every matching subscription has delivered it to its receiver or to a
//! dead-letter queue. It is either in memory (`messages`) or waits in its queue (`resting`), never
//! in both. It leaves the queue only by [`Action::Finish`].
//!
//! Order: of the messages of one group, a subscription delivers one at a time, in the order of
//! their numbers. So a delivery that is retried holds back the later messages of its group, for its
//! own subscription alone. A message with a group never rests, because it would come back behind
//! later ones.

use std::collections::{BTreeMap, BTreeSet};

use super::life::{Delivery, Life, State};
use super::pace;
use super::refusal::Refusal;
use super::settings::TopicSettings;
use super::status::SubscriptionStatus;
use super::step::{Action, Input};
use crate::driver::{IllegalInput, Machine};
use crate::own_queue::{EXTEND_AFTER, EventMachine, HELD, HELD_AT_MOST, Phase, Resting, too_many};
use crate::pace::Earliest;
use crate::pace::scale::scale;
use lambda_shapes::moment::Moment;
use lambda_shapes::text::shortened;

/// Most concurrent deliveries.
pub(super) const AT_A_TIME: usize = 32;

/// The state machine of one topic: its messages that have not reached every receiver.
#[derive(Debug)]
pub struct Fanout {
    settings: TopicSettings,
    pub(super) messages: BTreeMap<u64, Life>,
    /// Messages that wait in their queue for another try.
    pub(super) resting: Resting<Life>,
    phase: Phase,
    subscriptions: Vec<SubscriptionStatus>,
}

impl Fanout {
    /// Creates a state machine without messages.
    #[must_use]
    pub fn new(settings: TopicSettings) -> Self {
        let subscriptions = vec![SubscriptionStatus::default(); settings.subscriptions];
        Self {
            settings,
            messages: BTreeMap::new(),
            resting: Resting::default(),
            phase: Phase::Running,
            subscriptions,
        }
    }

    /// Returns the counts since the start, by subscription.
    #[must_use]
    pub fn counts(&self) -> &[SubscriptionStatus] {
        &self.subscriptions
    }

    /// Returns the number of messages that are not yet delivered to every receiver.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.messages.len() + self.resting.len()
    }

    /// Returns whether a message with this id waits in its queue for another try.
    #[must_use]
    pub fn rests(&self, id: &str) -> bool {
        self.resting.contains(id)
    }

    fn expect(
        &self,
        message: u64,
        subscription: usize,
        expected: State,
        input: impl Fn() -> String,
    ) -> Result<(), IllegalInput> {
        let found = self.messages.get(&message).and_then(|life| life.left.get(&subscription));
        let state = match found.map(|delivery| delivery.state) {
            Some(state) if state == expected => return Ok(()),
            Some(State::Due(_)) => "waiting for its next try",
            Some(State::Trying) => "being delivered",
            Some(State::Parking) => "on its way to the dead-letter queue",
            None => "which has no such delivery",
        };
        Err(illegal(
            format!("message {message} for subscription {subscription}, {state},"),
            input(),
        ))
    }

    fn accepted(
        &mut self,
        message: u64,
        (id, group): (String, Option<String>),
        subscriptions: Vec<usize>,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let extend = now.after(self.settings.hidden / EXTEND_AFTER);
        if let Some(life) = self.resting.wake(&id) {
            self.messages.insert(message, Life { extend, ..life });
            return;
        }
        if subscriptions.is_empty() {
            return actions.push(Action::Finish { message });
        }
        for subscription in &subscriptions {
            self.count(*subscription, |counts| {
                counts.matched += 1;
                counts.waiting += 1;
            });
        }
        let due = || Delivery { state: State::Due(now), failed: 0, refusal: None };
        let left = subscriptions.into_iter().map(|subscription| (subscription, due())).collect();
        self.messages.insert(message, Life { id, group, left, extend });
    }

    fn tried(
        &mut self,
        message: u64,
        subscription: usize,
        result: Result<(), Refusal>,
        jitter: f64,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let Err(refusal) = result else {
            self.count(subscription, |counts| counts.handed_over += 1);
            return self.done(message, subscription, actions);
        };
        let life = self.messages.get_mut(&message);
        let Some(delivery) = life.and_then(|life| life.left.get_mut(&subscription)) else { return };
        delivery.failed += 1;
        let (failed, why) = (delivery.failed, shortened(&refusal.message));
        let wait = pace::wait(failed).filter(|_| refusal.is_transient);
        delivery.refusal = Some(refusal.clone());
        delivery.state = match wait {
            // Jitter: half of the wait is random.
            Some(wait) => State::Due(now.after(
                scale(wait, self.settings.time_scale).mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0)),
            )),
            None => State::Parking,
        };
        self.count(subscription, |counts| {
            counts.failing += u64::from(failed == 1);
            counts.failed += u64::from(wait.is_none());
            counts.last_error = Some(why);
            counts.last_error_at = Some(now.with_millis());
        });
        if wait.is_none() {
            actions.push(Action::Park { message, subscription, refusal });
        }
    }

    fn done(&mut self, message: u64, subscription: usize, actions: &mut Vec<Action>) {
        let Some(life) = self.messages.get_mut(&message) else { return };
        let done = life.left.remove(&subscription);
        if life.left.is_empty() {
            self.messages.remove(&message);
            actions.push(Action::Finish { message });
        }
        if let Some(done) = done {
            self.forget(subscription, &done);
        }
    }

    /// Uncounts a delivery that is done, or no longer this engine's to do.
    fn forget(&mut self, subscription: usize, delivery: &Delivery) {
        self.count(subscription, |counts| {
            counts.waiting = counts.waiting.saturating_sub(1);
            counts.failing = counts.failing.saturating_sub(u64::from(delivery.failed > 0));
        });
    }

    fn count(&mut self, subscription: usize, count: impl FnOnce(&mut SubscriptionStatus)) {
        if let Some(counts) = self.subscriptions.get_mut(subscription) {
            count(counts);
        }
    }

    fn trying(&self) -> usize {
        let deliveries = self.messages.values().flat_map(|life| life.left.values());
        deliveries.filter(|delivery| delivery.state == State::Trying).count()
    }

    /// Releases waiting messages, and ends once no try is in flight.
    fn wind_down(&mut self, actions: &mut Vec<Action>) {
        let due = |_: &u64, life: &mut Life| {
            life.left.values().all(|delivery| matches!(delivery.state, State::Due(_)))
        };
        let released: Vec<_> = self.messages.extract_if(.., due).collect();
        for (message, life) in released {
            life.left.iter().for_each(|(of, delivery)| self.forget(*of, delivery));
            actions.push(Action::Release { message });
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
        let (mut due, mut again) = (Earliest::default(), Vec::new());
        // Groups of which a subscription has an earlier message to deliver.
        let mut held: BTreeSet<(usize, &str)> = BTreeSet::new();
        for (message, life) in &mut self.messages {
            for (subscription, delivery) in &mut life.left {
                let group = life.group.as_deref();
                if group.is_some_and(|group| !held.insert((*subscription, group))) {
                    continue;
                }
                let State::Due(moment) = delivery.state else { continue };
                if self.phase != Phase::Running {
                    // Stopping: the message is here only because another of its deliveries is in
                    // flight.
                } else if moment > now {
                    due.add(moment);
                } else if trying < AT_A_TIME {
                    trying += 1;
                    delivery.state = State::Trying;
                    again.extend((delivery.failed > 0).then_some(*subscription));
                    actions
                        .push(Action::Deliver { message: *message, subscription: *subscription });
                }
            }
            if life.extend <= now {
                life.extend = now.after(self.settings.hidden / EXTEND_AFTER);
                actions.push(Action::Hide { message: *message });
            }
            due.add(life.extend);
        }
        for subscription in again {
            self.count(subscription, |counts| counts.retries += 1);
        }
        if self.phase == Phase::Running {
            self.rest(now, actions);
        }
        actions.extend(due.moment().map(Action::WaitUntil));
    }

    /// Returns the messages with the longest waits to their queue if more than [`HELD`] wait.
    fn rest(&mut self, now: Moment, actions: &mut Vec<Action>) {
        if self.messages.len() <= HELD {
            return;
        }
        let waiting =
            self.messages.iter().filter_map(|(message, life)| Some((wakes(life)?, *message)));
        let resting: Vec<_> = too_many(waiting, now).collect();
        for (wakes, message) in resting {
            if let Some(life) = self.messages.remove(&message) {
                self.resting.add(life.id.clone(), life, wakes, self.settings.hidden);
                actions.push(Action::Rest { message, wait: wakes.since(now) });
            }
        }
    }
}

/// Returns when a message may be tried again; `None` while one of its deliveries goes on, and for
/// a message that must keep its place in a group.
fn wakes(life: &Life) -> Option<Moment> {
    if life.group.is_some() {
        return None;
    }
    let due = life.left.values().map(|delivery| match delivery.state {
        State::Due(due) => Some(due),
        State::Trying | State::Parking => None,
    });
    due.min_by_key(|due| due.map_or(i64::MIN, Moment::as_millis))?
}

impl Machine for Fanout {
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
            Input::Accepted { message, .. } if self.phase != Phase::Running => {
                actions.push(Action::Release { message });
            }
            Input::Accepted { message, id, group, subscriptions } => {
                if self.messages.contains_key(&message) {
                    let state = format!("message {message}, which already exists,");
                    return Err(illegal(state, format!("message {message}, new")));
                }
                self.accepted(message, (id, group), subscriptions, now, &mut actions);
            }
            Input::Tried { message, subscription, result, jitter } => {
                self.expect(message, subscription, State::Trying, || {
                    format!("a try of message {message} for subscription {subscription}")
                })?;
                self.tried(message, subscription, result, jitter, now, &mut actions);
            }
            Input::Parked { message, subscription } => {
                let input = || Input::Parked { message, subscription }.to_string();
                self.expect(message, subscription, State::Parking, input)?;
                self.done(message, subscription, &mut actions);
            }
            Input::Empty { began } => {
                for life in self.resting.forget_lost(began) {
                    life.left.iter().for_each(|(of, delivery)| self.forget(*of, delivery));
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

impl EventMachine for Fanout {
    /// Returns how many messages may be taken from the queue now.
    ///
    /// Messages that wait for a later try do not count, so they never block other messages: see
    /// [`Action::Rest`].
    fn room(&self, now: Moment) -> usize {
        if self.phase != Phase::Running {
            return 0;
        }
        let is_active = |delivery: &Delivery| match delivery.state {
            State::Due(due) => due <= now,
            State::Trying => true,
            State::Parking => false,
        };
        let active = self.messages.values().filter(|life| life.left.values().any(is_active));
        let left = HELD_AT_MOST.saturating_sub(self.messages.len());
        (AT_A_TIME * 2).saturating_sub(active.count()).min(left)
    }

    fn is_idle(&self) -> bool {
        self.waiting() == 0
    }

    fn empty(began: Moment) -> Input {
        Input::Empty { began }
    }
}

fn illegal(state: String, input: String) -> IllegalInput {
    IllegalInput { machine: "topic".to_owned(), state, input }
}
