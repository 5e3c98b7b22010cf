//! Tests user records of a Kinesis aggregate that fail.

use super::*;
use crate::source::scanned;

/// Creates an event with a plain record and one aggregate of these user records `(lane, body)`.
fn aggregate_event(records: &[(&str, &str)]) -> Box<RawValue> {
    let lanes: Vec<&str> = records.iter().map(|(lane, _)| *lane).collect();
    let user_records: Vec<(u64, &[u8])> =
        (0..).zip(records).map(|(index, (_, body))| (index, body.as_bytes())).collect();
    let record = |number: u32, data: &[u8]| {
        json!({ "eventID": format!("shard:{number}"), "kinesis": {
            "sequenceNumber": number.to_string(), "partitionKey": "a", "data": STANDARD.encode(data),
            "approximateArrivalTimestamp": 1_545_084_650.987,
        } })
    };
    let records = [record(1, b"ok 1"), record(2, &aggregated(&lanes, &user_records))];
    RawValue::from_string(json!({ "Records": records }).to_string()).unwrap()
}

async fn run_event(event: &RawValue, replay: bool) -> Run {
    let handler = Obedient::default();
    let (handled, ended) = (Arc::clone(&handler.handled), Arc::clone(&handler.ended));
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner = Runner::new(
        Source::Kinesis,
        EachRecord::new(handler, 1),
        "probe",
        Arc::<MemoryDeadLetters>::clone(&letters),
    );
    let invocation =
        Invocation { event, request_id: "r", remaining: Duration::from_secs(30), replay };
    let report = runner.run(invocation).await;
    let (handled, ended) = (handled.lock().unwrap().clone(), ended.lock().unwrap().clone());
    Run { response: report.response, counts: report.counts, handled, ended, letters }
}

#[tokio::test]
async fn a_failed_user_record_reports_its_aggregate_and_stops_its_own_lane_alone() {
    let run =
        run_event(&aggregate_event(&[("x", "transient"), ("y", "ok 2"), ("x", "ok 3")]), false)
            .await;
    assert_eq!(run.handled, ["ok 1", "transient", "ok 2"]);
    assert_eq!(run.counts, Counts { applied: 2, failed: 1, not_run: 1, ..Counts::default() });
    assert_eq!(run.reported(), ["2"]);
}

#[tokio::test]
async fn no_letter_is_written_for_a_user_record_whose_aggregate_comes_again() {
    let run = run_event(&aggregate_event(&[("x", "permanent"), ("y", "transient")]), false).await;
    assert!(run.letters.letters().is_empty());
    assert_eq!(run.reported(), ["2"]);
    assert_eq!(run.counts, Counts { applied: 1, failed: 2, ..Counts::default() });
}

#[tokio::test]
async fn the_letter_of_a_user_record_says_which_it_was_and_its_replay_runs_no_neighbour() {
    let run = run_event(&aggregate_event(&[("x", "ok 2"), ("y", "permanent 3")]), false).await;
    assert!(run.reported().is_empty());
    let letter = run.letters.letters().remove(0);
    assert_eq!((letter.position.as_str(), letter.subsequence), ("shard:2:1", Some(1)));
    let Payload::Record(record) = &letter.payload else { panic!("{letter:?}") };
    let replay = run_event(&letter.event(record).unwrap(), true).await;
    assert_eq!(replay.handled, ["permanent 3"]);
    assert_eq!(replay.reported(), ["2"]);
}

/// Ten thousand user records, of which the last makes all of them come again.
#[tokio::test]
async fn the_scanned_bytes_do_not_grow_with_the_number_of_user_records() {
    let bodies = vec![format!("ok {}", "x".repeat(90)); 10_000];
    let mut records: Vec<(&str, &str)> = bodies.iter().map(|body| ("x", body.as_str())).collect();
    records.push(("x", "transient"));
    let event = aggregate_event(&records);
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner =
        Runner::new(Source::Kinesis, EachRecord::new(Obedient::default(), 1), "probe", letters);
    for duplicate in [0, 10_000] {
        scanned::take();
        let report = runner.run(Invocation::new(&event, Duration::from_secs(900))).await;
        assert_eq!((report.counts.total(), report.counts.duplicate), (10_002, duplicate));
        let times = scanned::take() / event.get().len();
        assert!(times <= 4, "the event was scanned {times} times");
    }
}

/// Each letter of a user record costs a scan of its aggregate, so no more letters are built at a
/// time than are written.
#[tokio::test]
async fn letters_that_cannot_be_written_are_not_made_ahead_of_time() {
    let event = aggregate_event(&vec![("x", "permanent"); 1000]);
    let handler = EachRecord::new(Obedient::default(), 1);
    let letters = Arc::new(MemoryDeadLetters::default());
    letters.fail_with(Some(Failure::transient("dead_letter_queue", "down")));
    let runner = Runner::new(Source::Kinesis, handler, "probe", letters);
    scanned::take();
    let report = runner.run(Invocation::new(&event, Duration::from_secs(900))).await;
    assert_eq!(report.counts.failed, 1000);
    let times = scanned::take() / event.get().len();
    assert!(times <= 40, "the event was scanned {times} times");
}
