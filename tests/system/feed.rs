//! Puts the invoices of a file on the stream, with rivals among them, and records what it put
//! there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, Record, ShardIteratorType, StreamStatus};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::world::World;

/// Stream of the importer, from which this module feeds.
const WAITING: &str = "orders-in-waiting";
/// Every n-th command has a rival …
const RIVALS: usize = 2;
/// … among the first commands. In a long run, more rivals would cost a third more time and find
/// nothing more.
const CONTESTED: usize = 300;
/// A Kinesis record has at most 1 MiB, and a rival is almost twice as long as its command.
const RIVAL_BYTES: usize = 400 * 1024;
/// Most records and bytes of a request: less than Kinesis accepts.
const REQUEST_RECORDS: usize = 500;
const REQUEST_BYTES: usize = 4 << 20;

/// Everything that was put on the stream.
#[derive(Debug, Default)]
pub(crate) struct Fed {
    /// Ids of the commands, in their order, by the stream of their aggregate.
    pub(crate) commands: BTreeMap<String, Vec<String>>,
    /// Lines that are not commands. Each of them becomes a dead letter.
    pub(crate) lines: BTreeSet<String>,
}

/// An entry for the stream.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    data: Vec<u8>,
    /// Whether it is the second command for its order, which must follow the first.
    pub(crate) rival: bool,
}

/// Puts the first `limit` invoices on the stream `orders`, in the order of their numbers.
pub(crate) async fn feed(world: &World, file: &Path, limit: usize) -> Fed {
    let (fed, entries) = gather(world, file, limit).await;
    put(world, entries).await;
    fed
}

/// Returns the entries of the first `limit` invoices, in the order of their numbers.
///
/// Every second one of the first commands has a rival behind it: a command for the same order with
/// all its lines twice. The first of the two counts and the second must be refused. So an order's
/// total shows which of them came first.
pub(crate) async fn gather(world: &World, file: &Path, limit: usize) -> (Fed, Vec<Entry>) {
    let kinesis = &world.clients().kinesis;
    create(kinesis).await;
    let (file, limit) = (file.to_str().expect("a file name in UTF-8"), limit.to_string());
    let arguments =
        ["import", "online-retail", file, "--limit", &limit, "--stream", WAITING, "--json"];
    let imported = world.shop_json(&arguments).await;
    let count = |name: &str| imported[name].as_u64().expect("a number of records");
    let records = count("orders") + count("returns") + count("raw_lines");
    let mut waiting = read(kinesis, usize::try_from(records).expect("few records")).await;
    // The importer sends several requests at a time. Without sorting, the order would differ from
    // run to run.
    waiting.sort_by(|one, other| number(one).cmp(number(other)));

    let (mut fed, mut entries) = (Fed::default(), Vec::new());
    for record in waiting {
        let key = record.partition_key().expect("a partition key").to_owned();
        let data = record.data.into_inner();
        match serde_json::from_slice::<Value>(&data) {
            Ok(command) => {
                let place = fed.commands.len();
                let contested =
                    place < CONTESTED && place % RIVALS == 0 && data.len() <= RIVAL_BYTES;
                let rival = contested.then(|| (rival(&command), true));
                for (command, rival) in [Some((command, false)), rival].into_iter().flatten() {
                    let text = |name: &str| command[name].as_str().expect("a text").to_owned();
                    fed.commands.entry(text("subject")).or_default().push(text("id"));
                    entries.push(Entry {
                        key: key.clone(),
                        data: command.to_string().into_bytes(),
                        rival,
                    });
                }
            }
            Err(_) => {
                fed.lines.insert(String::from_utf8_lossy(&data).into_owned());
                entries.push(Entry { key, data, rival: false });
            }
        }
    }
    (fed, entries)
}

fn number(record: &Record) -> &str {
    record.partition_key().unwrap_or_default().rsplit('#').next().unwrap_or_default()
}

fn rival(command: &Value) -> Value {
    let mut rival = command.clone();
    rival["id"] = json!(format!("rival-of-{}", command["id"].as_str().expect("an id")));
    let lines = rival["data"]["lines"].as_array_mut().expect("lines");
    lines.extend(lines.clone());
    rival
}

async fn create(kinesis: &Client) {
    kinesis.create_stream().stream_name(WAITING).shard_count(1).send().await.expect("a stream");
    loop {
        let described = kinesis
            .describe_stream_summary()
            .stream_name(WAITING)
            .send()
            .await
            .expect("the stream");
        if described
            .stream_description_summary
            .is_some_and(|summary| summary.stream_status == StreamStatus::Active)
        {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn read(kinesis: &Client, count: usize) -> Vec<Record> {
    let shards = kinesis.list_shards().stream_name(WAITING).send().await.expect("shards");
    let shard = shards.shards().first().expect("a shard").shard_id();
    let from_start = ShardIteratorType::TrimHorizon;
    let start = kinesis
        .get_shard_iterator()
        .stream_name(WAITING)
        .shard_id(shard)
        .shard_iterator_type(from_start);
    let mut iterator = start.send().await.expect("an iterator").shard_iterator;
    let mut records = Vec::new();
    while records.len() < count {
        let page =
            kinesis.get_records().set_shard_iterator(iterator).send().await.expect("records");
        records.extend(page.records);
        iterator = page.next_shard_iterator;
    }
    records
}

/// Puts entries on the stream `orders`, in their order.
pub(crate) async fn put(world: &World, entries: Vec<Entry>) {
    let kinesis = &world.clients().kinesis;
    let mut requests: Vec<Vec<PutRecordsRequestEntry>> = vec![Vec::new()];
    let mut bytes = 0;
    for Entry { key, data, .. } in entries {
        let request = requests.last().expect("a request");
        if request.len() == REQUEST_RECORDS || bytes + data.len() > REQUEST_BYTES {
            requests.push(Vec::new());
            bytes = 0;
        }
        bytes += data.len();
        let entry = PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(data));
        requests.last_mut().expect("a request").push(entry.build().expect("a record"));
    }
    for request in requests.into_iter().filter(|request| !request.is_empty()) {
        let put =
            kinesis.put_records().stream_name("orders").set_records(Some(request)).send().await;
        // A command that arrives later than its rival would rightly be refused.
        assert_eq!(
            put.expect("records on the stream").failed_record_count,
            Some(0),
            "the stream refused records"
        );
    }
}
