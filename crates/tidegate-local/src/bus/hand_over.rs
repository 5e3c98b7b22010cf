//! Hands events to targets: one try.

use std::borrow::Cow;
use std::sync::Arc;

use aws_json::Json;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_sqs::types::Message;
use tokio::task::spawn_blocking;

use super::bus_queue::BusQueue;
use super::refusal::Refusal;
use super::rule::{OtherBus, Rule, Target};
use crate::archive::Archive;
use crate::send_error::SendError;
use lambda_shapes::message;
use lambda_shapes::moment::Moment;
use topology::input::{Context, Input, JsonPath, Unfit};

/// Message attribute in the engine's own queue of a bus: the bus from which the event came.
const FROM_BUS: &str = "tidegate-from-bus";
/// Most characters of a partition key (API reference: PutRecord).
const LONGEST_KEY: usize = 256;
/// Largest record of a stream with Kinesis's default limit, with its key (API reference:
/// PutRecord).
const LARGEST_RECORD: usize = 1 << 20;
/// Largest message that SNS takes (API reference: Publish).
const LARGEST_PUBLISHED: usize = 262_144;
const WHAT: &str = "the event";

/// An event in memory.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) body: Arc<str>,
    /// When the bus received it.
    pub(super) accepted: Moment,
}

impl Default for Taken {
    fn default() -> Self {
        Self { body: "".into(), accepted: Moment::from_millis(0) }
    }
}

/// Returns whether an event came from another bus.
pub(super) fn is_forwarded(message: &Message) -> bool {
    let attributes = message.message_attributes.as_ref();
    attributes.is_some_and(|attributes| attributes.contains_key(FROM_BUS))
}

/// Hands an event to the target of a rule.
pub(super) async fn hand_over(own: &BusQueue, rule: &Rule, taken: &Taken) -> Result<(), Refusal> {
    let input = input(rule, taken)?;
    match &rule.target {
        Target::Function(function) => {
            let accepted = own.events.accept(function, None, input.into_owned()).await;
            accepted.map(drop).map_err(Refusal::from)
        }
        Target::Queue { url, group } => {
            let sqs = &own.clients.sqs;
            let sent = match group {
                Some(group) => message::send_in_group(sqs, url, &input, group).await,
                None => message::send(sqs, url, &input, []).await,
            };
            own.activity.bump();
            sent.map(drop).map_err(|error| SendError::from_call(WHAT, url, error).into())
        }
        Target::Stream { arn, partition_key } => {
            let key = key(partition_key.as_ref(), &taken.body)?;
            put_record(own, arn, key, &input).await
        }
        Target::Topic(arn) => publish(own, arn, &input).await,
        Target::Bus(bus) => forward(own, bus, &input).await,
        Target::Archive(archive) => keep(own, archive, taken).await,
    }
}

/// Returns what the target gets.
fn input<'a>(rule: &Rule, taken: &'a Taken) -> Result<Cow<'a, str>, Refusal> {
    let ingestion_time = taken.accepted.whole_seconds();
    let context =
        Context { rule_arn: &rule.arn, rule_name: &rule.rule, ingestion_time: &ingestion_time };
    let input = rule.input.build(&taken.body, &context).map_err(|unfit| invalid(&unfit))?;
    // Texts in quotes, one behind the other, are not JSON. Lambda takes nothing else.
    let may_be_text = matches!(rule.input, Input::Template(_));
    if may_be_text && matches!(rule.target, Target::Function(_)) {
        Json::parse(&input).map_err(|error| Refusal {
            code: "INVALID_JSON",
            message: format!("the input transformer makes text that is not JSON: {error}"),
            is_transient: false,
        })?;
    }
    Ok(input)
}

fn invalid(unfit: &Unfit) -> Refusal {
    Refusal { code: "INVALID_JSON", message: unfit.to_string(), is_transient: false }
}

/// Returns the partition key of an event: what its path leads to, or the event's id.
fn key(path: Option<&JsonPath>, event: &str) -> Result<String, Refusal> {
    let refused = |message: String| Refusal {
        code: "INVALID_PARAMETER",
        message: format!("the event has no partition key: {message}"),
        is_transient: false,
    };
    let (event, _) = Json::leading(event).map_err(|error| refused(error.to_string()))?;
    let found = match path {
        Some(path) => path.find(&event),
        None => event.get("id").map(Cow::Borrowed),
    };
    let key = match found.as_deref() {
        Some(Json::Text(text)) => text.to_string(),
        Some(Json::Number(number)) => number.to_string(),
        Some(Json::Bool(bool)) => bool.to_string(),
        _ => return Err(refused("partition_key_path leads to no text and no number".to_owned())),
    };
    match key.chars().count() {
        1..=LONGEST_KEY => Ok(key),
        length => Err(refused(format!("it has {length} characters; Kinesis takes 1 to 256"))),
    }
}

async fn put_record(own: &BusQueue, arn: &str, key: String, input: &str) -> Result<(), Refusal> {
    let bytes = input.len() + key.len();
    if bytes > LARGEST_RECORD {
        return Err(SendError::too_large(WHAT, arn, bytes, LARGEST_RECORD).into());
    }
    let put = own.clients.kinesis.put_record().stream_arn(arn).partition_key(key);
    let put = put.data(Blob::new(input.as_bytes())).send().await;
    own.activity.bump();
    put.map(drop).map_err(|error| SendError::from_call(WHAT, arn, error).into())
}

async fn publish(own: &BusQueue, arn: &str, input: &str) -> Result<(), Refusal> {
    // A queue may subscribe to the topic, so characters that SQS refuses are escaped.
    let message = message::sendable(input);
    if message.len() > LARGEST_PUBLISHED {
        return Err(SendError::too_large(WHAT, arn, message.len(), LARGEST_PUBLISHED).into());
    }
    let published = own.clients.sns.publish().topic_arn(arn).message(message).send().await;
    own.activity.bump();
    published.map(drop).map_err(|error| SendError::from_call(WHAT, arn, error).into())
}

/// Puts the event itself on another bus, with its id.
///
/// It goes to the engine's own queue of that bus. PutEvents would give it a new id.
async fn forward(own: &BusQueue, bus: &OtherBus, event: &str) -> Result<(), Refusal> {
    let Some(url) = &bus.queue_url else { return Ok(()) };
    let from = [(FROM_BUS, own.bus.clone())];
    let sent = message::send(&own.clients.sqs, url, event, from).await;
    own.activity.bump();
    bus.wake.written();
    sent.map(drop).map_err(|error| SendError::from_call(WHAT, &bus.name, error).into())
}

/// Adds the event to the archive of the bus. What cannot be written now is tried again.
async fn keep(own: &BusQueue, archive: &Arc<Archive>, taken: &Taken) -> Result<(), Refusal> {
    let (archive, taken) = (Arc::clone(archive), taken.clone());
    let added = spawn_blocking(move || archive.add(&taken.body, taken.accepted)).await;
    let added = added.map_err(|error| error.to_string());
    added.and_then(|added| added.map_err(|error| error.to_string())).map_err(|error| {
        let message = format!("the archive of bus {} takes no event: {error}", own.bus);
        Refusal { code: "ERROR_FROM_TARGET", message, is_transient: true }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_key_is_what_the_path_leads_to_or_the_id() {
        let event = r#"{"id":"1","detail":{"subject":"order#7","version":12,"data":{}}}"#;
        let key = |path: Option<&str>| {
            let path = path.map(|path| JsonPath::parse(path).unwrap());
            key(path.as_ref(), event).map_err(|refusal| (refusal.code, refusal.is_transient))
        };
        assert_eq!(key(None).unwrap(), "1");
        assert_eq!(key(Some("$.detail.subject")).unwrap(), "order#7");
        assert_eq!(key(Some("$.detail.version")).unwrap(), "12");
        for path in ["$.detail.nothing", "$.detail.data", "$.detail[*]"] {
            assert_eq!(key(Some(path)), Err(("INVALID_PARAMETER", false)), "{path}");
        }
    }
}
