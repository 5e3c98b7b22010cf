//! Tests of what a shard's port puts on the board: failures in their order, and its lanes.

use super::*;
use crate::driver::{Machine, Port};
use crate::mapping::lane_status::LaneCondition;
use crate::mapping::stream::port::ShardPort;
use crate::mapping::stream::reader::Reader;
use crate::mapping::stream::shard::Shard;
use crate::mapping::stream::shard::step::Input;
use crate::pace::Pacer;

const NOW: Moment = Moment::from_millis(1_700_000_000_000);

/// A shard with its port and board, without a driver.
struct Bench {
    shard: Shard,
    port: ShardPort,
    board: Arc<Board>,
    now: Moment,
}

impl Bench {
    fn new(maximum_retry_attempts: Option<u32>) -> Self {
        let mut mapping = mapping(Scripted::new(vec![Ok(vec![info("a", &[])])]));
        mapping.settings.maximum_retry_attempts = maximum_retry_attempts;
        let (source, settings) = (Arc::clone(&mapping.source), mapping.settings.clone());
        let pacer = Pacer::new(Pace::Fast, Duration::from_secs(1));
        let reader = Reader::new(source, "a", ReadFrom::Horizon, pacer);
        let board = Arc::new(Board::default());
        let port = ShardPort::new(Arc::new(mapping), Arc::clone(&board), "a".to_owned(), reader);
        Self { shard: Shard::new("a", settings, None), port, board, now: NOW }
    }

    fn step(&mut self, input: Input) {
        self.shard.handle(input, self.now).unwrap();
        self.port.publish(&self.shard, 0);
    }

    fn read(&mut self) {
        let record = Record {
            sequence: SequenceNumber::new("1"),
            key: OrderingKey::new(b"k"),
            arrived: NOW,
            json: Bytes::from_static(b"{}"),
        };
        self.step(Input::Read { records: vec![record], closed: false, behind: false });
    }

    fn fail(&mut self, invocation: u64) {
        let result = InvocationResult::FunctionError(Bytes::from_static(b"A"));
        let answer = Answer { request_id: "r".to_owned(), result };
        self.step(Input::Answered { lane: 0, invocation, answer });
    }

    fn status(&self) -> crate::mapping::MappingStatus {
        self.board.status(&Name {
            function: "f".to_owned(),
            source: "s".to_owned(),
            kind: "kinesis",
        })
    }
}

#[test]
fn a_failure_replaces_a_later_one_of_another_kind_even_if_its_text_was_the_same_before() {
    // The second attempt is the final one: it is no retry.
    let mut bench = Bench::new(Some(1));
    bench.step(Input::Start);
    bench.read();
    bench.fail(0);
    assert_eq!(bench.status().last_error.as_deref(), Some("A"));
    bench.board.failed("P");
    bench.now = NOW.after(Duration::from_secs(1));
    bench.step(Input::TimerDue);
    assert_eq!(bench.status().last_error.as_deref(), Some("P"), "nothing has failed since");
    bench.fail(1);
    assert_eq!(bench.status().last_error.as_deref(), Some("A"));
    let at: jiff::Timestamp = bench.status().last_error_at.unwrap().parse().unwrap();
    assert!(jiff::Timestamp::now().duration_since(at) < jiff::SignedDuration::from_secs(60));
}

#[test]
fn a_lane_that_waits_is_in_the_status_with_its_shard_and_is_json_of_one_level() {
    let mut bench = Bench::new(None);
    bench.step(Input::Start);
    bench.read();
    bench.fail(0);
    let json = serde_json::to_value(bench.status()).unwrap();
    let expected = serde_json::json!([{
        "shard": "a", "lane": 0, "state": "waiting_for_retry", "attempt": 1, "records": 1,
        "until": "2023-11-14T22:13:20.100Z", "since": null,
    }]);
    assert_eq!(json["lanes"], expected);
    bench.board.closed("a");
    assert!(bench.status().lanes.is_empty(), "the shard is done");
}

#[tokio::test]
async fn a_child_that_waits_for_its_parent_is_in_the_status() {
    let mapping = start(mapping(Scripted::new(vec![Ok(vec![info("a", &[]), info("c", &["a"])])])));
    tokio::time::timeout(Duration::from_secs(10), async {
        while mapping.status().lanes.iter().all(|lane| lane.shard.as_deref() != Some("c")) {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{mapping:?}"));
    let lanes = mapping.status().lanes;
    let child = lanes.iter().find(|lane| lane.shard.as_deref() == Some("c")).unwrap();
    assert_eq!(child.report.state, LaneCondition::ParentUnfinished);
    mapping.stop().await;
}
