//! The dead letter of a firing: the payload, with the reason in message attributes.

use super::payload::Context;
use super::refusal::GivenUp;
use super::target::Target;
use lambda_shapes::text::shortened;

/// Returns the message attributes of a dead letter (AWS docs: "Configuring a schedule's dead-letter
/// queue").
pub(super) fn attributes(
    context: &Context<'_>,
    target: &Target,
    given_up: &GivenUp,
) -> Vec<(&'static str, String)> {
    let mut attributes = vec![
        ("SCHEDULE_ARN", context.schedule_arn.to_owned()),
        ("TARGET_ARN", target.arn.clone()),
        ("ERROR_CODE", given_up.refusal.code.clone()),
        ("ERROR_MESSAGE", shortened(&given_up.refusal.message)),
        ("EXECUTION_ID", context.execution_id.to_owned()),
        ("RETRY_ATTEMPTS", given_up.retry_attempts.to_string()),
        ("SCHEDULED_TIME", context.time()),
        // An input is at most a quarter of what a queue takes.
        ("IS_PAYLOAD_TRUNCATED", "false".to_owned()),
    ];
    let exhausted = given_up.exhausted.map(|exhausted| exhausted.as_str().to_owned());
    attributes.extend(exhausted.map(|exhausted| ("EXHAUSTED_RETRY_CONDITION", exhausted)));
    attributes
}
