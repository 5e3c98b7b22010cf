//! Tests how a runner handles the deliveries of an invocation.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use serde_json::value::RawValue;

use crate::batch::*;
use crate::dead_letter::{MemoryDeadLetters, Payload};
use crate::failure::Failure;
use crate::source::{Delivery, Response, Source, aggregated};

mod aggregates;
mod closures;
mod deadlines;
mod holes;
mod letters;
mod metrics;
mod observer;
mod progress;
mod properties;
#[cfg(feature = "otel")]
mod spans;
mod streams;
mod throttling;
mod visibility;

/// Does what a record's body says, and records the order in which bodies were handled.
#[derive(Default)]
struct Obedient {
    handled: Arc<Mutex<Vec<String>>>,
    ended: Arc<Mutex<Vec<String>>>,
}

impl Decode for Obedient {
    type Record = String;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<String, Failure> {
        let body = String::from_utf8_lossy(delivery.bytes()?).into_owned();
        match body.split(' ').next() {
            Some("undecodable") => Err(Failure::permanent("undecodable", body)),
            Some("newer") => Err(Failure::transient("newer_version", body)),
            Some("decode-panic") => panic!("in decode"),
            _ => Ok(body),
        }
    }
}

impl Handler for Obedient {
    async fn handle(&self, body: &String, _context: &BatchContext) -> Result<Handled, Failure> {
        self.handled.lock().unwrap().push(body.clone());
        // Later records are quicker: run concurrently, they would end in another order than they
        // began.
        let earlier = self.handled.lock().unwrap().len();
        for _ in earlier..100 {
            tokio::task::yield_now().await;
        }
        self.ended.lock().unwrap().push(body.clone());
        match body.split(' ').next() {
            Some("duplicate") => Ok(Handled::Duplicate),
            Some("permanent") => Err(Failure::permanent("never", body.clone())),
            Some("busy") => Err(Failure::busy("twin", body.clone())),
            Some("transient") => Err(Failure::transient("later", body.clone())),
            Some("panic") => panic!("in handle"),
            Some("after") => {
                let seconds = body.rsplit(' ').next().unwrap().parse().unwrap();
                Err(Failure::transient("later", "").retry_after(Duration::from_secs_f64(seconds)))
            }
            Some("work") => {
                tokio::time::sleep(Duration::from_secs(2)).await;
                Ok(Handled::Applied)
            }
            Some("hang") => std::future::pending().await,
            _ => Ok(Handled::Applied),
        }
    }
}

/// The result of one invocation with records `(lane, body)`, whose sequence numbers count from 1.
struct Run {
    response: Result<Response, Failure>,
    counts: Counts,
    handled: Vec<String>,
    ended: Vec<String>,
    letters: Arc<MemoryDeadLetters>,
}

impl Run {
    fn reported(&self) -> Vec<&str> {
        self.response.as_ref().unwrap().items().collect()
    }

    fn letter_reasons(&self) -> Vec<String> {
        self.letters.letters().into_iter().map(|letter| letter.reason).collect()
    }
}

fn event(source: Source, records: &[(&str, &str)]) -> Box<RawValue> {
    let records: Vec<_> = (1..)
        .zip(records)
        .map(|(number, (lane, body)): (u32, _)| match source {
            Source::Kinesis => json!({ "eventID": format!("shard:{number}"), "kinesis": {
                "sequenceNumber": number.to_string(), "partitionKey": lane, "data": STANDARD.encode(body),
                "approximateArrivalTimestamp": 1_545_084_650.987,
            } }),
            _ => json!({ "messageId": number.to_string(), "body": body, "attributes": { "MessageGroupId": lane } }),
        })
        .collect();
    RawValue::from_string(json!({ "Records": records }).to_string()).unwrap()
}

struct Setting {
    source: Source,
    concurrency: usize,
    letters: Arc<MemoryDeadLetters>,
    dead_letter_after: Option<Duration>,
    remaining: Duration,
    replay: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            source: Source::Kinesis,
            concurrency: 4,
            letters: Arc::default(),
            dead_letter_after: None,
            remaining: Duration::from_secs(30),
            replay: false,
        }
    }
}

async fn run_with(setting: Setting, records: &[(&str, &str)]) -> Run {
    let handler = Obedient::default();
    let (handled, ended) = (Arc::clone(&handler.handled), Arc::clone(&handler.ended));
    let letters: Arc<dyn crate::dead_letter::DeadLetters> =
        Arc::<MemoryDeadLetters>::clone(&setting.letters);
    let runner = Runner::new(
        setting.source,
        EachRecord::new(handler, setting.concurrency),
        "probe",
        letters,
    )
    .dead_letter_after(setting.dead_letter_after);
    let event = event(setting.source, records);
    let invocation = Invocation {
        event: &event,
        request_id: "r1",
        remaining: setting.remaining,
        replay: setting.replay,
    };
    let report = runner.run(invocation).await;
    let (handled, ended) = (handled.lock().unwrap().clone(), ended.lock().unwrap().clone());
    Run {
        response: report.response,
        counts: report.counts,
        handled,
        ended,
        letters: setting.letters,
    }
}

async fn run(records: &[(&str, &str)]) -> Run {
    run_with(Setting::default(), records).await
}

#[tokio::test]
async fn a_bad_record_costs_itself() {
    let run = run(&[
        ("a", "ok 1"),
        ("b", "undecodable"),
        ("c", "decode-panic"),
        ("d", "panic"),
        ("e", "ok 2"),
    ])
    .await;
    assert_eq!(run.counts, Counts { applied: 2, dead_lettered: 1, failed: 2, ..Counts::default() });
    assert_eq!(run.reported(), ["3"], "the lowest of the two panics");
    assert_eq!(run.letter_reasons(), ["undecodable"]);
}

#[tokio::test]
async fn a_lane_stops_at_its_first_failure_and_the_others_go_on() {
    let run =
        run(&[("a", "ok 1"), ("a", "transient 2"), ("b", "ok 3"), ("a", "ok 4"), ("b", "ok 5")])
            .await;
    assert_eq!(
        run.handled.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        BTreeSet::from(["ok 1", "transient 2", "ok 3", "ok 5"])
    );
    assert_eq!(run.counts, Counts { applied: 3, failed: 1, not_run: 1, ..Counts::default() });
    assert_eq!(run.reported(), ["2"]);
}

#[tokio::test]
async fn a_record_that_only_a_newer_reader_can_decode_stops_its_lane() {
    let run = run(&[("a", "newer"), ("a", "ok"), ("b", "ok")]).await;
    assert_eq!(run.handled, ["ok"]);
    assert_eq!(run.counts, Counts { applied: 1, failed: 1, not_run: 1, ..Counts::default() });
}

#[tokio::test]
async fn a_permanent_failure_does_not_stop_its_lane() {
    let run = run(&[("a", "permanent 1"), ("a", "ok 2")]).await;
    assert_eq!(run.handled, ["permanent 1", "ok 2"]);
    assert_eq!(run.counts, Counts { applied: 1, dead_lettered: 1, ..Counts::default() });
    assert!(run.reported().is_empty());
}

#[tokio::test]
async fn records_of_a_lane_run_in_order_however_many_lanes_there_are() {
    let bodies: Vec<(String, String)> = (0..60)
        .map(|number| (format!("lane {}", number % 7), format!("ok {} {number}", number % 7)))
        .collect();
    let records: Vec<(&str, &str)> =
        bodies.iter().map(|(lane, body)| (lane.as_str(), body.as_str())).collect();
    let run = run(&records).await;
    for lane in 0..7 {
        let of_lane = |bodies: &mut dyn Iterator<Item = &String>| -> Vec<String> {
            bodies.filter(|body| body.starts_with(&format!("ok {lane} "))).cloned().collect()
        };
        let wanted = of_lane(&mut bodies.iter().map(|(_, body)| body));
        assert_eq!(of_lane(&mut run.handled.iter()), wanted, "begun in order");
        assert_eq!(of_lane(&mut run.ended.iter()), wanted, "one after the other");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_hangs_is_given_up_at_the_deadline_and_what_was_not_started_is_reported() {
    let setting =
        Setting { source: Source::Sqs, remaining: Duration::from_secs(10), ..Setting::default() };
    let run = run_with(setting, &[("a", "hang"), ("a", "ok"), ("b", "ok")]).await;
    assert_eq!(run.reported(), ["1", "2"]);
    assert_eq!(run.counts, Counts { applied: 1, failed: 1, not_run: 1, ..Counts::default() });
}

#[tokio::test]
async fn a_queue_is_told_every_failed_message_and_those_behind_it_in_its_group() {
    let setting = Setting { source: Source::Sqs, ..Setting::default() };
    let run =
        run_with(setting, &[("g", "ok"), ("g", "transient"), ("g", "ok"), ("h", "transient")])
            .await;
    assert_eq!(run.reported(), ["2", "3", "4"]);
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_written_leaves_the_record_failed() {
    let letters = Arc::new(MemoryDeadLetters::default());
    letters.fail_with(Some(Failure::transient("dead_letter_queue", "down")));
    let run =
        run_with(Setting { letters, ..Setting::default() }, &[("a", "ok"), ("b", "permanent")])
            .await;
    assert_eq!(run.reported(), ["2"]);
    assert_eq!(run.counts, Counts { applied: 1, failed: 1, ..Counts::default() });
}

/// Creates a runner whose clock advances by `step` seconds with each invocation.
///
/// Records arrived an hour before its first time.
fn aging<H: BatchHandler>(handler: H, step: i64, letters: &Arc<MemoryDeadLetters>) -> Runner<H> {
    let invocations = std::sync::atomic::AtomicI64::new(0);
    let arrival = jiff::Timestamp::from_millisecond(1_545_084_650_987).unwrap();
    Runner::new(Source::Kinesis, handler, "probe", Arc::<MemoryDeadLetters>::clone(letters)).clock(
        move || {
            let number = invocations.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            arrival + jiff::SignedDuration::from_secs(3600 + step * number)
        },
    )
}

#[tokio::test]
async fn a_record_that_keeps_failing_past_its_age_is_dead_lettered_and_what_it_blocked_comes_again()
{
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner = aging(EachRecord::new(Obedient::default(), 4), 60, &letters)
        .dead_letter_after(Some(Duration::from_secs(3000)));
    let event = event(Source::Kinesis, &[("a", "transient"), ("a", "ok")]);
    let mut reported = Vec::new();
    for _ in 0..3 {
        let report = runner.run(Invocation::new(&event, Duration::from_secs(30))).await;
        reported.push(report.response.unwrap().items().map(str::to_owned).collect::<Vec<_>>());
    }
    assert_eq!(reported, [["1"], ["1"], ["2"]], "the blocked record has done nothing wrong");
    let reasons: Vec<String> = letters.letters().into_iter().map(|letter| letter.reason).collect();
    assert_eq!(reasons, ["transient"]);
}

#[tokio::test]
async fn no_letter_is_written_for_what_a_stream_will_deliver_again_anyway() {
    let run = run(&[("a", "permanent 1"), ("b", "transient 2"), ("c", "permanent 3")]).await;
    assert_eq!(run.letter_reasons(), ["permanent 1"]);
    assert_eq!(run.reported(), ["2"]);
    assert_eq!(run.counts, Counts { dead_lettered: 1, failed: 2, ..Counts::default() });
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_hangs_is_dead_lettered_when_its_source_is_about_to_discard_it() {
    struct Hanging;
    impl Decode for Hanging {
        type Record = ();
        fn decode(&self, _: &Delivery<'_>) -> Result<(), Failure> {
            Ok(())
        }
    }

    impl BatchHandler for Hanging {
        async fn handle_batch(&self, _: &[Item<()>], _: &BatchContext) -> Vec<Outcome> {
            std::future::pending().await
        }
    }
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner = aging(Hanging, 0, &letters)
        .dead_letter_after(Some(Duration::from_secs(60)))
        .maximum_record_age(Some(Duration::from_secs(3601)));
    let event = event(Source::Kinesis, &[("a", "x"), ("b", "y")]);
    let first = runner.run(Invocation::new(&event, Duration::from_secs(30))).await;
    assert_eq!(first.counts, Counts { failed: 2, ..Counts::default() });
    let second = runner.run(Invocation::new(&event, Duration::from_secs(30))).await;
    assert_eq!(second.counts, Counts { dead_lettered: 2, ..Counts::default() });
    assert!(second.response.unwrap().items().next().is_none());
}

#[tokio::test]
async fn a_replay_reports_what_fails_for_good_instead_of_writing_another_letter() {
    let run = run_with(Setting { replay: true, ..Setting::default() }, &[("a", "permanent")]).await;
    assert_eq!(run.reported(), ["1"]);
    assert!(run.letters.letters().is_empty());
}

#[tokio::test]
async fn a_dead_letter_rebuilds_the_invocation_and_keeps_its_id() {
    let first = run(&[("a", "permanent")]).await.letters.letters().remove(0);
    let second = run(&[("a", "permanent")]).await.letters.letters().remove(0);
    assert_eq!(first.id, second.id);
    let Payload::Record(record) = &first.payload else { panic!("{first:?}") };
    let rebuilt = first.event(record).unwrap();
    assert_eq!(rebuilt.get(), event(Source::Kinesis, &[("a", "permanent")]).get());
}

/// Panics if its batch has a bad record.
struct Fragile;

impl Decode for Fragile {
    type Record = Vec<u8>;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Vec<u8>, Failure> {
        Ok(delivery.bytes()?.to_vec())
    }
}

impl BatchHandler for Fragile {
    async fn handle_batch(&self, items: &[Item<Vec<u8>>], _context: &BatchContext) -> Vec<Outcome> {
        assert!(items.iter().all(|item| item.record != b"bad"), "a bad record");
        items.iter().map(|_| Outcome::Done(Handled::Applied)).collect()
    }
}

#[tokio::test]
async fn a_batch_handler_that_panics_is_given_its_records_one_by_one() {
    let runner =
        Runner::new(Source::Kinesis, Fragile, "probe", Arc::new(MemoryDeadLetters::default()));
    let event =
        event(Source::Kinesis, &[("a", "good"), ("b", "bad"), ("b", "good"), ("c", "good")]);
    let invocation = Invocation {
        event: &event,
        request_id: "r",
        remaining: Duration::from_secs(30),
        replay: false,
    };
    let report = runner.run(invocation).await;
    assert_eq!(report.counts, Counts { applied: 2, failed: 1, not_run: 1, ..Counts::default() });
    assert_eq!(report.response.unwrap().items().collect::<Vec<_>>(), ["2"]);
}

#[tokio::test]
async fn a_batch_handler_that_answers_too_few_outcomes_is_given_its_records_one_by_one() {
    /// Returns outcomes only for this many records.
    struct Forgetful(usize);
    impl Decode for Forgetful {
        type Record = ();
        fn decode(&self, _: &Delivery<'_>) -> Result<(), Failure> {
            Ok(())
        }
    }

    impl BatchHandler for Forgetful {
        async fn handle_batch(&self, items: &[Item<()>], _: &BatchContext) -> Vec<Outcome> {
            items.iter().take(self.0).map(|_| Outcome::Done(Handled::Applied)).collect()
        }
    }
    let event = event(Source::Kinesis, &[("a", ""), ("b", ""), ("b", "")]);
    for (answers, counts) in [
        (1, Counts { applied: 3, ..Counts::default() }),
        (0, Counts { failed: 2, not_run: 1, ..Counts::default() }),
    ] {
        let letters = Arc::new(MemoryDeadLetters::default());
        let runner = Runner::new(Source::Kinesis, Forgetful(answers), "probe", letters);
        let remaining = Duration::from_secs(30);
        let report = runner
            .run(Invocation { event: &event, request_id: "r", remaining, replay: false })
            .await;
        assert_eq!(report.counts, counts, "{answers} answered");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_done_before_the_deadline_stays_done_however_many_records_hang() {
    let bodies: Vec<(String, &str)> = (0..400)
        .map(|lane| (lane.to_string(), if lane % 4 == 0 { "ok" } else { "hang" }))
        .collect();
    let records: Vec<(&str, &str)> =
        bodies.iter().map(|(lane, body)| (lane.as_str(), *body)).collect();
    let setting = Setting {
        source: Source::Sqs,
        concurrency: 400,
        dead_letter_after: Some(Duration::from_secs(3600)),
        ..Setting::default()
    };
    let run = run_with(setting, &records).await;
    assert_eq!(run.counts, Counts { applied: 100, failed: 300, ..Counts::default() });
}

#[tokio::test]
async fn a_letter_says_function_class_and_attempts() {
    let event = json!({ "Records": [{ "messageId": "m", "body": "permanent", "attributes": { "ApproximateReceiveCount": "4" } }] });
    let event = RawValue::from_string(event.to_string()).unwrap();
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner = Runner::new(
        Source::Sqs,
        EachRecord::new(Obedient::default(), 1),
        "probe",
        Arc::<MemoryDeadLetters>::clone(&letters),
    );
    let remaining = Duration::from_secs(30);
    runner.run(Invocation { event: &event, request_id: "r", remaining, replay: false }).await;
    let letter = serde_json::to_value(&letters.letters()[0]).unwrap();
    assert_eq!((&letter["class"], &letter["attempts"]), (&json!("permanent"), &json!(4)));
    assert_eq!((&letter["function"], runner.function()), (&json!("probe"), "probe"));
    let of_a_stream = run(&[("a", "permanent")]).await.letters.letters().remove(0);
    assert!(serde_json::to_value(of_a_stream).unwrap().get("attempts").is_none());
}
