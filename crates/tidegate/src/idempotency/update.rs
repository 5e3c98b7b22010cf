//! Conditional updates of idempotency records: their conditions and expressions.

use std::borrow::Cow;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::record::Kept;
use super::repeat::Repeat;
use crate::failure::Failure;

/// The record is in progress and belongs to the caller.
pub(super) const OWNED: &str = "#status = :in_progress AND #owner = :owner";
/// The record has the caller's token, so no run has claimed since.
pub(super) const COMPLETABLE: &str =
    "#owner = :owner AND #status IN (:in_progress, :held, :released)";
/// The record is in progress and its owner is gone.
pub(super) const ORPHAN: &str =
    "#status = :in_progress AND #owner = :owner AND #lease_until < :now";
/// The record is in progress, belongs to the caller, and its lease ends earlier.
pub(super) const EXTENDABLE: &str =
    "#status = :in_progress AND #owner = :owner AND #lease_until < :lease_until";
/// The owner is gone, and its record is held without an event.
pub(super) const HELD_WITHOUT: &str =
    "#status = :held AND #owner = :owner AND attribute_not_exists(#repeat)";
/// The caller's record is held or released, and has no event.
pub(super) const WAITS_WITHOUT: &str =
    "#status IN (:held, :released) AND #owner = :owner AND attribute_not_exists(#repeat)";
/// The effect is held, or released and not run since, or its owner is gone.
pub(super) const WAITS_FOR_OPERATOR: &str =
    "#status IN (:held, :released) OR (#status = :in_progress AND #lease_until < :now)";

/// The record may wait for an operator, and cannot be read.
pub(super) const UNREADABLE: &str = "(NOT #status IN (:held, :released, :in_progress, :completed)) OR attribute_not_exists(#lease_until)";

/// A conditional update: its condition, its expression, and the values of both.
pub(super) struct Update {
    pub(super) condition: Cow<'static, str>,
    pub(super) expression: String,
    pub(super) values: Vec<(&'static str, AttributeValue)>,
}

/// Builds the update that completes the record if `condition` is true.
pub(super) fn completion(
    condition: &'static str,
    result: &Kept<String>,
    expires_at: Timestamp,
    mut values: Vec<(&'static str, AttributeValue)>,
) -> Update {
    let mut expression = "SET #status = :completed, #expires_at = :expires_at".to_owned();
    values.push((":completed", text("completed")));
    values.push((":expires_at", number(expires_at.as_second())));
    match result {
        Kept::Result(result) => {
            expression.push_str(", #result = :result");
            values.push((":result", text(result)));
        }
        Kept::TooLarge { bytes } => {
            expression.push_str(", #result_bytes = :result_bytes");
            values.push((":result_bytes", AttributeValue::N(bytes.to_string())));
        }
        Kept::Unknown => {}
    }
    Update { condition: condition.into(), expression, values }
}

/// Returns the values of a condition on a claim in progress and its owner.
pub(super) fn owned(owner: &str) -> Vec<(&'static str, AttributeValue)> {
    vec![(":in_progress", text("in_progress")), (":owner", text(owner))]
}

/// Returns the values of [`WAITS_FOR_OPERATOR`].
pub(super) fn waiting() -> Vec<(&'static str, AttributeValue)> {
    vec![
        (":held", text("held")),
        (":in_progress", text("in_progress")),
        (":released", text("released")),
        (":now", number(Timestamp::now().as_millisecond())),
    ]
}

/// Returns the names of the attributes in an expression.
///
/// DynamoDB rejects a declared name that is not used.
pub(super) fn names_in(expression: &str) -> impl Iterator<Item = &str> {
    expression
        .split('#')
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(rest))
}

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(super) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Builds the update that holds a record for which `condition` is true.
///
/// With `repeat`, it also adds the event to a record for which `without` is true: one that waits
/// for an operator without an event.
pub(super) fn holding(
    condition: &'static str,
    without: &'static str,
    mut values: Vec<(&'static str, AttributeValue)>,
    reason: &str,
    repeat: Option<&Repeat>,
) -> Result<Update, Failure> {
    values.extend([(":held", text("held")), (":reason", text(reason))]);
    let mut expression =
        "SET #status = :held, #reason = if_not_exists(#reason, :reason)".to_owned();
    let Some(repeat) = repeat else {
        return Ok(Update { condition: condition.into(), expression, values });
    };
    expression.push_str(", #repeat = :repeat");
    values.push((":repeat", text(&serde_json::to_string(repeat)?)));
    Ok(Update { condition: format!("({condition}) OR ({without})").into(), expression, values })
}
