//! Imports a file, and reads what the read models hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kinesis::types::ShardIteratorType;
use jiff::Timestamp;
use serde_json::Value;
use tidegate::envelope::DataSchema;
use tidegate::ids::{Cause, Version};
use tidegate::store::{Commit, DynamoDbEventStore, EventStore as _, RecordedCommit, RecordedEvent};

use crate::emulator::Emulator;

const FILE: &str = "\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,LAMP,6,2010-12-01T08:26:00Z,2.55,17850,United Kingdom
536366,22633,WARMER,1,2010-12-01T08:28:00Z,1.85,,France
C536379,85123A,LAMP,-1,2010-12-02T09:41:00Z,2.55,17850,United Kingdom
536367,22633,WARMER,0,2010-12-01T08:28:00Z,1.85,,France
A563185,B,Adjust bad debt,1,2011-08-12T14:50:00Z,11062.06,,United Kingdom
";

fn shop(emulator: &Emulator, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shop"))
        .args(arguments)
        .env("AWS_ENDPOINT_URL", &emulator.endpoint)
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn file(directory: &Path) -> PathBuf {
    let file = directory.join("retail.csv");
    std::fs::write(&file, FILE).unwrap();
    file
}

async fn records(emulator: &Emulator) -> Vec<Vec<u8>> {
    records_of(emulator, "orders").await
}

async fn records_of(emulator: &Emulator, stream: &str) -> Vec<Vec<u8>> {
    let mut iterator = emulator
        .kinesis
        .get_shard_iterator()
        .stream_name(stream)
        .shard_id("shardId-000000000000")
        .shard_iterator_type(ShardIteratorType::TrimHorizon)
        .send()
        .await
        .unwrap()
        .shard_iterator;
    let mut records = Vec::new();
    loop {
        let page =
            emulator.kinesis.get_records().set_shard_iterator(iterator).send().await.unwrap();
        if page.records.is_empty() {
            return records;
        }
        records.extend(page.records.into_iter().map(|record| record.data.into_inner()));
        iterator = page.next_shard_iterator;
    }
}

async fn put(emulator: &Emulator, table: &str, item: &[(&str, AttributeValue)]) {
    let item = item.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    emulator.dynamodb.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

#[tokio::test]
async fn an_import_reaches_the_stream_and_repeats_what_it_is_told_to_repeat() {
    let Some(emulator) = Emulator::start().await else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = file(directory.path());
    let path = file.to_str().unwrap();
    let output =
        shop(&emulator, &["import", "online-retail", path, "--resend-every", "2", "--json"]);
    let summary = json(&output);
    assert!(output.status.success());
    let counts = ["orders", "returns", "raw_lines", "resent", "resent_raw_lines", "not_sent"]
        .map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts, [3, 1, 1, 2, 0, 0]);
    let mut times: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for record in records(&emulator).await {
        *times.entry(record).or_default() += 1;
    }
    assert_eq!(times.len(), 5);
    assert_eq!(times.values().sum::<usize>(), 7);
    assert!(times.contains_key(FILE.lines().last().unwrap().as_bytes()));

    // A second run sends the same bytes, ids included.
    assert!(shop(&emulator, &["import", "online-retail", path]).status.success());
    let again = records(&emulator).await;
    assert_eq!(again.len(), 12);
    assert!(again.iter().all(|record| times.contains_key(record)));

    let unknown = shop(&emulator, &["import", "online-retail", path, "--stream", "none"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no stream `none`"));
}

#[tokio::test]
async fn read_models_are_shown_summed_and_checked() {
    let Some(emulator) = Emulator::start().await else { return };
    for (stream, status, units, total) in [
        ("order#536365", "placed", 6, 1530),
        ("order#536366", "placed", 1, 185),
        ("return#C536379", "recorded", 1, 255),
    ] {
        let row = [
            ("stream", s(stream)),
            ("status", s(status)),
            ("units", n(units)),
            ("total", n(total)),
            ("lines", n(1)),
            ("version", n(1)),
        ];
        put(&emulator, "order-view", &row).await;
    }
    put(
        &emulator,
        "order-view",
        &[("stream", s("order#536367")), ("status", s("rejected")), ("rejections", n(1))],
    )
    .await;
    let sales = |key: &'static str, slice, numbers: [i64; 6]| {
        let names = ["orders", "units", "revenue", "returns", "returned_units", "refunded"];
        let mut row = vec![("key", s(key)), ("slice", n(slice))];
        row.extend(names.into_iter().zip(numbers.map(n)));
        row
    };
    for row in [
        sales("day#2010-12-01", 0, [1, 6, 1530, 0, 0, 0]),
        sales("day#2010-12-01", 3, [1, 1, 185, 0, 0, 0]),
        sales("day#2010-12-02", 1, [0, 0, 0, 1, 1, 255]),
        sales("country#United Kingdom", 0, [1, 6, 1530, 1, 1, 255]),
        sales("product#85123A", 0, [1, 6, 1530, 1, 1, 255]),
        sales("customer#17850", 0, [1, 6, 1530, 1, 1, 255]),
        // An aggregate on the list of parked aggregates, which is in the same table.
        sales("#parked", 7, [0; 6]),
    ] {
        put(&emulator, "sales", &row).await;
    }
    // A delta that is in one of its rows and not in the other, which does not exist yet.
    let mut counted = sales("country#France", 0, [1, 1, 185, 0, 0, 0]);
    counted.push(("counted", n(1)));
    put(&emulator, "sales", &counted).await;
    let head = [("key", s("#deltas")), ("slice", n(0)), ("last", n(1)), ("applied", n(0))];
    put(&emulator, "sales", &head).await;
    let amounts = r#"[[["orders","revenue","units"],{"country#France":[1,185,1],"product#22633":[1,185,1]}]]"#;
    let delta =
        [("key", s("#deltas/0")), ("slice", n(1)), ("number", n(1)), ("counters", s(amounts))];
    put(&emulator, "sales", &delta).await;

    let days = json(&shop(&emulator, &["sales", "--by", "day", "--json"]));
    assert_eq!(
        days,
        serde_json::json!([
            {"key": "2010-12-01", "orders": 2, "units": 7, "revenue": 1715, "returns": 0, "returned_units": 0, "refunded": 0},
            {"key": "2010-12-02", "orders": 0, "units": 0, "revenue": 0, "returns": 1, "returned_units": 1, "refunded": 255},
        ])
    );
    let order = json(&shop(&emulator, &["order", "show", "C536379", "--json"]));
    assert_eq!((&order["status"], &order["total"]), (&Value::from("recorded"), &Value::from(255)));
    let unknown = shop(&emulator, &["order", "show", "1"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&unknown.stderr).contains("there is no order and no return `1`")
    );

    let directory = tempfile::tempdir().unwrap();
    let file = file(directory.path());
    let path = file.to_str().unwrap();
    let equal = shop(&emulator, &["check", path, "--json"]);
    assert!(equal.status.success(), "{}", String::from_utf8_lossy(&equal.stdout));
    assert_eq!(json(&equal)["equal"], true);

    put(&emulator, "sales", &sales("day#2010-12-01", 3, [1, 1, 186, 0, 0, 0])).await;
    let differs = shop(&emulator, &["check", path]);
    let text = String::from_utf8_lossy(&differs.stdout).into_owned();
    assert_eq!(differs.status.code(), Some(1), "{text}");
    assert!(text.contains("2010-12-01  revenue: expected 1715, found 1716"), "{text}");
}

#[tokio::test]
async fn stream_and_read_models_of_a_deployed_system_are_found_behind_its_prefix_unless_they_are_named()
 {
    let Some(emulator) = Emulator::start().await else { return };
    emulator.create("shop-dev-").await;
    let row = |units| [("stream", s("order#1")), ("status", s("placed")), ("units", n(units))];
    put(&emulator, "order-view", &row(1)).await;
    put(&emulator, "shop-dev-order-view", &row(2)).await;
    let sold = [("key", s("day#2010-12-01")), ("slice", n(0)), ("orders", n(1))];
    put(&emulator, "shop-dev-sales", &sold).await;
    let directory = tempfile::tempdir().unwrap();
    let file = file(directory.path());
    let dev = |arguments: &[&str]| {
        shop(&emulator, &[arguments, &["--name-prefix", "shop-dev-"]].concat())
    };

    assert!(dev(&["import", "online-retail", file.to_str().unwrap()]).status.success());
    assert_eq!(records_of(&emulator, "shop-dev-orders").await.len(), 5);
    assert_eq!(records(&emulator).await.len(), 0);
    assert_eq!(json(&dev(&["order", "show", "1", "--json"]))["units"], 2);
    let named = dev(&["order", "show", "1", "--json", "--order-view-table", "order-view"]);
    assert_eq!(json(&named)["units"], 1);
    assert_eq!(json(&dev(&["sales", "--by", "day", "--json"])).as_array().unwrap().len(), 1);
    assert_eq!(
        json(&shop(&emulator, &["sales", "--by", "day", "--json"])),
        Value::Array(Vec::new())
    );

    for (arguments, missing) in [
        (
            &["sales", "--by", "day"][..],
            "there is no table `other-sales`; is `other-` what names begin with",
        ),
        (&["order", "show", "1"], "there is no table `other-order-view`; is `other-` what"),
        (
            &["import", "online-retail", file.to_str().unwrap()],
            "there is no stream `other-orders`; is `other-`",
        ),
    ] {
        let output = shop(&emulator, &[arguments, &["--name-prefix", "other-"]].concat());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(missing) && text.contains("--name-prefix"), "{text}");
    }
}

#[tokio::test]
async fn an_order_is_shown_with_its_timeline_and_without_where_there_is_no_event_store() {
    let Some(emulator) = Emulator::start().await else { return };
    let row = [("stream", s("order#1")), ("status", s("placed")), ("units", n(1))];
    put(&emulator, "order-view", &row).await;
    let store = DynamoDbEventStore::new(emulator.dynamodb.clone(), "event-store");
    // The fulfilment of the order is known by its cause, that of another order by nothing.
    for (stream, kind, of, second) in [
        ("order#1", "OrderPlaced", Cause::new("shop.import", "c-1"), 1),
        ("fulfilment#1", "OrderConfirmed", Cause::new("shop", "order#1"), 3),
        ("payment#1", "PaymentRefunded", Cause::new("shop", "another"), 2),
    ] {
        let at = Timestamp::from_second(second).unwrap();
        let schema = DataSchema::new(kind, 1);
        let event = RecordedEvent::new(stream, Version::new(1), schema, at, "{}");
        let stream = stream.parse().unwrap();
        let commit = RecordedCommit::new(stream, "shop", of, at, vec![event]);
        store.commit(&Commit::new(commit, "1")).await.unwrap();
    }
    let show = |arguments: &[&str]| shop(&emulator, &[&["order", "show"], arguments].concat());
    let shown = json(&show(&["1", "--json"]));
    assert_eq!(shown["status"], "placed");
    let entries = shown["timeline"]["entries"].as_array().unwrap();
    let of = |entry: &Value| (entry["stream"].to_string(), entry["cause"].as_u64());
    let expected = [("\"order#1\"".to_owned(), None), ("\"fulfilment#1\"".to_owned(), Some(1))];
    assert_eq!(entries.iter().map(of).collect::<Vec<_>>(), expected, "{shown:#}");
    assert_eq!(entries[1]["since_cause_ms"], 2000);

    let drawn = String::from_utf8_lossy(&show(&["1"]).stdout).into_owned();
    assert!(drawn.contains("2.0 s  ╰─●  fulfilment#1  OrderConfirmed ← #1"), "{drawn}");
    assert!(drawn.contains("placed"), "{drawn}");

    let without = show(&["1", "--json", "--event-store-table", "none"]);
    assert!(without.status.success());
    assert_eq!(json(&without).get("timeline"), None);
    let said = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(said.contains("the order has no timeline:"), "{said}");
    assert!(said.contains("there is no table `none`"), "{said}");
}
