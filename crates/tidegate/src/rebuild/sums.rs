//! Sums of digests: whether two sets are equal, without one place that has all of either.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Number of sums of counters. Counters are spread over them by their keys.
const BUCKETS: usize = 64;

/// A sum of digests, as 32 hexadecimal digits.
///
/// Two sets have the same sum if they are equal, in whatever order and in however many parts they
/// are summed. If they differ, the sums differ except by an accident of one in 2^64 or less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sum(u128);

/// A text that is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSum;

/// The amounts of all counters, and the contents of all entries, as sums that can be compared.
///
/// Each amount is multiplied with a digest of its counter and attribute. So slices, deltas and
/// events may be summed in any order, and an amount of 0 is as good as none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CounterSums(Vec<Sum>);

impl Sum {
    /// Adds the digest of these texts.
    pub fn add(&mut self, parts: &[&str]) {
        self.add_times(parts, 1);
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }

    fn add_times(&mut self, parts: &[&str], times: i128) {
        // In two's complement, the product of a negative number is right modulo 2^128.
        let product = digest(parts).wrapping_mul(times.cast_unsigned());
        self.0 = self.0.wrapping_add(product);
    }
}

impl CounterSums {
    /// Adds an amount of a counter.
    pub fn add(&mut self, key: &str, name: &str, amount: i128) {
        if let Some(sum) = self.0.get_mut(bucket(key)) {
            sum.add_times(&["counter", key, name], amount);
        }
    }

    /// Adds an entry with this content.
    pub fn add_entry(&mut self, key: &str, content: &str) {
        if let Some(sum) = self.0.get_mut(bucket(key)) {
            sum.add(&["entry", key, content]);
        }
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, other)| sum.merge(*other));
    }

    /// Returns the buckets in which the counters differ.
    pub fn differing(&self, other: &Self) -> Vec<u8> {
        let pairs = (0..).zip(self.0.iter().zip(&other.0));
        pairs.filter(|(_, (sum, other))| sum != other).map(|(bucket, _)| bucket).collect()
    }

    /// Returns the bucket of a counter.
    pub fn bucket(key: &str) -> u8 {
        u8::try_from(bucket(key)).unwrap_or_default()
    }
}

impl Default for CounterSums {
    fn default() -> Self {
        Self(vec![Sum::default(); BUCKETS])
    }
}

fn bucket(key: &str) -> usize {
    usize::try_from(digest(&["bucket", key]) % (BUCKETS as u128)).unwrap_or_default()
}

/// Returns a part of SHA-256. Each text has its length in front, so that texts do not run into each
/// other.
fn digest(parts: &[&str]) -> u128 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let hash = hasher.finalize();
    hash.first_chunk::<16>().map_or(0, |bytes| u128::from_be_bytes(*bytes))
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Sum {
    type Err = InvalidSum;

    fn from_str(text: &str) -> Result<Self, InvalidSum> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !digits {
            return Err(InvalidSum);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| InvalidSum)
    }
}

impl TryFrom<String> for Sum {
    type Error = InvalidSum;

    fn try_from(text: String) -> Result<Self, InvalidSum> {
        text.parse()
    }
}

impl From<Sum> for String {
    fn from(sum: Sum) -> Self {
        sum.to_string()
    }
}

impl fmt::Display for InvalidSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not a sum of 32 hexadecimal digits")
    }
}

impl std::error::Error for InvalidSum {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_do_not_depend_on_order_or_parts() {
        let (mut one, mut other, mut part) = (Sum::default(), Sum::default(), Sum::default());
        one.add(&["a", "b"]);
        one.add(&["c"]);
        part.add(&["a", "b"]);
        other.add(&["c"]);
        other.merge(part);
        assert_eq!(one, other);
        assert_ne!(part, Sum::default());
        let mut shifted = Sum::default();
        shifted.add(&["ab", ""]);
        assert_ne!(part, shifted);
        assert_eq!(one.to_string().parse(), Ok(one));
        assert_eq!("+1234567890123456789012345678901".parse::<Sum>(), Err(InvalidSum));
    }

    #[test]
    fn amounts_of_slices_and_events_sum_to_the_same() {
        let (mut slices, mut events) = (CounterSums::default(), CounterSums::default());
        slices.add("product#a", "units", 7);
        slices.add("product#a", "units", -2);
        slices.add("product#b", "units", 0);
        (0..5).for_each(|_| events.add("product#a", "units", 1));
        assert_eq!(slices, events);
        events.add("product#a", "units", 1);
        assert_eq!(slices.differing(&events), [CounterSums::bucket("product#a")]);
        let text = serde_json::to_string(&events).unwrap();
        assert_eq!(serde_json::from_str::<CounterSums>(&text).unwrap(), events);
    }

    #[test]
    fn a_large_power_of_two_does_not_vanish() {
        let mut sums = CounterSums::default();
        sums.add("a", "n", i128::from(i64::MIN));
        assert_eq!(sums.differing(&CounterSums::default()).len(), 1);
    }
}
