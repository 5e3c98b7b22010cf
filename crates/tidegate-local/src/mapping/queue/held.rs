//! Holds received messages that are in no batch yet.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use lambda_shapes::batching::{self, Limits, Readiness};
use lambda_shapes::moment::Moment;
use lambda_shapes::queue::Message;

/// Held messages in the order of arrival, each with the moment of its receive.
#[derive(Debug, Default)]
pub(super) struct Held(VecDeque<(Message, Moment)>);

impl Held {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.0.iter().map(|(message, _)| message)
    }

    /// Removes and returns all messages, in order.
    pub(super) fn take(&mut self) -> Vec<Message> {
        self.0.drain(..).map(|(message, _)| message).collect()
    }

    pub(super) fn admit(&mut self, messages: Vec<Message>, now: Moment) {
        self.0.extend(messages.into_iter().map(|message| (message, now)));
    }

    /// Returns how many messages a batch could take now; those of a busy group wait.
    pub(super) fn free(&self, busy: &BTreeSet<&str>) -> usize {
        self.0.iter().filter(|(message, _)| is_free(message, busy)).count()
    }

    /// Drops messages that were received longer ago than `kept`.
    ///
    /// Such a message is visible in the queue again, or soon will be. Its receipt is worthless
    /// then, and another receive brings the message. The rest of its message group is dropped, too,
    /// so that nothing overtakes it.
    pub(super) fn expire(&mut self, kept: Duration, now: Moment) {
        let mut groups = BTreeSet::new();
        self.0.retain(|(message, received)| {
            let stays = received.after(kept) > now;
            if !stays {
                groups.extend(message.group.clone());
            }
            stays
        });
        self.forget(&groups);
    }

    /// Drops the messages of these groups; they become visible again behind the failed ones.
    pub(super) fn forget(&mut self, groups: &BTreeSet<String>) {
        self.0.retain(|(message, _)| {
            message.group.as_ref().is_none_or(|group| !groups.contains(group))
        });
    }

    /// Takes the messages of the next batch out, with the earliest moment of their receives.
    ///
    /// Messages of a busy group stay, in order. The error is the moment at which the batch will be
    /// ready, or `None` if there are no messages for it.
    ///
    /// Example: a batch of group A is in flight, and `a2@A`, `b1@B`, `b2@B` are held. The next
    /// batch is `b1`, `b2`.
    pub(super) fn cut(
        &mut self,
        limits: Limits,
        busy: &BTreeSet<&str>,
        now: Moment,
    ) -> Result<(Vec<Message>, Moment), Option<Moment>> {
        let free = self.0.iter().filter(|(message, _)| is_free(message, busy));
        let count =
            match batching::readiness(free.map(|(m, read)| (m.json.len(), *read)), limits, now) {
                Readiness::Empty => return Err(None),
                Readiness::At(due) => return Err(Some(due)),
                Readiness::Batch(count) => count,
            };
        let mut messages = Vec::with_capacity(count);
        let mut received = now;
        let mut left = VecDeque::with_capacity(self.0.len().saturating_sub(count));
        for (message, read) in std::mem::take(&mut self.0) {
            if messages.len() < count && is_free(&message, busy) {
                received = received.min(read);
                messages.push(message);
            } else {
                left.push_back((message, read));
            }
        }
        self.0 = left;
        Ok((messages, received))
    }
}

fn is_free(message: &Message, busy: &BTreeSet<&str>) -> bool {
    message.group.as_deref().is_none_or(|group| !busy.contains(group))
}
