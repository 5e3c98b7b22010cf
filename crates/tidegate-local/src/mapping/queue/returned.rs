//! Messages that have gone back to their queue: hidden there for some time, they still wait to be
//! handled.

use std::collections::BTreeMap;

use lambda_shapes::moment::Moment;
use lambda_shapes::queue::Message;

/// By id, when each was sent and until when it is hidden. What is visible again comes with a
/// receive, or is another queue's.
#[derive(Debug, Default)]
pub(super) struct Returned(BTreeMap<String, (Moment, Moment)>);

impl Returned {
    /// These are hidden until then.
    pub(super) fn add<'a>(
        &mut self,
        messages: impl Iterator<Item = &'a Message>,
        until: Moment,
        now: Moment,
    ) {
        self.0.retain(|_, (_, until)| *until >= now);
        self.0.extend(messages.map(|message| (message.id.clone(), (message.sent, until))));
    }

    /// It has come again.
    pub(super) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// When the oldest of those that are hidden now was sent.
    pub(super) fn oldest(&self, now: Moment) -> Option<Moment> {
        self.0.values().filter(|(_, until)| *until >= now).map(|(sent, _)| *sent).min()
    }
}
