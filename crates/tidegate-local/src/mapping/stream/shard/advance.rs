//! Decides which batch a lane takes next, and when.

use std::time::Duration;

use super::failing::Front;
use super::lane::{LaneState, Segment};
use super::machine::{Reading, Shard};
use super::step::Action;
use super::window::{Next, Read};
use lambda_shapes::batching::{self, CLOSING, Limits, PAYLOAD_LIMIT, Window};
use lambda_shapes::moment::Moment;
use lambda_shapes::stream_failure::Condition;

impl Shard {
    /// Lets a lane begin its next batch; returns the moment for which the lane waits.
    ///
    /// Each turn of the loop takes one segment, which is the batch that waited, the next part of a
    /// split batch, or a new batch. Expired records at its front are given up first. The loop ends
    /// when an invocation begins, or when there is nothing to begin yet.
    pub(super) fn advance_lane(
        &mut self,
        index: usize,
        now: Moment,
        actions: &mut Vec<Action>,
    ) -> Option<Moment> {
        let ended = self.reading == Reading::Ended;
        let read = Read { until: self.read_until, ended, now };
        loop {
            let lane = self.lanes.get_mut(index)?;
            let segment = match lane.take() {
                LaneState::Free => match self.next_segment(index, read) {
                    Ok(segment) => segment,
                    Err(due) => return due,
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
                if let (Some(rest), Some(lane)) = (rest, self.lanes.get_mut(index)) {
                    lane.parts.push_front(rest);
                }
                self.discard(index, Condition::RecordAgeExceeded, expired, now, actions);
            } else if let Some(segment) = rest {
                // The run before gave the segment up, and ended before the destination had it.
                if self.is_given_up(&segment) {
                    self.discard(index, Condition::RetryAttemptsExhausted, segment, now, actions);
                    continue;
                }
                let invocation = self.next_invocation;
                self.next_invocation += 1;
                self.counts.invocations += 1;
                let closing = self.windows.as_ref().map(|windows| {
                    windows.closing(&self.id, &self.settings.source_arn, segment.is_last())
                });
                let records = segment.entries.iter().map(|entry| &entry.record.json);
                let payload =
                    batching::event_closed_by(records, closing.as_deref().unwrap_or(CLOSING));
                if let Some(lane) = self.lanes.get_mut(index) {
                    lane.state = LaneState::InFlight { invocation, segment };
                    lane.since = Some(now);
                }
                actions.push(Action::Invoke { lane: index, invocation, payload });
                return None;
            }
        }
    }

    /// Returns the next part of a split batch, or else the next batch.
    ///
    /// The error is the moment at which a batch will be ready, or `None` if that depends on other
    /// inputs.
    fn next_segment(&mut self, index: usize, read: Read) -> Result<Segment, Option<Moment>> {
        let Some(lane) = self.lanes.get_mut(index) else { return Err(None) };
        if let Some(part) = lane.parts.pop_front() {
            return Ok(part);
        }
        let mut limits = Limits {
            records: self.settings.batch_size,
            bytes: PAYLOAD_LIMIT,
            window: Window {
                length: self.settings.batching_window,
                previous: lane.invoked,
                longest: None,
            },
        };
        if let Some(windows) = &mut self.windows {
            match windows.next(lane.queue.iter().map(|entry| entry.record.arrived), read) {
                Next::Nothing => return Err(None),
                Next::Last => return Ok(Segment::default()),
                Next::Records { end } => {
                    limits.records = limits.records.min(end.unwrap_or(usize::MAX));
                    let closing = windows.closing(&self.id, &self.settings.source_arn, false).len();
                    limits.bytes =
                        limits.bytes.saturating_sub(closing - CLOSING.len().min(closing));
                }
            }
        }
        let sequences = lane.queue.iter().map(|entry| &entry.record.sequence);
        match self.failing.front(sequences, self.position.last_read()) {
            Front::New { end } => limits.records = limits.records.min(end.unwrap_or(usize::MAX)),
            Front::Failed(count) => {
                (limits.records, limits.window) = (limits.records.min(count), Window::default());
            }
            // The batch was formed with a larger batch size, and no more records are read ahead: it
            // goes in parts.
            Front::Unread if lane.queue.len() >= limits.records => {}
            Front::Unread => return Err(None),
        }
        let entries = batching::cut(&mut lane.queue, limits, read.now)?;
        Ok(self.failing.again(Segment::new(entries)))
    }
}

/// Splits a segment into the expired records at its front and the rest.
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
