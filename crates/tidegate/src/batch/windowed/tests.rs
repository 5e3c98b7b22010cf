//! Tests the states of tumbling windows through failures and repetitions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::batch::{Decode, EachRecord, Handler, Invocation, Report, Runner};
use crate::dead_letter::MemoryDeadLetters;
use crate::source::{Source, aggregated};
use crate::test::KinesisEvent;

/// Numbers in their order, which a sum would not show.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Numbers {
    numbers: Vec<u64>,
}

/// Start of a closed window, and its numbers.
type Closed = (String, Vec<u64>);

/// Folds records of the form `{"number": 1, "act": …}`.
#[derive(Clone, Default)]
struct Collect {
    /// How often a record with the act `later` fails before it succeeds.
    failures_left: Arc<Mutex<BTreeMap<u64, u32>>>,
    /// How often `close` fails.
    closings_left: Arc<Mutex<u32>>,
    closed: Arc<Mutex<Vec<Closed>>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Record {
    number: u64,
    act: String,
}

impl Decode for Collect {
    type Record = Record;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Record, Failure> {
        delivery.json()
    }
}

impl WindowHandler for Collect {
    type State = Numbers;

    fn fold(&self, state: &mut Numbers, record: &Record, _: &Window) -> Result<(), Failure> {
        // A failure leaves half of the record in the state.
        state.numbers.push(record.number);
        let mut left = self.failures_left.lock().unwrap();
        if let Some(left) = left.get_mut(&record.number).filter(|left| **left > 0) {
            *left -= 1;
            return Err(Failure::transient("later", ""));
        }
        drop(left);
        match record.act.as_str() {
            "never" => Err(Failure::permanent("never", "")),
            "panic" => panic!("in fold"),
            "after" if state.numbers.contains(&(record.number - 1)) => {
                Err(Failure::permanent("half", "the record before it is in the state"))
            }
            _ => Ok(()),
        }
    }

    async fn close(
        &self,
        state: &Numbers,
        window: &Window,
        _: &BatchContext,
    ) -> Result<(), Failure> {
        let mut left = self.closings_left.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Err(Failure::transient("down", "the table"));
        }
        self.closed.lock().unwrap().push((window.start.to_string(), state.numbers.clone()));
        Ok(())
    }
}

/// Creates the event of an invocation in Lambda's own shape.
///
/// The sequence numbers are the records' places, from `first` on.
fn event(first: usize, records: &[(u64, &str)], state: &Value, last: bool) -> Box<RawValue> {
    let before = (0..first).fold(KinesisEvent::new(), |event, _| event.record("", ""));
    let all = records.iter().fold(before, |event, (number, act)| {
        event.record(
            &format!("key {}", number % 3),
            json!({ "number": number, "act": act }).to_string(),
        )
    });
    let mut event = all.value();
    event["Records"].as_array_mut().unwrap().drain(..first);
    event["window"] = json!({ "start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:06:00Z" });
    event["state"] = state.clone();
    event["shardId"] = json!("shardId-000000000000");
    event["eventSourceARN"] = json!("arn:aws:kinesis:us-east-1:123456789012:stream/numbers");
    event["isFinalInvokeForWindow"] = json!(last);
    event["isWindowTerminatedEarly"] = json!(false);
    RawValue::from_string(event.to_string()).unwrap()
}

fn runner(handler: &Collect, letters: &Arc<MemoryDeadLetters>) -> Runner<Windowed<Collect>> {
    Runner::new(
        Source::Kinesis,
        Windowed::new(handler.clone()),
        "numbers",
        Arc::<MemoryDeadLetters>::clone(letters),
    )
}

async fn run<H: BatchHandler>(runner: &Runner<H>, event: &RawValue) -> Report {
    runner.run(Invocation::new(event, Duration::from_secs(30))).await
}

/// Returns the response as Lambda reads it.
fn answer(report: &Report) -> Value {
    serde_json::to_value(report.response.as_ref().unwrap()).unwrap()
}

#[tokio::test]
async fn the_state_has_the_records_before_the_failed_one_and_no_others() {
    let (handler, letters) = (Collect::default(), Arc::default());
    handler.failures_left.lock().unwrap().insert(4, 1);
    let records = [(1, "ok"), (2, "never"), (3, "ok"), (4, "ok"), (5, "ok")];
    let event = event(0, &records, &json!({ "numbers": [0] }), false);
    let report = run(&runner(&handler, &letters), &event).await;
    assert_eq!(
        answer(&report),
        json!({
            "batchItemFailures": [{ "itemIdentifier": KinesisEvent::sequence_number(3) }],
            "state": { "numbers": [0, 1, 3] },
        })
    );
    assert_eq!(
        (report.counts.applied, report.counts.dead_lettered, report.counts.not_run),
        (2, 1, 1)
    );
}

#[tokio::test]
async fn a_record_sees_nothing_of_one_that_failed_before_it() {
    let (handler, letters) = (Collect::default(), Arc::default());
    let event = event(0, &[(1, "never"), (2, "after")], &json!({}), false);
    let report = run(&runner(&handler, &letters), &event).await;
    assert_eq!(answer(&report)["state"], json!({ "numbers": [2] }));
    assert_eq!((report.counts.applied, report.counts.dead_lettered), (1, 1));
}

#[tokio::test]
async fn a_record_that_panics_in_the_fold_stops_the_batch_and_is_not_in_the_state() {
    let (handler, letters) = (Collect::default(), Arc::default());
    let event = event(0, &[(1, "ok"), (2, "panic"), (3, "ok")], &json!({}), false);
    let report = run(&runner(&handler, &letters), &event).await;
    assert_eq!(answer(&report)["state"], json!({ "numbers": [1] }));
    assert_eq!(
        report.response.unwrap().items().collect::<Vec<_>>(),
        [KinesisEvent::sequence_number(1)]
    );
}

#[tokio::test]
async fn a_record_whose_letter_is_not_written_stops_the_state_at_it() {
    let (handler, letters) = (Collect::default(), Arc::new(MemoryDeadLetters::default()));
    letters.fail_with(Some(Failure::transient("dead_letter_queue", "down")));
    let event = event(0, &[(1, "ok"), (2, "never"), (3, "ok")], &json!({}), false);
    let report = run(&runner(&handler, &letters), &event).await;
    assert_eq!(answer(&report)["state"], json!({ "numbers": [1] }));
    assert_eq!(
        report.response.unwrap().items().collect::<Vec<_>>(),
        [KinesisEvent::sequence_number(1)]
    );
}

#[tokio::test]
async fn the_last_invocation_takes_the_state_and_is_repeated_until_it_succeeds() {
    let (handler, letters) = (Collect::default(), Arc::default());
    *handler.closings_left.lock().unwrap() = 1;
    let runner = runner(&handler, &letters);
    let last = event(0, &[], &json!({ "numbers": [1, 2] }), true);
    assert_eq!(run(&runner, &last).await.response.unwrap_err().code(), "down");
    let report = run(&runner, &last).await;
    assert_eq!(answer(&report), json!({ "batchItemFailures": [], "state": { "numbers": [1, 2] } }));
    let closed = handler.closed.lock().unwrap();
    assert_eq!(*closed, [("2020-12-09T07:04:00Z".to_owned(), vec![1, 2])]);
}

#[tokio::test]
async fn a_record_that_fails_in_the_last_invocation_fails_it_as_a_whole() {
    let (handler, letters) = (Collect::default(), Arc::default());
    handler.failures_left.lock().unwrap().insert(2, 1);
    let runner = runner(&handler, &letters);
    let last = event(0, &[(1, "ok"), (2, "ok")], &json!({}), true);
    assert_eq!(run(&runner, &last).await.response.unwrap_err().code(), "later");
    assert!(handler.closed.lock().unwrap().is_empty());
    assert_eq!(answer(&run(&runner, &last).await)["state"], json!({ "numbers": [1, 2] }));
    assert_eq!(handler.closed.lock().unwrap()[0].1, [1, 2]);
}

/// Creates the event of an invocation with one aggregate of the good records with these numbers.
fn aggregate(numbers: &[u64], state: &Value, last: bool) -> Box<RawValue> {
    let bodies: Vec<String> =
        numbers.iter().map(|number| json!({ "number": number, "act": "ok" }).to_string()).collect();
    let records: Vec<(u64, &[u8])> = bodies.iter().map(|body| (0, body.as_bytes())).collect();
    let event = event(0, &[(0, "ok")], state, last);
    let mut event: Value = serde_json::from_str(event.get()).unwrap();
    event["Records"][0]["kinesis"]["data"] = json!(STANDARD.encode(aggregated(&["k"], &records)));
    RawValue::from_string(event.to_string()).unwrap()
}

#[tokio::test]
async fn an_aggregate_that_comes_again_is_folded_as_a_whole() {
    let (handler, letters) = (Collect::default(), Arc::default());
    handler.failures_left.lock().unwrap().insert(3, 1);
    let runner = runner(&handler, &letters);
    let event = aggregate(&[1, 2, 3, 4], &json!({ "numbers": [0] }), false);
    let report = run(&runner, &event).await;
    assert_eq!(answer(&report)["state"], json!({ "numbers": [0] }), "all four come again");
    let report = run(&runner, &event).await;
    assert_eq!(
        answer(&report),
        json!({ "batchItemFailures": [], "state": { "numbers": [0, 1, 2, 3, 4] } })
    );
}

#[tokio::test]
async fn an_aggregate_is_folded_as_a_whole_after_the_last_invocation_failed() {
    let (handler, letters) = (Collect::default(), Arc::default());
    handler.failures_left.lock().unwrap().insert(3, 1);
    let runner = runner(&handler, &letters);
    let last = aggregate(&[1, 2, 3, 4], &json!({}), true);
    assert_eq!(run(&runner, &last).await.response.unwrap_err().code(), "later");
    run(&runner, &last).await.response.unwrap();
    assert_eq!(handler.closed.lock().unwrap()[0].1, [1, 2, 3, 4]);
}

/// Applies every record and ignores windows.
struct Plain;

impl Decode for Plain {
    type Record = ();

    fn decode(&self, _: &Delivery<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

impl Handler for Plain {
    async fn handle(&self, (): &(), _: &BatchContext) -> Result<Handled, Failure> {
        Ok(Handled::Applied)
    }
}

#[tokio::test]
async fn an_answer_without_a_window_has_no_state_and_a_handler_of_records_hands_the_state_on() {
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner = Runner::new(Source::Kinesis, EachRecord::new(Plain, 4), "plain", letters);
    let report = run(&runner, &KinesisEvent::new().record("a", "1").build()).await;
    assert_eq!(
        serde_json::to_string(&report.response.unwrap()).unwrap(),
        r#"{"batchItemFailures":[]}"#
    );
    let event = event(0, &[(1, "ok")], &json!({ "kept": 1.50 }), false);
    let report = run(&runner, &event).await;
    assert_eq!(answer(&report), json!({ "batchItemFailures": [], "state": { "kept": 1.50 } }));
}

#[tokio::test]
async fn a_state_that_cannot_be_read_fails_the_batch_for_now() {
    let (handler, letters) = (Collect::default(), Arc::new(MemoryDeadLetters::default()));
    let event = event(0, &[(1, "ok")], &json!({ "numbers": "of a newer version" }), false);
    let report = run(&runner(&handler, &letters), &event).await;
    assert_eq!(report.response.unwrap_err().code(), Failure::NEWER);
    assert!(letters.letters().is_empty());
}

#[tokio::test]
async fn a_record_without_a_window_waits_and_in_a_replay_it_is_too_late() {
    let (handler, letters) = (Collect::default(), Arc::default());
    let runner = runner(&handler, &letters);
    let body = json!({ "number": 7, "act": "ok" }).to_string();
    let event = KinesisEvent::new().record("a", &body).record("b", &body).build();
    for (replay, failed) in [(false, 1), (true, 2)] {
        let mut invocation = Invocation::new(&event, Duration::from_secs(30));
        invocation.replay = replay;
        let report = runner.run(invocation).await;
        assert_eq!((report.counts.failed, report.counts.total()), (failed, 2), "replay: {replay}");
        assert_eq!(
            report.response.unwrap().items().collect::<Vec<_>>(),
            [KinesisEvent::sequence_number(0)]
        );
    }
    assert!(letters.letters().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Delivers a window as Lambda does: from each checkpoint on, with the last returned state.
    #[test]
    fn every_record_of_a_window_is_folded_once_in_order_whatever_fails_on_the_way(
        acts in prop::collection::vec(prop_oneof![4 => Just("ok"), 1 => Just("never")], 1..20),
        failing in prop::collection::btree_map(0..20_u64, 1..4_u32, 0..6),
        closings in 0..3_u32,
        letters_down in prop::collection::vec(any::<bool>(), 8),
        batch in 1..8_usize,
    ) {
        let (handler, letters) = (Collect::default(), Arc::new(MemoryDeadLetters::default()));
        *handler.failures_left.lock().unwrap() = failing;
        *handler.closings_left.lock().unwrap() = closings;
        let shard: Vec<(u64, &str)> = (0..).zip(acts).collect();
        let runner = runner(&handler, &letters);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (mut checkpoint, mut state, mut invocations) = (0, json!({}), 0);
        loop {
            let down = letters_down.get(invocations).copied().unwrap_or_default();
            letters.fail_with(down.then(|| Failure::transient("dead_letter_queue", "down")));
            let last = checkpoint == shard.len();
            let end = (checkpoint + batch).min(shard.len());
            let event = event(checkpoint, &shard[checkpoint..end], &state, last);
            let report = runtime.block_on(run(&runner, &event));
            invocations += 1;
            prop_assert!(invocations < 200, "it never ends");
            let Ok(response) = report.response else { continue };
            state = serde_json::to_value(&response).unwrap()["state"].clone();
            if last {
                break;
            }
            let failed = response.items().next();
            checkpoint = failed.map_or(end, |item| {
                (0..end).find(|place| KinesisEvent::sequence_number(*place) == item).unwrap()
            });
        }
        let good: Vec<u64> = shard.iter().filter(|(_, act)| *act == "ok").map(|(number, _)| *number).collect();
        prop_assert_eq!(&handler.closed.lock().unwrap()[0].1, &good);
        prop_assert_eq!(letters.letters().len(), shard.len() - good.len(), "one letter each");
    }
}
