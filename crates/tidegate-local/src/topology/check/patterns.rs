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

/// What a value may be compared with other than equality: an object with one of these.
const OPERATORS: [&str; 8] =
    ["anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard"];

/// Most characters of a pattern, EventBridge's quota of an account that has not asked for more.
const LONGEST: usize = 2_048;

impl Check<'_> {
    pub(super) fn pattern(&mut self, path: &[&str], pattern: &Value) {
        match pattern.as_object() {
            Some(fields) => self.level(path, fields, &FIELDS),
            None => self.mistake(path, "is not a pattern; an object with at least one field is allowed"),
        }
        let length = pattern.to_string().chars().count();
        if length > LONGEST {
            self.mistake(path, format!("has {length} characters; allowed are {LONGEST}"));
        }
    }

    fn level(&mut self, path: &[&str], fields: &Map<String, Value>, allowed: &[&str]) {
        if fields.is_empty() {
            self.mistake(path, "is empty; an object with at least one field is allowed");
        }
        for (field, value) in fields {
            let path = [path, &[field.as_str()]].concat();
            let inside = allowed.contains(&"detail");
            match (field.as_str(), value) {
                (OR, Value::Array(patterns)) => self.alternatives(&path, patterns, allowed),
                (OR, _) => self.mistake(&path, "is not a list; a list of at least two patterns is allowed"),
                ("detail", Value::Object(attributes)) if inside => self.level(&path, attributes, &ATTRIBUTES),
                ("detail", _) if inside => {
                    self.mistake(&path, "is not an object; an object of envelope attributes is allowed");
                }
                (field, Value::Array(values)) if allowed.contains(&field) => {
                    if values.is_empty() {
                        self.mistake(&path, "is an empty list, which matches nothing; at least one value is allowed");
                    }
                    for (n, value) in values.iter().enumerate() {
                        self.value(&[&path[..], &[n.to_string().as_str()]].concat(), value);
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

    /// One of the values that a field is compared with.
    fn value(&mut self, path: &[&str], value: &Value) {
        let mut operators = value.as_object().into_iter().flat_map(Map::keys);
        match (value, operators.next(), operators.next()) {
            (Value::Array(_), ..) => {
                self.mistake(path, "is a list in a list; a text, a number, true, false or null is allowed");
            }
            (Value::Object(_), Some(operator), None) if !OPERATORS.contains(&operator.as_str()) => {
                self.mistake(
                    path,
                    format!("has no operator {operator}; allowed are {}", OPERATORS.join(", ")),
                );
            }
            (Value::Object(_), None, _) | (Value::Object(_), _, Some(_)) => {
                self.mistake(
                    path,
                    format!("needs exactly one operator; allowed are {}", OPERATORS.join(", ")),
                );
            }
            _ => {}
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
