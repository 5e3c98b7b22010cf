//! From JSON to the types of the model: unknown fields, missing fields and wrong types.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::document::Document;
use super::error::Mistake;
use super::model::Topology;

const FIELDS: [&str; 10] = [
    "event_bytes_limit",
    "metrics_namespace",
    "streams",
    "tables",
    "queues",
    "topics",
    "buckets",
    "buses",
    "rules",
    "functions",
];

/// Reads the model out of a document. At most one mistake is found per declared entry, so that one slip is not reported as several.
pub(super) fn read(document: &Document) -> Result<Topology, Vec<Mistake>> {
    let mut reader = Reader { document, mistakes: Vec::new() };
    for field in document.value().keys().filter(|field| !FIELDS.contains(&field.as_str())) {
        reader.mistake(&[field], format!("{field} is unknown; allowed are {}", FIELDS.join(", ")));
    }
    let limit = reader.field::<u64>("event_bytes_limit");
    let topology = Topology {
        event_bytes_limit: limit.unwrap_or(0),
        metrics_namespace: reader.field("metrics_namespace"),
        streams: reader.section("streams"),
        tables: reader.section("tables"),
        queues: reader.section("queues"),
        topics: reader.section("topics"),
        buckets: reader.section("buckets"),
        buses: reader.section("buses"),
        rules: reader.section("rules"),
        functions: reader.section("functions"),
    };
    if limit.is_none() && !document.has(&["event_bytes_limit"]) {
        reader.mistake(&[], "event_bytes_limit is missing; a number of bytes is needed".to_owned());
    }
    if reader.mistakes.is_empty() { Ok(topology) } else { Err(reader.mistakes) }
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
                self.mistake(&[name], format!("{name} is {found}; an object of named entries is allowed"));
            }
        }
        entries
    }

    fn entry<T: DeserializeOwned>(&mut self, path: &[&str], value: &Value) -> Option<T> {
        let error = match serde_path_to_error::deserialize(value) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let inside = error.path().to_string();
        let message = error.inner().to_string();
        let mut full: Vec<&str> = path.to_vec();
        full.extend(inside.split('.').filter(|segment| !segment.is_empty()));
        // The name in back quotes is a field of the object the path leads to, unless the path already ends in it.
        if let Some(field) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next())
            && full.last() != Some(&field)
        {
            full.push(field);
        }
        // The path of a value that no key leads to ends in a question mark.
        full.retain(|segment| *segment != "?");
        let name = full.join(".");
        self.mistake(&full, format!("{name}: {message}"));
        None
    }

    fn mistake(&mut self, path: &[&str], message: String) {
        self.mistakes.push(Mistake { position: self.document.position(path), message });
    }
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
        let mistakes = read(&document).expect_err("the text has mistakes");
        mistakes.into_iter().map(|mistake| (mistake.position.line, mistake.message)).collect()
    }

    #[test]
    fn an_unknown_field_is_named_with_its_line_and_what_is_allowed() {
        let found = mistakes(
            "event_bytes_limit = 1\nstreams = {\n  orders = {\n    shards = 1\n    retentoin_hours = 24\n  }\n}\nstraems = {}\n",
        );
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0].0, 8);
        assert!(
            found[0]
                .1
                .starts_with("straems is unknown; allowed are event_bytes_limit, metrics_namespace, streams"),
            "{found:?}"
        );
        assert_eq!(found[1].0, 5);
        assert_eq!(
            found[1].1,
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
            [(9, "functions.f.sources.s.batch_size: invalid type: string \"many\", expected u32".to_owned())]
        );
    }

    #[test]
    fn a_missing_field_is_reported_at_its_entry() {
        let found = mistakes("event_bytes_limit = 1\n\nstreams = {\n  orders = { shards = 1 }\n}\n");
        assert_eq!(found, [(4, "streams.orders: missing field `retention_hours`".to_owned())]);
        assert_eq!(
            mistakes("\nstreams = {}\n")[0].1,
            "event_bytes_limit is missing; a number of bytes is needed"
        );
    }

    #[test]
    fn mistakes_in_different_entries_are_all_reported() {
        let found = mistakes(
            "event_bytes_limit = \"x\"\nstreams = 1\nbuckets = {\n a = {}\n b = { expiration_days = -1 }\n}\n",
        );
        assert_eq!(found.iter().map(|mistake| mistake.0).collect::<Vec<_>>(), [1, 2, 4, 5], "{found:?}");
    }
}
