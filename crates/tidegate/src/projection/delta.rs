//! Deltas: what the events of one transaction add to the counters of a slice.
//!
//! Each environment counts in a *slice*. The transaction that moves guards stores one *delta*: the
//! sums of its events, by counter. Each counter then takes the delta once. The deltas of a slice
//! are numbered from 1, and the *head* of the slice has the numbers:
//!
//! ```text
//! head  last 7, applied 5    deltas 6 and 7 are stored; all up to 5 are in every counter
//! row   counted 6            this counter has all deltas up to 6 that change it, each once
//! guard counted 0/7          the newest step of this aggregate is in delta 7 of slice 0
//! ```
//!
//! Invariants:
//!
//! 1. Deltas are stored one after the other. The transaction with delta `n` requires that the
//!    head's `last` is `n - 1`.
//! 2. A counter takes deltas in order. A write of the deltas above `a` is sent only when all deltas
//!    up to `a` are confirmed in all counters, and requires that the counter's number is below the
//!    first delta that it adds. So a late write is refused by a number that proves its effect.
//! 3. A delivery is acknowledged only when the delta of its event is confirmed.
//! 4. A guard moves on only when the delta of its previous step is confirmed or in the same slice.
//!
//! For example, an environment dies after delta 7 was stored and half of its counters were written.
//! Its deliveries come again. The guards say that they are applied by delta 7, and the head says
//! that 7 is not confirmed. So the next environment writes delta 7: the first half refuses it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::failure::Failure;

/// Attribute of a counter: number of the newest delta in it. Attribute of an aggregate's row: the
/// delta with its newest step, as in `3/128`.
pub const COUNTED: &str = "counted";
/// Number of deltas of a slice that can wait for their counters at a time. The table keeps the
/// newest deltas in as many items, so that none has to be deleted.
pub const WAITING_DELTAS: u64 = 8;
/// Partition key of the list of parked aggregates in the table of counters.
pub const PARKED_LIST_KEY: &str = "#parked";
/// Partition key of the heads in the table of counters.
pub(super) const HEADS_KEY: &str = "#deltas";
/// Partition key of the counters whose amounts are set aside.
pub(super) const ASIDE_KEY: &str = "#aside";

/// Amounts to add to a counter, by attribute.
pub type Amounts = BTreeMap<Cow<'static, str>, i64>;

/// What the events of one transaction add to the counters of a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Delta {
    /// The slice.
    pub slice: u32,
    /// Number among the deltas of the slice, from 1.
    pub number: u64,
    /// Amounts by the key of the counter.
    pub counters: BTreeMap<String, Amounts>,
}

/// The head of a slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Head {
    /// The slice.
    pub slice: u32,
    /// Number of the newest delta; 0 if there is none.
    pub last: u64,
    /// All deltas up to this number are in every counter.
    pub applied: u64,
}

/// The place of a step: a delta of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counted {
    /// The slice.
    pub slice: u32,
    /// Number of the delta.
    pub number: u64,
}

/// Amounts that are added to one counter, from one or more deltas.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addition {
    /// Key of the counter.
    pub key: String,
    /// Amounts by attribute.
    pub add: Amounts,
    /// The counter's number must be below this: the number of the first delta that is added.
    pub first: u64,
    /// Number of the counter afterwards.
    pub number: u64,
}

/// The result of an [`Addition`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Added {
    /// The counter has the amounts now.
    Done,
    /// Nothing was added, because the counter already has this number.
    Counted(u64),
    /// The counter can never take the amounts as it is.
    Refused(Failure),
    /// Any other failure. The amounts may have been added.
    Failed(Failure),
}

/// Amounts that a counter cannot take, because of what it holds. They wait until the counter is
/// corrected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aside {
    /// Slice of the counter.
    pub slice: u32,
    /// Key of the counter.
    pub key: String,
    /// Amounts by attribute.
    pub add: BTreeMap<String, i128>,
    /// Number of the newest delta in the amounts.
    pub number: u64,
    /// Why the counter could not take them.
    pub reason: String,
}

/// Returns whether items with this partition key, in the table of counters, are counters. All
/// others belong to the projector.
///
/// ```
/// use tidegate::projection::is_counter;
///
/// assert!(is_counter("product#85123A"));
/// assert!(!is_counter("#parked") && !is_counter("#deltas/3"));
/// ```
pub fn is_counter(key: &str) -> bool {
    ![PARKED_LIST_KEY, HEADS_KEY, ASIDE_KEY].contains(&key)
        && !key.strip_prefix(HEADS_KEY).is_some_and(|rest| rest.starts_with('/'))
}

/// Returns the partition key of the deltas of a slice.
pub(super) fn deltas_key(slice: u32) -> String {
    format!("{HEADS_KEY}/{slice}")
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.slice, self.number)
    }
}

impl FromStr for Counted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a slice and a number, as in `3/128`");
        let (slice, number) = text.split_once('/').ok_or_else(wrong)?;
        let number = number.parse().map_err(|_| wrong())?;
        Ok(Self { slice: slice.parse().map_err(|_| wrong())?, number })
    }
}

/// A group of counters that have the same attributes, as it is stored.
type Group = (Vec<Cow<'static, str>>, BTreeMap<String, Vec<i64>>);

impl Delta {
    /// Returns the place of the delta.
    pub fn place(&self) -> Counted {
        Counted { slice: self.slice, number: self.number }
    }

    /// Writes the counters as text. Counters with the same attributes share their names, so that a
    /// delta of many counters stays small:
    ///
    /// ```text
    /// [[["orders","units"],{"day#2010-12-01":[1,6],"product#A":[1,5]}]]
    /// ```
    pub(super) fn encoded(&self) -> String {
        let mut groups: BTreeMap<Vec<&Cow<'static, str>>, BTreeMap<&str, Vec<i64>>> =
            BTreeMap::new();
        for (key, add) in &self.counters {
            let amounts = add.values().copied().collect();
            groups.entry(add.keys().collect()).or_default().insert(key, amounts);
        }
        let groups: Vec<_> = groups.into_iter().collect();
        // Texts and numbers always have a JSON form.
        serde_json::to_string(&groups).unwrap_or_default()
    }

    /// Reads a delta from its text.
    ///
    /// # Errors
    /// `corrupt_delta` (transient): it is not what [`Self::encoded`] writes. A newer version of the
    /// function may have written it.
    pub(super) fn decode(slice: u32, number: u64, text: &str) -> Result<Self, Failure> {
        let corrupt = || {
            Failure::transient(
                "corrupt_delta",
                format!("delta {number} of slice {slice} cannot be read by this version"),
            )
        };
        let groups: Vec<Group> = serde_json::from_str(text).map_err(|_| corrupt())?;
        let mut counters = BTreeMap::new();
        for (names, rows) in groups {
            for (key, amounts) in rows {
                if amounts.len() != names.len() {
                    return Err(corrupt());
                }
                counters.insert(key, names.iter().cloned().zip(amounts).collect());
            }
        }
        Ok(Self { slice, number, counters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(of: &[(&'static str, i64)]) -> Amounts {
        of.iter().map(|(name, amount)| (Cow::Borrowed(*name), *amount)).collect()
    }

    #[test]
    fn a_delta_is_read_as_it_was_written() {
        let sold = amounts(&[("orders", 1), ("units", i64::MIN)]);
        let counters = BTreeMap::from([
            ("day#2010-12-01".to_owned(), sold.clone()),
            ("product#\"\u{1}größe".to_owned(), sold),
            ("product#B".to_owned(), amounts(&[("returns", i64::MAX)])),
        ]);
        let delta = Delta { slice: 3, number: 7, counters };
        let text = delta.encoded();
        assert_eq!(Delta::decode(3, 7, &text).unwrap(), delta);
        assert_eq!(text.matches("orders").count(), 1, "{text}");
        for other in ["", "{}", r#"[[["a"],{"b":[1,2]}]]"#, r#"[[["a"],{"b":["1"]}]]"#] {
            assert_eq!(Delta::decode(3, 7, other).unwrap_err().code(), "corrupt_delta", "{other}");
        }
    }

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let place = Counted { slice: 3, number: 128 };
        assert_eq!(place.to_string().parse(), Ok(place));
        for text in ["", "3", "3/", "/1", "3/x", "-1/1"] {
            assert!(text.parse::<Counted>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_belongs_to_the_projector_is_no_counter() {
        for (key, counter) in [
            ("day#2010-12-01", true),
            ("#deltasets", true),
            ("#parked", false),
            ("#aside", false),
            ("#deltas", false),
            (deltas_key(255).as_str(), false),
        ] {
            assert_eq!(is_counter(key), counter, "{key}");
        }
    }
}
