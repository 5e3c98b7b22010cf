//! The format of a stored commit, which reveals items of a newer version of a function.

use std::collections::HashMap;

use crate::failure::Failure;
use crate::ids::Version;

/// The format in which commits are written, and the newest that can be read. An item without the
/// attribute `format` has this format.
pub(super) const FORMAT: u32 = 1;

/// Access to the attribute `format` of an item.
pub(super) trait Format {
    /// Returns the digits of the attribute `format`: `None` if there is no such attribute,
    /// `Some(None)` if it is not a number.
    fn format(&self) -> Option<Option<&str>>;

    /// Checks the format of an item.
    ///
    /// Call it before you read any other attribute: a newer format may change the meaning of
    /// attributes.
    ///
    /// # Errors
    /// [`Failure::NEWER`] (transient): the item has a newer format.
    fn check(&self, stream: &str, version: Option<Version>) -> Result<(), Failure> {
        let Some(format) = self.format() else { return Ok(()) };
        if format
            .and_then(|digits| digits.parse::<u32>().ok())
            .is_some_and(|format| format <= FORMAT)
        {
            return Ok(());
        }
        let place = version.map_or_else(String::new, |version| format!(" at version {version}"));
        let format = format.unwrap_or("that is not a number");
        Err(Failure::transient(
            Failure::NEWER,
            format!(
                "{stream}: the commit{place} has format {format}; this function reads up to {FORMAT}"
            ),
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
