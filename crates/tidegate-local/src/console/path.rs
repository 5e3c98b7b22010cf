//! The path of an id: every delivery, log line and given-up record that mentions it, ordered by
//! time.

use std::collections::BTreeSet;
use std::io;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state;
use crate::history::mentions;
use crate::logs::{self, Kind, Line, Reader};
use crate::parts::Parts;

/// Largest number of steps that are shown.
const MOST: usize = 500;

/// Finds the path of an id: a correlation id, an order, or any other text that records carry.
pub(super) fn find(parts: &Parts, id: &str) -> io::Result<Value> {
    let mut steps: Vec<(Timestamp, Value)> = Vec::new();
    // Logs and letters name a record that could not be decoded only by its position.
    let mut positions: BTreeSet<String> = BTreeSet::new();
    for delivery in parts.deliveries.kept() {
        let records = &delivery.content().records;
        let about: Vec<_> = records.iter().filter(|record| record.mentions(id)).collect();
        if about.is_empty() && delivery.request_id != id {
            continue;
        }
        positions.extend(about.iter().flat_map(|record| record.positions.iter().cloned()));
        let mut step = state::summary(&delivery);
        if let Some(step) = step.as_object_mut() {
            step.insert("kind".to_owned(), json!("delivery"));
            let shown = about.iter().map(|record| state::shortened(&record.text)).collect();
            step.insert("about".to_owned(), Value::Array(shown));
        }
        steps.push((delivery.at, step));
    }
    for letter in parts.letters.kept() {
        let named = positions.iter().any(|position| mentions(&letter.body, position));
        if named || mentions(&letter.body, id) {
            steps.push((letter.at, state::letter(&letter)));
        }
    }
    let mut lines =
        Reader::open(&logs::directory(&parts.state_dir), parts.topology.functions.keys());
    while let Some(line) = lines.next_line()? {
        if line.kind == Kind::Log && is_about(&line, id, &positions) {
            steps.push((line.at, log(&line)));
        }
    }
    steps.sort_by_key(|(at, _)| *at);
    let found = steps.len();
    let steps: Vec<Value> = steps.into_iter().take(MOST).map(|(_, step)| step).collect();
    Ok(json!({ "id": id, "found": found, "steps": steps }))
}

fn is_about(line: &Line, id: &str, positions: &BTreeSet<String>) -> bool {
    let position = line.fields.iter().find(|(name, _)| name == "position");
    line.mentions(id) || position.is_some_and(|(_, position)| positions.contains(position))
}

fn log(line: &Line) -> Value {
    json!({
        "kind": "log",
        "at": line.at.to_string(),
        "function": &*line.function,
        "level": line.level,
        "message": line.message,
        "fields": line.fields.iter().map(|(name, value)| json!([name, value])).collect::<Vec<_>>(),
        "request_id": line.request_id,
    })
}
