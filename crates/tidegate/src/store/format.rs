//! The format of a stored commit, which reveals items of a newer version of a function.

use std::collections::HashMap;
use std::str::FromStr;

use crate::failure::Failure;
use crate::ids::Version;

/// The format in which a function writes commits.
///
/// A function reads all formats that it knows, whatever it writes. One that meets a newer format
/// waits for its own newer version ([`Failure::NEWER`]).
///
/// **To change the format of a running system**, deploy readers first: all functions that read the
/// event store learn the format in one deployment, and the writer begins to use it in the next. The
/// setting `TIDEGATE_COMMIT_FORMAT` holds it back until then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CommitFormat {
    /// One decision in a commit.
    One,
    /// Any number of decisions in a commit.
    #[default]
    Two,
}

impl CommitFormat {
    /// The newest format.
    pub const NEWEST: Self = Self::Two;

    /// Returns the number in the attribute `format`. An item without the attribute has format 1.
    pub fn number(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    fn from_number(number: u32) -> Option<Self> {
        [Self::One, Self::Two].into_iter().find(|format| format.number() == number)
    }
}

impl FromStr for CommitFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().parse().ok().and_then(Self::from_number).ok_or("must be 1 or 2")
    }
}

/// Access to the attribute `format` of an item.
pub(super) trait Format {
    /// Returns the digits of the attribute `format`: `None` if there is no such attribute,
    /// `Some(None)` if it is not a number.
    fn format(&self) -> Option<Option<&str>>;

    /// Returns the format of an item.
    ///
    /// Call it before you read any other attribute: a newer format may change the meaning of
    /// attributes.
    ///
    /// # Errors
    /// [`Failure::NEWER`] (transient): the item has a newer format.
    fn check(&self, stream: &str, version: Option<Version>) -> Result<CommitFormat, Failure> {
        let Some(format) = self.format() else { return Ok(CommitFormat::One) };
        let known =
            format.and_then(|digits| digits.parse().ok()).and_then(CommitFormat::from_number);
        if let Some(format) = known {
            return Ok(format);
        }
        let place = version.map_or_else(String::new, |version| format!(" at version {version}"));
        let format = format.unwrap_or("that is not a number");
        let newest = CommitFormat::NEWEST.number();
        Err(Failure::transient(
            Failure::NEWER,
            format!(
                "{stream}: the commit{place} has format {format}; this function reads up to {newest}"
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
