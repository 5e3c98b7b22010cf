//! Sends messages in a form that SQS accepts.
//!
//! SQS accepts only the characters of XML 1.0, in bodies and in attributes (AWS docs: SendMessage).
//! JSON also allows U+FFFE and U+FFFF, which records may quote from payloads. Emulators accept
//! every character.

use std::borrow::Cow;
use std::fmt::Write;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::send_message::SendMessageError;
use aws_sdk_sqs::types::MessageAttributeValue;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

/// The largest message that SQS takes, with its attributes: 1 MiB (AWS docs: "Amazon SQS message
/// quotas").
pub const LARGEST: usize = 1 << 20;

/// Type of every attribute that is sent. SQS counts it as part of the message.
const TEXT: &str = "String";

/// Sends a message with text attributes to a queue, and returns the message's id. Everything that
/// the engine and its command send to a queue goes through here.
///
/// # Errors
/// What SQS answers, or a construction failure if the message is larger than [`LARGEST`].
/// `InvalidMessageContents` is the answer to text that is not JSON and has characters that SQS
/// refuses.
/// The caller decides by the error whether a further try can succeed.
pub async fn send(
    sqs: &Client,
    queue_url: &str,
    body: &str,
    attributes: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<Option<String>, SdkError<SendMessageError>> {
    let body = sendable(body);
    let mut bytes = body.len();
    let mut request = sqs.send_message().queue_url(queue_url).message_body(body);
    for (name, value) in attributes {
        let value = replaced(&value);
        bytes += name.len() + TEXT.len() + value.len();
        let value = MessageAttributeValue::builder().data_type(TEXT).string_value(value);
        request = request
            .message_attributes(name, value.build().map_err(SdkError::construction_failure)?);
    }
    if bytes > LARGEST {
        return Err(SdkError::construction_failure(TooLarge { bytes }));
    }
    request.send().await.map(|sent| sent.message_id)
}

/// Sends a message of a message group without attributes, as EventBridge does. To a FIFO queue it
/// goes with the SHA-256 of its content as deduplication id.
///
/// # Errors
/// As [`send`].
pub async fn send_in_group(
    sqs: &Client,
    queue_url: &str,
    body: &str,
    group: &str,
) -> Result<Option<String>, SdkError<SendMessageError>> {
    let body = sendable(body);
    if body.len() > LARGEST {
        return Err(SdkError::construction_failure(TooLarge { bytes: body.len() }));
    }
    let is_fifo = queue_url.ends_with(".fifo");
    let content = is_fifo.then(|| {
        Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    });
    let request =
        sqs.send_message().queue_url(queue_url).message_body(body).message_group_id(group);
    request.set_message_deduplication_id(content).send().await.map(|sent| sent.message_id)
}

/// A message as SNS sends it on: with attributes of any type, and the group of its publisher.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// Body of the message.
    pub body: &'a str,
    /// Message attributes.
    pub attributes: Vec<(String, MessageAttributeValue)>,
    /// Message group.
    pub group: Option<&'a str>,
    /// Deduplication id, for a FIFO queue.
    pub deduplication: Option<&'a str>,
}

/// Sends a message with attributes of any type.
///
/// # Errors
/// As [`send`].
pub async fn send_outgoing(
    sqs: &Client,
    queue_url: &str,
    outgoing: Outgoing<'_>,
) -> Result<Option<String>, SdkError<SendMessageError>> {
    let body = sendable(outgoing.body);
    let mut bytes = body.len();
    let mut request = sqs.send_message().queue_url(queue_url).message_body(body);
    for (name, value) in outgoing.attributes {
        bytes += name.len() + value.data_type().len();
        bytes += value.string_value().map_or(0, str::len);
        bytes += value.binary_value().map_or(0, |value| value.as_ref().len());
        request = request.message_attributes(name, value);
    }
    if bytes > LARGEST {
        return Err(SdkError::construction_failure(TooLarge { bytes }));
    }
    let request = request.set_message_group_id(outgoing.group.map(str::to_owned));
    let request = request.set_message_deduplication_id(outgoing.deduplication.map(str::to_owned));
    request.send().await.map(|sent| sent.message_id)
}

/// Creates the error that SQS returns as `InvalidParameterValue`.
///
/// Emulators accept such a message.
#[derive(Debug, thiserror::Error)]
#[error("the message has {bytes} bytes with its attributes; SQS takes at most {LARGEST}")]
struct TooLarge {
    bytes: usize,
}

/// Returns the text in a form that SQS accepts. In JSON, characters that XML 1.0 lacks are written
/// as `\uXXXX`, which is the same value. Text that is not JSON stays as it is.
#[must_use]
pub fn sendable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_taken) || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Cow::Borrowed(text);
    }
    // In JSON such a character can only be inside a string, and it is one unit of UTF-16.
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_taken(character) {
            escaped.push(character);
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        }
    }
    Cow::Owned(escaped)
}

/// Replaces characters that XML 1.0 lacks by U+FFFD, for plain text.
#[must_use]
pub fn replaced(text: &str) -> String {
    text.chars().map(|character| if is_taken(character) { character } else { '\u{FFFD}' }).collect()
}

/// Returns whether XML 1.0 has the character. (A `char` is never a surrogate.)
fn is_taken(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_xml_lacks_is_escaped_in_json_and_the_value_stays() {
        for (text, expected) in [
            ("{\"a\u{FFFE}\":\"\u{FFFF}b\"}", r#"{"a\ufffe":"\uffffb"}"#),
            // A backslash before the character ends an escape. It does not begin one.
            ("\"\\\\\u{FFFF}\"", r#""\\\uffff""#),
            ("\"\u{1FFFF}\u{7F}\u{FFFD}ä\\u0000\"", "\"\u{1FFFF}\u{7F}\u{FFFD}ä\\u0000\""),
        ] {
            assert_eq!(sendable(text), expected);
            let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(value(&sendable(text)), value(text));
        }
        // Unpaired surrogates, and whatever else a strict reader refuses, stay as they are written.
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        let refused = |character: &str| {
            format!(
                r#"{{"note":"thanks \ud83d{character}","total":1e999,"deep":{deep},"n":1,"n":2}}"#
            )
        };
        assert_eq!(sendable(&refused("\u{FFFE}")), refused(r"\ufffe"));
        for text in ["no json \u{FFFF}", "{\"a\":\"\u{1}\"}"] {
            assert_eq!(sendable(text), text);
        }
        assert_eq!(replaced("a\u{1}\t\u{FFFF}"), "a\u{FFFD}\t\u{FFFD}");
    }

    proptest! {
        #[test]
        fn every_json_text_becomes_one_that_sqs_takes(
            text in any::<String>(),
            tail in "[\u{FFFE}\u{FFFF}\\\\\"]{0,4}",
        ) {
            let value = Value::String(text + &tail);
            let json = value.to_string();
            let sendable = sendable(&json);
            prop_assert!(sendable.chars().all(is_taken));
            prop_assert_eq!(serde_json::from_str::<Value>(&sendable).unwrap(), value);
        }
    }
}
