//! Tests letters that cannot be written or were already written.

use futures::future::{BoxFuture, FutureExt, ready};

use super::*;
use crate::dead_letter::{DeadLetter, DeadLetters};
use crate::test::DynamoDbEvent;

/// Refuses the letters of some positions, and records every attempt.
#[derive(Default)]
struct Choosy {
    refused: Mutex<BTreeSet<String>>,
    put: Mutex<Vec<String>>,
}

impl DeadLetters for Choosy {
    fn put<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Failure>> {
        self.put.lock().unwrap().push(letter.position.clone());
        let refused = self.refused.lock().unwrap().contains(&letter.position);
        ready(if refused { Err(Failure::transient("dead_letter_queue", "no")) } else { Ok(()) })
            .boxed()
    }
}

fn choosy(source: Source, refused: &str) -> (Arc<Choosy>, Runner<EachRecord<Obedient>>) {
    let letters = Arc::new(Choosy::default());
    letters.refused.lock().unwrap().insert(refused.to_owned());
    (
        Arc::clone(&letters),
        Runner::new(source, EachRecord::new(Obedient::default(), 4), "probe", letters),
    )
}

async fn deliver(runner: &Runner<EachRecord<Obedient>>, event: &RawValue) -> (Vec<String>, Counts) {
    let report = runner.run(Invocation::new(event, Duration::from_secs(30))).await;
    (report.response.unwrap().items().map(str::to_owned).collect(), report.counts)
}

#[tokio::test]
async fn a_letter_is_written_once_however_often_its_neighbour_brings_it_again() {
    let (letters, runner) = choosy(Source::Kinesis, "shard:1");
    let event = event(Source::Kinesis, &[("a", "permanent 1"), ("b", "permanent 2"), ("c", "ok")]);
    let mut all = Counts::default();
    for _ in 0..5 {
        let (reported, counts) = deliver(&runner, &event).await;
        assert_eq!(reported, ["1"]);
        all.dead_lettered += counts.dead_lettered;
    }
    letters.refused.lock().unwrap().clear();
    let (reported, counts) = deliver(&runner, &event).await;
    assert!(reported.is_empty());
    all.dead_lettered += counts.dead_lettered;
    let put = letters.put.lock().unwrap();
    assert_eq!(put.iter().filter(|position| *position == "shard:2").count(), 1, "{put:?}");
    assert_eq!(all.dead_lettered, 2, "and counted once");
}

/// Two tables feed one function, and the sequence numbers of both streams start at the same value.
#[tokio::test]
async fn records_at_the_same_position_of_two_tables_have_a_letter_each() {
    let letters = Arc::new(MemoryDeadLetters::default());
    let handler = EachRecord::new(Obedient::default(), 4);
    let runner =
        Runner::new(Source::DynamoDb, handler, "probe", Arc::<MemoryDeadLetters>::clone(&letters));
    for table in ["orders", "payments", "orders"] {
        let change = DynamoDbEvent::new(["id"]).table(table).insert(&json!({ "id": "1" })).unwrap();
        let (reported, _) = deliver(&runner, &change.build()).await;
        assert!(reported.is_empty());
    }
    let letters = letters.letters();
    assert_eq!(letters.len(), 2, "one for each table, and none for what came again");
    assert_eq!(letters[0].position, letters[1].position);
    assert_ne!(letters[0].id, letters[1].id, "a replay runs a letter of each id once");
}

#[tokio::test]
async fn a_stream_with_many_letters_stops_at_those_that_cannot_be_written() {
    let (letters, runner) = choosy(Source::Kinesis, "shard:1");
    let lanes: Vec<String> = (0..50).map(|lane| lane.to_string()).collect();
    let records: Vec<(&str, &str)> =
        lanes.iter().map(|lane| (lane.as_str(), "permanent")).collect();
    deliver(&runner, &event(Source::Kinesis, &records)).await;
    assert_eq!(letters.put.lock().unwrap().len(), 16, "what is behind comes again anyway");
    let (letters, runner) = choosy(Source::Sqs, "1");
    let (reported, _) = deliver(&runner, &event(Source::Sqs, &records)).await;
    assert_eq!(
        (reported.len(), letters.put.lock().unwrap().len()),
        (1, 50),
        "a queue's messages are each for itself"
    );
}

#[tokio::test]
async fn no_letter_is_written_in_a_batch_that_comes_again_as_a_whole() {
    let (letters, runner) = choosy(Source::Kinesis, "");
    let records = json!({ "Records": [
        { "eventID": "shard:1", "kinesis": { "sequenceNumber": "1", "partitionKey": "a", "data": STANDARD.encode("permanent"),
            "approximateArrivalTimestamp": 1_545_084_650.987 } },
        { "eventID": "shard:2", "kinesis": { "sequenceNumber": "", "partitionKey": "b", "data": STANDARD.encode("transient"),
            "approximateArrivalTimestamp": 1_545_084_650.987 } },
    ] });
    let event = RawValue::from_string(records.to_string()).unwrap();
    let report = runner.run(Invocation::new(&event, Duration::from_secs(30))).await;
    assert!(report.response.unwrap_err().reason().contains("no identifier"));
    assert!(letters.put.lock().unwrap().is_empty());
}

/// Regression test: a letter that quoted U+FFFF blocked its shard, and the letter of the
/// neighbouring record was written again and again.
#[tokio::test]
async fn a_record_with_a_character_that_sqs_refuses_costs_itself() {
    let run = run(&[("a", "permanent \u{ffff}"), ("b", "undecodable"), ("c", "ok")]).await;
    assert!(run.reported().is_empty());
    assert_eq!(run.counts, Counts { applied: 1, dead_lettered: 2, ..Counts::default() });
    assert_eq!(run.letter_reasons(), ["permanent \u{ffff}", "undecodable"]);
}
