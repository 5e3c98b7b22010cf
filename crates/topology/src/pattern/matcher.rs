//! Values and operators in the list of a field.

use std::net::IpAddr;

use super::address::Block;
use super::number::{Number, Range};
use super::wildcard::Wildcard;
use aws_json::Json;

/// One value or operator that a field's value is compared with.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// `true` or `false`; `None` is `null`.
    Literal(Option<bool>),
    /// A string, compared character by character.
    Text(String),
    /// A number, compared by value.
    Number(Number),
    /// A string that is this IP address in any notation.
    Address(IpAddr),
    Prefix(String),
    Suffix(String),
    /// In lower case, as in the next two.
    EqualsIgnoreCase(String),
    PrefixIgnoreCase(String),
    SuffixIgnoreCase(String),
    Wildcard(Wildcard),
    Numeric(Range),
    Cidr(Block),
    /// Any value.
    Exists,
    /// Any value but null.
    HasValue,
    /// No value. The caller decides this, because it knows all values of the field.
    Absent,
    /// None of these.
    AnythingBut(Vec<Self>),
}

impl Matcher {
    /// Returns whether a value matches that is neither a list nor an object.
    pub(super) fn matches(&self, value: &Json<'_>) -> bool {
        match (self, value) {
            (Self::Literal(literal), Json::Bool(value)) => *literal == Some(*value),
            (Self::Literal(literal), Json::Null) => literal.is_none(),
            (Self::Number(number), Json::Number(value)) => number.is(value),
            (Self::Numeric(range), Json::Number(value)) => range.contains(value),
            (Self::Exists, _) => true,
            (Self::HasValue, value) => *value != Json::Null,
            (Self::AnythingBut(these), _) => !these.iter().any(|matcher| matcher.matches(value)),
            (_, Json::Text(text)) => self.matches_text(text),
            _ => false,
        }
    }

    fn matches_text(&self, text: &str) -> bool {
        match self {
            Self::Text(same) => text == same,
            Self::Address(address) => text.parse() == Ok(*address),
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::Suffix(suffix) => text.ends_with(suffix),
            Self::EqualsIgnoreCase(folded) => fold(text) == *folded,
            Self::PrefixIgnoreCase(folded) => fold(text).starts_with(folded),
            Self::SuffixIgnoreCase(folded) => fold(text).ends_with(folded),
            Self::Wildcard(wildcard) => wildcard.matches(text),
            Self::Cidr(block) => block.contains(text),
            Self::Literal(_)
            | Self::Number(_)
            | Self::Numeric(_)
            | Self::Exists
            | Self::HasValue
            | Self::Absent
            | Self::AnythingBut(_) => false,
        }
    }
}

/// Folds the case of a text.
pub(super) fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}
