//! Delivers the records of one shard: a state machine without clock and I/O.
//!
//! Records are read in order and spread over lanes by their keys. A lane has at most one batch. The
//! batch is with the function, waits for its next attempt, or is being handed to the destination.
//! If a batch is split, its other parts go to the front of the lane's queue.
//!
//! # Invariants
//!
//! 1. An unfinished record is in one place: the batch of a lane, one of its other parts, or the
//!    lane's queue. Each lane keeps the order of the shard, so no record overtakes another of its
//!    key.
//! 2. A record is done when the function has handled it, when the filter rejects it, or when it was
//!    given up and its destination has it.
//! 3. The checkpoint never passes an unfinished record. A restart also needs the open window and
//!    the failed batches, which are stored in the same step.
//!
//! # Example
//!
//! Two lanes and batches of two records. Records 1 and 3 have one key, 2 and 4 another. Polls are
//! left out:
//!
//! | input | actions | done |
//! |---|---|---|
//! | `Read` 1, 2, 3, 4 | `Invoke` lane 0 with 1 and 3, `Invoke` lane 1 with 2 and 4 | |
//! | lane 1 succeeds | none: the checkpoint cannot pass 1 | 2, 4 |
//! | lane 0 reports 3 | `Checkpoint` 2, `WaitUntil` the next attempt | 1, 2, 4 |
//! | `TimerDue` | `Invoke` lane 0 with 3 | 1, 2, 4 |
//! | lane 0 succeeds | `Checkpoint` 4 | 1, 2, 3, 4 |

use std::fmt;

use super::failing::Failing;
use super::lane::{Lane, LaneState};
use super::position::Position;
use super::step::{Action, Input};
use super::window::Windows;
use crate::driver::{IllegalInput, Machine};
use crate::mapping::counts::Counts;
use crate::mapping::stream::settings::StreamSettings;
use crate::pace::Earliest;
use crate::pace::retry::Backoff;
use lambda_shapes::batching::PAYLOAD_LIMIT;
use lambda_shapes::moment::Moment;
use lambda_shapes::record::{Entry, Record};
use lambda_shapes::sequence::SequenceNumber;

/// Full batches that are read ahead per lane, including the one in flight.
pub(super) const BATCHES_PER_LANE: usize = 3;
/// Records that are read ahead in addition to those batches.
///
/// Every poll has a cost, so small batches are not read one by one: a poll must have room for at
/// least half of these records.
pub(super) const READ_AHEAD: usize = 2_000;
/// Limit of the records after the checkpoint, as a multiple of the batches that are read ahead.
///
/// It limits how far other lanes run ahead of a stuck lane; then nothing is polled.
const SPAN_FACTOR: usize = 10;

/// The state machine of one shard.
#[derive(Debug)]
pub struct Shard {
    pub(super) id: String,
    pub(super) settings: StreamSettings,
    pub(super) backoff: Backoff,
    pub(super) reading: Reading,
    pub(super) lanes: Vec<Lane>,
    pub(super) position: Position,
    pub(super) windows: Option<Windows>,
    pub(super) failing: Failing,
    /// When the last poll was requested.
    pub(super) polled: Option<Moment>,
    /// Every record written before this moment has been read by polls that have ended.
    pub(super) read_until: Option<Moment>,
    pub(super) next_invocation: u64,
    pub(super) counts: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    NotStarted,
    Polling,
    Full,
    Ended,
    Closed,
    Stopping,
    Stopped,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotStarted => "a shard not started",
            Self::Polling => "a shard being polled",
            Self::Full => "a shard with enough records read ahead",
            Self::Ended => "a shard read to its end",
            Self::Closed => "a closed shard",
            Self::Stopping => "a stopping shard",
            Self::Stopped => "a stopped shard",
        })
    }
}

impl Shard {
    /// Creates a shard that resumes after its checkpoint.
    #[must_use]
    pub fn new(id: &str, settings: StreamSettings, checkpoint: Option<SequenceNumber>) -> Self {
        let windows = Windows::new(settings.tumbling_window);
        let lanes = if windows.is_some() { 1 } else { settings.lanes.max(1) };
        Self {
            id: id.to_owned(),
            backoff: Backoff::scaled(settings.time_scale),
            reading: Reading::NotStarted,
            lanes: std::iter::repeat_with(Lane::default).take(lanes).collect(),
            position: Position::after(checkpoint),
            windows,
            failing: Failing::default(),
            polled: None,
            read_until: None,
            settings,
            next_invocation: 0,
            counts: Counts::default(),
        }
    }

    /// Resumes with the window that the last [`Action::KeepWindow`] held.
    ///
    /// # Errors
    /// The text is not a window.
    pub fn resume_window(&mut self, kept: &str) -> serde_json::Result<()> {
        self.windows.as_mut().map_or(Ok(()), |windows| windows.resume(kept))
    }

    /// Resumes with the failed batches that the last [`Action::KeepFailing`] held.
    ///
    /// They keep their records and their used-up attempts.
    ///
    /// # Errors
    /// The text is not a list of failed batches.
    pub fn resume_failing(&mut self, kept: &str) -> serde_json::Result<()> {
        self.failing.resume(kept)
    }

    /// Returns the counts since the start.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns how far the shard is done.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Returns the number of invocations in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.lanes.iter().filter(|lane| matches!(lane.state, LaneState::InFlight { .. })).count()
    }

    /// Returns when the oldest record read and not done was written.
    #[must_use]
    pub fn oldest(&self) -> Option<Moment> {
        self.lanes.iter().filter_map(Lane::oldest).min()
    }

    /// Returns whether every record read is done, and no window waits for its end.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.lanes.iter().all(Lane::is_idle) && !self.windows.as_ref().is_some_and(Windows::is_open)
    }

    pub(super) fn illegal(&self, state: String, input: &Input) -> IllegalInput {
        IllegalInput { machine: format!("shard {}", self.id), state, input: input.to_string() }
    }

    fn admit(&mut self, records: Vec<Record>, now: Moment) {
        let lanes = self.lanes.len();
        for record in records {
            let Some(ordinal) = self.position.read(&record.sequence, record.json.len()) else {
                continue;
            };
            if self.settings.filter.as_ref().is_some_and(|filter| !filter.passes(&record.json)) {
                self.position.done(ordinal);
                self.counts.filtered += 1;
            } else if let Some(lane) = self.lanes.get_mut(record.key.lane(lanes)) {
                lane.queue.push_back(Entry { ordinal, read: now, record });
            }
        }
    }

    /// Begins everything that can begin now, and asks for the next timer.
    fn settle(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let mut due = Earliest::default();
        if !matches!(self.reading, Reading::NotStarted | Reading::Stopping | Reading::Stopped) {
            for index in 0..self.lanes.len() {
                let moment = self.advance_lane(index, now, actions);
                moment.into_iter().for_each(|moment| due.add(moment));
                if let Some(lane) = self.lanes.get_mut(index) {
                    lane.due = moment;
                }
            }
        }
        if let Some(window) = self.windows.as_mut().and_then(Windows::take_change) {
            actions.push(Action::KeepWindow(window));
        }
        if let Some(checkpoint) = self.position.advance() {
            actions.push(Action::Checkpoint(checkpoint.clone()));
        }
        if let Some(failing) = self.failing.take_change(&self.lanes, self.position.checkpoint()) {
            actions.push(Action::KeepFailing(failing));
        }
        match self.reading {
            Reading::Full => {
                if let Some(limit) = self.room() {
                    self.reading = Reading::Polling;
                    self.polled = Some(now);
                    actions.push(Action::Poll { limit });
                }
            }
            Reading::Ended if self.is_idle() => {
                self.reading = Reading::Closed;
                actions.push(Action::Closed);
            }
            Reading::Stopping if self.in_flight() == 0 => {
                self.reading = Reading::Stopped;
                actions.push(Action::Stopped);
            }
            _ => {}
        }
        actions.extend(due.moment().map(Action::WaitUntil));
    }

    /// Returns how many records can be read, if there is enough room for a poll.
    fn room(&self) -> Option<usize> {
        let batch = self.settings.batch_size;
        let batches = batch.saturating_mul(self.lanes.len() * BATCHES_PER_LANE);
        let room = batches.saturating_add(READ_AHEAD).saturating_sub(self.position.undone());
        let bytes = PAYLOAD_LIMIT * self.lanes.len() * BATCHES_PER_LANE;
        let span = batches.saturating_mul(SPAN_FACTOR).saturating_add(READ_AHEAD);
        let enough = room >= batch.max(READ_AHEAD / 2)
            && self.position.bytes() < bytes
            && self.position.span() < span;
        enough.then_some(room)
    }
}

impl Machine for Shard {
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
            (Reading::Polling, Input::Read { records, closed, behind }) => {
                if records.is_empty() && !behind {
                    self.read_until = self.polled;
                }
                self.admit(records, now);
                self.reading = if closed { Reading::Ended } else { Reading::Full };
            }
            (Reading::Polling, Input::ReadFailed) => self.reading = Reading::Full,
            // The poll that was on its way at the stop: its records are read again after the
            // checkpoint.
            (Reading::Stopping | Reading::Stopped, Input::Read { .. } | Input::ReadFailed) => {}
            (
                Reading::Polling | Reading::Full | Reading::Ended | Reading::Stopping,
                Input::Answered { lane, invocation, answer },
            ) => self.answered(lane, invocation, &answer, now, &mut actions)?,
            (
                Reading::Polling
                | Reading::Full
                | Reading::Ended
                | Reading::Stopping
                | Reading::Stopped,
                Input::HandedOver { lane },
            ) => self.handed_over(lane)?,
            (_, Input::TimerDue) => {}
            (Reading::Stopped, Input::Stop) => {}
            (_, Input::Stop) => self.reading = Reading::Stopping,
            (reading, input) => return Err(self.illegal(reading.to_string(), &input)),
        }
        self.settle(now, &mut actions);
        Ok(actions)
    }
}
