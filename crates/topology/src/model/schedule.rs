//! Schedules of EventBridge Scheduler, and the groups of those that functions create.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A schedule with its one target. Its time window is never flexible.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// `at(…)`, `rate(…)` or `cron(…)`: [`Expression`](crate::schedule::Expression).
    pub expression: String,
    /// Time zone of the expression, a name of the IANA database; UTC by default.
    #[serde(default = "default_time_zone")]
    pub time_zone: String,
    /// Time from which a recurring schedule fires, in RFC 3339.
    #[serde(default, deserialize_with = "moment")]
    pub start: Option<Timestamp>,
    /// Time at which a recurring schedule fires no more, in RFC 3339.
    #[serde(default, deserialize_with = "moment")]
    pub end: Option<Timestamp>,
    /// Whether it fires; true by default.
    #[serde(default = "default_enabled")]
    pub enabled: bool,
    /// What it fires at.
    pub target: ScheduleTarget,
    /// What the target gets: JSON. Without it, the target gets an event of the source
    /// `aws.scheduler`.
    pub input: Option<Value>,
    /// Queue for events that Scheduler could not deliver.
    pub dead_letter_queue: Option<String>,
    /// Retries of a delivery, 0 to 185; 185 by default.
    #[serde(default = "default_attempts")]
    pub maximum_retry_attempts: u32,
    /// Seconds for which a delivery is retried, 60 to 86,400; 86,400 by default.
    #[serde(default = "default_age")]
    pub maximum_event_age_seconds: u32,
}

/// The target of a schedule: exactly one of function, queue, bus, stream and topic is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleTarget {
    /// A function, which is invoked asynchronously.
    pub function: Option<String>,
    /// A queue.
    pub queue: Option<String>,
    /// A bus.
    pub bus: Option<String>,
    /// A Kinesis stream.
    pub stream: Option<String>,
    /// A topic.
    pub topic: Option<String>,
    /// Queues: message group. A FIFO queue needs one.
    pub message_group_id: Option<String>,
    /// Streams: partition key; required.
    pub partition_key: Option<String>,
    /// Buses: source of the event; required.
    pub source: Option<String>,
    /// Buses: detail type of the event; required.
    pub detail_type: Option<String>,
}

/// A group of schedules that functions create while they run.
///
/// A function that has it among its `uses` as `DEADLINES` gets these variables:
///
/// | variable | value |
/// |---|---|
/// | `DEADLINES` | name of the group |
/// | `DEADLINES_ROLE_ARN` | role that the function names in each schedule |
/// | `DEADLINES_TARGET_<NAME>` | ARN of each target; the name in capitals, `-` and `.` as `_` |
/// | `DEADLINES_DEAD_LETTER_ARN` | ARN of the dead-letter queue, if there is one |
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleGroup {
    /// What its schedules may fire at, by a name for the function's variables.
    pub targets: BTreeMap<String, ScheduleTarget>,
    /// Queue for events that Scheduler could not deliver.
    pub dead_letter_queue: Option<String>,
}

fn default_time_zone() -> String {
    "UTC".to_owned()
}

fn default_enabled() -> bool {
    true
}

fn default_attempts() -> u32 {
    185
}

fn default_age() -> u32 {
    86_400
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let moment = text.parse().map_err(|_| {
        D::Error::custom(format!("{text} is not a time; use one such as 2026-01-31T12:00:00Z"))
    })?;
    Ok(Some(moment))
}
