//! The target of a schedule, read from Scheduler's JSON.

use std::time::Duration;

use engine_client::local::{ACCOUNT, REGION};
use serde::Deserialize;

use super::invalid::Invalid;

/// Largest input, in bytes (AWS docs: quotas of EventBridge Scheduler).
const INPUT_BYTES: usize = 262_144;

/// What a schedule fires at, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// ARN, as dead letters name it.
    pub arn: String,
    /// What it is.
    pub kind: Kind,
    /// What it gets. `None` is Scheduler's own event.
    pub input: Option<String>,
    /// Name of the dead-letter queue.
    pub dead_letters: Option<String>,
    /// Limits of the tries.
    pub retries: Retries,
}

/// Kind of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A function by name, and its version or alias. It is invoked asynchronously.
    Function(String, Option<String>),
    /// A queue by name, and the message group.
    Queue(String, Option<String>),
    /// A bus.
    Bus {
        /// Source of the event.
        source: String,
        /// Detail type of the event.
        detail_type: String,
    },
    /// A stream by name, and the partition key.
    Stream(String, String),
    /// A topic.
    Topic,
}

/// Limits of the tries of a hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Tries after the first.
    pub maximum_attempts: u32,
    /// Age after which it is not tried again.
    pub maximum_age: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    arn: Option<String>,
    role_arn: Option<String>,
    input: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
    retry_policy: Option<RetryPolicy>,
    sqs_parameters: Option<SqsParameters>,
    kinesis_parameters: Option<KinesisParameters>,
    event_bridge_parameters: Option<EventBridgeParameters>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetterConfig {
    arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RetryPolicy {
    maximum_retry_attempts: Option<u32>,
    maximum_event_age_in_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SqsParameters {
    message_group_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KinesisParameters {
    partition_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventBridgeParameters {
    detail_type: String,
    source: String,
}

impl Target {
    /// Reads a `Target` of Scheduler's API.
    ///
    /// # Errors
    /// AWS refuses it, or nothing in the local system is such a target.
    pub fn read(target: &serde_json::Value) -> Result<Self, Invalid> {
        let given = Given::deserialize(target)
            .map_err(|error| Invalid(format!("Value at 'target' cannot be read: {error}")))?;
        let required = |value: Option<String>, at: &str| {
            value.filter(|value| !value.is_empty()).ok_or_else(|| {
                let constraint = "Member must not be null";
                Invalid::member("null", at, constraint)
            })
        };
        let arn = required(given.arn.clone(), "target.arn")?;
        let role = required(given.role_arn.clone(), "target.roleArn")?;
        if !is_role(&role) {
            let pattern = r"^arn:aws(-[a-z]+)?:iam::\d{12}:role\/[\w+=,.@\/-]+$";
            return Err(Invalid::pattern(&role, "target.roleArn", pattern));
        }
        let kind = Kind::read(&arn, &given)?;
        if let Some(input) = &given.input {
            kind.check(input)?;
        }
        let letters = given.dead_letter_config.and_then(|config| config.arn);
        let letters = letters.map(|arn| dead_letters(&arn)).transpose()?;
        Ok(Self {
            arn,
            kind,
            input: given.input,
            dead_letters: letters,
            retries: retries(given.retry_policy)?,
        })
    }
}

impl Kind {
    fn read(arn: &str, given: &Given) -> Result<Self, Invalid> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = *parts.as_slice() else {
            return Err(Invalid(format!("Provided Arn is not in correct format: {arn}.")));
        };
        if !partition.starts_with("aws") {
            return Err(Invalid(format!("Provided Arn is not in correct format: {arn}.")));
        }
        if service == "scheduler" && resource.starts_with("aws-sdk:") {
            return Err(Invalid(format!(
                "{arn} is a universal target, which the local system does not call; use a \
                 function, a queue, a bus, a stream or a topic as target"
            )));
        }
        if (region, account) != (REGION, ACCOUNT) {
            return Err(Invalid(format!(
                "{arn} is in another account or region; the local system is account {ACCOUNT} in \
                 {REGION}"
            )));
        }
        let after = |prefix: &str| resource.strip_prefix(prefix).filter(|rest| !rest.is_empty());
        let kind = match service {
            "lambda" => after("function:").map(|name| {
                let (name, qualifier) = match name.split_once(':') {
                    Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
                    None => (name, None),
                };
                Ok(Self::Function(name.to_owned(), qualifier))
            }),
            "sqs" => after("").map(|name| {
                let group =
                    given.sqs_parameters.as_ref().and_then(|sqs| sqs.message_group_id.clone());
                queue(name, group)
            }),
            "events" => after("event-bus/").map(|_| bus(given)),
            "kinesis" => after("stream/").map(|name| {
                let key = given.kinesis_parameters.as_ref().map(|kinesis| &kinesis.partition_key);
                let missing = || {
                    Invalid(
                        "A Kinesis target needs KinesisParameters with a PartitionKey.".to_owned(),
                    )
                };
                Ok(Self::Stream(name.to_owned(), key.cloned().ok_or_else(missing)?))
            }),
            "sns" => after("").map(|_| Ok(Self::Topic)),
            _ => None,
        };
        kind.unwrap_or_else(|| {
            Err(Invalid(format!(
                "{arn} is not a target in the local system; use a function, a queue, a bus, a \
                 stream or a topic"
            )))
        })
    }

    /// Checks an input against what the target takes.
    fn check(&self, input: &str) -> Result<(), Invalid> {
        if input.is_empty() || input.len() > INPUT_BYTES {
            return Err(Invalid(format!(
                "Value at 'target.input' has {} bytes; it must have 1 to {INPUT_BYTES}.",
                input.len()
            )));
        }
        let read = serde_json::from_str::<serde_json::Value>(input);
        match self {
            Self::Function(..) if read.is_err() => {
                Err(Invalid("Input must be well-formed JSON for a Lambda target.".to_owned()))
            }
            Self::Bus { .. } if !read.is_ok_and(|read| read.is_object()) => {
                let what =
                    "Input must be a JSON object for an EventBridge target: it is the detail.";
                Err(Invalid(what.to_owned()))
            }
            _ => Ok(()),
        }
    }
}

fn queue(name: &str, group: Option<String>) -> Result<Kind, Invalid> {
    if name.ends_with(".fifo") && group.is_none() {
        let what = "A FIFO queue as target needs SqsParameters with a MessageGroupId.";
        return Err(Invalid(what.to_owned()));
    }
    Ok(Kind::Queue(name.to_owned(), group))
}

fn bus(given: &Given) -> Result<Kind, Invalid> {
    let Some(EventBridgeParameters { source, detail_type }) = &given.event_bridge_parameters else {
        let what = "An EventBridge target needs EventBridgeParameters with Source and DetailType.";
        return Err(Invalid(what.to_owned()));
    };
    if source.starts_with("aws.") {
        return Err(Invalid(format!("Source {source} begins with aws., which is reserved.")));
    }
    Ok(Kind::Bus { source: source.clone(), detail_type: detail_type.clone() })
}

/// Returns the name of a dead-letter queue.
fn dead_letters(arn: &str) -> Result<String, Invalid> {
    let own = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:");
    let name = arn.strip_prefix(&own).unwrap_or_default();
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    if !is_name(name) {
        return Err(Invalid(format!(
            "Value '{arn}' at 'target.deadLetterConfig.arn' is not a standard queue of the local \
             system: {own}NAME"
        )));
    }
    Ok(name.to_owned())
}

fn retries(given: Option<RetryPolicy>) -> Result<Retries, Invalid> {
    let attempts = given.as_ref().and_then(|policy| policy.maximum_retry_attempts);
    let age = given.as_ref().and_then(|policy| policy.maximum_event_age_in_seconds);
    let (attempts, age) = (attempts.unwrap_or(185), age.unwrap_or(86_400));
    let at = "target.retryPolicy";
    if attempts > 185 {
        let at = format!("{at}.maximumRetryAttempts");
        return Err(Invalid::member(
            attempts,
            &at,
            "Member must have value less than or equal to 185",
        ));
    }
    if !(60..=86_400).contains(&age) {
        let at = format!("{at}.maximumEventAgeInSeconds");
        return Err(Invalid::member(age, &at, "Member must have value between 60 and 86400"));
    }
    Ok(Retries { maximum_attempts: attempts, maximum_age: Duration::from_secs(age.into()) })
}

fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, role] = *parts.as_slice() else { return false };
    partition.starts_with("aws")
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && role.strip_prefix("role/").is_some_and(|name| {
            let taken = |c: char| c.is_ascii_alphanumeric() || "_+=,.@/-".contains(c);
            !name.is_empty() && name.chars().all(taken)
        })
}
