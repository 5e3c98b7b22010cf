//! Finds changes of a schema that break its readers or writers.

use std::collections::BTreeSet;

use serde_json::Value;

/// Returns what in a change of a schema breaks readers or writers of the same version.
///
/// A version may only gain fields, and only optional ones. The result has one line per change, with
/// its place.
pub fn breaking_changes(published: &Value, now: &Value) -> Vec<String> {
    let mut changes = Vec::new();
    compare(&Side { root: published }, &Side { root: now }, published, now, "data", &mut changes);
    changes.sort();
    changes.dedup();
    changes
}

struct Side<'a> {
    root: &'a Value,
}

impl<'a> Side<'a> {
    /// Returns the schema that a reference names. Schemars writes `$ref` alone or beside
    /// annotations.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let reference = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.strip_prefix('#'));
        reference.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }
}

fn compare<'a>(
    old: &Side<'a>,
    new: &Side<'a>,
    was: &'a Value,
    is: &'a Value,
    place: &str,
    changes: &mut Vec<String>,
) {
    let (was, is) = (old.resolve(was), new.resolve(is));
    for keyword in [
        "type",
        "format",
        "const",
        "enum",
        "pattern",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
    ] {
        let (was, is) = (was.get(keyword), is.get(keyword));
        if canonical(was) != canonical(is) {
            changes.push(format!("{place}: `{keyword}` was {}, is {}", shown(was), shown(is)));
        }
    }
    let (required_before, required_now) = (required(was), required(is));
    for name in required_now.difference(&required_before) {
        changes.push(format!(
            "{place}.{name}: became required; messages already written do not have it"
        ));
    }
    for name in required_before.difference(&required_now) {
        changes.push(format!("{place}.{name}: is no longer required; readers rely on it"));
    }
    for (name, was) in members(was) {
        match is.get("properties").and_then(|properties| properties.get(name)) {
            Some(is) => compare(old, new, was, is, &format!("{place}.{name}"), changes),
            None => changes.push(format!("{place}.{name}: was removed")),
        }
    }
    if let (Some(was), Some(is)) = (was.get("items"), is.get("items")) {
        compare(old, new, was, is, &format!("{place}[]"), changes);
    }
    for keyword in ["oneOf", "anyOf", "allOf"] {
        compare_alternatives(old, new, was.get(keyword), is.get(keyword), place, changes);
    }
}

/// Compares alternatives in their order. Readers do not know a new alternative.
fn compare_alternatives<'a>(
    old: &Side<'a>,
    new: &Side<'a>,
    was: Option<&'a Value>,
    is: Option<&'a Value>,
    place: &str,
    changes: &mut Vec<String>,
) {
    let list = |schemas: Option<&'a Value>| {
        schemas.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    };
    let (was, is) = (list(was), list(is));
    if was.len() != is.len() {
        changes.push(format!("{place}: had {} alternatives, has {}", was.len(), is.len()));
        return;
    }
    for (number, (was, is)) in (1..).zip(was.iter().zip(is)) {
        compare(old, new, was, is, &format!("{place}(alternative {number})"), changes);
    }
}

fn members(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn required(schema: &Value) -> BTreeSet<&str> {
    schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Compares words as a set, which has no order.
fn canonical(value: Option<&Value>) -> Option<Vec<String>> {
    value.map(|value| match value {
        Value::Array(words) => {
            let mut words: Vec<String> = words.iter().map(Value::to_string).collect();
            words.sort();
            words
        }
        other => vec![other.to_string()],
    })
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), Value::to_string)
}
