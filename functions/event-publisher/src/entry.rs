//! Entries of PutEvents requests.

use tidegate::dead_letter::json_text_for_messages;
use tidegate::envelope::{Data, DataRef, Envelope};
use tidegate::failure::Failure;
use tidegate::store::{RecordedCommit, RecordedEvent};

/// Bytes that stay free in a message for the text that AWS adds to an event.
///
/// EventBridge adds its own fields, and Lambda the description of a failed invocation. Without this
/// room, an event that fits on the bus could be too large for every queue when it fails, and would
/// be lost.
const AROUND: usize = 4096;

/// An event as it is published on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Type and id of the event, for people.
    pub(crate) event: String,
    pub(crate) source: String,
    pub(crate) detail_type: String,
    /// The envelope, JSON.
    pub(crate) detail: String,
}

impl Entry {
    /// Builds the entry of an event. With the text that AWS adds, it fits into a message of `limit`
    /// bytes.
    ///
    /// Data that would make it larger stays in the event store, and the entry has a reference
    /// instead.
    ///
    /// # Errors
    /// - `event_too_large` (permanent): even the reference does not fit.
    /// - `invalid_data` (permanent): the stored content is not JSON.
    pub(crate) fn new(
        commit: &RecordedCommit,
        event: &RecordedEvent,
        limit: usize,
    ) -> Result<Self, Failure> {
        let room = limit.saturating_sub(AROUND);
        let mut envelope = commit.envelope(event)?;
        let entry = Self::from_envelope(&envelope)?;
        if entry.size() <= room {
            return Ok(entry);
        }
        envelope.data =
            Data::Reference(DataRef { stream: commit.stream.clone(), version: event.version });
        let referring = Self::from_envelope(&envelope)?;
        if referring.size() <= room {
            return Ok(referring);
        }
        Err(Failure::permanent(
            "event_too_large",
            format!(
                "{} {}: {} bytes, {} without its data; the limit of an event is {room}: the {limit} of a \
                 message less {AROUND} for the text that AWS adds",
                event.kind,
                event.id,
                entry.size(),
                referring.size()
            ),
        ))
    }

    fn from_envelope(envelope: &Envelope) -> Result<Self, Failure> {
        Ok(Self {
            event: format!("{} {}", envelope.kind, envelope.id),
            source: envelope.source.clone(),
            detail_type: envelope.kind.clone(),
            // A character that SQS refuses would fail at a rule's target and in its dead-letter
            // queue.
            detail: json_text_for_messages(&serde_json::to_string(envelope)?).into_owned(),
        })
    }

    /// Returns the size in bytes as EventBridge counts it: source, detail type and detail in UTF-8
    /// (no time and no resources are sent).
    pub(crate) fn size(&self) -> usize {
        self.source.len() + self.detail_type.len() + self.detail.len()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use tidegate::envelope::DataSchema;
    use tidegate::ids::{Cause, Version};

    use super::*;

    pub(crate) fn commit(data: &str) -> RecordedCommit {
        let time = "2010-12-01T08:26:00Z".parse().unwrap();
        let schema = DataSchema::new("OrderPlaced", 1);
        let event = RecordedEvent::new("e1", Version::new(1), schema, time, data);
        let (stream, cause) = ("order#536365".parse().unwrap(), Cause::new("import", "c1"));
        let written_at = "2026-01-01T00:00:00Z".parse().unwrap();
        RecordedCommit::new(stream, "shop.orders", cause, written_at, vec![event])
    }

    #[test]
    fn an_event_that_fits_travels_with_its_data() {
        let commit = commit(r#"{"n":1}"#);
        let entry = Entry::new(&commit, &commit.events[0], 1000 + AROUND).unwrap();
        let envelope = Envelope::parse(entry.detail.as_bytes()).unwrap();
        assert_eq!(
            (entry.source.as_str(), entry.detail_type.as_str()),
            ("shop.orders", "OrderPlaced")
        );
        assert!(matches!(&envelope.data, Data::Inline(data) if data.get() == r#"{"n":1}"#));
    }

    #[test]
    fn characters_that_no_queue_takes_travel_as_escapes() {
        let data = "{\"n\":\"a\u{FFFE}\\\\\u{FFFF}\"}";
        let commit = commit(data);
        let entry = Entry::new(&commit, &commit.events[0], 10_000).unwrap();
        assert!(entry.detail.contains(r#"{"n":"a\ufffe\\\uffff"}"#), "{}", entry.detail);
        let Data::Inline(sent) = Envelope::parse(entry.detail.as_bytes()).unwrap().data else {
            panic!()
        };
        let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(value(sent.get()), value(data));
    }

    #[test]
    fn a_byte_over_the_limit_travels_as_a_reference() {
        let commit = commit(&format!("\"{}\"", "x".repeat(5000)));
        let exact = Entry::new(&commit, &commit.events[0], 1_000_000).unwrap().size();
        assert!(Entry::new(&commit, &commit.events[0], exact + AROUND).unwrap().size() == exact);
        let entry = Entry::new(&commit, &commit.events[0], exact + AROUND - 1).unwrap();
        let envelope = Envelope::parse(entry.detail.as_bytes()).unwrap();
        let Data::Reference(reference) = &envelope.data else { panic!("{envelope:?}") };
        assert_eq!((&reference.stream, reference.version), (&commit.stream, Version::new(1)));
    }

    #[test]
    fn an_event_too_large_even_without_its_data_names_sizes_and_limit() {
        let commit = commit("{}");
        let failure = Entry::new(&commit, &commit.events[0], 100 + AROUND).unwrap_err();
        assert_eq!(failure.code(), "event_too_large");
        assert!(failure.reason().contains("the limit of an event is 100"), "{failure}");
    }
}
