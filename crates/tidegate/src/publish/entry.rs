//! Entries of the requests to a target.

use std::fmt;

use jiff::Timestamp;

use crate::dead_letter::json_text_for_messages;
use crate::envelope::Envelope;
use crate::failure::Failure;
use crate::ids::content_id;

/// A message as a target gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Id of the message, the same each time that it is sent.
    pub id: String,
    /// Attribute `source` of the envelope.
    pub source: String,
    /// Attribute `type` of the envelope.
    pub kind: String,
    /// Stream that the message is about: its partition key or message group.
    pub group: String,
    /// The envelope as JSON, without characters that SQS refuses.
    pub body: String,
    /// What happens to the message at its target.
    pub action: Action,
}

/// What happens to a message at its target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// The target takes it now.
    Send,
    /// A schedule hands it over when it is due.
    Schedule {
        /// Name of the schedule; see [`schedule_name`](super::schedule_name).
        name: String,
        /// When it is due.
        due: Timestamp,
    },
    /// The schedule of this name is deleted. The entry has no body.
    Cancel {
        /// Name of the schedule.
        name: String,
    },
}

impl Entry {
    /// Creates the entry of a message.
    ///
    /// # Errors
    /// `unencodable` (permanent): the envelope cannot be written as JSON.
    pub fn new(envelope: &Envelope, action: Action) -> Result<Self, Failure> {
        let json = serde_json::to_string(envelope).map_err(|error| {
            let reason = format!("{} {}: {error}", envelope.kind, envelope.id);
            Failure::permanent("unencodable", reason)
        })?;
        Ok(Self {
            id: envelope.id.clone(),
            source: envelope.source.clone(),
            kind: envelope.kind.clone(),
            group: envelope.subject.as_str().to_owned(),
            // A character that SQS refuses would fail at a rule's target and in its dead-letter
            // queue.
            body: json_text_for_messages(&json).into_owned(),
            action,
        })
    }

    /// Creates the entry that deletes the schedule of this name.
    pub(super) fn cancel(name: &str) -> Self {
        Self {
            id: content_id(&["cancel", name]),
            source: String::new(),
            kind: "cancellation".to_owned(),
            group: String::new(),
            body: String::new(),
            action: Action::Cancel { name: name.to_owned() },
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Data;
    use crate::publish::tests::commit;

    #[test]
    fn characters_that_no_queue_takes_travel_as_escapes() {
        let data = "{\"n\":\"a\u{FFFE}\\\\\u{FFFF}\"}";
        let commit = commit("order#536365", 1, &[("e1", data)]);
        let envelope = commit.envelope(&commit.events[0]).unwrap();
        let entry = Entry::new(&envelope, Action::Send).unwrap();
        assert!(entry.body.contains(r#"{"n":"a\ufffe\\\uffff"}"#), "{}", entry.body);
        let Data::Inline(sent) = Envelope::parse(entry.body.as_bytes()).unwrap().data else {
            panic!("the data is a reference")
        };
        let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(value(sent.get()), value(data));
    }

    #[test]
    fn an_entry_has_what_targets_route_and_order_by() {
        let commit = commit("order#536365", 1, &[("e1", "{}")]);
        let envelope = commit.envelope(&commit.events[0]).unwrap();
        let entry = Entry::new(&envelope, Action::Send).unwrap();
        let named = [&entry.id, &entry.source, &entry.kind, &entry.group].map(String::as_str);
        assert_eq!(named, ["e1", "shop.orders", "OrderPlaced", "order#536365"]);
        assert_eq!(entry.to_string(), "OrderPlaced e1");
    }
}
