//! Hashes the business fields of an effect.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::key::EffectKey;
use crate::failure::Failure;

/// Hash of the business fields that must be the same in every delivery of one effect: SHA-256 of
/// their JSON, in hexadecimal digits.
///
/// If the JSON has objects, there are two hashes. The first covers the text as it is written;
/// earlier versions of the toolkit write and compare only this one. The second covers the
/// *canonical form*, in which the names of every object are sorted, so the order of a
/// [`HashMap`](std::collections::HashMap) does not matter. Numbers stay as they are written: `1`
/// and `1.0` differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PayloadHash {
    /// Hash of the text as it is written.
    #[serde(rename = "payload_hash")]
    pub written: String,
    /// Hash of the canonical form. `None`: it is the same, or the record is older than the
    /// canonical form.
    #[serde(rename = "canonical_hash", default, skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
}

impl PayloadHash {
    /// Hashes these fields.
    ///
    /// # Errors
    /// `unencodable` (permanent) if the fields cannot be encoded as JSON.
    pub fn new(fields: &impl Serialize) -> Result<Self, Failure> {
        let unencodable =
            |error: serde_json::Error| Failure::permanent("unencodable", error.to_string());
        let text = serde_json::to_string(fields).map_err(unencodable)?;
        let canonical = match canonical(&text).map_err(unencodable)? {
            Cow::Owned(sorted) if sorted != text => Some(digest(&sorted)),
            _ => None,
        };
        Ok(Self { written: digest(&text), canonical })
    }

    /// Returns whether the fields equal those of a record.
    ///
    /// A record older than the canonical form is compared by the text as it is written.
    pub fn matches(&self, record: &Self) -> bool {
        let sorted = self.canonical.as_ref().unwrap_or(&self.written);
        match &record.canonical {
            Some(canonical) => canonical == sorted,
            None => record.written == *sorted || record.written == self.written,
        }
    }
}

impl From<&str> for PayloadHash {
    fn from(hash: &str) -> Self {
        Self { written: hash.to_owned(), canonical: None }
    }
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the JSON with the names of every object sorted, without white space, and otherwise as it
/// is written.
fn canonical(json: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    // Most fields are a tuple of strings and numbers.
    if !json.contains('{') {
        return Ok(Cow::Borrowed(json));
    }
    let mut sorted = String::with_capacity(json.len());
    append(&mut sorted, json)?;
    Ok(Cow::Owned(sorted))
}

fn append(sorted: &mut String, json: &str) -> Result<(), serde_json::Error> {
    match json.trim_start().as_bytes().first() {
        Some(b'{') => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
            sorted.push('{');
            for (place, (name, value)) in members.into_iter().enumerate() {
                if place > 0 {
                    sorted.push(',');
                }
                sorted.push_str(&serde_json::to_string(&name)?);
                sorted.push(':');
                append(sorted, value.get())?;
            }
            sorted.push('}');
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(json)?;
            sorted.push('[');
            for (place, item) in items.into_iter().enumerate() {
                if place > 0 {
                    sorted.push(',');
                }
                append(sorted, item.get())?;
            }
            sorted.push(']');
        }
        _ => sorted.push_str(json.trim()),
    }
    Ok(())
}

/// Checks that a key is used with the same payload as before.
///
/// # Errors
/// `payload_mismatch` (permanent): the payloads differ.
pub(super) fn same_payload(
    key: &EffectKey,
    expected: &PayloadHash,
    found: &PayloadHash,
) -> Result<(), Failure> {
    if expected.matches(found) {
        return Ok(());
    }
    Err(Failure::permanent(
        "payload_mismatch",
        format!("{key}: this key was already used with other business fields"),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Hashes JSON text as it is.
    fn of(json: &str) -> PayloadHash {
        PayloadHash::new(&RawValue::from_string(json.to_owned()).unwrap()).unwrap()
    }

    #[test]
    fn the_order_of_a_maps_names_does_not_matter_and_everything_else_does() {
        let fields = of(r#"["7",{"b":{"y":1,"x":[{"d":1,"c":2}]},"a":"{"}]"#);
        let again = of(r#"["7", {"a": "{", "b": {"x": [{"c": 2, "d": 1}], "y": 1}}]"#);
        assert_ne!(fields.written, again.written);
        assert!(fields.matches(&again) && again.matches(&fields));
        for other in [
            r#"["7",{"b":{"y":1,"x":[{"d":1,"c":2}]},"a":"}"}]"#,
            r#"["7",{"b":{"y":1.0,"x":[{"d":1,"c":2}]},"a":"{"}]"#,
            r#"["7",{"b":{"y":1,"x":[{"d":2,"c":1}]},"a":"{"}]"#,
            r#"["7",{"b":{"y":1,"x":[{"d":1},{"c":2}]},"a":"{"}]"#,
            r#"["8",{"b":{"y":1,"x":[{"d":1,"c":2}]},"a":"{"}]"#,
        ] {
            assert!(!of(other).matches(&fields) && !fields.matches(&of(other)), "{other}");
        }
    }

    #[test]
    fn a_record_of_before_the_canonical_form_is_compared_as_it_was_then() {
        #[derive(Serialize)]
        struct Order {
            id: &'static str,
            amount: u128,
        }
        let order = PayloadHash::new(&Order { id: "7", amount: u128::MAX }).unwrap();
        let text = format!(r#"{{"id":"7","amount":{}}}"#, u128::MAX);
        let before = PayloadHash::from(digest(&text).as_str());
        assert!(
            order.matches(&before),
            "its fields were written in the order of their declaration"
        );
        assert_eq!(
            order.written, before.written,
            "the version before compares this, and knows no other"
        );
        assert!(!PayloadHash::new(&Order { id: "8", amount: u128::MAX }).unwrap().matches(&before));
    }

    #[test]
    fn fields_without_objects_have_one_hash() {
        let hash = PayloadHash::new(&("7", 1.5, true, None::<u8>)).unwrap();
        assert_eq!(hash, PayloadHash::from(digest(r#"["7",1.5,true,null]"#).as_str()));
        assert!(hash.matches(&hash.clone()));
        assert_eq!(
            PayloadHash::new(&json!({"a": 1})).unwrap().canonical,
            None,
            "it is sorted already"
        );
    }

    #[test]
    fn a_map_that_is_sorted_by_chance_matches_one_that_is_not() {
        let (chance, other) = (of(r#"{"a":1,"b":2}"#), of(r#"{"b":2,"a":1}"#));
        assert!(chance.canonical.is_none() && other.canonical.is_some());
        assert!(chance.matches(&other) && other.matches(&chance));
    }
}
