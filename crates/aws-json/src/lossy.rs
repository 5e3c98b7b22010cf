//! A body as a plain value, for code that only looks into it.

use serde_json::Value;

use super::{Json, Malformed};

/// Levels below which nobody looks. It keeps a value that `serde_json` may visit without care for
/// the stack.
const LEVELS: usize = 100;

/// Reads a body for looking into it: as it is if a strict reader reads it, otherwise as AWS's
/// matcher does. Then half of a surrogate pair is a question mark, a number that no double holds is
/// a text, a name that is there twice has its last value, and what lies deeper than 100 levels is
/// `null`. Hand over the body itself, not this value.
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
        Json::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name.into_owned(), plain(value, levels - 1))).collect()
        }
    }
}
