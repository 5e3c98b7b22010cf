//! Lists dead letters, for people and for programs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use terminal::counted::counted;
use terminal::table::{self, cell};
use tidegate::dead_letter::Payload;

use super::content::Content;
use super::letter::Letter;
use super::summary::short;
use super::verdict::Verdict;
use crate::declared::Declared;

/// Longest reason in the table, in characters.
const REASON: usize = 60;

/// A dead letter as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Listed<'a> {
    id: &'a str,
    message_id: &'a str,
    queue: &'a str,
    kind: &'static str,
    function: Option<&'a str>,
    condition: String,
    subject: String,
    reason: String,
    /// Why a replay does not touch it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    since: Option<Timestamp>,
    sent_at: Option<Timestamp>,
    receives: u64,
    /// Position of the record in its source; for a pointer, all of its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Value>,
    /// Bucket and key of a payload that is not in the letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Value>,
    /// Body of the record, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// Body of the message.
    body: &'a str,
}

/// Returns the letters as JSON.
pub(crate) fn json<'a>(letters: &'a [Letter], declared: &Declared<'_>) -> Vec<Listed<'a>> {
    letters.iter().map(|letter| listed(letter, declared)).collect()
}

fn listed<'a>(letter: &'a Letter, declared: &Declared<'_>) -> Listed<'a> {
    Listed {
        id: letter.id(),
        message_id: &letter.message_id,
        queue: &letter.queue,
        kind: letter.content.kind(),
        function: letter.content.function(),
        condition: letter.condition(),
        subject: letter.subject(),
        reason: letter.reason(),
        refused: Verdict::new(&letter.queue, &letter.content, declared)
            .refusal()
            .map(str::to_owned),
        since: letter.since(),
        sent_at: letter.sent_at,
        receives: letter.receives,
        position: position(&letter.content),
        object: letter
            .object()
            .map(|(bucket, key)| serde_json::json!({ "bucket": bucket, "key": key })),
        payload: payload(&letter.content),
        body: &letter.body,
    }
}

fn position(content: &Content) -> Option<Value> {
    match content {
        Content::Own(letter) => Some(Value::from(letter.position.as_str())),
        Content::Pointer(pointer) => Some(serde_json::json!({
            "stream_arn": pointer.stream_arn,
            "shard": pointer.shard,
            "start": pointer.start.as_str(),
            "end": pointer.end.as_str(),
            "first_arrival": pointer.first_arrival,
            "batch_size": pointer.batch_size,
        })),
        Content::Asynchronous(_)
        | Content::Rule(_)
        | Content::Undelivered(_)
        | Content::Unknown { .. } => None,
    }
}

fn payload(content: &Content) -> Option<String> {
    match content {
        Content::Asynchronous(failed) => Some(failed.event.get().to_owned()),
        Content::Rule(rule) => Some(rule.event.get().to_owned()),
        Content::Undelivered(letter) => Some(letter.event.get().to_owned()),
        Content::Own(letter) => match &letter.payload {
            Payload::Record(record) => text_of(record),
            Payload::Object { .. } => None,
        },
        Content::Pointer(_) | Content::Unknown { .. } => None,
    }
}

/// Returns the producer's text: the decoded data of a Kinesis record, the body of a queue's
/// message, or the whole of any other record.
fn text_of(record: &RawValue) -> Option<String> {
    let value = aws_json::value(record.get().as_bytes()).ok()?;
    let field = |path: &str| value.pointer(path).and_then(Value::as_str);
    if let Some(data) = field("/kinesis/data") {
        return String::from_utf8(STANDARD.decode(data).ok()?).ok();
    }
    Some(field("/body").map_or_else(|| record.get().to_owned(), str::to_owned))
}

/// Returns the letters as a table, with hints for the next step.
pub(crate) fn table(letters: &[Letter], declared: &Declared<'_>) -> String {
    if letters.is_empty() {
        return "no dead letters".to_owned();
    }
    let mut shown = table::table(["id", "kind", "function", "condition", "age", "about", "reason"]);
    let now = Timestamp::now();
    for letter in letters {
        let verdict = Verdict::new(&letter.queue, &letter.content, declared);
        let reason =
            verdict.refusal().map_or_else(|| letter.reason(), |why| format!("refused: {why}"));
        let cells = [
            short(letter.id()),
            letter.content.kind().to_owned(),
            letter.content.function().unwrap_or("-").to_owned(),
            letter.condition(),
            letter.since().map_or_else(|| "?".to_owned(), |since| age(since, now)),
            about(letter),
            cut(&reason, REASON),
        ];
        shown.add_row(cells.map(cell));
    }
    let letters = counted(letters.len(), "dead letter", "dead letters");
    format!("{shown}\n\n{letters}; --yes replays, --json shows everything")
}

/// Returns the subject, or a short form of the position in a stream.
///
/// Sequence numbers have up to 56 digits.
fn about(letter: &Letter) -> String {
    match &letter.content {
        Content::Pointer(pointer) => {
            let tail = |number: &str| {
                number.chars().skip(number.chars().count().saturating_sub(6)).collect::<String>()
            };
            let range = (tail(pointer.start.as_str()), tail(pointer.end.as_str()));
            format!("{} {} …{} to …{}", pointer.stream_name(), pointer.shard, range.0, range.1)
        }
        _ => cut(&letter.subject(), REASON),
    }
}

fn cut(text: &str, longest: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= longest {
        text
    } else {
        text.chars().take(longest).chain(['…']).collect()
    }
}

fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = (now.as_second() - since.as_second()).max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_payload_is_what_the_producer_wrote() {
        assert_eq!(text_of(&raw(r#"{"kinesis":{"data":"aGVsbG8="}}"#)).as_deref(), Some("hello"));
        assert_eq!(text_of(&raw(r#"{"kinesis":{"data":"//8="}}"#)), None);
        assert_eq!(text_of(&raw(r#"{"body":"x","messageId":"m"}"#)).as_deref(), Some("x"));
        for event in [r#"{"detail":{"n":1.10}}"#, r#"{"detail":{"note":"\ud83d","total":1e999}}"#] {
            assert_eq!(text_of(&raw(event)).as_deref(), Some(event));
        }
    }

    #[test]
    fn ages_are_in_the_unit_that_reads_best() {
        let at = |seconds| age(Timestamp::UNIX_EPOCH, Timestamp::from_second(seconds).unwrap());
        assert_eq!([at(5), at(600), at(7_300), at(200_000)], ["5 s", "10 min", "2 h", "2 d"]);
    }
}
