//! What a rule may match.

use serde_json::{Map, Value};

use super::Check;

/// Fields of an event on a bus that say what the envelope says. EventBridge's own `id` and `time` are others on every delivery.
const FIELDS: [&str; 3] = ["source", "detail-type", "detail"];

/// Attributes of an envelope other than its content.
const ATTRIBUTES: [&str; 11] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "dataschema",
    "sequence",
    "correlationid",
    "causationid",
    "traceparent",
];

/// EventBridge's "one of these patterns", possible at every level.
const OR: &str = "$or";

impl Check<'_> {
    pub(super) fn pattern(&mut self, path: &[&str], pattern: &Value) {
        match pattern.as_object().filter(|fields| !fields.is_empty()) {
            Some(fields) => self.level(path, fields, &FIELDS),
            None => self.mistake(path, "is not a pattern; an object with at least one field is allowed"),
        }
    }

    fn level(&mut self, path: &[&str], fields: &Map<String, Value>, allowed: &[&str]) {
        for (field, value) in fields {
            let path = [path, &[field.as_str()]].concat();
            let inside = allowed.contains(&"detail");
            match (field.as_str(), value) {
                (OR, Value::Array(patterns)) => self.alternatives(&path, patterns, allowed),
                ("detail", Value::Object(attributes)) if inside => self.level(&path, attributes, &ATTRIBUTES),
                ("detail", _) if inside => {
                    self.mistake(&path, "is not an object; an object of envelope attributes is allowed");
                }
                (field, Value::Array(values)) if allowed.contains(&field) => {
                    if values.is_empty() {
                        self.mistake(&path, "is an empty list, which matches nothing; at least one value is allowed");
                    }
                }
                (field, _) if allowed.contains(&field) => {
                    self.mistake(&path, "is not a list; a list of values is allowed, such as [\"OrderPlaced\"]");
                }
                ("data" | "dataref", _) if !inside => self.mistake(
                    &path,
                    format!(
                        "is content, and content too large for a bus stays in the event store; a rule may match {}",
                        allowed.join(", ")
                    ),
                ),
                _ => self.mistake(&path, format!("cannot be matched; allowed are {}", allowed.join(", "))),
            }
        }
    }

    fn alternatives(&mut self, path: &[&str], patterns: &[Value], allowed: &[&str]) {
        if patterns.len() < 2 {
            self.mistake(path, "has fewer than two patterns; a list of at least two is allowed");
        }
        for (n, pattern) in patterns.iter().enumerate() {
            let n = n.to_string();
            let path = [path, &[n.as_str()]].concat();
            match pattern.as_object() {
                Some(fields) => self.level(&path, fields, allowed),
                None => self.mistake(&path, "is not a pattern; an object is allowed"),
            }
        }
    }
}
