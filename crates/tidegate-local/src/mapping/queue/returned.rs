//! Remembers failed messages that are hidden in their queue and still wait to be handled.

use std::collections::BTreeMap;

use lambda_shapes::moment::Moment;
use lambda_shapes::queue::Message;

/// By message id, when each message was sent and until when it is hidden.
///
/// A message that is visible again comes with a receive, or was moved to another queue.
#[derive(Debug, Default)]
pub(super) struct Returned(BTreeMap<String, (Moment, Moment)>);

impl Returned {
    /// Adds messages that are hidden until this moment.
    pub(super) fn add<'a>(
        &mut self,
        messages: impl Iterator<Item = &'a Message>,
        until: Moment,
        now: Moment,
    ) {
        self.0.retain(|_, (_, until)| *until >= now);
        self.0.extend(messages.map(|message| (message.id.clone(), (message.sent, until))));
    }

    /// Removes a message that was received again.
    pub(super) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Returns when the next message becomes visible.
    pub(super) fn next(&self, now: Moment) -> Option<Moment> {
        self.0.values().map(|(_, until)| *until).filter(|until| *until >= now).min()
    }

    /// Returns when the oldest message that is hidden now was sent.
    pub(super) fn oldest(&self, now: Moment) -> Option<Moment> {
        self.0.values().filter(|(_, until)| *until >= now).map(|(sent, _)| *sent).min()
    }
}
