//! Filters of event source mappings (`FilterCriteria`).
//!
//! A record passes if one of the patterns matches it. A record that does not pass counts as
//! delivered: a queue's message is deleted, and a stream's position moves on. The rules are those
//! of the Lambda Developer Guide (`invocation-eventfiltering`, `with-kinesis-filtering`,
//! `with-ddb-filtering`, `with-sqs-filtering`):
//!
//! - Kinesis records are filtered only by `data`, which is decoded and read as JSON (see
//!   `aws_json`). A record that is not JSON passes no filter.
//! - SQS messages are filtered only by `body`. A pattern with an object there expects JSON, and one
//!   with a list expects plain text. A message of the other form does not pass. A body that is JSON
//!   but neither an object nor a list, such as `12`, is plain text.
//! - Records of DynamoDB Streams are filtered by `dynamodb`, with types as in the record. They are
//!   also filtered by `eventName` and `userIdentity`, as in the DynamoDB Developer Guide.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::field::OR;
use super::{Fault, Pattern, PatternError};
use aws_json::Json;

/// Most filters of a mapping: Lambda's default quota of an account.
pub const MOST: usize = 5;

/// Most characters of a filter's pattern.
pub const LONGEST: usize = 4_096;

/// Kind of source that a filter applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtered {
    /// Records of a Kinesis stream.
    Kinesis,
    /// Records of a table's stream.
    DynamoDb,
    /// Messages of a queue.
    Sqs,
}

impl Filtered {
    /// Returns the fields that a pattern may name at its top level.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Kinesis => &["data"],
            Self::DynamoDb => &["dynamodb", "eventName", "userIdentity"],
            Self::Sqs => &["body"],
        }
    }
}

/// One pattern of a filter.
#[derive(Clone, Debug)]
struct Criterion {
    pattern: Pattern,
    /// Whether the pattern expects a queue's message to be plain text.
    plain: bool,
}

/// The filters of a mapping.
#[derive(Clone, Debug)]
pub struct Filter {
    of: Filtered,
    criteria: Vec<Criterion>,
}

impl Filter {
    /// Reads the patterns of a mapping, given as JSON text.
    ///
    /// # Errors
    /// The faults of the first pattern that has any.
    pub fn parse<T: AsRef<str>>(
        of: Filtered,
        patterns: impl IntoIterator<Item = T>,
    ) -> Result<Self, PatternError> {
        let criteria = patterns.into_iter().map(|pattern| criterion(of, pattern.as_ref()));
        Ok(Self { of, criteria: criteria.collect::<Result<_, _>>()? })
    }

    /// Returns whether a record passes, given as an element of the event's `Records`.
    #[must_use]
    pub fn passes(&self, record: &[u8]) -> bool {
        let record = String::from_utf8_lossy(record);
        // The engine wrote the record itself. A record that cannot be read again is kept.
        let Ok(record) = Json::parse(&record) else { return true };
        match self.of {
            Filtered::DynamoDb => self.any(|_| true, &record),
            Filtered::Kinesis => {
                let data =
                    record.at(&["kinesis", "data"]).and_then(Json::as_text).unwrap_or_default();
                let data = STANDARD.decode(data).unwrap_or_default();
                // Event Ruler takes a string. Java decodes bytes that are not UTF-8 as U+FFFD.
                match Json::leading(&String::from_utf8_lossy(&data)) {
                    Ok((data, _)) => self.any(|_| true, &view("data", data)),
                    Err(_) => false,
                }
            }
            Filtered::Sqs => {
                let body = record.get("body").and_then(Json::as_text).unwrap_or_default();
                let plain = || {
                    self.any(|criterion| criterion.plain, &view("body", Json::Text(body.into())))
                };
                match Json::leading(body) {
                    Ok((json @ (Json::Object(_) | Json::List(_)), behind)) => {
                        // With text behind the JSON, the body counts as plain text too.
                        self.any(|criterion| !criterion.plain, &view("body", json))
                            || (!behind.is_empty() && plain())
                    }
                    _ => plain(),
                }
            }
        }
    }

    fn any(&self, fits: impl Fn(&Criterion) -> bool, view: &Json<'_>) -> bool {
        self.criteria.iter().any(|criterion| fits(criterion) && criterion.pattern.matches(view))
    }
}

fn view<'a>(field: &'a str, value: Json<'a>) -> Json<'a> {
    Json::Object(vec![(field.into(), value)])
}

/// Reads one pattern by the rules of the language and of the source.
fn criterion(of: Filtered, text: &str) -> Result<Criterion, PatternError> {
    let value = Json::parse(text).map_err(|error| PatternError::no_json(&error))?;
    let pattern = Pattern::from_filter(&value)?;
    let mut top = Vec::new();
    top_fields(&value, &mut Vec::new(), &mut top);
    let mut faults = Vec::new();
    let mut fault =
        |path: &[String], reason: String| faults.push(Fault { path: path.to_vec(), reason });
    for (path, field, value) in &top {
        if !of.fields().contains(field) {
            let allowed = of.fields().join(", ");
            fault(path, format!("cannot be filtered by; expected {allowed}"));
        } else if matches!(*field, "data" | "dynamodb") && !matches!(value, Json::Object(_)) {
            fault(path, "is not an object; a filter expects JSON here: use an object".to_owned());
        }
    }
    let plain =
        of == Filtered::Sqs && top.iter().any(|(_, _, value)| matches!(value, Json::List(_)));
    if plain && top.iter().any(|(_, _, value)| matches!(value, Json::Object(_))) {
        fault(&[], "expects both plain text and JSON; use one of them".to_owned());
    }
    if faults.is_empty() { Ok(Criterion { pattern, plain }) } else { Err(PatternError { faults }) }
}

/// Returns the fields at the top level of a pattern, including those in `$or`, with their paths.
fn top_fields<'a>(
    pattern: &'a Json<'a>,
    path: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, &'a str, &'a Json<'a>)>,
) {
    let Json::Object(fields) = pattern else { return };
    for (field, value) in fields {
        path.push(field.to_string());
        match value {
            Json::List(patterns) if field == OR => {
                for (index, pattern) in patterns.iter().enumerate() {
                    path.push(index.to_string());
                    top_fields(pattern, path, found);
                    path.pop();
                }
            }
            _ => found.push((path.clone(), field, value)),
        }
        path.pop();
    }
}
