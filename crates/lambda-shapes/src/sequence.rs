//! Position of a record in its shard.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A sequence number: decimal digits, too many for an integer.
///
/// Numbers are compared by length, then as text, which is the order of the numbers without leading
/// zeros. They generally increase within a shard (AWS docs: Kinesis `Record`, `SequenceNumber`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SequenceNumber(Box<str>);

impl SequenceNumber {
    /// Creates a number from its digits as the source writes them.
    pub fn new(digits: impl Into<Box<str>>) -> Self {
        Self(digits.into())
    }

    /// Returns the digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::SequenceNumber;

    #[test]
    fn a_longer_number_is_greater_whatever_its_digits() {
        let long = SequenceNumber::new("49590338271490256608559692538361571095921575989136588898");
        let longer =
            SequenceNumber::new("149590338271490256608559692538361571095921575989136588898");
        assert!(SequenceNumber::new("9") < SequenceNumber::new("10"));
        assert!(long < longer);
        assert!(SequenceNumber::new("11") < SequenceNumber::new("12"));
    }
}
