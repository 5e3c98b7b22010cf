//! A JSON value as it is written.

use std::borrow::Cow;

use serde_json::Value;

/// A JSON value that borrows from the text where it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it is written.
    Number(Cow<'a, str>),
    /// A text without its escapes.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Self>),
    /// An object: its fields in their order. A name may occur twice.
    Object(Vec<(Cow<'a, str>, Self)>),
}

impl Json<'_> {
    /// Returns the value of a field; if the name occurs twice, the last one.
    ///
    /// Returns `None` if there is no such field, or if this is not an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        fields.iter().rev().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// Returns the value of a field inside nested objects.
    #[must_use]
    pub fn at(&self, names: &[&str]) -> Option<&Self> {
        names.iter().try_fold(self, |value, name| value.get(name))
    }

    /// Returns the text, if this is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'a> From<&'a Value> for Json<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Number(number) => Self::Number(number.to_string().into()),
            Value::String(text) => Self::Text(text.into()),
            Value::Array(values) => Self::List(values.iter().map(Self::from).collect()),
            Value::Object(fields) => Self::Object(
                fields.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            ),
        }
    }
}
