//! Converts a body into a plain value, for code that only inspects it.

use serde_json::Value;

use super::{Json, Malformed};

/// Levels of nesting that are kept.
///
/// `serde_json` can visit such a value without overflowing the stack.
const LEVELS: usize = 100;

/// Reads a body in order to inspect it. Hand on the body itself, not this value.
///
/// If a strict reader accepts the body, the value is exact. Otherwise the body is read as AWS's
/// matcher reads it, with these losses:
///
/// - An unpaired surrogate becomes a question mark.
/// - A number that a double cannot hold becomes a text.
/// - A name that occurs twice has its last value.
/// - A value deeper than 100 levels becomes `null`.
///
/// # Errors
/// Where and why the body is not JSON.
pub fn value(body: &[u8]) -> Result<Value, Malformed> {
    serde_json::from_slice(body).or_else(|_| {
        let text = String::from_utf8_lossy(body);
        Json::parse(&text).map(|read| plain(read, LEVELS))
    })
}

fn plain(read: Json<'_>, levels: usize) -> Value {
    match read {
        Json::Null => Value::Null,
        Json::Bool(bool) => bool.into(),
        Json::Number(text) => text.parse().map_or_else(|_| text.into_owned().into(), Value::Number),
        Json::Text(text) => text.into_owned().into(),
        Json::List(_) | Json::Object(_) if levels == 0 => Value::Null,
        Json::List(list) => list.into_iter().map(|value| plain(value, levels - 1)).collect(),
        Json::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name.into_owned(), plain(value, levels - 1)))
            .collect(),
    }
}
