//! Tests handlers of whole streams.

use super::*;
use crate::ids::StreamId;

/// Handles the records of a stream together. A body names its stream and what becomes of it.
#[derive(Clone, Default)]
struct Together {
    /// The bodies of each call, in the order of the calls.
    calls: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Decode for Together {
    type Record = (StreamId, String);

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Self::Record, Failure> {
        let body = String::from_utf8_lossy(delivery.bytes()?).into_owned();
        let stream = body.split(' ').next().unwrap_or_default();
        let stream = stream.parse().map_err(|_| Failure::permanent("no_stream", body.clone()))?;
        Ok((stream, body))
    }
}

impl StreamHandler for Together {
    fn stream<'a>(&self, (stream, _): &'a Self::Record) -> &'a StreamId {
        stream
    }

    async fn handle(
        &self,
        stream: &StreamId,
        records: &[&Self::Record],
        _: &BatchContext,
    ) -> Vec<Outcome> {
        assert!(records.iter().all(|(of, _)| of == stream));
        let bodies: Vec<String> = records.iter().map(|(_, body)| body.clone()).collect();
        self.calls.lock().unwrap().push(bodies.clone());
        tokio::task::yield_now().await;
        let mut outcomes = Vec::new();
        for body in &bodies {
            let outcome = match body.split(' ').nth(1) {
                Some("permanent") => Outcome::Failed(Failure::permanent("never", body.clone())),
                Some("transient") => Outcome::Failed(Failure::transient("later", body.clone())),
                Some("panic") => panic!("in handle"),
                Some("uncounted") => return Vec::new(),
                Some("hang") => std::future::pending().await,
                _ => Outcome::Done(Handled::Applied),
            };
            let stops = matches!(&outcome, Outcome::Failed(failure) if failure.code() == "later");
            outcomes.push(outcome);
            if stops {
                break;
            }
        }
        outcomes.resize(bodies.len(), Outcome::NotRun(NotRun::Blocked));
        outcomes
    }
}

struct Ran {
    response: Response,
    counts: Counts,
    calls: Vec<Vec<String>>,
    letters: usize,
}

async fn ran(records: &[(&str, &str)]) -> Ran {
    let handler = Together::default();
    let letters = Arc::new(MemoryDeadLetters::default());
    let port: Arc<dyn crate::dead_letter::DeadLetters> = Arc::<MemoryDeadLetters>::clone(&letters);
    let runner = Runner::new(Source::Kinesis, EachStream::new(handler.clone(), 4), "probe", port);
    let event = event(Source::Kinesis, records);
    let remaining = Duration::from_secs(30);
    let invocation = Invocation { event: &event, request_id: "r", remaining, replay: false };
    let report = runner.run(invocation).await;
    let calls = std::mem::take(&mut *handler.calls.lock().unwrap());
    let letters = letters.letters().len();
    Ran { response: report.response.unwrap(), counts: report.counts, calls, letters }
}

fn reported(ran: &Ran) -> Vec<&str> {
    ran.response.items().collect()
}

#[tokio::test]
async fn consecutive_records_of_a_stream_are_handled_together_and_lanes_concurrently() {
    let ran = ran(&[
        ("a", "order#1 x"),
        ("b", "order#2 x"),
        ("a", "order#1 y"),
        ("b", "order#3 x"),
        ("b", "order#2 y"),
    ])
    .await;
    // A lane may hold several streams: its order is kept, so the second stream ends the first step.
    let wanted: [&[&str]; 4] =
        [&["order#1 x", "order#1 y"], &["order#2 x"], &["order#3 x"], &["order#2 y"]];
    assert_eq!(ran.calls, wanted);
    assert_eq!((ran.counts.applied, reported(&ran).len()), (5, 0));
}

#[tokio::test]
async fn a_failure_stops_its_lane_unless_it_is_permanent() {
    let ran = ran(&[
        ("a", "order#1 x"),
        ("a", "order#1 permanent"),
        ("a", "order#1 y"),
        ("a", "order#1 transient"),
        ("a", "order#1 z"),
        ("a", "order#2 x"),
        ("b", "order#3 x"),
    ])
    .await;
    assert_eq!(reported(&ran), ["4"], "the lowest failed sequence number");
    assert_eq!((ran.counts.applied, ran.letters), (3, 1));
    assert_eq!(ran.calls.len(), 2, "order#2 waits behind its lane");
}

#[tokio::test]
async fn a_panic_and_a_wrong_number_of_outcomes_cost_only_the_guilty_record() {
    for guilty in ["order#1 panic", "order#1 uncounted"] {
        let ran = ran(&[("a", "order#1 x"), ("a", guilty), ("a", "order#1 y")]).await;
        assert_eq!(reported(&ran), ["2"], "{guilty}");
        assert_eq!(ran.counts.applied, 1, "{guilty}");
        assert_eq!(ran.calls[1..], [vec!["order#1 x".to_owned()], vec![guilty.to_owned()]]);
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_the_records_of_a_stream_come_again() {
    let ran = ran(&[("a", "order#1 x"), ("a", "order#1 hang"), ("b", "order#2 x")]).await;
    assert_eq!(reported(&ran), ["1"], "it is not known how far the first stream came");
    assert_eq!((ran.counts.applied, ran.letters), (1, 0));
}
