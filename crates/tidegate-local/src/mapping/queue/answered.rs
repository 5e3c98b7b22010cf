//! Decides after an invocation which messages of its batch are deleted, left in their queue or
//! tried again.

use std::collections::BTreeSet;

use super::batch::{BatchState, delivering};
use super::illegal::illegal_batch;
use super::machine::Queue;
use super::step::{Action, Input};
use crate::driver::IllegalInput;
use crate::invocation::Answer;
use crate::mapping::answer::{BatchError, QueueVerdict, judge_queue};
use lambda_shapes::moment::Moment;

impl Queue {
    pub(super) fn answered(
        &mut self,
        id: u64,
        answer: &Answer,
        input: &Input,
        now: Moment,
        actions: &mut Vec<Action>,
    ) -> Result<(), IllegalInput> {
        let free = delivering(&self.batches).count() < self.settings.maximum_concurrency;
        let batch = match self.batches.get_mut(&id) {
            Some(batch) if batch.state == BatchState::InFlight => batch,
            other => return Err(illegal_batch(id, other.map(|batch| batch.state), input)),
        };
        let is_gathering = !self.held.is_empty() && free;
        let report = self.settings.report_batch_item_failures;
        let failed: BTreeSet<usize> =
            match judge_queue(&answer.result, report, batch.messages.iter().map(|m| m.id.as_str()))
            {
                QueueVerdict::Throttled => {
                    self.counts.throttled += 1;
                    let until = now.after(self.backoff.delay(batch.throttles));
                    batch.throttles += 1;
                    // Tried again only if the messages certainly stay hidden until the function
                    // ends.
                    let hidden = batch.received.after(self.settings.visibility);
                    if until.after(self.settings.timeout) < hidden {
                        batch.state = BatchState::Waiting(until);
                        return Ok(());
                    }
                    // The function did not run: the receives are used up, and nothing has failed.
                    (0..batch.messages.len()).collect()
                }
                QueueVerdict::Failed(
                    BatchError::Function(reason) | BatchError::Response(reason),
                ) => {
                    self.counts.retries += 1;
                    self.counts.failed(reason);
                    (0..batch.messages.len()).collect()
                }
                QueueVerdict::Done(failed) => {
                    self.counts.retries += u64::from(!failed.is_empty());
                    failed.into_iter().collect()
                }
            };
        if !is_gathering {
            self.invoked = Some(now);
        }
        let groups: BTreeSet<String> = failed
            .iter()
            .filter_map(|index| batch.messages.get(*index))
            .filter_map(|message| message.group.clone())
            .collect();
        let hidden = batch.received.after(self.settings.visibility);
        self.returned.add(
            failed.iter().filter_map(|index| batch.messages.get(*index)),
            hidden,
            now,
        );
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
            actions.push(Action::Delete { batch: id, receipts: batch.receipts() });
        }
        // Held messages of a failed group must not overtake it.
        self.held.forget(&groups);
        Ok(())
    }
}
