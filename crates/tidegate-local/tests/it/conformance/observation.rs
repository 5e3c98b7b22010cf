//! Observations of a mapping from outside, and the differences between two of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::function::Invocation;

/// Everything observed in one run of a scenario, by path.
pub(super) type Observation = BTreeMap<String, Value>;

/// Returns the invocations of a stream's function, in order.
pub(super) fn of_stream(journal: &[Invocation]) -> Observation {
    let line = |invocation: &Invocation| {
        let answer = match &invocation.answer {
            Value::String(error) => error.clone(),
            answer if answer.get("fail").is_some() => format!("fail {}", words(&answer["fail"])),
            answer => answer["raw"].as_str().unwrap().to_owned(),
        };
        format!("{} -> {answer}", invocation.labels.join(" "))
    };
    let mut seen = Observation::new();
    seen.insert("invocations".to_owned(), journal.iter().map(line).collect());
    // The record that ends a scenario is in every run of it.
    let last = journal.iter().rev().find_map(|invocation| {
        let end = invocation.labels.iter().position(|label| label.contains("end"))?;
        Some((&invocation.event, end))
    });
    if let Some((event, index)) = last {
        shape(event, index, &mut seen);
    }
    seen
}

/// Returns how often each message was delivered, and the order within each group. The grouping into
/// batches is chance.
pub(super) fn of_queue(journal: &[Invocation]) -> Observation {
    let mut seen = Observation::new();
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for label in journal.iter().flat_map(|invocation| &invocation.labels) {
        let times = seen.entry(format!("deliveries of {label}")).or_insert_with(|| json!(0));
        *times = json!(times.as_u64().unwrap() + 1);
        if let Some((group, _)) = label.split_once('/') {
            groups.entry(group).or_default().push(label);
        }
    }
    for (group, labels) in groups {
        seen.insert(format!("group {group}"), json!(labels));
    }
    let of_groups = |invocation: &Invocation| {
        let groups = invocation.labels.iter().filter_map(|label| label.split_once('/'));
        groups.map(|(group, _)| group.to_owned()).collect::<BTreeSet<_>>()
    };
    if let Some(first) = journal.first().map(of_groups).filter(|groups| !groups.is_empty()) {
        seen.insert("groups of the first batch".to_owned(), json!(first));
    }
    if let Some(first) = journal.first() {
        shape(&first.event, 0, &mut seen);
    }
    seen
}

/// Adds the shape of an event with one of its records.
fn shape(event: &Value, record: usize, seen: &mut Observation) {
    let members: Vec<&String> = event.as_object().unwrap().keys().collect();
    seen.insert("event".to_owned(), json!(members));
    flatten("record", &event["Records"][record], seen);
}

fn words(list: &Value) -> String {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// Adds one entry for each leaf. A value that differs in every run is replaced by its form.
pub(super) fn flatten(path: &str, value: &Value, into: &mut Observation) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                flatten(&format!("{path}.{name}"), member, into);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for (index, element) in elements.iter().enumerate() {
                flatten(&format!("{path}[{index}]"), element, into);
            }
        }
        leaf => {
            let name = path.rsplit('.').next().unwrap_or(path);
            into.insert(path.to_owned(), form(name, leaf));
        }
    }
}

/// Returns the form of a value that differs in every run: each letter `a`, each digit `0`. Other
/// values stay unchanged.
fn form(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("requestId" | "messageId" | "timestamp", Value::String(text)) => {
            let digit = |c: char| if c.is_ascii_hexdigit() { '0' } else { c };
            Value::String(text.chars().map(digit).collect())
        }
        ("SentTimestamp" | "ApproximateFirstReceiveTimestamp", Value::String(text)) => {
            Value::String(text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect())
        }
        // 1.0 and 1 are the same number.
        (_, Value::Number(number))
            if number.as_f64().is_some_and(|number| number.fract() == 0.0) =>
        {
            json!(number.as_f64().map(|number| number as i64))
        }
        ("receiptHandle" | "SequenceNumber", Value::String(_)) => json!("text"),
        _ => value.clone(),
    }
}

/// Replaces values that differ in every run: sequence numbers by the labels of their records, times
/// by descriptions.
pub(super) fn name(seen: &mut Observation, records: &[Stored], source: &str, function: &str) {
    for (field, number, whose) in [
        ("approximateArrivalOfFirstRecord", "startSequenceNumber", "the time of the first record"),
        ("approximateArrivalOfLastRecord", "endSequenceNumber", "the time of the last record"),
    ] {
        let paths: Vec<String> =
            seen.keys().filter(|path| path.ends_with(field)).cloned().collect();
        for path in paths {
            let sequence = &seen[&path.replace(field, number)];
            let stored = records.iter().find(|stored| stored.sequence == *sequence).unwrap();
            let is_its = seen[&path] == stored.arrived;
            seen.insert(path, json!(if is_its { whose } else { "another time" }));
        }
    }
    for value in seen.values_mut() {
        let mut text =
            value.to_string().replace(source, "<source>").replace(function, "<function>");
        for stored in records {
            text = text.replace(
                &stored.sequence,
                &format!("<number of {}>", stored.label.replace('"', "'")),
            );
        }
        *value = serde_json::from_str(&text).unwrap();
    }
}

/// A record as its stream stores it.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) label: String,
    pub(super) sequence: String,
    /// Arrival time in the format of an on-failure record.
    pub(super) arrived: String,
}

/// Returns the differences between two runs: path, and both values as text.
pub(super) fn difference(
    ours: &Observation,
    theirs: &Observation,
) -> Vec<(String, String, String)> {
    let paths: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let text = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), Value::to_string);
    // A record that only one side has is one difference: their number.
    let has = |seen: &Observation, path: &str| {
        let record = path.split_inclusive(']').next().unwrap();
        !path.starts_with("given up[") || seen.keys().any(|other| other.starts_with(record))
    };
    let paths = paths.into_iter().filter(|path| has(ours, path) && has(theirs, path));
    let both = paths.map(|path| (path.clone(), text(ours.get(path)), text(theirs.get(path))));
    both.filter(|(_, ours, theirs)| ours != theirs).collect()
}
