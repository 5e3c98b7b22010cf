//! Values of attributes in a read model.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::failure::Failure;
use crate::refusal::UNSTORABLE;

/// Size of a number with 38 digits, the longest that DynamoDB stores.
pub(super) const NUMBER_BYTES: usize = 21;
/// Size of a list or a map without its content.
const NESTED_BYTES: usize = 3;
/// Most levels of lists and maps in an attribute. DynamoDB allows 32 levels, and counts the value
/// inside them as one.
pub(super) const LEVELS: usize = 31;

/// Value of an attribute. There is no null: leave the attribute out.
///
/// ```
/// use serde::Serialize;
/// use tidegate::projection::{RowUpdate, Value};
///
/// #[derive(Serialize)]
/// struct Address {
///     city: String,
///     floor: Option<i64>,
/// }
///
/// let address = Address { city: "Kiel".to_owned(), floor: None };
/// let row = RowUpdate::default()
///     .set("gift", true)
///     .set("tags", vec!["new", "large"])
///     .set_some("address", Value::from_serde(&address)?);
/// assert_eq!(row.set["address"], Value::Map([("city".to_owned(), "Kiel".into())].into()));
/// # Ok::<(), tidegate::failure::Failure>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Value {
    /// A string.
    Text(String),
    /// A number.
    Number(i64),
    /// True or false.
    Bool(bool),
    /// A list of values.
    List(Vec<Self>),
    /// Values by name.
    Map(BTreeMap<String, Self>),
}

impl Value {
    /// Creates the value of anything that serde can serialize. Returns `None` for null.
    ///
    /// A field of a struct or map that is null is left out.
    ///
    /// # Errors
    /// `unstorable` (permanent), with the place in the value: a number that is not an `i64`, such
    /// as a fraction; a null in a list, which cannot be left out; or a type that has no JSON form.
    pub fn from_serde(value: &impl Serialize) -> Result<Option<Self>, Failure> {
        let json = serde_json::to_value(value).map_err(|error| unstorable(&error.to_string()))?;
        Self::from_json(json, "")
    }

    fn from_json(json: Json, place: &str) -> Result<Option<Self>, Failure> {
        Ok(Some(match json {
            Json::Null => return Ok(None),
            Json::Bool(value) => Self::Bool(value),
            Json::String(text) => Self::Text(text),
            Json::Number(number) => Self::Number(number.as_i64().ok_or_else(|| {
                unstorable(&format!(
                    "{} is {number}, which is not a whole number of 64 bits; \
                     count in smaller units, or store a text",
                    shown(place)
                ))
            })?),
            Json::Array(values) => {
                let mut list = Vec::with_capacity(values.len());
                for (index, value) in values.into_iter().enumerate() {
                    let place = format!("{place}[{index}]");
                    list.push(Self::from_json(value, &place)?.ok_or_else(|| {
                        unstorable(&format!("{place} is null; leave it out of the list"))
                    })?);
                }
                Self::List(list)
            }
            Json::Object(fields) => {
                let mut map = BTreeMap::new();
                for (name, value) in fields {
                    let dot = if place.is_empty() { "" } else { "." };
                    if let Some(value) = Self::from_json(value, &format!("{place}{dot}{name}"))? {
                        map.insert(name, value);
                    }
                }
                Self::Map(map)
            }
        }))
    }

    /// Returns the bytes of the value, as DynamoDB counts them.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Number(_) => NUMBER_BYTES,
            Self::Bool(_) => 1,
            Self::List(values) => {
                NESTED_BYTES + values.iter().map(|value| value.size() + 1).sum::<usize>()
            }
            Self::Map(values) => {
                let bytes = |(name, value): (&String, &Self)| name.len() + value.size() + 1;
                NESTED_BYTES + values.iter().map(bytes).sum::<usize>()
            }
        }
    }

    /// Returns whether the value has more levels of lists and maps than an attribute may have.
    pub(super) fn is_too_deep(&self) -> bool {
        self.has_more_levels_than(LEVELS)
    }

    fn has_more_levels_than(&self, levels: usize) -> bool {
        match self {
            Self::Text(_) | Self::Number(_) | Self::Bool(_) => false,
            Self::List(_) | Self::Map(_) if levels == 0 => true,
            Self::List(values) => values.iter().any(|value| value.has_more_levels_than(levels - 1)),
            Self::Map(values) => {
                values.values().any(|value| value.has_more_levels_than(levels - 1))
            }
        }
    }
}

fn unstorable(reason: &str) -> Failure {
    Failure::permanent(UNSTORABLE, format!("a value of a read model: {reason}"))
}

/// Returns the name of a place in a value.
fn shown(place: &str) -> &str {
    if place.is_empty() { "the value" } else { place }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Self>> From<BTreeMap<String, T>> for Value {
    fn from(values: BTreeMap<String, T>) -> Self {
        Self::Map(values.into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(json: Json) -> Result<Option<Value>, Failure> {
        Value::from_serde(&json)
    }

    #[test]
    fn what_serde_writes_is_a_value_without_nulls() {
        let value = of(json!({"a": 1, "b": null, "c": [true, "x", {"d": null}], "e": {}}));
        let expected = Value::Map(BTreeMap::from([
            ("a".to_owned(), 1.into()),
            (
                "c".to_owned(),
                Value::List(vec![true.into(), "x".into(), Value::Map(BTreeMap::new())]),
            ),
            ("e".to_owned(), Value::Map(BTreeMap::new())),
        ]));
        assert_eq!(value, Ok(Some(expected)));
        assert_eq!(of(Json::Null), Ok(None));
    }

    #[test]
    fn what_no_value_can_hold_is_refused_with_its_place() {
        for (json, place) in [
            (json!(1.5), "the value is 1.5"),
            (json!({"a": [1, {"b": 0.1}]}), "a[1].b is 0.1"),
            (json!([u64::MAX]), "[0] is 18446744073709551615"),
            (json!({"lines": [1, null]}), "lines[1] is null"),
        ] {
            let failure = of(json).unwrap_err();
            assert_eq!(failure.code(), UNSTORABLE);
            assert!(failure.reason().contains(place), "{place}: {failure}");
        }
        assert_eq!(of(json!([i64::MIN])), Ok(Some(vec![i64::MIN].into())));
    }

    #[test]
    fn an_attribute_has_31_levels_of_lists_and_maps_and_no_more() {
        let nested = |levels: usize, map: bool| {
            (0..levels).fold(Value::from(1), |inner, _| match map {
                true => Value::Map(BTreeMap::from([("a".to_owned(), inner)])),
                false => Value::List(vec![1.into(), inner]),
            })
        };
        for map in [true, false] {
            assert!(!nested(31, map).is_too_deep());
            assert!(nested(32, map).is_too_deep());
        }
    }

    #[test]
    fn a_size_is_that_of_dynamodb() {
        for (value, bytes) in [
            (Value::from("größe"), 7),
            (Value::from(1), NUMBER_BYTES),
            (Value::from(true), 1),
            (vec!["a", "bc"].into(), 3 + 2 + 3),
            (Value::Map(BTreeMap::from([("ab".to_owned(), vec![true].into())])), 3 + 2 + 5 + 1),
        ] {
            assert_eq!(value.size(), bytes, "{value:?}");
        }
    }
}
