//! Converts JSON into the types of the model, and reports unknown fields, missing fields and wrong
//! types.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::document::Document;
use super::error::Mistake;
use super::model::{Topology, default_event_bytes};

const FIELDS: [&str; 19] = [
    "event_bytes_limit",
    "metrics_namespace",
    "streams",
    "tables",
    "queues",
    "topics",
    "subscriptions",
    "buckets",
    "buses",
    "rules",
    "apis",
    "schedules",
    "schedule_groups",
    "processes",
    "projections",
    "breakers",
    "functions",
    "statements",
    "profile",
];

/// Reads the model from a document. Reports every mistake, and none twice.
pub(super) fn read(document: &Document) -> Result<Topology, Vec<Mistake>> {
    let mut reader = Reader { document, mistakes: Vec::new() };
    for field in document.value().keys().filter(|field| !FIELDS.contains(&field.as_str())) {
        reader.mistake(
            &[field],
            format!("{field} is unknown; expected one of {}", FIELDS.join(", ")),
        );
    }
    let mut topology = Topology {
        profile: reader.field("profile"),
        event_bytes_limit: reader.field("event_bytes_limit").unwrap_or_else(default_event_bytes),
        metrics_namespace: reader.field("metrics_namespace"),
        statements: reader.field("statements"),
        streams: reader.section("streams"),
        tables: reader.section("tables"),
        queues: reader.section("queues"),
        topics: reader.section("topics"),
        subscriptions: reader.section("subscriptions"),
        buckets: reader.section("buckets"),
        buses: reader.section("buses"),
        rules: reader.section("rules"),
        apis: reader.section("apis"),
        schedules: reader.section("schedules"),
        schedule_groups: reader.section("schedule_groups"),
        processes: reader.section("processes"),
        projections: reader.section("projections"),
        breakers: reader.section("breakers"),
        functions: reader.section("functions"),
    };
    default_batch_sizes(&mut topology, document);
    if reader.mistakes.is_empty() { Ok(topology) } else { Err(reader.mistakes) }
}

/// Sets Lambda's default batch sizes: 10 messages of a queue, 100 records of a stream.
fn default_batch_sizes(topology: &mut Topology, document: &Document) {
    for (function, declared) in &mut topology.functions {
        for (name, source) in &mut declared.sources {
            if !document.has(&["functions", function, "sources", name, "batch_size"]) {
                source.batch_size = if source.queue.is_some() { 10 } else { 100 };
            }
        }
    }
}

struct Reader<'a> {
    document: &'a Document,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn field<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = self.document.value().get(name)?;
        self.entry(&[name], value)
    }

    fn section<T: DeserializeOwned>(&mut self, name: &str) -> BTreeMap<String, T> {
        let mut entries = BTreeMap::new();
        match self.document.value().get(name) {
            None => {}
            Some(Value::Object(declared)) => {
                for (entry, value) in declared {
                    if let Some(read) = self.entry(&[name, entry], value) {
                        entries.insert(entry.clone(), read);
                    }
                }
            }
            Some(other) => {
                let found = kind(other);
                self.mistake(&[name], format!("{name} is {found}; use an object of named entries"));
            }
        }
        entries
    }

    /// Reads an entry, or reports all of its mistakes.
    ///
    /// Serde reports only one error at a time. So each mistaken value is removed and the rest is
    /// read again, until reading succeeds or nothing can be removed.
    fn entry<T: DeserializeOwned>(&mut self, path: &[&str], value: &Value) -> Option<T> {
        let mut rest = value.clone();
        let mut removed: Vec<Vec<String>> = Vec::new();
        loop {
            let error = match serde_path_to_error::deserialize::<_, T>(&rest) {
                Ok(read) => return removed.is_empty().then_some(read),
                Err(error) => error,
            };
            let inside: Vec<String> = error.path().iter().filter_map(segment).collect();
            let message = error.inner().to_string();
            let mistaken = self.slip(path, &inside, &message, &removed);
            // A missing field cannot be removed. If the whole entry is mistaken, nothing is left to
            // read.
            if mistaken.is_empty() || !remove(&mut rest, &mistaken) {
                return None;
            }
            removed.push(mistaken);
        }
    }

    /// Reports one error of an entry, and returns the path of the mistaken value inside the entry.
    ///
    /// A field that was removed before does not count as missing.
    fn slip(
        &mut self,
        path: &[&str],
        inside: &[String],
        message: &str,
        removed: &[Vec<String>],
    ) -> Vec<String> {
        let mut full: Vec<&str> = path.to_vec();
        full.extend(inside.iter().map(String::as_str));
        // The name in back quotes is a field of the object at the path, unless the path already
        // ends in it.
        if let Some(field) =
            message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next())
            && full.last() != Some(&field)
        {
            full.push(field);
        }
        let within: Vec<String> =
            full.iter().skip(path.len()).map(|segment| (*segment).to_owned()).collect();
        if let Some(field) =
            message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next())
        {
            let known = |gone: &Vec<String>| {
                gone.split_last().is_some_and(|(last, above)| last == field && above == within)
            };
            if !removed.iter().any(known) {
                self.mistake(&full, format!("{}: {message}", full.join(".")));
            }
            return Vec::new();
        }
        self.mistake(&full, format!("{}: {}", full.join("."), in_words(message)));
        within
    }

    fn mistake(&mut self, path: &[&str], message: String) {
        self.mistakes.push(Mistake::error(self.document.position(path), message));
    }
}

/// Returns a step of a path; `None` for a value without a key.
fn segment(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    }
}

/// Removes the value at a path, and returns whether it existed.
fn remove(value: &mut Value, path: &[String]) -> bool {
    let Some((last, above)) = path.split_last() else { return false };
    let mut inside = Some(value);
    for segment in above {
        inside = inside.and_then(|value| match value {
            Value::Array(items) => items.get_mut(segment.parse::<usize>().ok()?),
            other => other.get_mut(segment),
        });
    }
    match inside {
        Some(Value::Object(fields)) => fields.remove(last).is_some(),
        Some(Value::Array(items)) => match last.parse::<usize>() {
            Ok(n) if n < items.len() => {
                items.remove(n);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// Translates Serde's names of types into those of a topology.
fn in_words(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once("expected ") else {
        return message.to_owned();
    };
    let expected = match expected {
        "u32" | "u64" => "a whole number, 0 or more",
        "i32" => "a whole number",
        "a sequence" => "a list: [ … ]",
        "a map" => "an object: { … }",
        "a boolean" => "true or false",
        other if other.starts_with("struct ") => "an object: { … }",
        other => other,
    };
    format!("{found}expected {expected}")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<(usize, String)> {
        let document = Document::parse(text).expect("literal HCL");
        let mut mistakes = read(&document).expect_err("the text has mistakes");
        mistakes.sort();
        mistakes.into_iter().map(|mistake| (mistake.position.line, mistake.message)).collect()
    }

    #[test]
    fn an_unknown_field_is_named_with_its_line_and_what_is_allowed() {
        let found = mistakes(
            "event_bytes_limit = 1\nstreams = {\n  orders = {\n    shards = 1\n    retentoin_hours = 24\n  }\n}\nstraems = {}\n",
        );
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[1].0, 8);
        assert!(
            found[1].1.starts_with(
                "straems is unknown; expected one of event_bytes_limit, metrics_namespace, streams"
            ),
            "{found:?}"
        );
        assert_eq!(found[0].0, 5);
        assert_eq!(
            found[0].1,
            "streams.orders.retentoin_hours: unknown field `retentoin_hours`, expected `shards` or `retention_hours`"
        );
    }

    #[test]
    fn a_wrong_type_is_named_with_its_line_also_deep_inside() {
        let found = mistakes(
            "event_bytes_limit = 1\nfunctions = {\n  f = {\n    memory_mb = 256\n    timeout_seconds = 1\n    maximum_concurrency = 1\n    \
             sources = {\n      s = {\n        batch_size = \"many\"\n      }\n    }\n  }\n}\n",
        );
        assert_eq!(
            found,
            [(
                9,
                "functions.f.sources.s.batch_size: invalid type: string \"many\", expected a whole number, 0 or more".to_owned()
            )]
        );
    }

    #[test]
    fn a_missing_field_is_reported_at_its_entry() {
        let found = mistakes(
            "event_bytes_limit = 1\n\ntables = {\n  orders = { ttl_attribute = \"t\" }\n}\n",
        );
        assert_eq!(found, [(4, "tables.orders: missing field `partition_key`".to_owned())]);
    }

    #[test]
    fn every_slip_of_one_entry_is_reported_once() {
        let found = mistakes(
            "tables = {\n  t = {\n    partition_key = \"id\"\n    strem_view = 1\n    ttl_attribute = []\n  }\n}\nfunctions = {\n  f = {\n    \
             memroy = 1\n    uses = { A = { tabel = \"t\", access = \"reed\" } }\n    command = \"sh\"\n    sources = { s = 1 }\n  }\n}\n",
        );
        assert_eq!(
            found.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
            [3, 4, 5, 10, 11, 11, 12, 13]
        );
        let said: Vec<&str> = found.iter().map(|(_, message)| message.as_str()).collect();
        for (n, says) in [
            (0, "tables.t.partition_key: invalid type: string \"id\", expected an object: { … }"),
            (1, "tables.t.strem_view: unknown field `strem_view`, expected one of `partition_key`"),
            (2, "tables.t.ttl_attribute: invalid type: sequence, expected a string"),
            (3, "functions.f.memroy: unknown field `memroy`"),
            (4, "functions.f.uses.A.tabel: unknown field `tabel`"),
            (
                5,
                "functions.f.uses.A.access: unknown variant `reed`, expected one of `read`, `append`",
            ),
            (6, "functions.f.command: invalid type: string \"sh\", expected a list: [ … ]"),
        ] {
            assert!(said[n].starts_with(says), "{}", said[n]);
        }
    }

    #[test]
    fn mistakes_in_different_entries_are_all_reported() {
        let found = mistakes(
            "event_bytes_limit = \"x\"\nstreams = 1\nbuckets = {\n a = { days = 1 }\n b = { expiration_days = -1 }\n}\n",
        );
        assert_eq!(
            found.iter().map(|mistake| mistake.0).collect::<Vec<_>>(),
            [1, 2, 4, 5],
            "{found:?}"
        );
    }
}
