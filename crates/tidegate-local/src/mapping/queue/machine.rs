//! Delivers the messages of a queue: a state machine without clock and I/O.
//!
//! A received message is first held, then in a batch, and then deleted or left to become visible in
//! its queue again.
//!
//! # Invariants
//!
//! 1. A message is in one place: held, in one batch, or dropped. A dropped message is still in its
//!    queue and is received again.
//! 2. No message is handed to the function when it may already be visible in its queue again.
//! 3. A message group has at most one batch in flight. No message of a group overtakes one that
//!    failed.
//! 4. A message is deleted only when the function has handled it or the filter rejects it.
//!
//! # Example
//!
//! A mapping with batches of two messages, of which one may run at a time:
//!
//! | input | actions | then |
//! |---|---|---|
//! | `Start` | `Receive` of 2 | |
//! | `Received` a, b | `Invoke` with a and b | no receive: no second batch may run |
//! | `Answered`, b failed | `Delete` a | b is hidden until its visibility timeout ends |
//! | `Deleted` | `Receive` of 2 | b comes again, with a higher receive count |
//!
//! # What AWS does not document
//!
//! The rules are Lambda's. Where AWS documents none, this project decides:
//!
//! - **A throttled batch** goes again after 100 ms, doubled up to a minute, as long as its messages
//!   certainly stay hidden until the function has ended. Otherwise they come again from the queue,
//!   which raises their receive counts. Nothing counts as failed.
//! - **A mapping whose function fails** is not slowed down. Lambda lowers its concurrency by
//!   numbers that it does not publish.
//! - **A message that waits for a batch until its visibility timeout ends** is dropped; the queue
//!   has it again.
//! - **A batching window longer than the visibility timeout** ends before that timeout: earlier by
//!   the function's timeout, but by half of the visibility timeout at most.
//! - **The batching window of the next batch** begins when any invocation ends, unless the batch is
//!   already being gathered then.
//! - **A mapping without `maximum_concurrency`** runs as many batches as the function may have
//!   execution environments.
//! - **Held messages of a group that failed** are dropped, so that they come again behind the
//!   failure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use lambda_shapes::queue::Message;

use super::batch::{Batch, BatchState, busy, delivering};
use super::held::Held;
use super::illegal::{illegal, illegal_batch};
use super::returned::Returned;
use super::settings::QueueSettings;
use super::step::{Action, Input};
use crate::driver::{IllegalInput, Machine};
use crate::mapping::counts::Counts;
use crate::mapping::lane_status::{LaneCondition, LaneReport};
use crate::pace::Earliest;
use crate::pace::retry::Backoff;
use lambda_shapes::batching::{self, Limits, PAYLOAD_LIMIT, Window};
use lambda_shapes::moment::Moment;

/// Most messages in one ReceiveMessage call.
const RECEIVE_LIMIT: usize = 10;

/// The state machine of one queue.
#[derive(Debug)]
pub struct Queue {
    pub(super) settings: QueueSettings,
    pub(super) backoff: Backoff,
    reading: Reading,
    pub(super) held: Held,
    pub(super) returned: Returned,
    pub(super) batches: BTreeMap<u64, Batch>,
    next_batch: u64,
    /// When the last invocation ended, if no batch was being gathered then.
    pub(super) invoked: Option<Moment>,
    pub(super) counts: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    NotStarted,
    Receiving,
    Full,
    Stopping,
    Stopped,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotStarted => "a mapping not started",
            Self::Receiving => "a mapping that receives",
            Self::Full => "a mapping with no receive on its way",
            Self::Stopping => "a stopping mapping",
            Self::Stopped => "a stopped mapping",
        })
    }
}

impl Queue {
    /// Creates a queue that has not been read.
    #[must_use]
    pub fn new(settings: QueueSettings) -> Self {
        Self {
            backoff: Backoff::scaled(settings.time_scale),
            settings,
            reading: Reading::NotStarted,
            held: Held::default(),
            returned: Returned::default(),
            batches: BTreeMap::new(),
            next_batch: 0,
            invoked: None,
            counts: Counts::default(),
        }
    }

    /// Returns the counts since the start.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns the number of messages received and not finished.
    #[must_use]
    pub fn lag(&self) -> usize {
        self.held.len() + self.batches.values().map(|batch| batch.messages.len()).sum::<usize>()
    }

    /// Returns the number of invocations in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.batches.values().filter(|batch| batch.state == BatchState::InFlight).count()
    }

    /// Returns what waits after a throttle: at most ten batches.
    pub(super) fn throttled(&self) -> impl Iterator<Item = LaneReport> {
        let reports = self.batches.values().filter_map(|batch| match batch.state {
            BatchState::Waiting(until) => Some(LaneReport {
                records: batch.messages.len() as u64,
                until: Some(until),
                ..LaneReport::new(LaneCondition::Throttled)
            }),
            _ => None,
        });
        reports.take(LaneReport::LIMIT)
    }

    /// Returns when the oldest unfinished message was sent.
    ///
    /// Failed messages that are hidden until their next attempt count, too.
    #[must_use]
    pub fn oldest(&self, now: Moment) -> Option<Moment> {
        let delivering = delivering(&self.batches).flat_map(|batch| &batch.messages);
        let mine = delivering.chain(self.held.messages()).map(|message| message.sent);
        mine.chain(self.returned.oldest(now)).min()
    }

    /// Returns when the next failed message becomes visible.
    #[must_use]
    pub fn next_return(&self, now: Moment) -> Option<Moment> {
        self.returned.next(now)
    }

    /// Returns whether nothing is held, in flight or waiting.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.held.is_empty() && self.batches.is_empty()
    }

    /// Holds messages that pass the filter, and deletes the others.
    fn admit(&mut self, messages: Vec<Message>, now: Moment, actions: &mut Vec<Action>) {
        let filter = self.settings.filter.clone();
        let passes =
            |message: &Message| filter.as_ref().is_none_or(|filter| filter.passes(&message.json));
        let (passed, dropped): (Vec<_>, Vec<_>) = messages.into_iter().partition(passes);
        passed.iter().for_each(|message| self.returned.remove(&message.id));
        self.held.admit(passed, now);
        if dropped.is_empty() {
            return;
        }
        self.counts.filtered += dropped.len() as u64;
        let receipts = dropped.iter().map(|message| message.receipt.clone()).collect();
        actions.push(Action::Delete { batch: self.next_batch, receipts });
        let batch =
            Batch { messages: dropped, state: BatchState::Dropping, received: now, throttles: 0 };
        self.batches.insert(self.next_batch, batch);
        self.next_batch += 1;
    }

    /// Begins everything that can begin now, and asks for the next timer.
    fn settle(&mut self, now: Moment, actions: &mut Vec<Action>) {
        match self.reading {
            Reading::NotStarted | Reading::Stopped => return,
            Reading::Stopping => return self.wind_down(actions),
            Reading::Receiving | Reading::Full => {}
        }
        let mut due = Earliest::default();
        self.let_go(now);
        self.go_on(now, &mut due, actions);
        self.begin(now, &mut due, actions);
        self.receive(actions);
        actions.extend(due.moment().map(Action::WaitUntil));
    }

    /// Releases all messages outside invocations, and ends once no batch is left.
    fn wind_down(&mut self, actions: &mut Vec<Action>) {
        // A waiting batch has nothing in flight.
        let waiting = |_: &u64, batch: &mut Batch| matches!(batch.state, BatchState::Waiting(_));
        let waiting = self.batches.extract_if(.., waiting).flat_map(|(_, batch)| batch.messages);
        release(self.held.take().into_iter().chain(waiting), actions);
        if self.batches.is_empty() {
            self.reading = Reading::Stopped;
            actions.push(Action::Stopped);
        }
    }

    /// Drops messages that may be visible in their queue again.
    ///
    /// A late timer, as on a machine that slept, finds such messages.
    fn let_go(&mut self, now: Moment) {
        let kept = self.settings.certainly_hidden();
        let mut groups = BTreeSet::new();
        self.batches.retain(|_, batch| {
            let waits = matches!(batch.state, BatchState::Waiting(_));
            let stays = !waits || batch.received.after(kept) > now;
            if !stays {
                groups.extend(batch.messages.iter().filter_map(|message| message.group.clone()));
            }
            stays
        });
        self.held.forget(&groups);
        self.held.expire(kept, now);
    }

    /// Retries throttled batches that are due, and extends the visibility timeouts of batches in
    /// flight.
    fn go_on(&mut self, now: Moment, due: &mut Earliest, actions: &mut Vec<Action>) {
        let extended_after = self.settings.extended_after();
        for (id, batch) in &mut self.batches {
            match batch.state {
                BatchState::Waiting(until) if until <= now => {
                    batch.state = BatchState::InFlight;
                    self.counts.invocations += 1;
                    actions.push(invoke(*id, batch, &self.settings, now));
                }
                BatchState::Waiting(until) => {
                    due.add(until);
                    continue;
                }
                BatchState::InFlight => {
                    if extended_after.is_some_and(|after| batch.received.after(after) <= now) {
                        batch.received = now;
                        actions.push(Action::Hide { receipts: batch.receipts() });
                    }
                }
                BatchState::Deleting | BatchState::Dropping => continue,
            }
            if let Some(after) = extended_after {
                due.add(batch.received.after(after));
            }
        }
    }

    /// Invokes the function with held messages, as far as the concurrency allows.
    fn begin(&mut self, now: Moment, due: &mut Earliest, actions: &mut Vec<Action>) {
        while delivering(&self.batches).count() < self.settings.maximum_concurrency {
            match self.next_batch(now) {
                Ok(batch) => {
                    if let Some(after) = self.settings.extended_after() {
                        due.add(batch.received.after(after));
                    }
                    actions.push(invoke(self.next_batch, &batch, &self.settings, now));
                    self.batches.insert(self.next_batch, batch);
                    self.next_batch += 1;
                    self.counts.invocations += 1;
                }
                Err(moment) => {
                    moment.into_iter().for_each(|moment| due.add(moment));
                    break;
                }
            }
        }
    }

    /// Receives, if there is room.
    ///
    /// Messages that wait for their group must not keep others waiting.
    fn receive(&mut self, actions: &mut Vec<Action>) {
        let free = self.held.free(&busy(&self.batches));
        let room = self.settings.batch_size.saturating_sub(free).min(RECEIVE_LIMIT);
        let free = delivering(&self.batches).count() < self.settings.maximum_concurrency;
        if self.reading == Reading::Full && free && room > 0 {
            self.reading = Reading::Receiving;
            actions.push(Action::Receive { limit: room });
        }
    }

    /// Takes the next batch from the held messages, except those of a busy group.
    fn next_batch(&mut self, now: Moment) -> Result<Batch, Option<Moment>> {
        let limits = Limits {
            records: self.settings.batch_size,
            bytes: PAYLOAD_LIMIT,
            window: Window {
                length: self.settings.batching_window,
                previous: self.invoked,
                longest: Some(self.settings.longest_hold()),
            },
        };
        let (messages, received) = self.held.cut(limits, &busy(&self.batches), now)?;
        self.invoked = None;
        Ok(Batch { messages, state: BatchState::InFlight, received, throttles: 0 })
    }
}

/// Makes messages visible again that no invocation has.
fn release(messages: impl Iterator<Item = Message>, actions: &mut Vec<Action>) {
    let receipts: Vec<String> = messages.map(|message| message.receipt).collect();
    if !receipts.is_empty() {
        actions.push(Action::Release { receipts });
    }
}

fn invoke(batch: u64, of: &Batch, settings: &QueueSettings, now: Moment) -> Action {
    let payload = batching::event(of.messages.iter().map(|message| &message.json));
    Action::Invoke { batch, payload, patience: settings.patience(of.received, now) }
}

impl Machine for Queue {
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
        match (self.reading, input) {
            (Reading::NotStarted, Input::Start) => self.reading = Reading::Full,
            (Reading::Receiving, Input::Received(messages)) => {
                self.admit(messages, now, &mut actions);
                self.reading = Reading::Full;
            }
            (Reading::Receiving, Input::ReceiveFailed) => self.reading = Reading::Full,
            (Reading::Stopping | Reading::Stopped, Input::Received(messages)) => {
                release(messages.into_iter(), &mut actions);
            }
            (Reading::Stopping | Reading::Stopped, Input::ReceiveFailed) => {}
            (
                Reading::Receiving | Reading::Full | Reading::Stopping,
                ref input @ Input::Answered { batch, ref answer },
            ) => self.answered(batch, answer, input, now, &mut actions)?,
            (
                Reading::Receiving | Reading::Full | Reading::Stopping,
                ref input @ Input::Deleted { batch },
            ) => match self.batches.get(&batch).map(|batch| batch.state) {
                Some(BatchState::Deleting | BatchState::Dropping) => {
                    drop(self.batches.remove(&batch))
                }
                state => return Err(illegal_batch(batch, state, input)),
            },
            (_, Input::TimerDue) | (Reading::Stopped, Input::Stop) => {}
            (_, Input::Stop) => self.reading = Reading::Stopping,
            (reading, input) => {
                return Err(illegal(reading.to_string(), &input));
            }
        }
        self.settle(now, &mut actions);
        Ok(actions)
    }
}
