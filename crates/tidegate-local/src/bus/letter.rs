//! The dead letter of a hand-over: the event itself, and beside it what happened.

use aws_sdk_sqs::Client;

use super::failure::{Failure, GivenUp};
use super::rule::Rule;
use crate::mapping::shortened;
use crate::message;

/// The message attributes of a dead letter.
pub(super) fn attributes<'a>(rule: &'a Rule, given_up: &'a GivenUp) -> Vec<(&'static str, String)> {
    let mut attributes = vec![
        ("RULE_ARN", rule.arn.clone()),
        ("TARGET_ARN", rule.target_arn.clone()),
        ("ERROR_CODE", given_up.failure.code.to_owned()),
        ("ERROR_MESSAGE", shortened(&given_up.failure.message)),
        ("RETRY_ATTEMPTS", given_up.retry_attempts.to_string()),
    ];
    attributes.extend(
        given_up.exhausted.map(|exhausted| ("EXHAUSTED_RETRY_CONDITION", exhausted.as_str().to_owned())),
    );
    attributes
}

/// Sends a dead letter once. Without a queue for it the event is dropped, as EventBridge does.
pub(super) async fn send(sqs: &Client, rule: &Rule, given_up: &GivenUp, event: &str) -> Result<(), Failure> {
    let Some(queue) = &rule.dead_letters else {
        let why = &given_up.failure.message;
        tracing::warn!(
            rule = rule.name,
            why,
            "an event is dropped: the rule's target has no dead-letter queue"
        );
        return Ok(());
    };
    let sent = message::send(sqs, queue, event, attributes(rule, given_up)).await;
    sent.map(drop).map_err(|error| {
        let failure = Failure::of(error);
        let message =
            format!("the dead letter of rule {} cannot be sent to {queue}: {}", rule.name, failure.message);
        Failure { message, ..failure }
    })
}
