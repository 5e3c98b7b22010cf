//! Mail that an emulator's SES has accepted.

use serde::Deserialize;
use serde_json::Value;

use super::error::EmulatorError;
use super::page::get;

/// A sent message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SentMail {
    /// The message id that SES returned.
    pub id: String,
    /// The recipients.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text body; empty if there is none.
    pub body: String,
}

/// Reads the sent mail of MiniStack or LocalStack, in the order of sending. Returns `None` if the
/// endpoint has neither list.
pub(super) async fn sent_mail(endpoint: &str) -> Result<Option<Vec<SentMail>>, EmulatorError> {
    for (path, read) in [
        ("/_ministack/ses/messages", from_ministack as fn(&Value) -> Option<Vec<SentMail>>),
        ("/_aws/ses", from_localstack),
    ] {
        let url = format!("{endpoint}{path}");
        let fail = |reason: String| EmulatorError::Mail { url: url.clone(), reason };
        let answer = get(&url).await.map_err(fail)?;
        // Both answer unknown paths as S3 does, with an error in XML.
        if let Some(mail) = answer.and_then(|body| read(&serde_json::from_slice(&body).ok()?)) {
            return Ok(Some(mail));
        }
    }
    Ok(None)
}

/// Reads `{"messages": {"<account>": [{MessageId, To, Subject, BodyText, …}]}}`.
fn from_ministack(answer: &Value) -> Option<Vec<SentMail>> {
    let accounts = answer.get("messages")?.as_object()?;
    let messages = accounts.values().flat_map(|messages| messages.as_array().into_iter().flatten());
    let mail = messages.map(|message| SentMail {
        id: text(message, "/MessageId"),
        to: texts(message, "/To"),
        subject: text(message, "/Subject"),
        body: text(message, "/BodyText"),
    });
    Some(mail.collect())
}

/// Reads `{"messages": [{Id, Destination: {ToAddresses}, Subject, Body: {text_part}, …}]}`.
fn from_localstack(answer: &Value) -> Option<Vec<SentMail>> {
    let mail = answer.get("messages")?.as_array()?.iter().map(|message| SentMail {
        id: text(message, "/Id"),
        to: texts(message, "/Destination/ToAddresses"),
        subject: text(message, "/Subject"),
        body: text(message, "/Body/text_part"),
    });
    Some(mail.collect())
}

fn text(message: &Value, pointer: &str) -> String {
    message.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(message: &Value, pointer: &str) -> Vec<String> {
    let list = message.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
