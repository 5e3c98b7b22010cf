//! A message in a dead-letter queue.

use jiff::Timestamp;
use tidegate::dead_letter::Payload;

use super::content::Content;

/// A received message, with its recognised content.
#[derive(Debug)]
pub(crate) struct Letter {
    /// Name of the queue in the topology.
    pub(crate) queue: String,
    /// Id of the message in SQS.
    pub(crate) message_id: String,
    /// When the message was sent to the queue.
    pub(crate) sent_at: Option<Timestamp>,
    /// Number of receives, this one included.
    pub(crate) receives: u64,
    /// Body of the message.
    pub(crate) body: String,
    /// Recognised content.
    pub(crate) content: Content,
}

impl Letter {
    /// Returns the id under which it is shown.
    ///
    /// It is the id of the dead letter, which is the same for a letter sent twice, or else that of
    /// the message.
    pub(crate) fn id(&self) -> &str {
        match &self.content {
            Content::Own(letter) => &letter.id,
            _ => &self.message_id,
        }
    }

    /// Returns whether an id, or the beginning of one, names this letter.
    pub(crate) fn is_named(&self, id: &str) -> bool {
        self.id().starts_with(id) || self.message_id.starts_with(id)
    }

    /// Returns when the failure occurred, or else when the message was sent.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.content.failed_at().or(self.sent_at)
    }

    /// Returns class and code of the failure, or the condition in AWS's words.
    pub(crate) fn condition(&self) -> String {
        match &self.content {
            Content::Pointer(pointer) => pointer.condition.clone(),
            Content::Asynchronous(failed) => failed.condition.clone(),
            Content::Own(letter) => format!("{}/{}", letter.class, letter.code),
            Content::Rule(rule) => {
                rule.error_code.clone().unwrap_or_else(|| "not handed over".to_owned())
            }
            Content::Undelivered(letter) => {
                letter.error_code.clone().unwrap_or_else(|| "not delivered".to_owned())
            }
            Content::Unknown { .. } => "unknown".to_owned(),
        }
    }

    /// Returns what the letter is about: the subject of its event, or its position in a stream.
    pub(crate) fn subject(&self) -> String {
        match &self.content {
            Content::Pointer(pointer) => {
                format!(
                    "{} {} {}…{}",
                    pointer.stream_name(),
                    pointer.shard,
                    pointer.start,
                    pointer.end
                )
            }
            Content::Asynchronous(failed) => subject_of(failed.event.get()).unwrap_or_default(),
            Content::Own(letter) if letter.ordering_key == letter.position => {
                letter.position.clone()
            }
            Content::Own(letter) => letter.ordering_key.clone(),
            Content::Rule(rule) => subject_of(rule.event.get()).unwrap_or_default(),
            Content::Undelivered(_) | Content::Unknown { .. } => String::new(),
        }
    }

    /// Returns the reason of the failure.
    pub(crate) fn reason(&self) -> String {
        match &self.content {
            Content::Pointer(pointer) => format!("a batch of {} was discarded", pointer.batch_size),
            Content::Asynchronous(failed) if failed.succeeded() => {
                "the invocation succeeded".to_owned()
            }
            Content::Asynchronous(failed) => {
                failed.error.clone().unwrap_or_else(|| "the function did not run".to_owned())
            }
            Content::Own(letter) => letter.reason.clone(),
            Content::Rule(rule) => {
                let name = rule.rule_arn.rsplit('/').next().unwrap_or(&rule.rule_arn);
                let kind = if rule.rule_arn.contains(":scheduler:") { "schedule" } else { "rule" };
                format!(
                    "{kind} {name}: {}",
                    rule.error_message
                        .as_deref()
                        .unwrap_or("it could not be delivered to the target")
                )
            }
            Content::Undelivered(letter) => format!(
                "topic {}: {}",
                letter.topic(),
                letter.error_message.as_deref().unwrap_or("it could not be delivered")
            ),
            Content::Unknown { reason } => reason.clone(),
        }
    }

    /// Returns bucket and key of the object with its payload.
    pub(crate) fn object(&self) -> Option<(&str, &str)> {
        match &self.content {
            Content::Own(letter) => match &letter.payload {
                Payload::Object { bucket, key } => Some((bucket, key)),
                Payload::Record(_) => None,
            },
            _ => None,
        }
    }
}

/// Returns the subject of the envelope in an EventBridge event.
fn subject_of(event: &str) -> Option<String> {
    let event = aws_json::value(event.as_bytes()).ok()?;
    Some(event.get("detail")?.get("subject")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::subject_of;

    #[test]
    fn an_event_has_its_subject_whatever_else_is_in_it() {
        let event = r#"{"detail":{"subject":"order#1","note":"thanks \ud83d","total":1e999}}"#;
        assert_eq!(subject_of(event).as_deref(), Some("order#1"));
    }
}
