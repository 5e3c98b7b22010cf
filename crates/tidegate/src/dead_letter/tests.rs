//! Tests letters whose content or size a queue refuses.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::source::Source;
use crate::test::KinesisEvent;

/// Creates the letter of a record with this partition key and this reason.
fn letter(partition_key: &str, reason: &str) -> DeadLetter {
    let event = KinesisEvent::new().record(partition_key, "data").build();
    let deliveries = Source::Kinesis.split(&event).unwrap();
    DeadLetter::new("orders", Source::Kinesis, &deliveries[0], &Failure::permanent("never", reason))
}

fn record(letter: &DeadLetter) -> Value {
    let Payload::Record(record) = &letter.payload else { panic!("{letter:?}") };
    serde_json::from_str(record.get()).unwrap()
}

#[tokio::test]
async fn a_letter_that_quotes_what_xml_lacks_is_in_the_queue_and_says_the_same() {
    let letters = MemoryDeadLetters::default();
    let sent = letter("key \u{fffe}", "unknown version \u{ffff}");
    letters.put(&sent).await.unwrap();
    let kept = letters.letters().remove(0);
    assert_eq!((&kept.reason, &kept.ordering_key), (&sent.reason, &sent.ordering_key));
    assert_eq!(record(&kept), record(&sent));
    assert!(letters.objects().is_empty());
}

#[tokio::test]
async fn the_record_of_a_letter_that_the_queue_refuses_for_its_size_is_in_the_bucket() {
    let letters = MemoryDeadLetters::default();
    let sent = letter(&"k".repeat(200), "why");
    let without_record = serde_json::to_string(&sent).unwrap().len() - 300;
    letters.refuse_above(without_record);
    letters.put(&sent).await.unwrap();
    let kept = letters.letters().remove(0);
    let Payload::Object { bucket, key } = &kept.payload else { panic!("{kept:?}") };
    assert_eq!((bucket.as_str(), kept.reason.as_str()), ("dead-letters", "why"));
    let object: Value = serde_json::from_str(&letters.objects()[key]).unwrap();
    assert_eq!(object, record(&sent), "the record alone, as a replay reads it");
}

#[tokio::test]
async fn a_reason_that_the_queue_refuses_is_left_out() {
    let letters = MemoryDeadLetters::default();
    letters.refuse_characters(['☠']);
    letters.put(&letter("k", "☠")).await.unwrap();
    let kept = letters.letters().remove(0);
    assert_eq!(kept.reason, "omitted: the queue refused the letter with its reason");
    assert_eq!(letters.objects().len(), 1);
}

#[tokio::test]
async fn a_letter_that_the_queue_takes_in_no_form_is_whole_in_the_bucket() {
    let letters = MemoryDeadLetters::default();
    letters.refuse_characters(['☠']);
    let sent = letter("☠", "why");
    letters.put(&sent).await.unwrap();
    assert!(letters.letters().is_empty());
    let objects: BTreeMap<String, String> = letters.objects();
    let whole: DeadLetter =
        serde_json::from_str(&objects[&format!("orders/{}.letter.json", sent.id)]).unwrap();
    assert_eq!((whole.id.as_str(), whole.reason.as_str()), (sent.id.as_str(), "why"));
    assert_eq!(record(&whole), record(&sent));
    assert_eq!(objects.len(), 2, "its record too, as of every letter that was refused");
}

#[tokio::test]
async fn a_queue_that_is_down_keeps_nothing_and_nothing_goes_to_the_bucket_instead() {
    let letters = MemoryDeadLetters::default();
    letters.fail_with(Some(Failure::transient("dead_letter_queue", "down")));
    assert_eq!(letters.put(&letter("k", "why")).await.unwrap_err().code(), "dead_letter_queue");
    assert!(letters.letters().is_empty() && letters.objects().is_empty());
}
