//! Rebuilds the read model of the orders while orders keep coming.
//!
//! The command and the functions are killed in the middle. A reader polls all the while: it must
//! never see a row that is missing or older than what it saw before.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use events::view::order_view;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tidegate::generation::{DynamoDbPointers, Generations, Pointer, PointerReader, table_of};
use tidegate::ids::{StreamId, Version};
use tidegate::projection::ROW_KEY;
use tidegate::query::{Consistency, Views};
use tokio::process::Child;
use tokio::sync::watch;

use crate::chaos::verdict;
use crate::programs::shown;
use crate::world::{PATIENCE, Setup, World, sample};

/// What the topology of the shop has besides.
const PROJECTIONS: &[(&str, &str)] = &[
    ("tables = {", "  projections = { partition_key = { name = \"projection\", type = \"S\" } }"),
    (
        "metrics_namespace = \"Tidegate\"",
        "projections = {
  order-view = {
    function = \"order-projection\", store = \"event-store\", rows = \"order-view\"
    counters = \"sales\", pointers = \"projections\", generations = [1, 2]
  }
}",
    ),
];

/// The variable with a larger file, for `make rebuild`.
const FILE: &str = "REBUILD_FILE";
/// Invoices that are there before the rebuild, of those in the gate.
const BEFORE: usize = 150;
const ALL: usize = 300;

/// Attributes of a row that depend on the run of the projector.
const OF_THE_RUN: [&str; 3] = ["applied_at", "counted", "cut"];

type Row = HashMap<String, AttributeValue>;

/// Returns the items of a table by their keys.
async fn items(world: &World, table: &str) -> BTreeMap<String, Row> {
    let scan = world.clients().dynamodb.scan().table_name(table).consistent_read(true);
    let mut pages = scan.into_paginator().items().send();
    let mut found = BTreeMap::new();
    while let Some(item) = pages.next().await {
        let item = item.expect("an item");
        let part = |name: &str| format!("{:?}", item.get(name));
        found.insert([part(ROW_KEY), part("key"), part("slice")].concat(), item);
    }
    found
}

/// Empties a table, as one that was just created.
async fn empty(world: &World, table: &str, keys: &[&str]) {
    let dynamodb = &world.clients().dynamodb;
    for item in items(world, table).await.into_values() {
        let mut delete = dynamodb.delete_item().table_name(table);
        for key in keys {
            delete = delete.key(*key, item[*key].clone());
        }
        delete.send().await.expect("deleted");
    }
}

/// Sums what the slices of a table of counters hold, by counter and attribute.
async fn sums(world: &World, table: &str) -> BTreeMap<(String, String), i128> {
    let mut sums = BTreeMap::new();
    for item in items(world, table).await.into_values() {
        let key = item["key"].as_s().expect("a key").clone();
        if key.starts_with('#') {
            continue;
        }
        for (name, value) in &item {
            if let ("slice" | "counted", _) | (_, Err(_)) = (name.as_str(), value.as_n()) {
                continue;
            }
            let amount: i128 = value.as_n().unwrap().parse().expect("a whole number");
            *sums.entry((key.clone(), name.clone())).or_default() += amount;
        }
    }
    sums
}

async fn pointer(world: &World) -> Pointer {
    let pointers = DynamoDbPointers::new(world.clients().dynamodb.clone(), "projections");
    pointers.read("order-view").await.expect("a pointer")
}

/// Reads every row through views until it is told to end. Returns how often it did.
async fn poll(world: &World, mut end: watch::Receiver<bool>) -> u64 {
    let generations = Generations::new("order-view", [1, 2]).unwrap().pointed_by("projections");
    let client = world.clients().dynamodb.clone();
    let views = Views::from_dynamodb(client, generations, "order-view", "sales");
    let (mut looks, mut seen) = (0, BTreeMap::<StreamId, Option<Version>>::new());
    while !*end.borrow_and_update() {
        let view = views.pinned(None).await.expect("a view");
        let (mut now, mut from) = (BTreeMap::new(), None);
        loop {
            let query = view.every_row(Consistency::Strong);
            let page = view.page::<Value>(&query, from.as_ref()).await.expect("a page");
            assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
            now.extend(page.rows.into_iter().map(|row| (row.stream, row.version)));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        for (stream, before) in &seen {
            let there = now.get(stream);
            assert!(there >= Some(before), "{stream} is at {there:?}, and was at {before:?}");
        }
        seen = now;
        looks += 1;
    }
    looks
}

/// Starts `tidegate projection rebuild`, slowly enough to be killed in the middle.
fn rebuilding(world: &World, rate: &str) -> Child {
    let arguments =
        ["projection", "rebuild", "order-view", "--segments", "8", "--rate", rate, "--json"];
    world.command("tidegate", &arguments).stderr(Stdio::piped()).spawn().expect("a start")
}

/// Waits until the pointer meets a condition.
async fn until(world: &World, what: &str, reached: impl Fn(&Pointer) -> bool) -> Pointer {
    let deadline = Instant::now() + world.patience;
    loop {
        let pointer = pointer(world).await;
        if reached(&pointer) {
            return pointer;
        }
        assert!(Instant::now() < deadline, "never {what}: {pointer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Kills the processes of the function that folds. Returns how many there were.
async fn kill_projection(world: &World) -> usize {
    let status = world.status().await;
    let pids = status["functions"]["order-projection"]["pids"].as_array().expect("pids").clone();
    let pids = pids.iter().map(|pid| Pid::from_raw(i32::try_from(pid.as_i64().unwrap()).unwrap()));
    pids.filter(|pid| kill(*pid, Signal::SIGKILL).is_ok()).count()
}

/// Runs the rebuild again and again until it is no longer refused, as after a dead command.
async fn resumed(world: &World) -> Value {
    let deadline = Instant::now() + world.patience;
    loop {
        let arguments = ["projection", "rebuild", "order-view", "--segments", "8", "--json"];
        let output = world.tidegate(&arguments).await;
        if output.status.success() {
            return serde_json::from_slice(&output.stdout).expect("a report");
        }
        let said = shown(&output);
        assert!(said.contains("rebuilds generation 2 since"), "{said}");
        assert!(Instant::now() < deadline, "{said}");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Asserts that the command is refused with this text.
async fn refused(world: &World, arguments: &[&str], says: &str) {
    let output = world.tidegate(&[&["projection"][..], arguments].concat()).await;
    assert!(!output.status.success() && shown(&output).contains(says), "{}", shown(&output));
}

/// Asserts that both generations have the same content, without what depends on when and with what
/// else an event was applied. Returns the number of rows.
async fn equal(world: &World) -> usize {
    let rows = async |table: &str| {
        let mut rows = items(world, table).await;
        rows.values_mut().for_each(|row| row.retain(|name, _| !OF_THE_RUN.contains(&&**name)));
        rows
    };
    let (first, second) = (rows("order-view").await, rows("order-view.g2").await);
    for (key, row) in &first {
        assert_eq!(Some(row), second.get(key), "{key}");
    }
    assert_eq!(first.len(), second.len());
    let [counters, rebuilt] = [1, 2].map(|number| table_of("sales", number));
    assert_eq!(sums(world, &counters).await, sums(world, &rebuilt).await);
    first.len()
}

async fn import(world: &World, file: &Path, limit: usize) {
    let (file, limit) = (file.to_str().unwrap(), limit.to_string());
    world.shop_json(&["import", "online-retail", file, "--limit", &limit, "--json"]).await;
}

/// Rebuilds while invoices keep coming. Prints figures.
async fn rebuild(file: PathBuf, before: usize, all: usize, rate: &str) {
    // Each invoice may take a fifth of a second, on a machine that is slow.
    let patience = PATIENCE + Duration::from_millis(200) * u32::try_from(all).unwrap_or(u32::MAX);
    let setup = Setup { inserts: PROJECTIONS, patience: Some(patience), ..Setup::default() };
    let world = World::start_as(setup).await;
    import(&world, &file, before).await;
    world.settle().await;
    refused(&world, &["back", "order-view"], "no generation of order-view is built yet").await;
    refused(&world, &["rebuild", "orders"], "those are: order-view").await;
    refused(&world, &["rebuild", "order-view", "--to", "7"], "is not declared").await;
    // Of the first generation nothing is live yet: it is proved by a second fold.
    let first = world.tidegate(&["projection", "rebuild", "order-view", "--json"]).await;
    assert!(first.status.success(), "{}", shown(&first));
    assert_eq!(pointer(&world).await.live, Some(1));
    refused(&world, &["rebuild", "order-view", "--to", "1"], "order-view@1 is live").await;
    empty(&world, "order-view.g2", &[ROW_KEY]).await;
    empty(&world, "sales.g2", &["key", "slice"]).await;
    // Whoever declares a generation again deploys, and so replaces all environments.
    kill_projection(&world).await;

    let (end, ended) = watch::channel(false);
    let began = Instant::now();
    let killed_and_resumed = async {
        let mut child = rebuilding(&world, rate);
        let folds = |pointer: &Pointer| {
            let segments = pointer.rebuild.as_ref().map(|rebuild| &rebuild.segments);
            segments.is_some_and(|all| all.iter().any(|one| one.done || one.from.is_some()))
        };
        until(&world, "folded in part", folds).await;
        refused(&world, &["rebuild", "order-view"], "rebuilds generation 2 since").await;
        refused(&world, &["back", "order-view"], "order-view").await;
        let killed = kill_projection(&world).await;
        child.kill().await.expect("killed");
        let left = pointer(&world).await.rebuild.expect("an interrupted rebuild").left().len();
        assert!(left > 0 && killed > 0, "{left} segments left, {killed} processes killed");
        let report = resumed(&world).await;
        end.send_replace(true);
        report
    };
    let (report, looks, ()) =
        tokio::join!(killed_and_resumed, poll(&world, ended), import(&world, &file, all));
    let took = began.elapsed();
    assert_eq!((&report["live"], &report["resumed"]), (&true.into(), &true.into()), "{report:#}");
    assert!(looks > 1, "{looks} looks");
    world.settle().await;
    let rows = equal(&world).await;
    assert_eq!(verdict::read_models(&world, &file, all).await, Vec::<String>::new());
    println!(
        "{rows} rows in {:.0} s, {looks} looks; folded in {} s, writers waited for {} s: {report:#}",
        took.as_secs_f64(),
        report["fold_seconds"],
        report["pause_seconds"],
    );

    let moved = pointer(&world).await;
    assert_eq!((moved.live, moved.previous), (Some(2), Some(1)), "{moved:?}");
    refused(&world, &["rebuild", "order-view", "--to", "2"], "order-view@2 is live").await;
    let back = world.tidegate(&["projection", "back", "order-view"]).await;
    assert!(back.status.success(), "{}", shown(&back));
    let back = pointer(&world).await;
    assert_eq!((back.live, back.previous), (Some(1), Some(2)), "{back:?}");
    let listed = world.tidegate(&["projection", "ls", "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("a list");
    assert_eq!(listed[0]["pointer"]["built"], serde_json::json!([1, 2]), "{listed:#}");
    a_forged_row_moves_nothing(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_model_is_rebuilt_while_orders_keep_coming_and_everything_dies() {
    rebuild(sample(), BEFORE, ALL, "8").await;
}

/// Changes a row of the second generation, and tries to make that live.
async fn a_forged_row_moves_nothing(world: &World) {
    let rows = items(world, "order-view.g2").await;
    let stream = rows.values().next().expect("a row")[ROW_KEY].clone();
    let forged = AttributeValue::S("forged".to_owned());
    let update = world.clients().dynamodb.update_item().table_name("order-view.g2");
    let update = update.key(ROW_KEY, stream.clone()).update_expression("SET #status = :forged");
    let update = update.expression_attribute_names("#status", order_view::STATUS);
    update.expression_attribute_values(":forged", forged).send().await.expect("changed");
    refused(world, &["rebuild", "order-view", "--to", "2"], "is already built").await;
    let arguments = ["projection", "rebuild", "order-view", "--to", "2", "--again", "--json"];
    let output = world.tidegate(&arguments).await;
    assert!(!output.status.success(), "{}", shown(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!((&report["live"], &report["differing"]), (&false.into(), &1.into()), "{report:#}");
    let row = report["differences"][0]["row"].as_str().expect("a row");
    assert!(row.contains(stream.as_s().expect("a text")), "{report:#}");
    let pointer = pointer(world).await;
    assert_eq!((pointer.live, pointer.fence), (Some(1), None));
}

/// `make rebuild`: all invoices of a file.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of an hour; `make rebuild INPUT=FILE LIMIT=N`"]
async fn a_large_read_model_is_rebuilt() {
    let file = std::env::var(FILE).unwrap_or_else(|_| panic!("{FILE} is not set"));
    let all = std::env::var("REBUILD_LIMIT").ok().and_then(|limit| limit.parse().ok());
    let all = all.unwrap_or(25_900); // of the data set "Online Retail"
    rebuild(PathBuf::from(file), all / 2, all, "500").await;
}
