//! Compares rows.

use std::collections::{BTreeMap, BTreeSet};

use serde_dynamo::{AttributeValue, Item};

use super::sums::Sum;
use crate::projection::ROW_KEY;

/// Attributes of a row that say how it was written, and not what it is.
const VOLATILE: [&str; 5] = ["applied_at", "counted", "cut", "parked_at", "parked_reason"];
/// Attributes that make the vector of guards.
pub(super) const VECTOR: [&str; 4] = [ROW_KEY, "version", "event_id", "parked"];
/// Most characters of a value in a difference.
const SHOWN: usize = 60;
/// Most attributes that a difference names.
const NAMED: usize = 4;

/// The guard of a row, as far as the vector has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) version: u64,
    pub(super) event_id: String,
    pub(super) parked: Option<u64>,
    /// Parts of the next event that are applied.
    pub(super) part: u64,
}

impl Mark {
    /// Reads the guard of a row. One that is not a guard has version 0, and differs.
    pub(super) fn of(row: &Item) -> Self {
        let number = |name: &str| match row.get(name) {
            Some(AttributeValue::N(digits)) => digits.parse().ok(),
            _ => None,
        };
        let event_id = match row.get("event_id") {
            Some(AttributeValue::S(id)) => id.clone(),
            _ => String::new(),
        };
        let version = number("version").unwrap_or(0);
        Self { version, event_id, parked: number("parked"), part: number("part").unwrap_or(0) }
    }

    /// Adds the guard to the vector.
    pub(super) fn add_to(&self, vector: &mut Sum, stream: &str) {
        let parked = self.parked.map_or_else(String::new, |at| at.to_string());
        vector.add(&["guard", stream, &self.version.to_string(), &self.event_id, &parked]);
    }
}

/// Returns the aggregate of a row.
pub(super) fn stream_of(row: &Item) -> Option<&str> {
    match row.get(ROW_KEY) {
        Some(AttributeValue::S(stream)) => Some(stream),
        _ => None,
    }
}

/// Says how a row differs from its reference; `None` if it does not. `names` has further attributes
/// that are not compared.
pub(super) fn difference(
    row: &Item,
    reference: &BTreeMap<&str, &AttributeValue>,
    of_reference: &str,
    ignored: &[&str],
) -> Option<String> {
    let row: BTreeMap<&str, &AttributeValue> = attributes(row);
    let names: BTreeSet<&str> = row.keys().chain(reference.keys()).copied().collect();
    let compared =
        names.into_iter().filter(|name| !VOLATILE.contains(name) && !ignored.contains(name));
    let mut all = compared.filter_map(|name| {
        let (there, expected) = (row.get(name), reference.get(name));
        let equal = match (there, expected) {
            (Some(there), Some(expected)) => same(there, expected),
            (there, expected) => there.is_none() && expected.is_none(),
        };
        let text = || format!("`{name}` is {}, {of_reference} {}", shown(there), shown(expected));
        (!equal).then(text)
    });
    let mut named: Vec<String> = all.by_ref().take(NAMED).collect();
    let more = all.count();
    if more > 0 {
        named.push(format!("{more} more attributes"));
    }
    (!named.is_empty()).then(|| named.join("; "))
}

/// Returns the attributes of a row by name.
pub(super) fn attributes(row: &Item) -> BTreeMap<&str, &AttributeValue> {
    row.iter().map(|(name, value)| (name.as_str(), value)).collect()
}

/// Compares two values. DynamoDB writes a number without needless digits.
fn same(one: &AttributeValue, other: &AttributeValue) -> bool {
    match (one, other) {
        (AttributeValue::N(one), AttributeValue::N(other)) => {
            one == other || one.parse::<i128>().is_ok_and(|one| Ok(one) == other.parse::<i128>())
        }
        (one, other) => one == other,
    }
}

fn shown(value: Option<&&AttributeValue>) -> String {
    let text = match value {
        None => return "absent".to_owned(),
        Some(AttributeValue::S(text)) => format!("{text:?}"),
        Some(AttributeValue::N(digits)) => digits.clone(),
        Some(AttributeValue::Bool(value)) => value.to_string(),
        Some(value) => format!("{value:?}"),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Most characters of the content of an entry that are named.
const NAMED_CONTENT: usize = 300;

/// Returns the content of an entry as a text that is the same for the same content.
pub(super) fn content(attributes: &BTreeMap<&str, &AttributeValue>) -> String {
    let of = |(name, value): (&&str, &&AttributeValue)| format!("{name}: {}", canonical(value));
    attributes.iter().map(of).collect::<Vec<_>>().join(", ")
}

/// Returns the content for people.
pub(super) fn named_content(content: &str) -> String {
    match content.char_indices().nth(NAMED_CONTENT) {
        Some((end, _)) => format!("{}…", content.get(..end).unwrap_or_default()),
        None => content.to_owned(),
    }
}

fn canonical(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) => format!("{text:?}"),
        AttributeValue::N(digits) => digits.clone(),
        AttributeValue::Bool(value) => value.to_string(),
        AttributeValue::L(values) => {
            let all: Vec<String> = values.iter().map(canonical).collect();
            format!("[{}]", all.join(", "))
        }
        AttributeValue::M(values) => {
            let sorted: BTreeMap<&String, &AttributeValue> = values.iter().collect();
            let of = |(name, value)| format!("{name:?}: {}", canonical(value));
            format!("{{{}}}", sorted.into_iter().map(of).collect::<Vec<_>>().join(", "))
        }
        value => format!("{value:?}"),
    }
}
