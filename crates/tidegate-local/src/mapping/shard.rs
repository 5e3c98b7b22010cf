//! The delivery of one shard's records, as a state machine without clock and I/O.

use std::fmt;
use std::time::Duration;

use super::answer::{Failure, Verdict, judge};
use super::batching::{self, CLOSING, Limits, PAYLOAD_LIMIT};
use super::failure::{self, Condition, Invocations, Range};
use super::lane::{Lane, LaneState, Segment};
use super::moment::Moment;
use super::position::Position;
use super::record::{Entry, Record};
use super::retry::{Backoff, is_exhausted};
use super::sequence::SequenceNumber;
use super::settings::StreamSettings;
use super::step::{Action, Counts, IllegalInput, Input};
use super::window::{self, Next, Read, Windows};
use crate::invocation::{Answer, InvocationResult};

/// Full batches that are read ahead per lane, the one in flight included.
const BATCHES_PER_LANE: usize = 3;
/// Records beyond the checkpoint, as a multiple of what is read ahead. It bounds how far other lanes run ahead of one that is stuck.
const SPAN_FACTOR: usize = 10;

/// The state machine of one shard.
#[derive(Debug)]
pub struct Shard {
    id: String,
    settings: StreamSettings,
    backoff: Backoff,
    reading: Reading,
    lanes: Vec<Lane>,
    position: Position,
    windows: Option<Windows>,
    /// When the last poll was asked for, and everything written before what was read by the polls that are over.
    polled: Option<Moment>,
    read_until: Option<Moment>,
    next_invocation: u64,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
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
    /// A shard that goes on after its checkpoint.
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
            polled: None,
            read_until: None,
            settings,
            next_invocation: 0,
            counts: Counts::default(),
        }
    }

    /// Goes on with the window that [`Action::KeepWindow`] gave last.
    ///
    /// # Errors
    /// It is something else.
    pub fn resume_window(&mut self, kept: &str) -> serde_json::Result<()> {
        self.windows.as_mut().map_or(Ok(()), |windows| windows.resume(kept))
    }

    /// Counts since the start.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Where the shard stands.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Number of invocations in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.lanes.iter().filter(|lane| matches!(lane.state, LaneState::InFlight { .. })).count()
    }

    /// When the oldest record read and not done was written.
    #[must_use]
    pub fn oldest(&self) -> Option<Moment> {
        self.lanes.iter().filter_map(Lane::oldest).min()
    }

    /// Every record read is done, and nothing waits, not even a window for its end.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.lanes.iter().all(Lane::is_idle) && !self.windows.as_ref().is_some_and(Windows::is_open)
    }

    /// The one transition: takes in what happened and says what is to be done.
    ///
    /// # Errors
    /// An input that the state does not allow. The state is then unchanged.
    pub fn handle(&mut self, input: Input, now: Moment) -> Result<Vec<Action>, IllegalInput> {
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
            // The poll that was on its way when the shard was stopped: what it brought is read again after the checkpoint.
            (Reading::Stopping | Reading::Stopped, Input::Read { .. } | Input::ReadFailed) => {}
            (
                Reading::Polling | Reading::Full | Reading::Ended | Reading::Stopping,
                Input::Answered { lane, invocation, answer },
            ) => self.answered(lane, invocation, &answer, now, &mut actions)?,
            (
                Reading::Polling | Reading::Full | Reading::Ended | Reading::Stopping | Reading::Stopped,
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

    fn illegal(&self, state: String, input: &Input) -> IllegalInput {
        IllegalInput { shard: self.id.clone(), state, input: input.to_string() }
    }

    fn admit(&mut self, records: Vec<Record>, now: Moment) {
        let lanes = self.lanes.len();
        for record in records {
            let Some(ordinal) = self.position.read(&record.sequence, record.json.len()) else { continue };
            if self.settings.filter.as_ref().is_some_and(|filter| !filter.passes(&record.json)) {
                self.position.done(ordinal);
                self.counts.filtered += 1;
            } else if let Some(lane) = self.lanes.get_mut(record.key.lane(lanes)) {
                lane.queue.push_back(Entry { ordinal, read: now, record });
            }
        }
    }

    fn answered(
        &mut self,
        index: usize,
        invocation: u64,
        answer: &Answer,
        now: Moment,
        actions: &mut Vec<Action>,
    ) -> Result<(), IllegalInput> {
        let described = Input::Answered { lane: index, invocation, answer: answer.clone() };
        let Some(lane) = self.lanes.get_mut(index) else {
            return Err(self.illegal(format!("a shard of {} lanes", self.lanes.len()), &described));
        };
        let mut segment = match lane.take() {
            LaneState::InFlight { invocation: current, segment } if current == invocation => segment,
            other => {
                let state = format!("lane {index}, {other},");
                lane.state = other;
                return Err(self.illegal(state, &described));
            }
        };
        let verdict = judge(
            &answer.result,
            self.settings.report_batch_item_failures,
            segment.entries.iter().map(|entry| entry.record.sequence.as_str()),
        );
        let verdict = match &mut self.windows {
            Some(windows) => windowed(windows, verdict, &answer.result, segment.is_last()),
            None => verdict,
        };
        if verdict == Verdict::Throttled {
            self.counts.throttled += 1;
            let until = now.after(self.backoff.delay(lane.throttles));
            lane.throttles += 1;
            lane.state = LaneState::Waiting { until, segment };
            return Ok(());
        }
        lane.throttles = 0;
        segment.invocations += 1;
        segment.request_id = Some(answer.request_id.clone());
        match verdict {
            Verdict::Throttled => {}
            Verdict::Succeeded => {
                lane.failures = 0;
                self.finish(&segment.entries);
            }
            Verdict::FailedFrom(failed) => {
                let rest = segment.split_off(failed);
                let progress = !segment.entries.is_empty();
                if progress {
                    lane.failures = 0;
                }
                self.counts.last_error = rest
                    .entries
                    .first()
                    .map(|entry| format!("record {} was reported failed", entry.record.sequence));
                self.finish(&segment.entries);
                // With bisection the response's id is where the batch is split, and a split is no attempt.
                let split = progress && self.settings.bisect_on_error;
                self.failed(index, rest, split, false, now, actions);
            }
            Verdict::Failed(failure) => {
                let (text, function_error) = match failure {
                    Failure::Function(error) => (error, true),
                    Failure::Response(reason) => (reason, false),
                };
                self.counts.last_error = Some(text);
                let split = self.settings.bisect_on_error && segment.entries.len() > 1;
                if split {
                    let second = segment.split_off(segment.entries.len().div_ceil(2));
                    lane.parts.push_front(second);
                }
                self.failed(index, segment, split, function_error, now, actions);
            }
        }
        Ok(())
    }

    /// A segment has to be delivered again, or is given up. A split one is a smaller batch, so it goes after the shortest wait.
    fn failed(
        &mut self,
        index: usize,
        mut segment: Segment,
        split: bool,
        function_error: bool,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        if !split {
            segment.attempts += 1;
            // Lambda goes on with a shard only when the last invocation of a window has succeeded.
            let exhausted = is_exhausted(segment.attempts, self.settings.maximum_retry_attempts);
            if exhausted && !segment.is_last() {
                let count = segment.attempts;
                let condition = Condition::RetryAttemptsExhausted;
                return self.discard(index, condition, segment, count, function_error, now, actions);
            }
        }
        self.counts.retries += 1;
        if let Some(lane) = self.lanes.get_mut(index) {
            let wait = if split { self.backoff.delay(0) } else { self.backoff.delay(lane.failures) };
            if !split {
                lane.failures += 1;
            }
            lane.state = LaneState::Waiting { until: now.after(wait), segment };
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one call's facts, which nothing else holds together")]
    fn discard(
        &mut self,
        index: usize,
        condition: Condition,
        segment: Segment,
        count: u32,
        function_error: bool,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        self.counts.discarded += segment.entries.len() as u64;
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.failures = 0;
            if self.settings.has_destination {
                let invocations = Invocations {
                    request_id: segment.request_id.as_deref().unwrap_or_default(),
                    function_arn: &self.settings.function_arn,
                    count,
                    function_error,
                };
                let range = Range {
                    kind: self.settings.kind,
                    stream_arn: &self.settings.source_arn,
                    shard: &self.id,
                    entries: &segment.entries,
                };
                if let Some(body) = failure::record(condition, &invocations, &range, now) {
                    let event = batching::event(segment.entries.iter().map(|entry| &entry.record.json));
                    actions.push(Action::HandOver { lane: index, body, event });
                    lane.state = LaneState::HandingOver { entries: segment.entries };
                    return;
                }
            }
        }
        self.mark_done(&segment.entries);
    }

    fn handed_over(&mut self, index: usize) -> Result<(), IllegalInput> {
        let described = Input::HandedOver { lane: index };
        let Some(lane) = self.lanes.get_mut(index) else {
            return Err(self.illegal(format!("a shard of {} lanes", self.lanes.len()), &described));
        };
        match lane.take() {
            LaneState::HandingOver { entries } => {
                self.mark_done(&entries);
                Ok(())
            }
            other => {
                let state = format!("lane {index}, {other},");
                lane.state = other;
                Err(self.illegal(state, &described))
            }
        }
    }

    fn finish(&mut self, entries: &[Entry]) {
        self.counts.delivered += entries.len() as u64;
        self.mark_done(entries);
    }

    fn mark_done(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.position.done(entry.ordinal);
        }
    }

    /// Begins whatever can begin now, and says what is waited for.
    fn settle(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let mut due: Option<Moment> = None;
        if !matches!(self.reading, Reading::NotStarted | Reading::Stopping | Reading::Stopped) {
            for index in 0..self.lanes.len() {
                if let Some(moment) = self.advance_lane(index, now, actions) {
                    due = Some(due.map_or(moment, |earliest| earliest.min(moment)));
                }
            }
        }
        if let Some(window) = self.windows.as_mut().and_then(Windows::take_change) {
            actions.push(Action::KeepWindow(window));
        }
        if let Some(checkpoint) = self.position.advance() {
            actions.push(Action::Checkpoint(checkpoint.clone()));
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
        if let Some(moment) = due {
            actions.push(Action::WaitUntil(moment));
        }
    }

    /// How many records may be read, if a poll is worth its while.
    fn room(&self) -> Option<usize> {
        let capacity = self.settings.batch_size.saturating_mul(self.lanes.len() * BATCHES_PER_LANE);
        let room = capacity.saturating_sub(self.position.undone());
        let bytes = PAYLOAD_LIMIT * self.lanes.len() * BATCHES_PER_LANE;
        let span = capacity.saturating_mul(SPAN_FACTOR);
        let enough =
            room >= self.settings.batch_size && self.position.bytes() < bytes && self.position.span() < span;
        enough.then_some(room)
    }

    /// Lets a lane begin its next batch; returns the moment it waits for.
    fn advance_lane(&mut self, index: usize, now: Moment, actions: &mut Vec<Action>) -> Option<Moment> {
        let limits = Limits {
            records: self.settings.batch_size,
            bytes: PAYLOAD_LIMIT,
            window: self.settings.batching_window,
        };
        let ended = self.reading == Reading::Ended;
        let read = Read { until: self.read_until, ended, now };
        loop {
            let lane = self.lanes.get_mut(index)?;
            let segment = match lane.take() {
                LaneState::Free => match lane.parts.pop_front() {
                    Some(part) => part,
                    None => match next_segment(
                        lane,
                        self.windows.as_mut(),
                        limits,
                        read,
                        (&self.id, &self.settings.source_arn),
                    ) {
                        Ok(segment) => segment,
                        Err(due) => return due,
                    },
                },
                LaneState::Waiting { until, segment } if until <= now => segment,
                waiting @ LaneState::Waiting { until, .. } => {
                    lane.state = waiting;
                    return Some(until);
                }
                busy => {
                    lane.state = busy;
                    return None;
                }
            };
            let (expired, rest) = split_expired(segment, self.settings.maximum_record_age, now);
            if let Some(expired) = expired {
                if let Some(rest) = rest {
                    lane.parts.push_front(rest);
                }
                let count = expired.invocations;
                self.discard(index, Condition::RecordAgeExceeded, expired, count, false, now, actions);
            } else if let Some(segment) = rest {
                let invocation = self.next_invocation;
                self.next_invocation += 1;
                self.counts.invocations += 1;
                let closing = self
                    .windows
                    .as_ref()
                    .map(|windows| windows.closing(&self.id, &self.settings.source_arn, segment.is_last()));
                let records = segment.entries.iter().map(|entry| &entry.record.json);
                let payload = batching::event_closed_by(records, closing.as_deref().unwrap_or(CLOSING));
                lane.state = LaneState::InFlight { invocation, segment };
                actions.push(Action::Invoke { lane: index, invocation, payload });
                return None;
            }
        }
    }
}

/// The next batch of a lane, or the moment it waits for.
fn next_segment(
    lane: &mut Lane,
    windows: Option<&mut Windows>,
    mut limits: Limits,
    read: Read,
    (shard, stream_arn): (&str, &str),
) -> Result<Segment, Option<Moment>> {
    if let Some(windows) = windows {
        match windows.next(lane.queue.iter().map(|entry| entry.record.arrived), read) {
            Next::Nothing => return Err(None),
            Next::Last => return Ok(Segment::default()),
            Next::Records { end } => {
                limits.records = limits.records.min(end.unwrap_or(usize::MAX));
                let closing = windows.closing(shard, stream_arn, false).len();
                limits.bytes = limits.bytes.saturating_sub(closing - CLOSING.len().min(closing));
            }
        }
    }
    batching::cut(&mut lane.queue, limits, read.now).map(Segment::new)
}

/// What an answer means with a window: a response without a state is a failure, and what is done is done with the state.
fn windowed(windows: &mut Windows, verdict: Verdict, result: &InvocationResult, last: bool) -> Verdict {
    let (Verdict::Succeeded | Verdict::FailedFrom(_), InvocationResult::Success(response)) =
        (&verdict, result)
    else {
        return verdict;
    };
    match window::state(response) {
        Err(reason) => return Verdict::Failed(Failure::Response(reason)),
        Ok(_) if last => windows.closed(),
        // Nothing is done, so nothing has changed.
        Ok(_) if verdict == Verdict::FailedFrom(0) => {}
        Ok(state) => windows.done(state),
    }
    verdict
}

/// Takes the records off a segment's front that are too old.
fn split_expired(
    mut segment: Segment,
    maximum_age: Option<Duration>,
    now: Moment,
) -> (Option<Segment>, Option<Segment>) {
    let expired = maximum_age.map_or(0, |age| {
        segment.entries.iter().take_while(|entry| now.since(entry.record.arrived) > age).count()
    });
    if expired == 0 {
        return (None, Some(segment));
    }
    let rest = segment.split_off(expired);
    (Some(segment), (!rest.entries.is_empty()).then_some(rest))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod windows;
