//! Keeps the newest on-failure records per destination, and counts all of them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

use topology::DestinationKind;

/// Most records kept per destination.
const KEPT: usize = 50;
/// Most bytes kept per destination; the newest record is kept at any size.
const KEPT_BYTES: usize = 2 << 20;

/// A destination, named by its kind and declared name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// `queue`, `topic`, `bucket`, `function` or `bus`.
    pub kind: &'static str,
    /// Declared name, unique only within its kind.
    pub name: String,
}

impl From<DestinationKind<'_>> for Place {
    fn from(kind: DestinationKind<'_>) -> Self {
        Self { kind: kind.word(), name: kind.name().to_owned() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// An on-failure record that has arrived at its destination.
#[derive(Debug)]
pub struct Letter {
    /// When the record had arrived.
    pub at: Timestamp,
    /// The destination.
    pub to: Place,
    /// The function that could not handle the records or event.
    pub function: String,
    /// The on-failure record.
    pub body: String,
}

/// Number of on-failure records that a destination got from a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GivenUp {
    /// Name of the function.
    pub function: String,
    /// The destination.
    pub to: Place,
    /// Records since the engine started.
    pub count: u64,
}

/// The newest on-failure records per destination.
#[derive(Debug, Default)]
pub struct Letters {
    places: Mutex<BTreeMap<Place, Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    ring: VecDeque<Arc<Letter>>,
    bytes: usize,
    by_function: BTreeMap<String, u64>,
}

impl Letters {
    pub(crate) fn add(&self, letter: Letter) {
        let mut places = self.places.lock();
        let kept = places.entry(letter.to.clone()).or_default();
        *kept.by_function.entry(letter.function.clone()).or_default() += 1;
        kept.bytes += letter.body.len();
        kept.ring.push_back(Arc::new(letter));
        while kept.ring.len() > KEPT || (kept.bytes > KEPT_BYTES && kept.ring.len() > 1) {
            kept.bytes -= kept.ring.pop_front().map_or(0, |oldest| oldest.body.len());
        }
    }

    /// Returns the kept records, oldest first.
    pub fn kept(&self) -> Vec<Arc<Letter>> {
        let places = self.places.lock();
        let mut letters: Vec<_> =
            places.values().flat_map(|kept| kept.ring.iter().cloned()).collect();
        letters.sort_by_key(|letter| letter.at);
        letters
    }

    /// Returns how many records each destination got from each function since the engine started.
    pub fn given_up(&self) -> Vec<GivenUp> {
        let places = self.places.lock();
        let counts = places.iter().flat_map(|(to, kept)| {
            kept.by_function.iter().map(|(function, count)| GivenUp {
                function: function.clone(),
                to: to.clone(),
                count: *count,
            })
        });
        counts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_destination_keeps_its_newest_and_counts_all() {
        let letters = Letters::default();
        let add = |kind: &'static str, name: &str, n: usize, bytes: usize| {
            let at = Timestamp::from_millisecond(i64::try_from(n).unwrap()).unwrap();
            let to = Place { kind, name: name.to_owned() };
            letters.add(Letter { at, to, function: "f".to_owned(), body: "x".repeat(bytes) });
        };
        for n in 0..KEPT + 3 {
            add("queue", "many", n, 1);
        }
        add("topic", "many", KEPT + 3, KEPT_BYTES);
        add("topic", "many", KEPT + 4, KEPT_BYTES + 1);
        let kept = letters.kept();
        assert_eq!(kept.len(), KEPT + 1);
        assert_eq!(kept.first().map(|letter| letter.at.as_millisecond()), Some(3));
        assert_eq!(kept.last().map(|letter| letter.body.len()), Some(KEPT_BYTES + 1));
        let given_up = |kind, count| GivenUp {
            function: "f".to_owned(),
            to: Place { kind, name: "many".to_owned() },
            count,
        };
        assert_eq!(letters.given_up(), [given_up("queue", KEPT as u64 + 3), given_up("topic", 2)]);
    }
}
