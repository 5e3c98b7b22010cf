//! Tests of the driver of a stream mapping.

mod lineage;
mod published;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use tokio::sync::watch;
use tokio::time::sleep;

use super::board::{Board, Name};
use super::delivery::ShardDelivery;
use super::end::End;
use super::source::{Page, ReadError, ReadFrom, ShardInfo, StreamSource};
use super::start::Start;
use super::watch::{children, ready, start};
use super::{StreamMapping, StreamSettings};
use crate::activity::Activity;
use crate::checkpoint::MemoryCheckpoints;
use crate::destination::Destination;
use crate::invocation::{Answer, InvocationResult, Invoker, Request};
use crate::pace::Pace;
use crate::send_error::{Reason, SendError};
use lambda_shapes::moment::Moment;
use lambda_shapes::record::{OrderingKey, Record};
use lambda_shapes::sequence::SequenceNumber;
use lambda_shapes::stream_kind::StreamKind;
use topology::pattern::filter::{Filter, Filtered};

/// A stream of shards with one record each.
///
/// A script holds the listings, of which the last one is repeated. Shard `a` never ends; the others
/// do.
struct Scripted {
    listings: Mutex<Vec<Result<Vec<ShardInfo>, ReadError>>>,
    read: Mutex<BTreeSet<String>>,
}

impl Scripted {
    fn new(listings: Vec<Result<Vec<ShardInfo>, ReadError>>) -> Arc<Self> {
        Arc::new(Self { listings: Mutex::new(listings), read: Mutex::default() })
    }
}

impl StreamSource for Scripted {
    fn shards(&self) -> BoxFuture<'_, Result<Vec<ShardInfo>, ReadError>> {
        let mut listings = self.listings.lock().unwrap();
        let listing = if listings.len() > 1 { listings.remove(0) } else { listings[0].clone() };
        Box::pin(async { listing })
    }

    fn iterator<'a>(
        &'a self,
        shard: &'a str,
        _from: &'a ReadFrom,
    ) -> BoxFuture<'a, Result<String, ReadError>> {
        Box::pin(async { Ok(shard.to_owned()) })
    }

    fn read<'a>(
        &'a self,
        shard: &'a str,
        _iterator: &'a str,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        let first = self.read.lock().unwrap().insert(shard.to_owned());
        let record = Record {
            sequence: SequenceNumber::new("1"),
            key: OrderingKey::new(b"k"),
            arrived: Moment::from_millis(0),
            json: Bytes::from_static(b"{}"),
        };
        let next = (first || shard == "a").then(|| shard.to_owned());
        Box::pin(async move {
            Ok(Page {
                records: first.then_some(record).into_iter().collect(),
                next,
                millis_behind: None,
            })
        })
    }
}

/// A function that always succeeds.
struct Succeeds;

impl Invoker for Succeeds {
    fn invoke<'a>(&'a self, _function: &'a str, _request: Request) -> BoxFuture<'a, Answer> {
        let result = InvocationResult::Success(Bytes::from_static(b"null"));
        Box::pin(async { Answer { request_id: "r".to_owned(), result } })
    }
}

pub(super) fn mapping(source: Arc<dyn StreamSource>) -> StreamMapping {
    StreamMapping {
        function: "f".to_owned(),
        source_name: "s".to_owned(),
        checkpoint_name: "f.s".to_owned(),
        settings: StreamSettings {
            kind: StreamKind::Kinesis,
            source_arn: "arn:s".to_owned(),
            function_arn: "arn:f".to_owned(),
            batch_size: 10,
            batching_window: Duration::ZERO,
            tumbling_window: Duration::ZERO,
            lanes: 1,
            report_batch_item_failures: false,
            bisect_on_error: false,
            maximum_retry_attempts: None,
            maximum_record_age: None,
            has_destination: false,
            filter: None,
            time_scale: 1.0,
        },
        starting_position: Start::Horizon,
        source,
        invoker: Arc::new(Succeeds),
        destination: None,
        checkpoints: Arc::new(MemoryCheckpoints::default()),
        activity: Arc::new(Activity::new()),
        wake: Arc::default(),
        pace: Pace::Fast,
    }
}

fn info(id: &str, parents: &[&str]) -> ShardInfo {
    ShardInfo {
        id: id.to_owned(),
        parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
    }
}

#[tokio::test]
async fn a_child_is_read_though_the_listing_after_its_parents_end_failed_while_another_shard_goes_on()
 {
    let before = vec![info("a", &[]), info("b", &[])];
    let after = [before.clone(), vec![info("c", &["b"])]].concat();
    let failed = ReadError::Other("ListShards: down".to_owned());
    let mapping = start(mapping(Scripted::new(vec![Ok(before), Err(failed), Ok(after)])));
    tokio::time::timeout(Duration::from_secs(10), async {
        while mapping.status().records_delivered < 3 {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{mapping:?}"));
    assert_eq!(mapping.status().last_error.as_deref(), Some("ListShards: down"));
    mapping.stop().await;
}

#[tokio::test]
async fn the_empty_last_page_of_a_shard_does_not_make_its_mapping_idle() {
    let board = Arc::new(Board::default());
    board.discovered(true);
    let delivery = ShardDelivery {
        mapping: Arc::new(mapping(Scripted::new(vec![Ok(Vec::new())]))),
        board: Arc::clone(&board),
        shard: info("b", &[]),
    };
    let (_stop, receiver) = watch::channel(false);
    assert!(matches!(delivery.run(ReadFrom::Horizon, receiver).await, End::Closed));
    let name = Name { function: "f".to_owned(), source: "s".to_owned(), kind: "kinesis" };
    assert_eq!((board.status(&name).records_delivered, board.status(&name).idle_since), (1, None));
}

#[tokio::test]
async fn a_filtered_record_is_counted_in_the_status_and_its_position_stored() {
    let board = Arc::new(Board::default());
    let mut mapping = mapping(Scripted::new(vec![Ok(Vec::new())]));
    let filter = Filter::parse(Filtered::Kinesis, [r#"{"data": {"n": [1]}}"#]).unwrap();
    mapping.settings.filter = Some(Arc::new(filter));
    let mapping = Arc::new(mapping);
    let delivery = ShardDelivery {
        mapping: Arc::clone(&mapping),
        board: Arc::clone(&board),
        shard: info("b", &[]),
    };
    let (_stop, receiver) = watch::channel(false);
    assert!(matches!(delivery.run(ReadFrom::Horizon, receiver).await, End::Closed));
    let status =
        board.status(&Name { function: "f".to_owned(), source: "s".to_owned(), kind: "kinesis" });
    assert_eq!(
        (status.filtered, status.records_delivered, status.invocations, status.lag),
        (1, 0, 0, 0)
    );
    assert_eq!(mapping.checkpoints.load("f.s", "b").unwrap().as_deref(), Some("1"));
}

/// A destination that refuses records and counts how often it was asked.
struct Refusing(Reason, Mutex<u32>);

impl Destination for Refusing {
    fn send(&self, _: String) -> BoxFuture<'_, Result<(), SendError>> {
        *self.1.lock().unwrap() += 1;
        Box::pin(async { Err(SendError { reason: self.0, message: "refused".to_owned() }) })
    }
}

/// A function that always fails.
struct Fails;

impl Invoker for Fails {
    fn invoke<'a>(&'a self, _function: &'a str, _request: Request) -> BoxFuture<'a, Answer> {
        let result = InvocationResult::FunctionError(Bytes::from_static(b"{}"));
        Box::pin(async { Answer { request_id: "r".to_owned(), result } })
    }
}

#[tokio::test]
async fn a_range_that_its_destination_refuses_for_good_is_lost_counted_and_done() {
    for reason in [Reason::Missing, Reason::Forbidden, Reason::Refused] {
        let destination = Arc::new(Refusing(reason, Mutex::default()));
        let mut mapping = mapping(Scripted::new(vec![Ok(vec![info("a", &[])])]));
        mapping.invoker = Arc::new(Fails);
        mapping.settings.maximum_retry_attempts = Some(0);
        mapping.destination = Some(Arc::<Refusing>::clone(&destination));
        let checkpoints = Arc::clone(&mapping.checkpoints);
        let mapping = start(mapping);
        tokio::time::timeout(Duration::from_secs(10), async {
            while mapping.status().idle_since.is_none() {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{mapping:?}"));
        let lost = mapping.status().destination_failures;
        assert_eq!((lost.count, lost.last.as_deref()), (1, Some("refused")));
        assert_eq!(*destination.1.lock().unwrap(), 1, "{reason:?}");
        assert_eq!(checkpoints.load("f.s", "a").unwrap().as_deref(), Some("1"));
        mapping.stop().await;
    }
}

#[test]
fn a_child_shard_waits_for_its_parents() {
    let shards = [info("a", &["gone"]), info("b", &["a"]), info("c", &["a", "b"])];
    let ids = |finished: &[&str]| -> Vec<String> {
        let finished = finished.iter().map(|&id| id.to_owned()).collect();
        ready(&shards, &finished).map(|shard| shard.id.clone()).collect()
    };
    let waiting =
        |finished: &[&str]| children(&shards, &finished.iter().map(|&id| id.to_owned()).collect());
    assert_eq!(
        (ids(&[]), waiting(&[])),
        (vec!["a".to_owned()], vec!["b".to_owned(), "c".to_owned()])
    );
    assert_eq!((ids(&["a"]), waiting(&["a"])), (vec!["b".to_owned()], vec!["c".to_owned()]));
    assert!(waiting(&["a", "b"]).is_empty());
    assert_eq!(ids(&["a", "b"]), ["c"]);
}
