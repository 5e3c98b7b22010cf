//! Delivers a message to the receiver of a subscription: one try.

use aws_sdk_sqs::types::MessageAttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::notification::{Attribute, Notification};
use super::queue::TopicQueue;
use super::refusal::Refusal;
use super::subscription::{Receiver, Subscription};
use crate::send_error::{Reason, SendError};
use crate::wake::{Polled, Wakes};
use lambda_shapes::message::{self, Outgoing};
use lambda_shapes::text::shortened;

/// Name of a message in errors.
const MESSAGE: &str = "the message";
/// Most message attributes of a queue's message.
const ATTRIBUTES: usize = 10;

/// Delivers a message once.
pub(super) async fn deliver(
    own: &TopicQueue,
    subscription: &Subscription,
    notification: &Notification,
) -> Result<(), Refusal> {
    match &subscription.receiver {
        Receiver::Function(function) => {
            let event = notification.for_function(&subscription.arn);
            let accepted = own.events.accept(function, None, event).await;
            accepted.map(drop).map_err(Refusal::from)
        }
        Receiver::Queue(url) => {
            let sent = send(own, url, content(subscription, notification)?, notification).await;
            sent.map_err(Refusal::from)
        }
    }
}

/// Sends the dead letter of a delivery once: what the receiver would have got, with the reason in
/// message attributes.
///
/// # Errors
/// The queue refused the message, or the subscription has no dead-letter queue. In both cases SNS
/// drops the message.
pub(super) async fn park(
    own: &TopicQueue,
    subscription: &Subscription,
    notification: &Notification,
    refusal: &Refusal,
) -> Result<(), SendError> {
    let Some(queue) = &subscription.dead_letters else {
        let message = format!(
            "a message of subscription {} is dropped, because it has no dead-letter queue; the \
             last try failed: {}",
            subscription.name, refusal.message
        );
        return Err(SendError { reason: Reason::Missing, message });
    };
    if let Ok(content) = content(subscription, notification) {
        let sent = send(own, queue, with_reason(content, notification, refusal)?, notification);
        match sent.await {
            Err(error) if error.reason == Reason::Refused => {}
            sent => return sent,
        }
    }
    // What no queue takes raw is kept as a notification, in which every character is escaped.
    let content = (notification.for_queue(&subscription.arn), Vec::new());
    send(own, queue, with_reason(content, notification, refusal)?, notification).await
}

/// Adds the reason of a dead letter, as far as a queue's message has room for further attributes.
fn with_reason(
    (body, mut attributes): Content,
    notification: &Notification,
    refusal: &Refusal,
) -> Result<Content, String> {
    let reasons = [
        ("ErrorCode", refusal.code.to_owned()),
        ("ErrorMessage", shortened(&refusal.message)),
        ("RequestID", notification.id.clone()),
    ];
    for (name, value) in reasons {
        if attributes.len() < ATTRIBUTES {
            attributes.push((name.to_owned(), text("String", &message::replaced(&value))?));
        }
    }
    Ok((body, attributes))
}

/// Body and message attributes of a queue's message.
type Content = (String, Vec<(String, MessageAttributeValue)>);

fn content(subscription: &Subscription, of: &Notification) -> Result<Content, Refusal> {
    let is_raw = subscription.raw && matches!(subscription.receiver, Receiver::Queue(_));
    if !is_raw {
        return Ok((of.for_queue(&subscription.arn), Vec::new()));
    }
    if of.attributes.len() > ATTRIBUTES {
        // AWS docs: "Amazon SNS raw message delivery".
        return Err(refused(format!(
            "{MESSAGE} has {} attributes; a queue takes {ATTRIBUTES} with raw delivery",
            of.attributes.len()
        )));
    }
    let attributes = of.attributes.iter().map(|(name, attribute)| {
        let value = value(attribute).map_err(|why| refused(format!("attribute {name} {why}")))?;
        Ok((name.clone(), value))
    });
    Ok((of.message.clone(), attributes.collect::<Result<_, Refusal>>()?))
}

fn value(attribute: &Attribute) -> Result<MessageAttributeValue, String> {
    if !attribute.kind.starts_with("Binary") {
        return text(&attribute.kind, &attribute.value);
    }
    let bytes = STANDARD
        .decode(&attribute.value)
        .map_err(|error| format!("is binary and not base64: {error}"))?;
    let value = MessageAttributeValue::builder().data_type(&attribute.kind);
    value.binary_value(bytes.into()).build().map_err(|error| error.to_string())
}

fn text(kind: &str, value: &str) -> Result<MessageAttributeValue, String> {
    let text = MessageAttributeValue::builder().data_type(kind).string_value(value);
    text.build().map_err(|error| error.to_string())
}

async fn send(
    own: &TopicQueue,
    url: &str,
    (body, attributes): Content,
    of: &Notification,
) -> Result<(), SendError> {
    let is_fifo = url.ends_with(".fifo");
    // A FIFO topic tells a standard queue no group; a standard topic passes it on, for fair queues.
    let group = of.group.as_deref().filter(|_| is_fifo || !of.is_fifo());
    let deduplication = of.deduplication.as_deref().filter(|_| is_fifo);
    let outgoing = Outgoing { body: &body, attributes, group, deduplication };
    let sent = message::send_outgoing(&own.sqs, url, outgoing).await;
    sent.map_err(|error| SendError::from_call(MESSAGE, url, error))?;
    woken(&own.wakes, url);
    own.activity.bump();
    Ok(())
}

/// Wakes the pollers of a queue: the message did not pass the proxy.
fn woken(wakes: &Wakes, url: &str) {
    let name = url.rsplit('/').next().unwrap_or_default();
    if let Some(wake) = wakes.polled(Polled::Queue, name) {
        wake.written();
    }
}

fn refused(message: String) -> Refusal {
    SendError { reason: Reason::Refused, message }.into()
}
