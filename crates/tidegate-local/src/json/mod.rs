//! JSON of others, read as AWS's matcher reads it.
//!
//! EventBridge and the filters of event source mappings match with Event Ruler, which reads with
//! Jackson. Jackson accepts JSON that a stricter reader such as `serde_json` refuses, and one byte
//! that the stricter reader refuses would make the whole body unreadable. This reader accepts what
//! Jackson accepts by default (compared with event-ruler 1.8.1 and jackson-core 2.18):
//!
//! - Half of a surrogate pair, such as `"\ud83d"` alone. In a value it is a question mark, into
//!   which Java writes it before Event Ruler compares bytes. In a name it stays the escape.
//! - Numbers of any size: they are kept as they are written.
//! - A name that an object has twice: both values count.
//! - Nesting up to [`DEEPEST`] levels, and numbers up to [`LONGEST_NUMBER`] digits.
//! - Anything behind an object, if the caller accepts it: [`Json::leading`].
//!
//! It refuses what Jackson refuses: `NaN`, `Infinity`, comments, trailing commas, leading zeros,
//! control characters in texts, and more levels or digits than those.
//!
//! The engine only looks into bodies with it. What it hands over is the text as it came.

mod lossy;
mod reader;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

pub use lossy::value;
use reader::Reader;

/// Most levels of nesting (`StreamReadConstraints.DEFAULT_MAX_DEPTH` of Jackson).
pub const DEEPEST: usize = 1_000;

/// Most digits of a number, exponent included (`StreamReadConstraints.DEFAULT_MAX_NUM_LEN` of
/// Jackson).
pub const LONGEST_NUMBER: usize = 1_000;

/// A value.
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
    List(Vec<Json<'a>>),
    /// An object: its fields in their order. A name may be there twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why a text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Malformed {
    /// What is wrong.
    pub reason: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {} column {}", self.reason, self.line, self.column)
    }
}

impl<'a> Json<'a> {
    /// Reads a text that is one value.
    ///
    /// # Errors
    /// Where and why the text is not JSON.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (value, behind) = Self::leading(text)?;
        if behind.is_empty() {
            return Ok(value);
        }
        let at = text.len() - behind.len();
        Err(reader::malformed(text, at, "unexpected text behind the value"))
    }

    /// Reads the value that a text begins with, and returns what is behind it, without the white
    /// space between. Event Ruler does not look behind the object that it matches.
    ///
    /// # Errors
    /// Where and why the text does not begin with JSON.
    pub fn leading(text: &'a str) -> Result<(Self, &'a str), Malformed> {
        let mut reader = Reader::new(text);
        let value = reader.value()?;
        Ok((value, reader.rest()))
    }

    /// The value of a field; of a name that is there twice, the last. `None` without the field, and
    /// for what is not an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        fields.iter().rev().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// The value of a field inside of fields.
    #[must_use]
    pub fn at(&self, names: &[&str]) -> Option<&Self> {
        names.iter().try_fold(self, |value, name| value.get(name))
    }

    /// The text, if it is one.
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
            Value::Object(fields) => {
                Self::Object(fields.iter().map(|(name, value)| (name.into(), value.into())).collect())
            }
        }
    }
}
