//! Checks the patterns of rules and filters.

use serde_json::{Map, Value};

use super::Check;
use crate::lookup::SourceKind;
use crate::model::{Profile, Source};
use crate::pattern::filter::{Filter, Filtered, LONGEST as LONGEST_FILTER, MOST};
use crate::pattern::{Pattern, PatternError};

/// Fields of an event on a bus that repeat the envelope.
///
/// EventBridge's own `id` and `time` differ on every delivery.
const FIELDS: [&str; 3] = ["source", "detail-type", "detail"];

/// Attributes of an envelope, without its content.
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

/// Most characters of a rule's pattern: EventBridge's default quota of an account.
const LONGEST_RULE: usize = 2_048;

impl Check<'_> {
    /// Checks a rule's pattern: it is well-formed and matches only fields of envelopes.
    pub(super) fn pattern(&mut self, path: &[&str], pattern: &Value) {
        match Pattern::parse(pattern) {
            // Only the publisher of the events knows which fields they have.
            Ok(_) if self.topology.profile() == Profile::Aws => {}
            Ok(_) => self.level(path, pattern, &FIELDS),
            Err(error) => self.faults(path, &error),
        }
        self.length(path, &pattern.to_string(), LONGEST_RULE);
    }

    /// Checks the filters of a mapping.
    pub(super) fn filters(&mut self, path: &[&str], source: &Source, kind: SourceKind<'_>) {
        let of = match kind {
            SourceKind::Stream(_) => Filtered::Kinesis,
            SourceKind::Table(_) => Filtered::DynamoDb,
            SourceKind::Queue(_) => Filtered::Sqs,
        };
        let path = [path, &["filter_criteria"]].concat();
        let count = source.filter_criteria.len();
        if count > MOST {
            self.mistake(&path, format!("has {count} filters; at most {MOST} are allowed"));
        }
        for (n, filter) in source.filter_criteria.iter().enumerate() {
            let n = n.to_string();
            let path = [&path[..], &[n.as_str(), "pattern"]].concat();
            if let Err(error) = Filter::parse(of, [&filter.pattern]) {
                self.faults(&path, &error);
            }
            self.length(&path, &filter.pattern, LONGEST_FILTER);
        }
    }

    fn length(&mut self, path: &[&str], pattern: &str, longest: usize) {
        let length = pattern.chars().count();
        if length > longest {
            self.mistake(path, format!("has {length} characters; at most {longest} are allowed"));
        }
    }

    pub(super) fn faults(&mut self, path: &[&str], error: &PatternError) {
        for fault in &error.faults {
            let inside = fault.path.iter().map(String::as_str);
            let path: Vec<&str> = path.iter().copied().chain(inside).collect();
            self.mistake(&path, &fault.reason);
        }
    }

    /// Checks the fields of a pattern, including those in `$or`.
    fn level(&mut self, path: &[&str], pattern: &Value, allowed: &[&str]) {
        for (field, value) in pattern.as_object().into_iter().flat_map(Map::iter) {
            let path = [path, &[field.as_str()]].concat();
            let top = allowed.contains(&"detail");
            match (field.as_str(), value) {
                ("$or", Value::Array(patterns)) => {
                    for (n, pattern) in patterns.iter().enumerate() {
                        self.level(&[&path[..], &[n.to_string().as_str()]].concat(), pattern, allowed);
                    }
                }
                ("detail", Value::Object(_)) if top => self.level(&path, value, &ATTRIBUTES),
                ("detail", _) if top => {
                    self.warning(&path, "is not an object; use an object of envelope attributes");
                }
                ("data" | "dataref", _) if !top => self.warning(
                    &path,
                    format!(
                        "is content, which large events replace by a reference; a rule may match {}",
                        allowed.join(", ")
                    ),
                ),
                (field, Value::Object(_)) if allowed.contains(&field) => {
                    self.warning(&path, "is not a list; use a list of values, such as [\"OrderPlaced\"]");
                }
                (field, _) if allowed.contains(&field) => {}
                _ => self.warning(
                    &path,
                    format!("is not an attribute of an envelope; expected one of {}", allowed.join(", ")),
                ),
            }
        }
    }
}
