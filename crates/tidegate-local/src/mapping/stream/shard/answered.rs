//! Decides after an invocation whether its batch is done, is tried again or is given up.

use super::lane::{LaneState, Segment};
use super::machine::Shard;
use super::step::{Action, Input};
use super::window::{self, Windows};
use crate::driver::IllegalInput;
use crate::invocation::{Answer, InvocationResult};
use crate::mapping::answer::{BatchError, Verdict, judge};
use crate::pace::retry::is_exhausted;
use lambda_shapes::batching;
use lambda_shapes::moment::Moment;
use lambda_shapes::record::Entry;
use lambda_shapes::stream_failure::{self, Condition, Invocations, Range};

impl Shard {
    pub(super) fn answered(
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
            LaneState::InFlight { invocation: current, segment } if current == invocation => {
                segment
            }
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
        lane.invoked = Some(now);
        segment.history.invocations += 1;
        segment.history.request_id = Some(answer.request_id.clone());
        segment.history.function_error =
            matches!(verdict, Verdict::Failed(BatchError::Function(_)));
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
                if let Some(entry) = rest.entries.first() {
                    self.counts
                        .failed(format!("record {} was reported failed", entry.record.sequence));
                }
                self.finish(&segment.entries);
                // With bisecting, the batch is split at the reported id, and a split does not count
                // as an attempt.
                let split = progress && self.settings.bisect_on_error;
                self.failed(index, rest, split, now, actions);
            }
            Verdict::Failed(failure) => {
                let (BatchError::Function(text) | BatchError::Response(text)) = failure;
                self.counts.failed(text);
                let split = self.settings.bisect_on_error && segment.entries.len() > 1;
                if split {
                    let second = segment.split_off(segment.entries.len().div_ceil(2));
                    lane.parts.push_front(second);
                }
                self.failed(index, segment, split, now, actions);
            }
        }
        Ok(())
    }

    /// Schedules the next attempt of a segment, or gives it up.
    ///
    /// A split segment is a smaller batch, so it goes again after the shortest wait.
    fn failed(
        &mut self,
        index: usize,
        mut segment: Segment,
        split: bool,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        self.failing.note();
        if !split {
            segment.history.attempts += 1;
            if self.is_given_up(&segment) {
                return self.discard(
                    index,
                    Condition::RetryAttemptsExhausted,
                    segment,
                    now,
                    actions,
                );
            }
        }
        self.counts.retries += 1;
        if let Some(lane) = self.lanes.get_mut(index) {
            let wait =
                if split { self.backoff.delay(0) } else { self.backoff.delay(lane.failures) };
            if !split {
                lane.failures += 1;
            }
            lane.state = LaneState::Waiting { until: now.after(wait), segment };
        }
    }

    /// Returns whether the function has failed a batch too often.
    ///
    /// The last invocation of a window is never given up: Lambda goes on with the shard only after
    /// it succeeds.
    pub(super) fn is_given_up(&self, segment: &Segment) -> bool {
        !segment.is_last()
            && is_exhausted(segment.history.attempts, self.settings.maximum_retry_attempts)
    }

    pub(super) fn discard(
        &mut self,
        index: usize,
        condition: Condition,
        segment: Segment,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        self.counts.discarded += segment.entries.len() as u64;
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.failures = 0;
            if self.settings.has_destination {
                let history = &segment.history;
                let invocations = Invocations {
                    request_id: history.request_id.as_deref().unwrap_or_default(),
                    function_arn: &self.settings.function_arn,
                    count: match condition {
                        Condition::RetryAttemptsExhausted => history.attempts,
                        Condition::RecordAgeExceeded => history.invocations,
                    },
                    function_error: history.function_error,
                };
                let range = Range {
                    kind: self.settings.kind,
                    stream_arn: &self.settings.source_arn,
                    shard: &self.id,
                    entries: &segment.entries,
                };
                if let Some(body) = stream_failure::record(condition, &invocations, &range, now) {
                    let event =
                        batching::event(segment.entries.iter().map(|entry| &entry.record.json));
                    actions.push(Action::HandOver { lane: index, body, event });
                    lane.state = LaneState::HandingOver { segment };
                    lane.since = Some(now);
                    return;
                }
            }
        }
        self.mark_done(&segment.entries);
    }

    pub(super) fn handed_over(&mut self, index: usize) -> Result<(), IllegalInput> {
        let described = Input::HandedOver { lane: index };
        let Some(lane) = self.lanes.get_mut(index) else {
            return Err(self.illegal(format!("a shard of {} lanes", self.lanes.len()), &described));
        };
        match lane.take() {
            LaneState::HandingOver { segment } => {
                self.mark_done(&segment.entries);
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
}

/// Returns the verdict with a tumbling window, and keeps the state of the response.
///
/// A response without a state is a failure. If records are done, the new state replaces the old
/// one.
fn windowed(
    windows: &mut Windows,
    verdict: Verdict,
    result: &InvocationResult,
    last: bool,
) -> Verdict {
    let (Verdict::Succeeded | Verdict::FailedFrom(_), InvocationResult::Success(response)) =
        (&verdict, result)
    else {
        return verdict;
    };
    match window::state(response) {
        Err(reason) => return Verdict::Failed(BatchError::Response(reason)),
        Ok(_) if last => windows.closed(),
        // No record is done, so the state stays.
        Ok(_) if verdict == Verdict::FailedFrom(0) => {}
        Ok(state) => windows.done(state),
    }
    verdict
}
