//! Recognises what a message in a dead-letter queue is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tidegate::dead_letter::DeadLetter;

use super::pointer::Pointer;
use crate::invoke::short_name;
pub(crate) use undelivered::Undelivered;

mod undelivered;

/// Content of a message in a dead-letter queue.
#[derive(Debug)]
pub(crate) enum Content {
    /// A pointer to records of a stream that a mapping discarded. It has no payload.
    Pointer(Pointer),
    /// An asynchronous invocation that failed, with its event.
    Asynchronous(Asynchronous),
    /// A dead letter that a function wrote itself.
    Own(Box<DeadLetter>),
    /// An event that EventBridge could not deliver to the target of a rule, or Scheduler to the
    /// target of a schedule.
    ///
    /// The function never received it.
    Rule(Rule),
    /// A notification that SNS could not deliver to the receiver of a subscription.
    Undelivered(Undelivered),
    /// Anything else. It is neither replayed nor deleted.
    Unknown {
        /// Why it was not recognised.
        reason: String,
    },
}

/// An asynchronous invocation that has ended, usually without success.
#[derive(Debug)]
pub(crate) struct Asynchronous {
    /// Qualified ARN of the function.
    pub(crate) function_arn: String,
    /// Lambda's request id of the invocation.
    pub(crate) request_id: Option<String>,
    /// Why Lambda discarded the event.
    pub(crate) condition: String,
    /// When.
    pub(crate) failed_at: Option<Timestamp>,
    /// Last error of the function, if it ran.
    pub(crate) error: Option<String>,
    /// The event.
    pub(crate) event: Box<RawValue>,
}

impl Asynchronous {
    /// Returns whether this is the record of a success.
    ///
    /// A queue contains such records if it is an on-success destination too.
    pub(crate) fn succeeded(&self) -> bool {
        self.condition == "Success"
    }
}

/// An event that the target of a rule or a schedule did not receive.
#[derive(Debug)]
pub(crate) struct Rule {
    /// ARN of the rule or the schedule.
    pub(crate) rule_arn: String,
    /// ARN of the target.
    pub(crate) target_arn: String,
    /// Error code of the service.
    pub(crate) error_code: Option<String>,
    /// Error message of the service.
    pub(crate) error_message: Option<String>,
    /// The event.
    pub(crate) event: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destination {
    timestamp: Option<String>,
    request_context: RequestContext,
    request_payload: Box<RawValue>,
    response_payload: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: Option<String>,
    function_arn: String,
    condition: String,
}

/// Wrapper that SNS puts around a message.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    message: String,
    #[serde(default)]
    message_attributes: BTreeMap<String, NotificationAttribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NotificationAttribute {
    value: String,
}

/// Event of an EventBridge destination.
#[derive(Deserialize)]
struct Detail {
    detail: Box<RawValue>,
}

impl Content {
    /// Recognises a message.
    ///
    /// `attributes` are its message attributes. `redriven_from` is its `DeadLetterQueueSourceArn`.
    pub(crate) fn parse(
        body: &str,
        attributes: &BTreeMap<String, String>,
        redriven_from: Option<&str>,
    ) -> Self {
        // Attributes come first. With them, the body is a foreign event that may have any content.
        let attribute = |name: &str| attributes.get(name).cloned();
        let declared = attribute("RULE_ARN").or_else(|| attribute("SCHEDULE_ARN"));
        if let (Some(rule_arn), Some(target_arn)) = (declared, attribute("TARGET_ARN")) {
            if attribute("IS_PAYLOAD_TRUNCATED").as_deref() == Some("true") {
                return unknown(format!("an input of {rule_arn} that Scheduler cut off"));
            }
            return match raw(body) {
                Ok(event) => Self::Rule(Rule {
                    rule_arn,
                    target_arn,
                    error_code: attribute("ERROR_CODE"),
                    error_message: attribute("ERROR_MESSAGE"),
                    event,
                }),
                Err(error) => unknown(format!("an event of {rule_arn} that is not JSON: {error}")),
            };
        }
        if undelivered::is_undelivered(attributes) {
            return Undelivered::parse(body, attributes).map_or_else(
                || {
                    unknown(
                        "a message that SNS could not deliver raw, or an event of a function's old \
                         dead-letter configuration: neither names its receiver",
                    )
                },
                Self::Undelivered,
            );
        }
        if let Some(source) = redriven_from {
            return unknown(format!(
                "a message redriven from {source}: move it back with SQS's message move"
            ));
        }
        let fields = match aws_json::value(body.as_bytes()) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return unknown("JSON, but not an object"),
            Err(error) => return unknown(format!("not JSON: {error}")),
        };
        let has = |name: &str| fields.contains_key(name);
        let is = |name: &str, text: &str| fields.get(name).and_then(Value::as_str) == Some(text);
        if has("KinesisBatchInfo") || has("DDBStreamBatchInfo") {
            Pointer::parse(body).map_or_else(
                |error| unknown(format!("a stream pointer that cannot be read: {error}")),
                Content::Pointer,
            )
        } else if has("requestPayload") {
            asynchronous(body)
        } else if is("Type", "Notification") && has("Message") {
            notification(body)
        } else if is("source", "lambda")
            && fields.get("detail").is_some_and(|detail| detail.get("requestPayload").is_some())
        {
            match serde_json::from_str::<Detail>(body) {
                Ok(event) => asynchronous(event.detail.get()),
                Err(error) => unknown(error.to_string()),
            }
        } else if has("busArn") && has("failedMessages") {
            unknown("pointers of an EventBridge custom event bus")
        } else if is("kind", DeadLetter::KIND) {
            match serde_json::from_str(body) {
                Ok(letter) => Self::Own(Box::new(letter)),
                Err(error) => {
                    unknown(format!("a letter of a function that cannot be read: {error}"))
                }
            }
        } else {
            match fields.get("kind").and_then(Value::as_str) {
                Some(kind) => unknown(format!("of kind {kind}")),
                None => unknown("of an unknown format"),
            }
        }
    }

    /// Returns the kind as a stable word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Pointer(_) => "stream",
            Self::Asynchronous(_) => "async",
            Self::Own(_) => "letter",
            Self::Rule(_) => "rule",
            Self::Undelivered(_) => "topic",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// Returns the name of the function; `None` if it is unknown or the message is for something
    /// else.
    pub(crate) fn function(&self) -> Option<&str> {
        match self {
            Self::Pointer(pointer) => Some(short_name(&pointer.function_arn)),
            Self::Asynchronous(failed) => Some(short_name(&failed.function_arn)),
            Self::Own(letter) => Some(&letter.function),
            Self::Rule(rule) => {
                rule.target_arn.contains(":function:").then(|| short_name(&rule.target_arn))
            }
            Self::Undelivered(_) | Self::Unknown { .. } => None,
        }
    }

    /// Returns when the record, event or invocation failed, if the message contains it.
    pub(crate) fn failed_at(&self) -> Option<Timestamp> {
        match self {
            Self::Pointer(pointer) => pointer.failed_at,
            Self::Asynchronous(failed) => failed.failed_at,
            Self::Own(letter) => Some(letter.failed_at),
            Self::Rule(_) | Self::Undelivered(_) | Self::Unknown { .. } => None,
        }
    }
}

fn unknown(reason: impl Into<String>) -> Content {
    Content::Unknown { reason: reason.into() }
}

fn raw(body: &str) -> serde_json::Result<Box<RawValue>> {
    serde_json::from_str(body)
}

fn asynchronous(body: &str) -> Content {
    match serde_json::from_str::<Destination>(body) {
        Ok(record) => Content::Asynchronous(Asynchronous {
            function_arn: record.request_context.function_arn,
            request_id: record.request_context.request_id,
            condition: record.request_context.condition,
            failed_at: record.timestamp.and_then(|time| time.parse().ok()),
            error: record.response_payload.as_deref().and_then(described),
            event: record.request_payload,
        }),
        Err(error) => {
            unknown(format!("a failed asynchronous invocation that cannot be read: {error}"))
        }
    }
}

fn described(error: &RawValue) -> Option<String> {
    let error = aws_json::value(error.get().as_bytes()).ok()?;
    let message = error.get("errorMessage").and_then(Value::as_str)?;
    let kind = error.get("errorType").and_then(Value::as_str);
    Some(kind.map_or_else(|| message.to_owned(), |kind| format!("{kind}: {message}")))
}

fn notification(body: &str) -> Content {
    match serde_json::from_str::<Notification>(body) {
        Ok(wrapper) => {
            let attributes = wrapper
                .message_attributes
                .into_iter()
                .map(|(name, attribute)| (name, attribute.value));
            match Content::parse(&wrapper.message, &attributes.collect(), None) {
                Content::Unknown { reason } => {
                    unknown(format!("an SNS notification with a message {reason}"))
                }
                known => known,
            }
        }
        Err(error) => unknown(format!("an SNS notification that cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests;
