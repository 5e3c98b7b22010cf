//! What leaves because of an event, beside the event itself.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest as _, Sha256};

use super::Action;
use crate::envelope::{Data, DataSchema, Envelope};
use crate::failure::Failure;
use crate::ids::{StreamId, content_id};
use crate::message::{Message, MessageSet};
use crate::store::{RecordedCommit, RecordedEvent};

/// A stored event on its way out.
#[derive(Clone, Copy, Debug)]
pub struct Published<'a> {
    commit: &'a RecordedCommit,
    event: &'a RecordedEvent,
}

impl<'a> Published<'a> {
    /// Creates the event of this commit as it is published.
    pub fn new(commit: &'a RecordedCommit, event: &'a RecordedEvent) -> Self {
        Self { commit, event }
    }

    /// Returns the stream of the event.
    pub fn stream(&self) -> &'a StreamId {
        &self.commit.stream
    }

    /// Returns the event.
    pub fn event(&self) -> &'a RecordedEvent {
        self.event
    }

    /// Returns the attribute `source` of the event's envelope.
    pub fn source(&self) -> &'a str {
        &self.commit.source
    }

    /// Decodes the content.
    ///
    /// # Errors
    /// Those of [`RecordedEvent::decode`].
    pub fn decode<M: MessageSet>(&self) -> Result<M, Failure> {
        self.event.decode()
    }

    /// Creates the envelope of the event, with the data by value.
    ///
    /// # Errors
    /// `invalid_data` (permanent): the stored content is not JSON.
    pub fn envelope(&self) -> Result<Envelope, Failure> {
        self.commit.envelope(self.event)
    }

    /// Creates a command that leaves because of the event, for the target with the name `to`.
    ///
    /// `name` tells the messages of one event apart. The id of the command is derived from it and
    /// from the event's id, so the same event always gives the same command. `subject` is the
    /// stream that the command is for.
    ///
    /// # Errors
    /// `unencodable` (permanent): the content cannot be written as JSON.
    pub fn command<M: Message>(
        &self,
        to: impl Into<String>,
        name: &str,
        subject: StreamId,
        content: &M,
    ) -> Result<Outgoing, Failure> {
        let envelope = self.envelope_of(name, subject, content)?;
        Ok(Outgoing { to: to.into(), action: Action::Send, envelope: Some(envelope) })
    }

    /// Creates a command that a schedule of the target `to` hands over when it is `due`.
    ///
    /// `name` also names the schedule, together with the event's stream: see [`schedule_name`]. A
    /// stream that sets a schedule of a name twice has one schedule, the first.
    ///
    /// # Errors
    /// `unencodable` (permanent): the content cannot be written as JSON.
    pub fn schedule<M: Message>(
        &self,
        to: impl Into<String>,
        name: &str,
        due: Timestamp,
        subject: StreamId,
        content: &M,
    ) -> Result<Outgoing, Failure> {
        let envelope = self.envelope_of(name, subject, content)?;
        let action = Action::Schedule { name: schedule_name(self.stream(), name), due };
        Ok(Outgoing { to: to.into(), action, envelope: Some(envelope) })
    }

    /// Creates the deletion of the schedule that an event of this stream set with this name.
    pub fn cancel(&self, to: impl Into<String>, name: &str) -> Outgoing {
        let action = Action::Cancel { name: schedule_name(self.stream(), name) };
        Outgoing { to: to.into(), action, envelope: None }
    }

    fn envelope_of<M: Message>(
        &self,
        name: &str,
        subject: StreamId,
        content: &M,
    ) -> Result<Envelope, Failure> {
        let data = to_raw_value(content).map_err(|error| {
            let reason = format!("{} cannot be written as JSON: {error}", M::TYPE);
            Failure::permanent("unencodable", reason)
        })?;
        Ok(self.raw(name, subject, DataSchema::new(M::TYPE, M::VERSION), data))
    }

    /// Creates the envelope of a message that leaves because of the event, as
    /// [`Self::command`] does, with content that is written already.
    pub(crate) fn raw(
        &self,
        name: &str,
        subject: StreamId,
        schema: DataSchema,
        data: Box<RawValue>,
    ) -> Envelope {
        let id = content_id(&["outgoing", &self.event.id, name]);
        let (source, time) = (self.source(), self.event.time);
        self.follow(Envelope::new(id, source, subject, time, schema, Data::Inline(data)))
    }

    /// Makes a message follow from the event: it gets its cause and its correlation.
    pub(crate) fn follow(&self, mut envelope: Envelope) -> Envelope {
        envelope.causation_id = Some(self.event.id.clone());
        if let Some(decision) = self.commit.decision(self.event.version) {
            envelope.correlation_id = decision.correlation_id.clone();
            envelope.traceparent = decision.traceparent.clone();
            envelope.extensions = decision.extensions.clone();
        }
        envelope
    }
}

/// A message that leaves because of an event, addressed to a target by name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outgoing {
    /// Name of the target, as [`Publisher::address`](super::Publisher::address) knows it.
    pub to: String,
    /// What happens to the message there.
    pub action: Action,
    /// The message; `None` if a schedule is cancelled.
    pub envelope: Option<Envelope>,
}

/// Returns the name of the schedule that a stream sets with `name`: 64 hexadecimal digits, a hash
/// of both.
///
/// EventBridge Scheduler allows 64 characters (AWS docs: CreateSchedule), which a stream's id can
/// exceed.
pub fn schedule_name(stream: &StreamId, name: &str) -> String {
    let mut hash = Sha256::new();
    for part in [stream.as_str(), name] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut digits = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::publish::tests::commit;

    #[derive(Serialize, Deserialize)]
    struct BookHotel {
        nights: u32,
    }

    impl Message for BookHotel {
        const TYPE: &'static str = "BookHotel";
        const VERSION: u32 = 2;
    }

    #[test]
    fn a_command_follows_from_its_event_and_is_the_same_each_time() {
        let commit = commit("trip#7", 1, &[("e1", "{}"), ("e2", "{}")]);
        let hotel: StreamId = "hotel#1".parse().unwrap();
        let send = |event: usize, name: &str| {
            let published = Published::new(&commit, &commit.events[event]);
            let command =
                published.command("hotels", name, hotel.clone(), &BookHotel { nights: 2 });
            command.unwrap().envelope.unwrap()
        };
        let sent = send(0, "hotel");
        assert_eq!((sent.kind.as_str(), sent.schema.version), ("BookHotel", 2));
        assert_eq!((sent.subject, sent.causation_id.as_deref()), (hotel.clone(), Some("e1")));
        assert_eq!(sent.correlation_id, commit.decisions[0].correlation_id);
        assert_eq!(sent.id, send(0, "hotel").id, "an event published twice");
        assert_ne!(sent.id, send(0, "second hotel").id);
        assert_ne!(sent.id, send(1, "hotel").id);
    }

    #[test]
    fn a_schedule_has_a_name_that_aws_takes_and_by_which_another_event_cancels_it() {
        let commit = commit("trip#ä/7", 1, &[("e1", "{}"), ("e2", "{}")]);
        let [set, cancelled] = [0, 1].map(|at| Published::new(&commit, &commit.events[at]));
        let due = "2026-12-24T18:00:00Z".parse().unwrap();
        let subject = commit.stream.clone();
        let content = BookHotel { nights: 1 };
        let set = set.schedule("deadlines", "pay", due, subject, &content).unwrap();
        let Action::Schedule { name, .. } = set.action else { panic!("{set:?}") };
        assert_eq!(
            cancelled.cancel("deadlines", "pay").action,
            Action::Cancel { name: name.clone() }
        );
        assert!(name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
        assert_ne!(name, schedule_name(&commit.stream, "answer"));
        assert_ne!(name, schedule_name(&"trip#ä/8".parse().unwrap(), "pay"));
    }
}
