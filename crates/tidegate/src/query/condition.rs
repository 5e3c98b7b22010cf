//! Conditions on sort keys and attributes.

use super::scalar::Scalar;

/// A condition on a value.
///
/// Strings are ordered by their bytes in UTF-8. A value of another type never holds a condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// Equal to this.
    Equals(Scalar),
    /// Below this.
    Below(Scalar),
    /// This, or below.
    AtMost(Scalar),
    /// This, or above.
    AtLeast(Scalar),
    /// Above this.
    Above(Scalar),
    /// Between the two, which are included.
    Between(Scalar, Scalar),
    /// A string that begins with this.
    BeginsWith(String),
}

/// A condition on an attribute that is not a key of what is read.
///
/// DynamoDB reads an item before it drops it: what a filter drops is billed, and counts against the
/// limit and the size of the page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// The value of this attribute holds a condition.
    Attribute(String, Condition),
    /// The item has this attribute.
    Exists(String),
    /// The item does not have this attribute.
    Absent(String),
}

impl Condition {
    /// The value is equal to this.
    pub fn equals(value: impl Into<Scalar>) -> Self {
        Self::Equals(value.into())
    }

    /// The value is this, or below.
    pub fn at_most(value: impl Into<Scalar>) -> Self {
        Self::AtMost(value.into())
    }

    /// The value is this, or above.
    pub fn at_least(value: impl Into<Scalar>) -> Self {
        Self::AtLeast(value.into())
    }

    /// The value is between the two, which are included.
    pub fn between(from: impl Into<Scalar>, to: impl Into<Scalar>) -> Self {
        Self::Between(from.into(), to.into())
    }

    /// The value is a string that begins with this.
    pub fn begins_with(text: impl Into<String>) -> Self {
        Self::BeginsWith(text.into())
    }
}

impl Filter {
    /// The attribute is equal to this.
    pub fn equals(name: impl Into<String>, value: impl Into<Scalar>) -> Self {
        Self::Attribute(name.into(), Condition::equals(value))
    }
}
