//! The row of a breaker as an item of a DynamoDB table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Deserialize;
use serde_dynamo::aws_sdk_dynamodb_1::from_item;

use super::phase::{Operator, Phase};
use super::state::{BreakerState, Counts};
use crate::failure::{Failure, chain};

/// Partition key of the table of breakers; a string.
pub const PARTITION_KEY: &str = "breaker";

pub(super) type Item = HashMap<String, AttributeValue>;

/// The attributes of a row. Times are milliseconds since 1970.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    number: u64,
    phase: String,
    since: Option<i64>,
    until: Option<i64>,
    #[serde(default)]
    reason: String,
    operator: Option<String>,
    note: Option<String>,
    #[serde(default)]
    token: String,
    window: Option<i64>,
    #[serde(default)]
    failures: u64,
    #[serde(default)]
    successes: u64,
    #[serde(default)]
    in_a_row: u64,
    #[serde(default)]
    events: u64,
}

/// Reads the state in a row. A row that is missing has the default state.
///
/// # Errors
/// `breaker_row` (transient): the row cannot be read. It says nothing about a record, so it must
/// not make a dead letter of one.
pub(super) fn state_of(breaker: &str, item: Option<Item>) -> Result<BreakerState, Failure> {
    let Some(item) = item.filter(|item| !item.is_empty()) else {
        return Ok(BreakerState::default());
    };
    let unreadable =
        |what: String| Failure::transient("breaker_row", format!("breaker {breaker}: {what}"));
    let row: Row = from_item(item).map_err(|error| unreadable(chain(&error)))?;
    let time = |milliseconds: Option<i64>, name: &str| {
        let time = milliseconds.and_then(|at| Timestamp::from_millisecond(at).ok());
        time.ok_or_else(|| unreadable(format!("a breaker that is {} needs {name}", row.phase)))
    };
    let phase = match row.phase.as_str() {
        "closed" => Phase::Closed,
        "open" => Phase::Open { until: time(row.until, "until")? },
        "half-open" => Phase::HalfOpen { lease_until: time(row.until, "until")? },
        other => {
            return Err(unreadable(format!("`{other}` is not a phase that this reader knows")));
        }
    };
    let operator = row.operator.map(|name| Operator { name, note: row.note.unwrap_or_default() });
    let counts = Counts {
        begun: row.window.and_then(|at| Timestamp::from_millisecond(at).ok()),
        failures: row.failures,
        successes: row.successes,
        in_a_row: row.in_a_row,
    };
    Ok(BreakerState {
        number: row.number,
        phase,
        since: row.since.and_then(|at| Timestamp::from_millisecond(at).ok()),
        reason: row.reason,
        operator,
        token: row.token,
        counts,
        events: row.events,
    })
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn time(value: Timestamp) -> AttributeValue {
    number(value.as_millisecond())
}
