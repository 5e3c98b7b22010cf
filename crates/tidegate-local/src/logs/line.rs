//! One line of a log, printed by a function or by the engine about it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::history::mentions;

/// Text before a request id in the platform's own lines.
const REQUEST: &str = "RequestId: ";
/// Names under which functions write the two ids, in the line itself or in one of its spans.
const REQUEST_IDS: [&str; 4] = ["request_id", "requestId", "AWSRequestId", "function_request_id"];
const CORRELATION_IDS: [&str; 3] = ["correlation_id", "correlationid", "correlationId"];
/// Members that are not shown as fields, because they are shown otherwise or not at all.
const NOT_SHOWN: [&str; 7] = ["timestamp", "time", "level", "message", "spans", "span", "target"];

/// Names of levels that runtimes and frameworks write.
const LEVELS: [&str; 8] =
    ["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"];

/// Kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A log line of the function.
    Log,
    /// Metrics in CloudWatch's embedded metric format.
    Metrics,
    /// A line of Lambda itself: `START`, `END`, `REPORT`.
    Platform,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// When it was written. A line without a time has the time of the previous line.
    pub at: Timestamp,
    /// Name of the function.
    pub function: Arc<str>,
    /// The line as it was written, without its end.
    pub text: String,
    /// Its kind.
    pub kind: Kind,
    /// Its level, if it has one.
    pub level: Option<String>,
    /// Its `message`, or the whole text of a line that is not JSON.
    pub message: String,
    /// The other members, ordered by name.
    pub fields: Vec<(String, String)>,
    /// Request id of its invocation, if the line has one.
    pub request_id: Option<String>,
    /// Correlation ids in the line: those of the record it is about.
    pub correlation_ids: Vec<String>,
}

impl Line {
    /// Parses a line.
    ///
    /// `before` is the time of the previous line.
    pub fn parse(function: &Arc<str>, text: &str, before: Timestamp) -> Self {
        let object = match text.starts_with('{').then(|| aws_json::value(text.as_bytes())) {
            Some(Ok(Value::Object(object))) => object,
            _ => return Self::plain(function, text, before),
        };
        let metrics = object.get("_aws").and_then(|aws| aws.get("Timestamp"));
        let said =
            ["timestamp", "time"].iter().find_map(|name| object.get(*name)?.as_str()?.parse().ok());
        let measured = || Timestamp::from_millisecond(metrics?.as_i64()?).ok();
        let platform = object
            .get("type")
            .and_then(Value::as_str)
            .is_some_and(|kind| kind.starts_with("platform."));
        let kind = match (metrics, platform) {
            (Some(_), _) => Kind::Metrics,
            (None, true) => Kind::Platform,
            (None, false) => Kind::Log,
        };
        let named = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let shown = object.iter().filter(|(name, _)| !NOT_SHOWN.contains(&name.as_str()));
        Self {
            at: said.or_else(measured).unwrap_or(before),
            function: Arc::clone(function),
            text: text.to_owned(),
            kind,
            level: named("level"),
            message: named("message").or_else(|| named("type")).unwrap_or_default(),
            fields: shown.map(|(name, value)| (name.clone(), plain(value))).collect(),
            request_id: ids(&object, &REQUEST_IDS).into_iter().next(),
            correlation_ids: ids(&object, &CORRELATION_IDS),
        }
    }

    fn plain(function: &Arc<str>, text: &str, before: Timestamp) -> Self {
        let own = ["START ", "END ", "REPORT ", "INIT_START ", "INIT_REPORT "];
        let kind = if own.iter().any(|start| text.starts_with(start)) {
            Kind::Platform
        } else {
            Kind::Log
        };
        let named = text.split_once(REQUEST).filter(|_| kind == Kind::Platform);
        let request_id =
            named.and_then(|(_, rest)| rest.split_whitespace().next()).map(str::to_owned);
        let (level, message) = leveled(text).filter(|_| kind == Kind::Log).unzip();
        Self {
            at: before,
            function: Arc::clone(function),
            text: text.to_owned(),
            kind,
            level: level.map(str::to_owned),
            message: message.unwrap_or(text).to_owned(),
            fields: Vec::new(),
            request_id,
            correlation_ids: Vec::new(),
        }
    }

    /// Returns whether the line belongs to a record with this correlation id.
    pub fn has_correlation(&self, id: &str) -> bool {
        self.correlation_ids.iter().any(|own| own == id)
    }

    /// Returns whether the line contains this id anywhere.
    pub fn mentions(&self, id: &str) -> bool {
        mentions(&self.text, id)
    }
}

/// Returns the level of a line that is not JSON, and the text after it, as Lambda's runtimes write
/// both.
///
/// Python writes `[ERROR]\t…`, and Node.js `<time>\t<request id>\tERROR\t…`.
fn leveled(text: &str) -> Option<(&str, &str)> {
    let bracketed = || text.strip_prefix('[')?.split_once(']');
    let columns = || {
        let (_, rest) = text.split_once('\t')?;
        rest.split_once('\t')?.1.split_once('\t')
    };
    let found = bracketed().into_iter().chain(columns()).find(|(level, _)| LEVELS.contains(level));
    found.map(|(level, message)| (level, message.trim_start()))
}

/// Returns the values of these members: the line's own first, then those of its spans, from the
/// innermost.
fn ids(object: &Map<String, Value>, names: &[&str]) -> Vec<String> {
    let spans = object.get("spans").and_then(Value::as_array).into_iter().flatten().rev();
    let inside = ["span", "record"].iter().filter_map(|name| object.get(*name)?.as_object());
    let places = std::iter::once(object).chain(inside).chain(spans.filter_map(Value::as_object));
    let mut found: Vec<String> = Vec::new();
    for place in places {
        for id in names.iter().filter_map(|name| place.get(*name)?.as_str()) {
            if !found.iter().any(|known| known == id) {
                found.push(id.to_owned());
            }
        }
    }
    found
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Line {
        Line::parse(&Arc::from("f"), text, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_ids_of_a_line_are_in_it_or_in_its_spans() {
        let line = parse(
            r#"{"timestamp":"2026-11-21T22:05:52.837420Z","level":"WARN","message":"delivery failed","source":"kinesis","attempts":2,"spans":[{"requestId":"r-1","name":"Lambda runtime invoke"},{"request_id":"r-1","name":"invocation"},{"correlation_id":"c-1","causation_id":"e-1","name":"record"}]}"#,
        );
        assert_eq!(line.at.to_string(), "2026-11-21T22:05:52.83742Z");
        assert_eq!(
            (line.level.as_deref(), line.message.as_str()),
            (Some("WARN"), "delivery failed")
        );
        assert_eq!(line.request_id.as_deref(), Some("r-1"));
        assert!(
            line.has_correlation("c-1") && !line.has_correlation("c-2") && line.mentions("e-1")
        );
        let fields: Vec<_> =
            line.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(fields, ["attempts=2", "source=kinesis"]);
        assert_eq!(line.kind, Kind::Log);
        assert!(parse(r#"{"correlation_id":"c-9","message":"m"}"#).has_correlation("c-9"));
        let half = parse(r#"{"correlation_id":"c-9","message":"thanks \ud83d"}"#);
        assert!(
            half.has_correlation("c-9")
                && half.message == "thanks ?"
                && half.text.contains(r"\ud83d")
        );
    }

    #[test]
    fn lambdas_own_lines_and_metrics_are_told_apart_from_logs() {
        let start = parse("START RequestId: r-7 Version: $LATEST");
        assert_eq!((start.kind, start.request_id.as_deref()), (Kind::Platform, Some("r-7")));
        let report = parse("REPORT RequestId: r-7\tDuration: 1.50 ms\tBilled Duration: 2 ms");
        assert_eq!((report.kind, report.request_id.as_deref()), (Kind::Platform, Some("r-7")));
        let platform = parse(
            r#"{"time":"2026-01-01T00:00:00Z","type":"platform.start","record":{"requestId":"r-8"}}"#,
        );
        assert_eq!((platform.kind, platform.request_id.as_deref()), (Kind::Platform, Some("r-8")));
        let metrics = parse(r#"{"_aws":{"Timestamp":1500,"CloudWatchMetrics":[]},"Applied":1}"#);
        assert_eq!((metrics.kind, metrics.at.as_millisecond()), (Kind::Metrics, 1500));
    }

    #[test]
    fn a_line_that_is_no_json_has_the_level_that_lambdas_runtimes_write() {
        for (text, level, message) in [
            (
                "[ERROR]\t2026-01-01T00:00:00.000Z\tr-1\tboom",
                "ERROR",
                "2026-01-01T00:00:00.000Z\tr-1\tboom",
            ),
            ("[ERROR] Exception: boom", "ERROR", "Exception: boom"),
            ("2026-01-01T00:00:00.000Z\tr-1\tWARN\tslow", "WARN", "slow"),
        ] {
            let line = parse(text);
            assert_eq!((line.level.as_deref(), line.message.as_str()), (Some(level), message));
            assert_eq!(line.text, text);
        }
        for text in ["[loud] x", "a\tb\tc\td", "[ERROR", "ERROR x"] {
            assert_eq!(parse(text).level, None, "{text}");
        }
    }

    #[test]
    fn any_other_line_is_kept_as_it_is_with_the_time_before() {
        for text in ["", "thread 'main' panicked at RequestId: x", "{not json", "[1]"] {
            let line = parse(text);
            assert_eq!(
                (line.message.as_str(), line.kind, line.at),
                (text, Kind::Log, Timestamp::UNIX_EPOCH)
            );
            assert_eq!(line.request_id, None);
        }
    }
}
