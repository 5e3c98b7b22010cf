//! Recognises content of the event store that a newer version of a function has written.

use std::collections::HashMap;

use crate::failure::{Class, Failure};
use crate::ids::Version;
use crate::message::UNKNOWN_TYPE;

use super::item::FORMAT;

/// Access to the attribute `format` of an item.
pub(super) trait Format {
    /// The digits of the attribute `format`. `None` without it, `Some(None)` if it is not a number.
    fn format(&self) -> Option<Option<&str>>;

    /// Checks the format of an item. Must run before any other attribute is read, since a newer
    /// format may give attributes another meaning.
    ///
    /// # Errors
    /// [`Failure::NEWER`] (transient): the item has a newer format.
    fn check(&self, stream: &str, version: Option<Version>) -> Result<(), Failure> {
        let Some(format) = self.format() else { return Ok(()) };
        if format.and_then(|digits| digits.parse::<u32>().ok()).is_some_and(|format| format <= FORMAT) {
            return Ok(());
        }
        let place = version.map_or_else(String::new, |version| format!(" at version {version}"));
        let format = format.unwrap_or("of another kind");
        Err(Failure::transient(
            Failure::NEWER,
            format!("{stream}: the commit{place} has format {format}; this function reads up to {FORMAT}"),
        ))
    }
}

impl Format for HashMap<String, aws_sdk_dynamodb::types::AttributeValue> {
    fn format(&self) -> Option<Option<&str>> {
        self.get("format").map(|value| value.as_n().ok().map(String::as_str))
    }
}

impl Format for serde_dynamo::Item {
    fn format(&self) -> Option<Option<&str>> {
        self.get("format").map(|value| match value {
            serde_dynamo::AttributeValue::N(digits) => Some(digits.as_str()),
            _ => None,
        })
    }
}

/// The failure to decode stored content. Only a newer writer can have stored a type that this
/// reader does not know.
pub(super) fn stored(failure: Failure) -> Failure {
    if failure.class() == Class::Permanent && failure.code() == UNKNOWN_TYPE {
        return Failure::transient(Failure::NEWER, failure.reason());
    }
    failure
}
