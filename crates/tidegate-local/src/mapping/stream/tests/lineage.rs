//! Tests of shards that are split and merged, in a scripted stream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::Value;

use tokio::time::sleep;

use super::mapping;
use crate::checkpoint::{Checkpoints, MemoryCheckpoints};
use crate::destination::Destination;
use crate::invocation::{Answer, InvocationResult, Invoker, Request};
use crate::mapping::stream::{
    Page, ReadError, ReadFrom, ShardInfo, Start, StreamMapping, StreamSource, start,
};
use crate::send_error::SendError;
use lambda_shapes::moment::Moment;
use lambda_shapes::record::{OrderingKey, Record};
use lambda_shapes::sequence::SequenceNumber;

/// A shard of the scripted stream.
#[derive(Clone, Default)]
struct Scripted {
    parents: Vec<&'static str>,
    /// Sequence number and time of each record.
    records: Vec<(u64, i64)>,
    closed: bool,
}

/// A stream whose shards a test changes while it is read. Records are named `shard:sequence`.
#[derive(Default)]
struct Stream {
    shards: Mutex<BTreeMap<&'static str, Scripted>>,
}

impl Stream {
    fn new<const N: usize>(shards: [(&'static str, Scripted); N]) -> Arc<Self> {
        Arc::new(Self { shards: Mutex::new(shards.into_iter().collect()) })
    }

    fn change(&self, id: &'static str, change: impl FnOnce(&mut Scripted)) {
        change(self.shards.lock().unwrap().entry(id).or_default());
    }
}

fn shard(parents: &[&'static str], sequences: &[u64], closed: bool) -> Scripted {
    let records = sequences.iter().map(|n| (*n, i64::try_from(*n).unwrap())).collect();
    Scripted { parents: parents.to_vec(), records, closed }
}

impl StreamSource for Stream {
    fn shards(&self) -> BoxFuture<'_, Result<Vec<ShardInfo>, ReadError>> {
        let shards = self.shards.lock().unwrap();
        let listed = shards.iter().map(|(id, shard)| ShardInfo {
            id: (*id).to_owned(),
            parents: shard.parents.iter().map(|&parent| parent.to_owned()).collect(),
        });
        let listed = listed.collect();
        Box::pin(async { Ok(listed) })
    }

    fn iterator<'a>(
        &'a self,
        id: &'a str,
        from: &'a ReadFrom,
    ) -> BoxFuture<'a, Result<String, ReadError>> {
        let shards = self.shards.lock().unwrap();
        let records = &shards[id].records;
        let before = match from {
            ReadFrom::Horizon => 0,
            ReadFrom::Since(moment) => {
                records.iter().filter(|record| record.1 < moment.as_millis()).count()
            }
            ReadFrom::After(sequence) => {
                records.iter().filter(|record| record.0 <= sequence.parse().unwrap()).count()
            }
        };
        Box::pin(async move { Ok(before.to_string()) })
    }

    fn read<'a>(
        &'a self,
        id: &'a str,
        iterator: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        let shards = self.shards.lock().unwrap();
        let shard = &shards[id];
        let from: usize = iterator.parse().unwrap();
        let records =
            shard.records.iter().skip(from).take(limit).map(|(sequence, arrived)| Record {
                sequence: SequenceNumber::new(sequence.to_string()),
                key: OrderingKey::new(b"k"),
                arrived: Moment::from_millis(*arrived),
                json: Bytes::from(format!("\"{id}:{sequence}\"")),
            });
        let records: Vec<Record> = records.collect();
        let next = from + records.len();
        let next = (!shard.closed || next < shard.records.len()).then(|| next.to_string());
        Box::pin(async { Ok(Page { records, next, millis_behind: None }) })
    }
}

/// A function that answers by a script and keeps the records that it got.
struct Function<F> {
    script: F,
    delivered: Mutex<Vec<String>>,
}

impl<F: Fn(&[String]) -> InvocationResult + Send + Sync> Function<F> {
    fn new(script: F) -> Arc<Self> {
        Arc::new(Self { script, delivered: Mutex::default() })
    }

    fn delivered(&self) -> Vec<String> {
        self.delivered.lock().unwrap().clone()
    }

    /// Waits until the function has got this record.
    async fn gets(&self, record: &str) {
        until(|| self.delivered().iter().any(|delivered| delivered == record)).await;
    }
}

impl<F: Fn(&[String]) -> InvocationResult + Send + Sync> Invoker for Function<F> {
    fn invoke<'a>(&'a self, _function: &'a str, request: Request) -> BoxFuture<'a, Answer> {
        let event: Value = serde_json::from_slice(&request.payload).unwrap();
        let records =
            event["Records"].as_array().unwrap().iter().map(|r| r.as_str().unwrap().to_owned());
        let records: Vec<String> = records.collect();
        self.delivered.lock().unwrap().extend_from_slice(&records);
        let result = (self.script)(&records);
        Box::pin(async { Answer { request_id: "r".to_owned(), result } })
    }
}

/// Waits until a condition holds.
#[track_caller]
fn until(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while !condition() {
            assert!(tokio::time::Instant::now() < deadline, "never true: {caller}");
            sleep(Duration::from_millis(2)).await;
        }
    }
}

fn success() -> InvocationResult {
    InvocationResult::Success(Bytes::from_static(b"null"))
}

fn error() -> InvocationResult {
    InvocationResult::FunctionError(Bytes::from_static(b"{}"))
}

fn reading<F>(stream: &Arc<Stream>, function: &Arc<Function<F>>) -> StreamMapping
where
    F: Fn(&[String]) -> InvocationResult + Send + Sync + 'static,
{
    StreamMapping {
        invoker: Arc::<Function<F>>::clone(function),
        ..mapping(Arc::<Stream>::clone(stream))
    }
}

#[tokio::test]
async fn the_children_of_a_split_start_when_the_parent_is_closed_and_done() {
    let stream = Stream::new([
        ("a", shard(&[], &[1, 2], false)),
        ("b", shard(&["a"], &[11], false)),
        ("c", shard(&["a"], &[21], false)),
    ]);
    let failing = Arc::new(Mutex::new(true));
    let function = Function::new({
        let failing = Arc::clone(&failing);
        move |_: &[String]| if *failing.lock().unwrap() { error() } else { success() }
    });
    let mut mapping = reading(&stream, &function);
    mapping.settings.time_scale = 1_000.0;
    let mapping = start(mapping);
    function.gets("a:2").await;
    // Shard `a` is closed but not done: its failing record is delivered again and again.
    stream.change("a", |a| a.closed = true);
    let seen = function.delivered().len();
    until(|| function.delivered().len() >= seen + 20).await;
    assert!(
        function.delivered().iter().all(|record| record.starts_with("a:")),
        "{:?}",
        function.delivered()
    );
    *failing.lock().unwrap() = false;
    function.gets("b:11").await;
    function.gets("c:21").await;
    mapping.stop().await;
}

#[tokio::test]
async fn a_parent_that_is_done_and_not_closed_keeps_its_children_waiting() {
    let stream = Stream::new([("a", shard(&[], &[1], false)), ("b", shard(&["a"], &[11], false))]);
    let function = Function::new(|_: &[String]| success());
    let mapping = start(reading(&stream, &function));
    function.gets("a:1").await;
    // A parent is split, with records after those that were read: they come before the child's
    // records.
    stream.change("a", |a| {
        a.records.extend([(2, 2), (3, 3)]);
        a.closed = true;
    });
    function.gets("b:11").await;
    assert_eq!(function.delivered(), ["a:1", "a:2", "a:3", "b:11"]);
    mapping.stop().await;
}

#[tokio::test]
async fn a_parent_that_gives_a_record_up_lets_its_children_start_once_the_destination_has_it() {
    /// A destination that refuses every record until it is opened.
    struct Gate(Mutex<bool>);
    impl Destination for Gate {
        fn send(&self, _body: String) -> BoxFuture<'_, Result<(), SendError>> {
            let open = *self.0.lock().unwrap();
            Box::pin(async move {
                if open { Ok(()) } else { Err("the queue is shut".to_owned().into()) }
            })
        }
    }
    let stream = Stream::new([("a", shard(&[], &[1], true)), ("b", shard(&["a"], &[11], false))]);
    let function =
        Function::new(
            |records: &[String]| {
                if records.contains(&"a:1".to_owned()) { error() } else { success() }
            },
        );
    let gate = Arc::new(Gate(Mutex::new(false)));
    let mut mapping = reading(&stream, &function);
    mapping.settings.time_scale = 1_000.0;
    mapping.settings.maximum_retry_attempts = Some(1);
    mapping.destination = Some(Arc::<Gate>::clone(&gate));
    let mapping = start(mapping);
    let shut = || mapping.status().last_error.is_some_and(|error| error == "the queue is shut");
    until(shut).await;
    assert_eq!(function.delivered(), ["a:1", "a:1"]);
    *gate.0.lock().unwrap() = true;
    function.gets("b:11").await;
    mapping.stop().await;
}

#[tokio::test]
async fn the_child_of_a_merge_waits_for_both_parents() {
    let stream = Stream::new([
        ("a", shard(&[], &[1], true)),
        ("b", shard(&[], &[2], false)),
        ("c", shard(&["a", "b"], &[11], false)),
    ]);
    let function = Function::new(|_: &[String]| success());
    let mapping = start(reading(&stream, &function));
    function.gets("a:1").await;
    function.gets("b:2").await;
    // `a` is finished, and the listing after that has found `b` open: nothing is left to do.
    until(|| mapping.status().idle_since.is_some()).await;
    stream.change("b", |b| {
        b.records.push((3, 3));
        b.closed = true;
    });
    function.gets("c:11").await;
    let delivered = function.delivered();
    assert_eq!(delivered.last().map(String::as_str), Some("c:11"));
    assert!(delivered.contains(&"b:3".to_owned()), "{delivered:?}");
    mapping.stop().await;
}

#[tokio::test]
async fn parents_that_the_stream_has_forgotten_keep_nobody_waiting() {
    let stream = Stream::new([("c", shard(&["a", "b"], &[11], false))]);
    let function = Function::new(|_: &[String]| success());
    let mapping = start(reading(&stream, &function));
    function.gets("c:11").await;
    mapping.stop().await;
}

#[tokio::test]
async fn what_was_delivered_of_a_closed_shard_is_not_delivered_again_after_a_restart() {
    let stream =
        Stream::new([("a", shard(&[], &[1, 2], true)), ("b", shard(&["a"], &[11], false))]);
    let checkpoints: Arc<dyn Checkpoints> = Arc::new(MemoryCheckpoints::default());
    for (child, before) in [("b:11", vec!["a:1", "a:2", "b:11"]), ("b:12", vec!["b:12"])] {
        let function = Function::new(|_: &[String]| success());
        let mut mapping = reading(&stream, &function);
        mapping.checkpoints = Arc::clone(&checkpoints);
        let mapping = start(mapping);
        function.gets(child).await;
        mapping.stop().await;
        assert_eq!(function.delivered(), before);
        stream.change("b", |b| b.records.push((12, 12)));
    }
}

#[tokio::test]
async fn the_child_of_a_shard_that_was_read_since_latest_begins_at_its_oldest_record() {
    let started = Moment::now().as_millis();
    let mut parent = shard(&[], &[], false);
    parent.records.push((1, started - 60_000));
    let stream = Stream::new([("a", parent)]);
    let function = Function::new(|_: &[String]| success());
    let mut mapping = reading(&stream, &function);
    mapping.starting_position = Start::Latest;
    let mapping = start(mapping);
    until(|| mapping.status().idle_since.is_some()).await;
    stream.change("a", |a| {
        a.records.push((2, started + 60_000));
        a.closed = true;
    });
    // The clock that stamps the child's records is slow: the records are nevertheless as new as the
    // parent's.
    stream.change("b", |b| {
        b.parents.push("a");
        b.records.push((11, started - 60_000));
    });
    function.gets("b:11").await;
    assert_eq!(function.delivered(), ["a:2", "b:11"]);
    mapping.stop().await;
}

#[tokio::test]
async fn a_mapping_at_a_timestamp_begins_with_the_first_record_of_that_moment_in_every_shard() {
    let at = 1_700_000_000_000;
    let mut records = shard(&[], &[], false);
    records.records = vec![(1, at - 1_000), (2, at), (3, at + 1)];
    let mut closed = shard(&[], &[], true);
    closed.records = vec![(1, at - 2_000)];
    let mut child = shard(&["closed"], &[], false);
    child.records = vec![(11, at - 1_000), (12, at + 5)];
    let stream = Stream::new([("a", records), ("closed", closed), ("child", child)]);
    let function = Function::new(|_: &[String]| success());
    let mut mapping = reading(&stream, &function);
    mapping.starting_position = Start::At(Moment::from_millis(at));
    let mapping = start(mapping);
    function.gets("a:3").await;
    function.gets("child:12").await;
    let mut delivered = function.delivered();
    delivered.sort();
    assert_eq!(delivered, ["a:2", "a:3", "child:12"]);
    mapping.stop().await;
}
