//! Sends the dead letter of a hand-over: the event, with the reason in message attributes.

use aws_sdk_sqs::Client;

use super::refusal::GivenUp;
use super::rule::Rule;
use crate::send_error::{Reason, SendError};
use lambda_shapes::message;
use lambda_shapes::text::shortened;

/// Returns the message attributes of a dead letter.
pub(super) fn attributes<'a>(rule: &'a Rule, given_up: &'a GivenUp) -> Vec<(&'static str, String)> {
    let mut attributes = vec![
        ("RULE_ARN", rule.arn.clone()),
        ("TARGET_ARN", rule.target_arn.clone()),
        ("ERROR_CODE", given_up.refusal.code.to_owned()),
        ("ERROR_MESSAGE", shortened(&given_up.refusal.message)),
        ("RETRY_ATTEMPTS", given_up.retry_attempts.to_string()),
    ];
    attributes.extend(
        given_up
            .exhausted
            .map(|exhausted| ("EXHAUSTED_RETRY_CONDITION", exhausted.as_str().to_owned())),
    );
    attributes
}

/// Sends a dead letter once.
///
/// # Errors
/// The queue refused the message, or the target has no dead-letter queue. In both cases EventBridge
/// drops the event.
pub(super) async fn send(
    sqs: &Client,
    rule: &Rule,
    given_up: &GivenUp,
    event: &str,
) -> Result<(), SendError> {
    let Some(queue) = &rule.dead_letters else {
        let message = format!(
            "an event of rule {} is dropped, because its target has no dead-letter queue; the last try failed: {}",
            rule.name, given_up.refusal.message
        );
        return Err(SendError { reason: Reason::Missing, message });
    };
    let what = format!("the dead letter of rule {}", rule.name);
    let sent = message::send(sqs, queue, event, attributes(rule, given_up)).await;
    sent.map(drop).map_err(|error| SendError::from_call(&what, queue, error))
}
