//! Billed quantities of SNS.

use super::item::binary_bytes;
use super::meter::{FIFO_PUBLISHED_BYTES, FIFO_PUBLISHES, PUBLISHES, Quantity};
use super::reply::BilledReply;
use super::units::units;

/// Bytes of a chunk, in which SNS counts what is published.
const CHUNK: usize = 64 << 10;

/// Returns the quantities of a publish: one request per chunk of all its messages. SNS bills no
/// delivery to a queue or a function of a standard topic.
pub(super) fn sns(operation: &str, body: &[u8], reply: BilledReply<'_>) -> Vec<Quantity> {
    if !matches!(operation, "Publish" | "PublishBatch") || reply.failed() {
        return Vec::new();
    }
    let (mut bytes, mut is_fifo) = (0_usize, false);
    for (name, value) in form_urlencoded::parse(body) {
        if matches!(&*name, "TopicArn" | "TargetArn") {
            is_fifo = value.ends_with(".fifo");
            continue;
        }
        // A message, or a part of a message attribute; also within an entry of a batch.
        match name.rsplit('.').next().unwrap_or_default() {
            "Message" | "DataType" | "StringValue" => bytes += value.len(),
            "Name" if name.contains("MessageAttributes.") => bytes += value.len(),
            "BinaryValue" => bytes += binary_bytes(&value),
            _ => {}
        }
    }
    let requests = units(bytes, CHUNK);
    if is_fifo {
        vec![(FIFO_PUBLISHES, requests), (FIFO_PUBLISHED_BYTES, exact(bytes))]
    } else {
        vec![(PUBLISHES, requests)]
    }
}

#[expect(clippy::cast_precision_loss, reason = "requests have at most 256 KB")]
fn exact(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: BilledReply<'static> = BilledReply { error: None, body: b"" };

    fn publish(message: &str, topic: &str) -> String {
        format!("Action=Publish&TopicArn=arn%3Aaws%3Asns%3Ar%3Aa%3A{topic}&Message={message}")
    }

    #[test]
    fn a_publish_is_billed_per_chunk_of_messages_and_attributes() {
        let one = publish(&"m".repeat(CHUNK), "t");
        assert_eq!(sns("Publish", one.as_bytes(), DONE), [(PUBLISHES, 1.0)]);
        let attribute = "&MessageAttributes.entry.1.Name=n&MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=%C3%A4";
        let with = format!("{one}{attribute}&Subject={}", "s".repeat(CHUNK));
        assert_eq!(
            sns("Publish", with.as_bytes(), DONE),
            [(PUBLISHES, 2.0)],
            "without the subject"
        );
        let entry = |n: usize| {
            let entry = format!("&PublishBatchRequestEntries.member.{n}");
            format!("{entry}.Id={n}{entry}.Message={}", "m".repeat(CHUNK / 2))
        };
        let batch = format!("Action=PublishBatch&TopicArn=t{}{}{}", entry(1), entry(2), entry(3));
        assert_eq!(sns("PublishBatch", batch.as_bytes(), DONE), [(PUBLISHES, 2.0)]);
    }

    #[test]
    fn a_fifo_topic_is_billed_by_bytes_too() {
        let body = publish("%C3%A4b", "t.fifo");
        let billed = sns("Publish", body.as_bytes(), DONE);
        assert_eq!(billed, [(FIFO_PUBLISHES, 1.0), (FIFO_PUBLISHED_BYTES, 3.0)]);
    }

    #[test]
    fn what_failed_and_what_only_looks_is_not_billed() {
        let failed = BilledReply { error: Some("NotFound"), body: b"" };
        assert_eq!(sns("Publish", publish("m", "t").as_bytes(), failed), []);
        assert_eq!(sns("ListTopics", b"Action=ListTopics", DONE), []);
    }
}
