//! Keys of effects.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

/// Key of an effect: `<namespace>#<effect>#<business key>`.
///
/// You choose the namespace. It is not derived from a function's name, because a renamed function
/// would then lose its history. `%` and `#` inside a part become `%25` and `%23`, so different
/// parts never give the same key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EffectKey(String);

impl EffectKey {
    /// Longest key, in bytes: DynamoDB's limit for a partition key.
    pub const MAX_BYTES: usize = 2048;

    /// Creates the key of `effect` for this business key.
    ///
    /// A business key is a text, number or boolean, or a tuple or list of these, whose parts are
    /// joined by `#`.
    ///
    /// # Errors
    /// - `missing_key` (permanent): a part is null, empty or blank. All events without a key would
    ///   otherwise share one.
    /// - `invalid_key` (permanent): a part has another type, or the key is longer than
    ///   [`Self::MAX_BYTES`].
    pub fn new(
        namespace: &str,
        effect: &str,
        business_key: &(impl Serialize + ?Sized),
    ) -> Result<Self, Failure> {
        let mut key = String::new();
        append(&mut key, &"namespace", namespace)?;
        append(&mut key, &"effect", effect)?;
        let value = serde_json::to_value(business_key).map_err(|error| {
            invalid(format!("the business key of {key} cannot be encoded: {error}"))
        })?;
        match &value {
            Value::Array(parts) if !parts.is_empty() => {
                for (place, part) in parts.iter().enumerate() {
                    append_scalar(
                        &mut key,
                        &format_args!("part {} of the business key", place + 1),
                        part,
                    )?;
                }
            }
            one => append_scalar(&mut key, &"business key", one)?,
        }
        if key.len() > Self::MAX_BYTES {
            let start: String = key.chars().take(80).collect();
            return Err(invalid(format!(
                "the key {start}… has {} bytes; it may have at most {}",
                key.len(),
                Self::MAX_BYTES
            )));
        }
        Ok(Self(key))
    }

    /// Creates the key of `effect` from the values in a JSON payload at these [JSON
    /// pointers](https://www.rfc-editor.org/rfc/rfc6901).
    ///
    /// # Errors
    /// As [`Self::new`]. A pointer without a value is a missing part, and so is an empty list of
    /// pointers.
    pub fn at(
        namespace: &str,
        effect: &str,
        payload: &impl Serialize,
        pointers: &[&str],
    ) -> Result<Self, Failure> {
        let payload = serde_json::to_value(payload).map_err(|error| {
            invalid(format!("the payload of {effect} cannot be encoded: {error}"))
        })?;
        let mut parts = Vec::with_capacity(pointers.len());
        for pointer in pointers {
            let part = payload.pointer(pointer).unwrap_or(&Value::Null);
            append_scalar(&mut String::new(), &format_args!("value at `{pointer}`"), part)?;
            parts.push(part);
        }
        Self::new(namespace, effect, &parts)
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn append_scalar(key: &mut String, name: &dyn fmt::Display, value: &Value) -> Result<(), Failure> {
    match value {
        Value::Null => append(key, name, ""),
        Value::String(text) => append(key, name, text),
        Value::Number(_) | Value::Bool(_) => append(key, name, &value.to_string()),
        Value::Array(parts) if parts.is_empty() => append(key, name, ""),
        Value::Array(_) | Value::Object(_) => Err(invalid(format!(
            "the {name} of the effect's key must be a text, a number or a boolean"
        ))),
    }
}

fn append(key: &mut String, name: &dyn fmt::Display, part: &str) -> Result<(), Failure> {
    if part.trim().is_empty() {
        return Err(Failure::permanent(
            "missing_key",
            format!("the {name} of the effect's key is empty"),
        ));
    }
    if !key.is_empty() {
        key.push('#');
    }
    for character in part.chars() {
        match character {
            '%' => key.push_str("%25"),
            '#' => key.push_str("%23"),
            other => key.push(other),
        }
    }
    Ok(())
}

fn invalid(reason: String) -> Failure {
    Failure::permanent("invalid_key", reason)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(business_key: &(impl Serialize + ?Sized)) -> Result<String, String> {
        let key = EffectKey::new("shop", "e-mail", business_key);
        key.map(|key| key.to_string()).map_err(|failure| failure.code().to_owned())
    }

    #[test]
    fn a_key_is_made_of_texts_numbers_and_booleans() {
        assert_eq!(key("7").as_deref(), Ok("shop#e-mail#7"));
        assert_eq!(key(&("7", 3, true)).as_deref(), Ok("shop#e-mail#7#3#true"));
        for part in [json!({"id": 7}), json!(["7", ["8"]]), json!([{}])] {
            assert_eq!(key(&part), Err("invalid_key".to_owned()), "{part}");
        }
        assert_eq!(key(&"x".repeat(EffectKey::MAX_BYTES)), Err("invalid_key".to_owned()));
        assert!(key(&"x".repeat(EffectKey::MAX_BYTES - "shop#e-mail#".len())).is_ok());
    }

    #[test]
    fn a_part_that_is_null_or_empty_is_refused() {
        for missing in [
            json!(null),
            json!(" "),
            json!([]),
            json!([null, null]),
            json!(["7", ""]),
            json!(["7", []]),
        ] {
            assert_eq!(key(&missing), Err("missing_key".to_owned()), "{missing}");
        }
        assert_eq!(key(&None::<u8>), Err("missing_key".to_owned()));
        assert_eq!(EffectKey::new("", "e-mail", "7").unwrap_err().code(), "missing_key");
        assert_eq!(EffectKey::new("shop", " ", "7").unwrap_err().code(), "missing_key");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(key(&("a#b", "c")), key(&("a", "b#c")));
        assert_ne!(key("a%23b"), key("a#b"));
        assert_ne!(EffectKey::new("a#b", "c", "d"), EffectKey::new("a", "b#c", "d"));
    }

    #[test]
    fn a_key_is_found_in_the_payload_by_pointers() {
        let payload = json!({"order": {"id": "7", "line": 2, "note": null}});
        let at = |pointers: &[&str]| EffectKey::at("shop", "pick", &payload, pointers);
        assert_eq!(at(&["/order/id", "/order/line"]).unwrap().as_str(), "shop#pick#7#2");
        for (pointers, named) in [
            (&["/order/note"][..], "`/order/note`"),
            (&["/order/id", "/orders"], "`/orders`"),
            (&["order"], "`order`"),
            (&[], "business key"),
        ] {
            let failure = at(pointers).unwrap_err();
            assert_eq!(failure.code(), "missing_key", "{pointers:?}");
            assert!(failure.reason().contains(named), "{failure}");
        }
        assert_eq!(at(&["/order"]).unwrap_err().code(), "invalid_key");
    }
}
