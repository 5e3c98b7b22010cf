//! The definition of a schedule, as Scheduler's API reads and writes it.

use jiff::Timestamp;
use lambda_shapes::moment::Moment;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use topology::schedule::{Expression, Timetable, time_zone};

use super::invalid::Invalid;
use super::key::Key;
use super::spec::Spec;
use super::target::Target;

/// The definition of a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// Its name.
    pub key: Key,
    /// Identity: another schedule of the same name has another.
    pub identity: String,
    /// Number of this version, from 1.
    pub revision: u64,
    /// The expression, as it was given.
    pub expression: String,
    /// Name of the time zone.
    pub zone: String,
    /// The flexible time window.
    pub window: Window,
    /// A recurring schedule does not fire before.
    pub start: Option<Timestamp>,
    /// A recurring schedule does not fire at or after this time.
    pub end: Option<Timestamp>,
    /// Whether it fires.
    pub is_enabled: bool,
    /// Whether it is deleted when it will not fire again.
    pub delete_when_done: bool,
    /// Words for people.
    pub description: Option<String>,
    /// A key of KMS, which nothing here uses.
    pub kms_key_arn: Option<String>,
    /// The target, as it was given.
    pub target: Value,
    /// When it was created.
    pub created: Timestamp,
    /// When it was changed last.
    pub modified: Timestamp,
    /// Token of the request that created it.
    pub client_token: Option<String>,
}

/// A flexible time window. The engine fires at its beginning, whatever its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Length in minutes; `None` without a window.
    pub minutes: Option<u32>,
}

impl Definition {
    /// Returns whether another request asks for the same schedule.
    pub(super) fn asks_for_the_same(&self, other: &Self) -> bool {
        let bare = |definition: &Self| Self {
            identity: String::new(),
            revision: 0,
            created: Timestamp::UNIX_EPOCH,
            modified: Timestamp::UNIX_EPOCH,
            ..definition.clone()
        };
        bare(self) == bare(other)
    }

    /// Returns what the machine needs.
    ///
    /// # Errors
    /// The definition is none that a request could have made.
    pub(super) fn spec(&self) -> Result<Spec, Invalid> {
        let expression = Expression::parse(&self.expression);
        let zone = time_zone(&self.zone);
        let timetable = Timetable {
            expression: expression.map_err(|error| Invalid(error.to_string()))?,
            zone: zone.map_err(|error| Invalid(error.to_string()))?,
            start: self.start,
            end: self.end,
            created: self.created,
        };
        Ok(Spec {
            identity: self.identity.clone(),
            revision: self.revision,
            timetable,
            anchor: Moment::from(self.modified),
            is_enabled: self.is_enabled,
            retries: Target::read(&self.target)?.retries,
            delete_when_done: self.delete_when_done,
        })
    }

    fn state(&self) -> &'static str {
        if self.is_enabled { "ENABLED" } else { "DISABLED" }
    }

    /// Returns the answer to GetSchedule.
    pub(super) fn described(&self) -> Value {
        let mut target = self.target.clone();
        // AWS fills in the limits.
        if let (Ok(read), Some(fields)) = (Target::read(&self.target), target.as_object_mut()) {
            let policy = json!({
                "MaximumEventAgeInSeconds": read.retries.maximum_age.as_secs(),
                "MaximumRetryAttempts": read.retries.maximum_attempts,
            });
            fields.insert("RetryPolicy".to_owned(), policy);
        }
        let window = match self.window.minutes {
            Some(minutes) => json!({ "Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes }),
            None => json!({ "Mode": "OFF" }),
        };
        let mut described = json!({
            "ActionAfterCompletion": if self.delete_when_done { "DELETE" } else { "NONE" },
            "Arn": self.key.arn(),
            "CreationDate": seconds(self.created),
            "FlexibleTimeWindow": window,
            "GroupName": self.key.group,
            "LastModificationDate": seconds(self.modified),
            "Name": self.key.name,
            "ScheduleExpression": self.expression,
            "ScheduleExpressionTimezone": self.zone,
            "State": self.state(),
            "Target": target,
        });
        let optional = [
            ("Description", self.description.clone().map(Value::from)),
            ("KmsKeyArn", self.kms_key_arn.clone().map(Value::from)),
            ("StartDate", self.start.map(seconds)),
            ("EndDate", self.end.map(seconds)),
        ];
        if let Some(fields) = described.as_object_mut() {
            let given =
                optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            fields.extend(given);
        }
        described
    }

    /// Returns its entry in the answer to ListSchedules.
    pub(super) fn listed(&self) -> Value {
        json!({
            "Arn": self.key.arn(),
            "CreationDate": seconds(self.created),
            "GroupName": self.key.group,
            "LastModificationDate": seconds(self.modified),
            "Name": self.key.name,
            "State": self.state(),
            "Target": { "Arn": self.target.get("Arn") },
        })
    }
}

/// Returns a time as JSON protocols write it: seconds since 1970.
#[allow(clippy::cast_precision_loss, reason = "milliseconds of this era are exact")]
pub(super) fn seconds(time: Timestamp) -> Value {
    Value::from(time.as_millisecond() as f64 / 1000.0)
}
