//! Checks of the final state, with or without faults.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use tidegate_local::clients::Clients;

use crate::feed::Fed;
use crate::mail::{confirmations, to_be_confirmed};
use crate::programs::shown;
use crate::world::World;

/// The e-mails of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mail {
    /// Sent without an operator.
    pub(crate) sent: usize,
    /// Held, because it was unknown whether they were sent, and released.
    pub(crate) held: usize,
    /// Dead letters of the asynchronous invocation, replayed.
    pub(crate) dead: usize,
}

impl fmt::Display for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} e-mails sent, {} held, {} dead letters", self.sent, self.held, self.dead)
    }
}

/// Checks that every order is confirmed once.
///
/// An order without a confirmation is held or a dead letter. It is confirmed after a replay and a
/// release.
pub(crate) async fn mail(world: &World) -> (Mail, Vec<String>) {
    let mut differences = Vec::new();
    let wanted: BTreeSet<String> = to_be_confirmed(world).await.into_iter().collect();
    let sent = confirmations(world).await;
    differences.extend(more_than_once(&sent));
    let unwanted: Vec<_> = sent.keys().filter(|order| !wanted.contains(*order)).collect();
    if !unwanted.is_empty() {
        differences.push(format!("confirmed without an order: {unwanted:?}"));
    }
    let (held, dead) = (held_orders(world).await, dead_orders(world, &wanted).await);
    let lost: Vec<_> = wanted
        .iter()
        .filter(|order| {
            !sent.contains_key(*order) && !held.contains(*order) && !dead.contains(*order)
        })
        .collect();
    if !lost.is_empty() {
        differences.push(format!("neither confirmed nor held nor a dead letter: {lost:?}"));
    }
    let mail = Mail { sent: sent.len(), held: held.len(), dead: dead.len() };

    for arguments in
        [&["dlq", "--queue", "async-failures", "--yes"][..], &["effects", "release", "--all"]]
    {
        let output = world.tidegate(arguments).await;
        if !output.status.success() {
            differences.push(format!("tidegate {}: {}", arguments.join(" "), shown(&output)));
        }
        world.settle().await;
    }
    let sent = confirmations(world).await;
    let missing: Vec<_> = wanted.iter().filter(|order| !sent.contains_key(*order)).collect();
    if !missing.is_empty() {
        differences.push(format!("not confirmed in the end: {missing:?}"));
    }
    let left = held_orders(world).await;
    if !left.is_empty() {
        differences.push(format!("still held in the end: {left:?}"));
    }
    (mail, differences)
}

/// Checks that every command took effect once, in the order of the stream, and that the read model
/// has all events.
pub(crate) async fn histories(world: &World, fed: &Fed) -> Vec<String> {
    let mut histories: BTreeMap<String, BTreeMap<u64, String>> = BTreeMap::new();
    for item in rows(world.clients(), "event-store", "#stream, #version, #decisions").await {
        let stream = item["stream"].as_s().expect("a stream");
        // Chunks of a large commit have a partition of their own.
        if !stream.starts_with("chunk#") {
            let first: u64 = item["version"].as_n().expect("a version").parse().expect("a number");
            let history = histories.entry(stream.clone()).or_default();
            // In the shop a decision is one event.
            for (version, decision) in (first..).zip(item["decisions"].as_l().expect("a list")) {
                let cause = &decision.as_m().expect("a decision")["cause"];
                let id = cause.as_m().expect("a cause")["id"].as_s().expect("an id");
                let other = history.insert(version, id.clone());
                assert_eq!(other, None, "{stream}: two events have the version {version}");
            }
        }
    }
    let mut differences = Vec::new();
    let streams: BTreeSet<&String> = fed.commands.keys().chain(histories.keys()).collect();
    for stream in streams {
        let wanted = fed.commands.get(stream).cloned().unwrap_or_default();
        let found: Vec<String> =
            histories.get(stream).into_iter().flat_map(BTreeMap::values).cloned().collect();
        if wanted != found {
            differences.push(format!("{stream}: {}", described(&wanted, &found)));
        }
    }
    let view = rows(world.clients(), "order-view", "#stream, #version").await;
    let seen: BTreeMap<&String, &str> = view
        .iter()
        .map(|row| {
            let version = row.get("version").and_then(|version| version.as_n().ok());
            (row["stream"].as_s().expect("a stream"), version.map_or("0", String::as_str))
        })
        .collect();
    for (stream, history) in &histories {
        let (version, seen) = (history.len().to_string(), seen.get(stream).copied().unwrap_or("0"));
        if version != seen {
            differences
                .push(format!("{stream}: it has {version} events, order-view has seen {seen}"));
        }
    }
    let parked = parked(world).await;
    if !parked.is_empty() {
        differences.push(format!("parked in the end: {parked:?}"));
    }
    differences
}

/// Number of commits in the event store.
pub(crate) async fn commits(world: &World) -> u64 {
    let items = rows(world.clients(), "event-store", "#stream").await;
    let chunk = |stream: &str| stream.starts_with("chunk#");
    items.iter().filter(|item| !chunk(item["stream"].as_s().expect("a stream"))).count() as u64
}

/// Number of commits with an event of this type.
pub(crate) async fn written(world: &World, kind: &str) -> usize {
    let items = rows(world.clients(), "event-store", "#decisions").await;
    let list = |holder: &HashMap<String, AttributeValue>, name: &str| {
        holder.get(name).and_then(|list| list.as_l().ok()).cloned().unwrap_or_default()
    };
    let maps =
        |list: Vec<AttributeValue>| list.into_iter().filter_map(|one| one.as_m().cloned().ok());
    let has = |item: &&HashMap<String, AttributeValue>| {
        let events =
            maps(list(item, "decisions")).flat_map(|decision| maps(list(&decision, "events")));
        events.into_iter().any(|event| event["type"].as_s().is_ok_and(|of| of == kind))
    };
    items.iter().filter(has).count()
}

/// The aggregates that are parked in the read model.
pub(crate) async fn parked(world: &World) -> BTreeSet<String> {
    let rows = rows(world.clients(), "order-view", "#stream, #parked").await;
    let parked = rows.iter().filter(|row| row.contains_key("parked"));
    parked.map(|row| row["stream"].as_s().expect("a stream").clone()).collect()
}

/// Describes how the found commands differ from those that were sent, by their positions.
fn described(wanted: &[String], found: &[String]) -> String {
    let place = |id: &String| wanted.iter().position(|wanted| wanted == id);
    let lost = wanted.iter().filter(|id| !found.contains(id)).count();
    let distinct: BTreeSet<&String> = found.iter().collect();
    let what =
        match (found.iter().all(|id| place(id).is_some()), lost, distinct.len() < found.len()) {
            (false, ..) => "it has an event of no command that was sent",
            (true, 1.., _) => "a command took no effect",
            (true, 0, true) => "a command took effect twice",
            (true, 0, false) => "its commands took effect in another order",
        };
    let places: Vec<String> = found
        .iter()
        .map(|id| place(id).map_or_else(|| "none".to_owned(), |place| (place + 1).to_string()))
        .collect();
    let places = if places.is_empty() { "none".to_owned() } else { places.join(", ") };
    format!("{what}: of {} commands, these led to its events: {places}", wanted.len())
}

async fn rows(
    clients: &Clients,
    table: &str,
    attributes: &str,
) -> Vec<HashMap<String, AttributeValue>> {
    let mut scan = clients
        .dynamodb
        .scan()
        .table_name(table)
        .consistent_read(true)
        .projection_expression(attributes);
    for name in attributes.split(", ") {
        scan = scan.expression_attribute_names(name, name.trim_start_matches('#'));
    }
    let mut items = scan.into_paginator().items().send();
    let mut rows = Vec::new();
    while let Some(item) = items.next().await {
        rows.push(item.expect("an item"));
    }
    rows
}

/// Compares the read models with the file, with `shop check`. Returns the differences that it
/// prints.
pub(crate) async fn read_models(world: &World, file: &Path, limit: usize) -> Vec<String> {
    let (file, limit) = (file.to_str().expect("a file name in UTF-8"), limit.to_string());
    let checked = world.shop(&["check", file, "--limit", &limit, "--json"]).await;
    let Ok(comparison) = serde_json::from_slice::<Value>(&checked.stdout) else {
        return vec![shown(&checked)];
    };
    let read_models = comparison["read_models"].as_array().expect("read models").iter();
    let of = |read_model: &Value| -> Vec<String> {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let differences = read_model["shown"].as_array().expect("differences").iter();
        let name = text(&read_model["name"]);
        differences
            .map(|difference| {
                let [row, field, expected, found] =
                    ["row", "field", "expected", "found"].map(|part| text(&difference[part]));
                format!("{name}, {row}: {field} is {found} and must be {expected}")
            })
            .collect()
    };
    let differences: Vec<String> = read_models.flat_map(of).collect();
    assert_eq!(differences.is_empty(), checked.status.success(), "{}", shown(&checked));
    differences
}

/// Checks that the functions' own dead letters are exactly the lines that are not commands, and
/// that nothing else was given up.
pub(crate) async fn dead_letters(world: &World, fed: &Fed) -> Vec<String> {
    let letters = json(world, &["dlq", "--json"]).await;
    let mut differences = Vec::new();
    // A letter is written before its record counts as done. A function that dies in between writes
    // the letter again.
    let mut found = BTreeSet::new();
    let mut needless: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for letter in letters.as_array().expect("letters") {
        match letter["queue"].as_str().expect("a queue") {
            "dead-letters" => {
                let line =
                    letter["payload"].as_str().filter(|payload| fed.lines.contains(*payload));
                match needless_letter(letter, line) {
                    Some((what, key)) => _ = needless.entry(what).or_default().insert(key),
                    None => found.extend(line.map(str::to_owned)),
                }
            }
            // The check of the e-mails covers the events of e-mails.
            "async-failures" => {}
            queue => differences.push(format!("a dead letter in {queue}: {letter:#}")),
        }
    }
    let missing: Vec<_> = fed.lines.difference(&found).collect();
    if !missing.is_empty() {
        differences.push(format!("malformed lines without a dead letter: {missing:?}"));
    }
    let needless = needless.into_iter().map(|(what, keys)| format!("{what}: {keys:?}"));
    needless.chain(differences).collect()
}

/// Returns what is wrong with a function's own letter, and the key of its record.
///
/// It returns `None` if the letter is for a line that can never be read. The class of a letter says
/// whether one more try could have saved the record: after a permanent failure it could not.
fn needless_letter(letter: &Value, line: Option<&str>) -> Option<(String, String)> {
    let body: Value =
        serde_json::from_str(letter["body"].as_str().unwrap_or_default()).unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or("?").to_owned();
    let [class, code, function, key] = ["class", "code", "function", "ordering_key"].map(text);
    let what = match (class.as_str(), line) {
        ("permanent", Some(_)) => return None,
        ("permanent", None) => "dead letters of well-formed lines",
        _ => "letters that a retry would have saved",
    };
    Some((format!("{what}: {function} gave up for {code} ({class})"), key))
}

fn more_than_once(sent: &BTreeMap<String, usize>) -> Option<String> {
    let twice: Vec<_> = sent.iter().filter(|(_, count)| **count > 1).collect();
    (!twice.is_empty()).then(|| format!("confirmed more than once: {twice:?}"))
}

async fn json(world: &World, arguments: &[&str]) -> Value {
    let output = world.tidegate(arguments).await;
    assert!(output.status.success(), "{}", shown(&output));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", shown(&output)))
}

async fn held_orders(world: &World) -> BTreeSet<String> {
    let held = json(world, &["effects", "ls", "--json"]).await;
    let key =
        |effect: &Value| effect["key"].as_str().unwrap().rsplit('#').next().unwrap().to_owned();
    held.as_array().unwrap().iter().map(key).collect()
}

/// Orders whose event ended as a dead letter of the asynchronous invocation.
async fn dead_orders(world: &World, orders: &BTreeSet<String>) -> BTreeSet<String> {
    let letters = json(world, &["dlq", "--queue", "async-failures", "--json"]).await.to_string();
    orders.iter().filter(|order| letters.contains(&format!("order#{order}"))).cloned().collect()
}
