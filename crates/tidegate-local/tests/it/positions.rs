//! A mapping that is killed continues at its position.
//!
//! Each run is a process that kills itself (SIGKILL) at one point. The next run finds only the
//! checkpoint files. The function and the destination record everything that they receive.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures::future::BoxFuture;
use lambda_shapes::moment::Moment;
use lambda_shapes::record::{OrderingKey, Record};
use lambda_shapes::sequence::SequenceNumber;
use lambda_shapes::stream_kind::StreamKind;
use serde_json::Value;
use tidegate_local::activity::Activity;
use tidegate_local::checkpoint::{Checkpoints, FileCheckpoints};
use tidegate_local::destination::Destination;
use tidegate_local::invocation::{Answer, Invoker, Request};
use tidegate_local::mapping::Mapping;
use tidegate_local::mapping::stream::{
    self, Page, ReadError, ReadFrom, ShardInfo, StreamMapping, StreamSettings, StreamSource,
};
use tidegate_local::send_error::SendError;

use crate::delivery::{Parts, Scripted, error, mapped, settings, success};
use crate::probe::until;

const DIRECTORY: &str = "TIDEGATE_TEST_POSITIONS";
const LANES: &str = "TIDEGATE_TEST_LANES";
const KILL: &str = "TIDEGATE_TEST_KILL";

const RECORDS: u64 = 120;
const KEYS: u64 = 6;
const BATCH: usize = 5;
const PAGE: usize = 7;
/// This record fails permanently. Its batch is given up after the second attempt.
const POISON: u64 = 57;
const MAPPING: &str = "f/s";
const SHARD: &str = "shard";

/// Point at which a run kills itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    Read,
    BeforeInvoking,
    AfterInvoking,
    BeforeCheckpoint,
    AfterCheckpoint,
    BeforeDestination,
    AfterDestination,
}

const POINTS: [Point; 7] = [
    Point::Read,
    Point::BeforeInvoking,
    Point::AfterInvoking,
    Point::BeforeCheckpoint,
    Point::AfterCheckpoint,
    Point::BeforeDestination,
    Point::AfterDestination,
];

/// Kills this process the n-th time that it reaches a point.
struct Killer {
    at: Option<Point>,
    left: AtomicU32,
}

impl Killer {
    fn from_environment() -> Self {
        let told = std::env::var(KILL).unwrap_or_default();
        let (at, left) = told.split_once(' ').unwrap_or_default();
        let at = POINTS.into_iter().find(|point| format!("{point:?}") == at);
        Self { at, left: AtomicU32::new(left.parse().unwrap_or(0)) }
    }

    fn comes_to(&self, point: Point) {
        if self.at == Some(point) && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            crate::probe::kill(i32::try_from(std::process::id()).unwrap());
            // The signal takes a moment.
            loop {
                std::thread::park();
            }
        }
    }
}

/// Everything around a mapping, in one directory.
struct World {
    directory: PathBuf,
    killer: Arc<Killer>,
    checkpoints: FileCheckpoints,
    records: u64,
}

impl World {
    fn new(directory: &Path, killer: Killer, records: u64) -> Arc<Self> {
        let checkpoints = FileCheckpoints::open(&directory.join("checkpoints")).unwrap();
        Arc::new(Self {
            directory: directory.to_owned(),
            killer: Arc::new(killer),
            checkpoints,
            records,
        })
    }

    fn write_down(&self, file: &str, line: &str) {
        let mut file =
            File::options().create(true).append(true).open(self.directory.join(file)).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn checkpoint(&self) -> u64 {
        let stored = Checkpoints::load(&self.checkpoints, MAPPING, SHARD).unwrap();
        stored.map_or(0, |stored| stored.parse().unwrap())
    }
}

impl StreamSource for World {
    fn shards(&self) -> BoxFuture<'_, Result<Vec<ShardInfo>, ReadError>> {
        Box::pin(async { Ok(vec![ShardInfo { id: SHARD.to_owned(), parents: Vec::new() }]) })
    }

    fn iterator<'a>(
        &'a self,
        _shard: &'a str,
        from: &'a ReadFrom,
    ) -> BoxFuture<'a, Result<String, ReadError>> {
        let next = match from {
            ReadFrom::After(last) => last.parse::<u64>().unwrap() + 1,
            _ => 1,
        };
        Box::pin(async move { Ok(next.to_string()) })
    }

    fn read<'a>(
        &'a self,
        _shard: &'a str,
        iterator: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        let first: u64 = iterator.parse().unwrap();
        let records: Vec<Record> =
            (first..=self.records).take(limit.min(PAGE)).map(record).collect();
        let next = first + records.len() as u64;
        if !records.is_empty() {
            self.killer.comes_to(Point::Read);
        }
        Box::pin(
            async move { Ok(Page { records, next: Some(next.to_string()), millis_behind: None }) },
        )
    }
}

fn record(n: u64) -> Record {
    let key = (n % KEYS).to_string();
    Record {
        sequence: SequenceNumber::new(n.to_string()),
        key: OrderingKey::new(key.as_bytes()),
        arrived: Moment::from_millis(0),
        json: Bytes::from(format!(r#"{{"n":{n},"kinesis":{{"sequenceNumber":"{n}"}}}}"#)),
    }
}

impl Invoker for World {
    fn invoke<'a>(&'a self, _function: &'a str, request: Request) -> BoxFuture<'a, Answer> {
        self.killer.comes_to(Point::BeforeInvoking);
        let event: Value = serde_json::from_slice(&request.payload).unwrap();
        let records = event["Records"].as_array().unwrap();
        let batch: Vec<u64> = records.iter().map(|record| record["n"].as_u64().unwrap()).collect();
        self.write_down("delivered", &serde_json::to_string(&batch).unwrap());
        self.killer.comes_to(Point::AfterInvoking);
        let result = if batch.contains(&POISON) { error() } else { success() };
        Box::pin(async { Answer { request_id: "r".to_owned(), result } })
    }
}

impl Destination for World {
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>> {
        self.killer.comes_to(Point::BeforeDestination);
        self.write_down("given up", &body);
        self.killer.comes_to(Point::AfterDestination);
        Box::pin(async { Ok(()) })
    }
}

impl Checkpoints for World {
    fn load(&self, mapping: &str, shard: &str) -> io::Result<Option<String>> {
        self.checkpoints.load(mapping, shard)
    }

    fn store_all(&self, mapping: &str, positions: &[(&str, &str)]) -> io::Result<()> {
        self.killer.comes_to(Point::BeforeCheckpoint);
        self.checkpoints.store_all(mapping, positions)?;
        self.killer.comes_to(Point::AfterCheckpoint);
        Ok(())
    }
}

fn start(world: &Arc<World>, lanes: usize) -> Mapping {
    let parts = Parts {
        source: Arc::<World>::clone(world),
        checkpoints: Arc::<World>::clone(world),
        activity: Arc::new(Activity::new()),
        destination: Some(Arc::<World>::clone(world)),
    };
    let settings = StreamSettings {
        batch_size: BATCH,
        lanes,
        report_batch_item_failures: false,
        maximum_retry_attempts: Some(1),
        time_scale: 1000.0,
        ..settings(StreamKind::Kinesis, "arn:s")
    };
    let nobody = Scripted::new(|_, _| success());
    stream::start(StreamMapping {
        invoker: Arc::<World>::clone(world),
        ..mapped(&parts, settings, &nobody)
    })
}

/// The other tests run this in processes of its own, until it kills itself or everything is done.
#[tokio::test]
#[ignore = "other tests run it and it kills itself"]
async fn mapping_that_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let lanes = std::env::var(LANES).unwrap().parse().unwrap();
    let world = World::new(directory.as_ref(), Killer::from_environment(), RECORDS);
    let mapping = start(&world, lanes);
    until("everything is done", || world.checkpoint() == RECORDS).await;
    mapping.stop().await;
}

/// Runs the mapping until it ends. Returns whether it was killed.
fn run(directory: &Path, lanes: usize, kill: Option<(Point, u32)>) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "positions::mapping_that_is_killed", "--ignored"]);
    command.env(DIRECTORY, directory).env(LANES, lanes.to_string());
    if let Some((point, times)) = kill {
        command.env(KILL, format!("{point:?} {times}"));
    }
    let output = command.output().unwrap();
    let killed = output.status.signal() == Some(9);
    assert!(killed || output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    killed
}

fn batches(directory: &Path) -> Vec<Vec<u64>> {
    let text = fs::read_to_string(directory.join("delivered")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn stored(directory: &Path) -> u64 {
    World::new(directory, Killer { at: None, left: AtomicU32::new(0) }, 0).checkpoint()
}

/// Runs to the end through these kills, and checks all invariants.
fn goes_on(lanes: usize, kills: &[(Point, u32)]) {
    let dir = tempfile::tempdir().unwrap();
    let what = format!("{lanes} lanes, {kills:?}");
    let mut killed = 0;
    for kill in kills.iter().map(|kill| Some(*kill)).chain([None]) {
        let (before, position) = (batches(dir.path()).len(), stored(dir.path()));
        killed += usize::from(run(dir.path(), lanes, kill));
        let all = batches(dir.path());
        let now = all[before..].concat();
        // Records before the position never come again.
        assert!(now.iter().all(|n| *n > position), "{what}: behind {position} came {now:?}");
        // With one lane, one batch is in flight, so no more than one batch was delivered beyond the
        // position.
        if lanes == 1 {
            let beyond: std::collections::BTreeSet<u64> =
                all.concat().into_iter().filter(|n| *n > stored(dir.path())).collect();
            assert!(beyond.len() <= BATCH, "{what}: beyond {} came {beyond:?}", stored(dir.path()));
        }
    }
    assert_eq!(killed, kills.len(), "{what}: it was not killed as often as it was to be");
    assert_eq!(stored(dir.path()), RECORDS, "{what}");

    let delivered = batches(dir.path()).concat();
    // No record is lost, and no record of a key comes for the first time before an older one.
    let mut seen: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for n in &delivered {
        let of_key = seen.entry(n % KEYS).or_default();
        if !of_key.contains(n) {
            assert!(of_key.last().is_none_or(|last| last < n), "{what}: {n} came after {of_key:?}");
            of_key.push(*n);
        }
    }
    let total: usize = seen.values().map(Vec::len).sum();
    assert_eq!(total as u64, RECORDS, "{what}");
    if lanes == 1 {
        // The batch that fails has its second attempt in each run that reached it.
        let repeated = delivered.len() - total;
        let runs = killed + 1;
        assert!(repeated <= (killed + runs) * BATCH, "{what}: {repeated} came again");
    }
    // The failed record is at the destination, at most once more for each kill around it. Only an
    // attempt that was killed before its end was stored is repeated.
    let attempts = batches(dir.path()).iter().filter(|batch| batch.contains(&POISON)).count();
    assert!(attempts <= 2 + kills.len(), "{what}: {attempts} attempts of the batch that fails");
    let given_up = fs::read_to_string(dir.path().join("given up")).unwrap();
    let around =
        kills.iter().filter(|(point, _)| *point != Point::Read && *point != Point::BeforeInvoking);
    assert!((1..=1 + around.count()).contains(&given_up.lines().count()), "{what}: {given_up}");
    for line in given_up.lines() {
        let body: Value = serde_json::from_str(line).unwrap();
        let range = &body["KinesisBatchInfo"];
        let number = |field: &str| range[field].as_str().unwrap().parse::<u64>().unwrap();
        assert!(
            (number("startSequenceNumber")..=number("endSequenceNumber")).contains(&POISON),
            "{what}: {line}"
        );
    }
}

#[test]
fn a_mapping_killed_at_any_point_loses_nothing_and_repeats_the_batch_in_flight_at_most() {
    for point in POINTS {
        let times: &[u32] = match point {
            Point::BeforeDestination | Point::AfterDestination => &[1],
            _ => &[1, 2, 13],
        };
        for times in times {
            goes_on(1, &[(point, *times)]);
        }
    }
}

#[test]
fn a_mapping_of_several_lanes_killed_at_any_point_loses_nothing_and_keeps_the_order_of_each_key() {
    for point in POINTS {
        goes_on(3, &[(point, if format!("{point:?}").ends_with("Destination") { 1 } else { 9 })]);
    }
}

#[test]
fn a_mapping_killed_again_and_again_gets_to_the_end() {
    use Point::{
        AfterCheckpoint, AfterDestination, AfterInvoking, BeforeCheckpoint, BeforeInvoking, Read,
    };
    let kills = [
        (AfterInvoking, 1),
        (AfterInvoking, 1),
        (BeforeCheckpoint, 2),
        (Read, 3),
        (AfterCheckpoint, 3),
        (BeforeInvoking, 4),
        (AfterDestination, 1),
        (AfterInvoking, 3),
    ];
    for lanes in [1, 3] {
        goes_on(lanes, &kills);
    }
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_stored_is_said_and_stops_no_delivery() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = || Killer { at: None, left: AtomicU32::new(0) };
    let world = World::new(dir.path(), nowhere(), 20);
    // Each checkpoint is first written to a temporary file next to the previous one.
    let beside = dir.path().join("checkpoints/f_2f_s.tmp");
    std::os::unix::fs::symlink("/dev/full", &beside).unwrap();
    let mapping = start(&world, 1);
    until("all is delivered", || mapping.status().records_delivered == 20).await;
    let said = mapping.status().last_error.unwrap_or_default();
    assert!(
        said.contains("the checkpoint cannot be stored: ") && said.contains("No space left"),
        "{said}"
    );
    assert!(said.contains("f_2f_s.tmp"), "{said}");
    mapping.stop().await;
    assert_eq!(stored(dir.path()), 0);

    // Once there is room, everything comes again, and the position is stored.
    fs::remove_file(beside).unwrap();
    let world = World::new(dir.path(), nowhere(), 25);
    let mapping = start(&world, 1);
    until("the position is stored", || world.checkpoint() == 25).await;
    mapping.stop().await;
    let delivered = batches(dir.path()).concat();
    assert_eq!(delivered, (1..=20).chain(1..=25).collect::<Vec<u64>>());
}
