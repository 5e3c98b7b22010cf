//! The notification that SNS wraps around a message in a queue.

use super::fields::{Fields, string};

/// The notification that SNS wraps around a message in a queue.
pub(super) struct Notification {
    pub(super) topic_arn: String,
    pub(super) message: String,
}

/// Reads the notification in a body. It must have the fields that SNS writes, each once and in its
/// form.
pub(super) fn notification(fields: &Fields<'_>) -> Option<Notification> {
    let is_arn = |arn: &String| {
        let mut parts = arn.splitn(6, ':');
        parts.next() == Some("arn") && parts.nth(1) == Some("sns") && parts.nth(2).is_some()
    };
    let as_written = fields.strict("Type")? == "Notification"
        && fields.strict("MessageId").is_some()
        && fields.strict("Timestamp").is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok());
    let topic_arn = fields.strict("TopicArn").filter(|_| as_written).filter(is_arn)?;
    let message = fields.once("Message").and_then(string)?;
    Some(Notification { topic_arn, message })
}
