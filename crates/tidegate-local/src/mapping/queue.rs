//! The delivery of a queue's messages, as a state machine without clock and I/O.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::answer::{Failure, QueueVerdict, judge_queue};
use super::batching::{self, Limits, PAYLOAD_LIMIT, Readiness};
use super::moment::Moment;
use super::retry::Backoff;
use super::step::Counts;
use crate::invocation::Answer;
use crate::pattern::filter::Filter;

/// Most messages of one ReceiveMessage call.
const RECEIVE_LIMIT: usize = 10;

/// What a queue mapping goes by.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    /// Most messages in one batch.
    pub batch_size: usize,
    /// How long a batch is gathered.
    pub batching_window: Duration,
    /// Most concurrent batches.
    pub maximum_concurrency: usize,
    /// Partial responses are honoured.
    pub report_batch_item_failures: bool,
    /// How long a received message stays hidden.
    pub visibility: Duration,
    /// Timeout of the function.
    pub timeout: Duration,
    /// Which messages are delivered; all of them without one.
    pub filter: Option<Arc<Filter>>,
    /// Divides the waiting times after throttles.
    pub time_scale: f64,
}

/// A received message.
#[derive(Clone, Debug)]
pub struct Message {
    /// `messageId`.
    pub id: String,
    /// What deletes it.
    pub receipt: String,
    /// Its message group, in a FIFO queue.
    pub group: Option<String>,
    /// The element of the event's `Records`, serialised.
    pub json: Bytes,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The queue may be read from now on.
    Start,
    /// A receive is over; without messages it came back empty.
    Received(Vec<Message>),
    /// A receive failed.
    ReceiveFailed,
    /// An invocation is over.
    Answered {
        /// The batch.
        batch: u64,
        /// How it ended.
        answer: Answer,
    },
    /// The finished messages of a batch are deleted, or it was tried.
    Deleted {
        /// The batch.
        batch: u64,
    },
    /// A moment that was waited for has come.
    TimerDue,
    /// Nothing new may be begun.
    Stop,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("a start"),
            Self::Received(messages) => write!(f, "{} received messages", messages.len()),
            Self::ReceiveFailed => f.write_str("a failed receive"),
            Self::Answered { batch, .. } => write!(f, "the answer to batch {batch}"),
            Self::Deleted { batch } => write!(f, "the deletion of batch {batch}"),
            Self::TimerDue => f.write_str("a timer"),
            Self::Stop => f.write_str("a stop"),
        }
    }
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Receive at most this many messages.
    Receive {
        /// Most messages.
        limit: usize,
    },
    /// Invoke the function.
    Invoke {
        /// The batch.
        batch: u64,
        /// The event.
        payload: Bytes,
    },
    /// Delete these messages.
    Delete {
        /// The batch.
        batch: u64,
        /// Their receipts.
        receipts: Vec<String>,
    },
    /// Give [`Input::TimerDue`] at this moment. Each step says anew what is waited for; without it nothing is.
    WaitUntil(Moment),
    /// Nothing is in flight after [`Input::Stop`].
    Stopped,
}

/// An input that the state does not allow.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("queue mapping: {state} does not allow {input}")]
pub struct IllegalInput {
    /// What was going on.
    pub state: String,
    /// What came.
    pub input: String,
}

/// The state machine of one queue.
#[derive(Debug)]
pub struct Queue {
    settings: QueueSettings,
    backoff: Backoff,
    reading: Reading,
    held: VecDeque<(Message, Moment)>,
    batches: BTreeMap<u64, Batch>,
    next_batch: u64,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    NotStarted,
    Receiving,
    Full,
    Stopping,
    Stopped,
}

#[derive(Debug)]
struct Batch {
    messages: Vec<Message>,
    state: BatchState,
    /// The earliest receive of its messages: they become visible again so long after it.
    received: Moment,
    throttles: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BatchState {
    InFlight,
    Waiting(Moment),
    Deleting,
    /// As above, without ever having been with the function.
    Dropping,
}

impl fmt::Display for BatchState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InFlight => "in flight",
            Self::Waiting(_) => "waiting after a throttle",
            Self::Deleting | Self::Dropping => "being deleted",
        })
    }
}

impl Queue {
    /// A queue that has not been read.
    #[must_use]
    pub fn new(settings: QueueSettings) -> Self {
        Self {
            backoff: Backoff::scaled(settings.time_scale),
            settings,
            reading: Reading::NotStarted,
            held: VecDeque::new(),
            batches: BTreeMap::new(),
            next_batch: 0,
            counts: Counts::default(),
        }
    }

    /// Counts since the start.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Messages received and not finished.
    #[must_use]
    pub fn lag(&self) -> usize {
        self.held.len() + self.batches.values().map(|batch| batch.messages.len()).sum::<usize>()
    }

    /// Number of invocations in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.batches.values().filter(|batch| batch.state == BatchState::InFlight).count()
    }

    /// Nothing is held, in flight or waiting.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.held.is_empty() && self.batches.is_empty()
    }

    /// The one transition: takes in what happened and says what is to be done.
    ///
    /// # Errors
    /// An input that the state does not allow. The state is then unchanged.
    pub fn handle(&mut self, input: Input, now: Moment) -> Result<Vec<Action>, IllegalInput> {
        let mut actions = Vec::new();
        match (self.reading, input) {
            (Reading::NotStarted, Input::Start) => self.reading = Reading::Full,
            (Reading::Receiving, Input::Received(messages)) => {
                self.admit(messages, now, &mut actions);
                self.reading = Reading::Full;
            }
            (Reading::Receiving, Input::ReceiveFailed) => self.reading = Reading::Full,
            // Received while stopping: the messages become visible again by themselves.
            (Reading::Stopping | Reading::Stopped, Input::Received(_) | Input::ReceiveFailed) => {}
            (
                Reading::Receiving | Reading::Full | Reading::Stopping,
                ref input @ Input::Answered { batch, ref answer },
            ) => self.answered(batch, answer, input, now, &mut actions)?,
            (
                Reading::Receiving | Reading::Full | Reading::Stopping,
                ref input @ Input::Deleted { batch },
            ) => match self.batches.get(&batch).map(|batch| batch.state) {
                Some(BatchState::Deleting | BatchState::Dropping) => drop(self.batches.remove(&batch)),
                state => return Err(illegal(batch, state, input)),
            },
            (_, Input::TimerDue) | (Reading::Stopped, Input::Stop) => {}
            (_, Input::Stop) => self.reading = Reading::Stopping,
            (reading, input) => {
                let state = match reading {
                    Reading::NotStarted => "a mapping not started",
                    Reading::Receiving => "a mapping that receives",
                    Reading::Full => "a mapping with no receive on its way",
                    Reading::Stopping => "a stopping mapping",
                    Reading::Stopped => "a stopped mapping",
                };
                return Err(IllegalInput { state: state.to_owned(), input: input.to_string() });
            }
        }
        self.settle(now, &mut actions);
        Ok(actions)
    }

    /// Holds what passes the filter, and deletes the rest.
    fn admit(&mut self, messages: Vec<Message>, now: Moment, actions: &mut Vec<Action>) {
        let filter = self.settings.filter.clone();
        let passes = |message: &Message| filter.as_ref().is_none_or(|filter| filter.passes(&message.json));
        let (passed, dropped): (Vec<_>, Vec<_>) = messages.into_iter().partition(passes);
        self.held.extend(passed.into_iter().map(|message| (message, now)));
        if dropped.is_empty() {
            return;
        }
        self.counts.filtered += dropped.len() as u64;
        let receipts = dropped.iter().map(|message| message.receipt.clone()).collect();
        actions.push(Action::Delete { batch: self.next_batch, receipts });
        let batch = Batch { messages: dropped, state: BatchState::Dropping, received: now, throttles: 0 };
        self.batches.insert(self.next_batch, batch);
        self.next_batch += 1;
    }

    fn answered(
        &mut self,
        id: u64,
        answer: &Answer,
        input: &Input,
        now: Moment,
        actions: &mut Vec<Action>,
    ) -> Result<(), IllegalInput> {
        let batch = match self.batches.get_mut(&id) {
            Some(batch) if batch.state == BatchState::InFlight => batch,
            other => return Err(illegal(id, other.map(|batch| batch.state), input)),
        };
        let report = self.settings.report_batch_item_failures;
        let failed: BTreeSet<usize> =
            match judge_queue(&answer.result, report, batch.messages.iter().map(|m| m.id.as_str())) {
                QueueVerdict::Throttled => {
                    self.counts.throttled += 1;
                    let until = now.after(self.backoff.delay(batch.throttles));
                    batch.throttles += 1;
                    // Tried again only while the messages are certainly still hidden when the function ends.
                    let hidden = batch.received.after(self.settings.visibility);
                    if until.after(self.settings.timeout) < hidden {
                        batch.state = BatchState::Waiting(until);
                        return Ok(());
                    }
                    (0..batch.messages.len()).collect()
                }
                QueueVerdict::Failed(Failure::Function(reason) | Failure::Response(reason)) => {
                    self.counts.last_error = Some(reason);
                    (0..batch.messages.len()).collect()
                }
                QueueVerdict::Done(failed) => failed.into_iter().collect(),
            };
        let groups: BTreeSet<String> = failed
            .iter()
            .filter_map(|index| batch.messages.get(*index))
            .filter_map(|message| message.group.clone())
            .collect();
        if !failed.is_empty() {
            self.counts.retries += 1;
        }
        let mut index = 0;
        batch.messages.retain(|_| {
            index += 1;
            !failed.contains(&(index - 1))
        });
        if batch.messages.is_empty() {
            self.batches.remove(&id);
        } else {
            batch.state = BatchState::Deleting;
            self.counts.delivered += batch.messages.len() as u64;
            let receipts = batch.messages.iter().map(|message| message.receipt.clone()).collect();
            actions.push(Action::Delete { batch: id, receipts });
        }
        // What is held of a failed group must not overtake it; it becomes visible again behind it.
        self.held.retain(|(message, _)| message.group.as_ref().is_none_or(|group| !groups.contains(group)));
        Ok(())
    }

    fn settle(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let mut due: Option<Moment> = None;
        let mut wait = |moment: Moment| due = Some(due.map_or(moment, |earliest| earliest.min(moment)));
        match self.reading {
            Reading::NotStarted | Reading::Stopped => return,
            Reading::Stopping => {
                // A waiting batch has nothing in flight; its messages become visible again.
                self.held.clear();
                self.batches.retain(|_, batch| !matches!(batch.state, BatchState::Waiting(_)));
                if self.batches.is_empty() {
                    self.reading = Reading::Stopped;
                    actions.push(Action::Stopped);
                }
                return;
            }
            Reading::Receiving | Reading::Full => {}
        }
        for (id, batch) in &mut self.batches {
            match batch.state {
                BatchState::Waiting(until) if until <= now => {
                    batch.state = BatchState::InFlight;
                    self.counts.invocations += 1;
                    let payload = batching::event(batch.messages.iter().map(|message| &message.json));
                    actions.push(Action::Invoke { batch: *id, payload });
                }
                BatchState::Waiting(until) => wait(until),
                BatchState::InFlight | BatchState::Deleting | BatchState::Dropping => {}
            }
        }
        while delivering(&self.batches).count() < self.settings.maximum_concurrency {
            match self.next_batch(now) {
                Ok(batch) => {
                    let payload = batching::event(batch.messages.iter().map(|message| &message.json));
                    actions.push(Action::Invoke { batch: self.next_batch, payload });
                    self.batches.insert(self.next_batch, batch);
                    self.next_batch += 1;
                    self.counts.invocations += 1;
                }
                Err(moment) => {
                    if let Some(moment) = moment {
                        wait(moment);
                    }
                    break;
                }
            }
        }
        let room = self.settings.batch_size.saturating_sub(self.held.len()).min(RECEIVE_LIMIT);
        let free = delivering(&self.batches).count() < self.settings.maximum_concurrency;
        if self.reading == Reading::Full && free && room > 0 {
            self.reading = Reading::Receiving;
            actions.push(Action::Receive { limit: room });
        }
        if let Some(moment) = due {
            actions.push(Action::WaitUntil(moment));
        }
    }

    /// Cuts a batch out of what is held, leaving messages whose group has a batch on its way.
    fn next_batch(&mut self, now: Moment) -> Result<Batch, Option<Moment>> {
        let busy: BTreeSet<&str> = delivering(&self.batches)
            .flat_map(|batch| batch.messages.iter())
            .filter_map(|message| message.group.as_deref())
            .collect();
        let free = |message: &Message| message.group.as_deref().is_none_or(|group| !busy.contains(group));
        let limits = Limits {
            records: self.settings.batch_size,
            bytes: PAYLOAD_LIMIT,
            window: self.settings.batching_window,
        };
        let eligible = self.held.iter().filter(|(message, _)| free(message));
        let count = match batching::readiness(eligible.map(|(m, read)| (m.json.len(), *read)), limits, now) {
            Readiness::Empty => return Err(None),
            Readiness::At(due) => return Err(Some(due)),
            Readiness::Batch(count) => count,
        };
        let mut messages = Vec::with_capacity(count);
        let mut received = now;
        let mut left = VecDeque::with_capacity(self.held.len());
        for (message, read) in std::mem::take(&mut self.held) {
            if messages.len() < count && free(&message) {
                received = received.min(read);
                messages.push(message);
            } else {
                left.push_back((message, read));
            }
        }
        self.held = left;
        Ok(Batch { messages, state: BatchState::InFlight, received, throttles: 0 })
    }
}

/// Batches that count towards the concurrency.
fn delivering(batches: &BTreeMap<u64, Batch>) -> impl Iterator<Item = &Batch> {
    batches.values().filter(|batch| batch.state != BatchState::Dropping)
}

fn illegal(batch: u64, state: Option<BatchState>, input: &Input) -> IllegalInput {
    let state = state.map_or_else(
        || format!("batch {batch}, which does not exist,"),
        |state| format!("batch {batch}, {state},"),
    );
    IllegalInput { state, input: input.to_string() }
}

#[cfg(test)]
mod tests;
