//! What the function of a projection answers to a piece of a rebuild.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sums::{CounterSums, Sum};

/// The answer to a [`Request`](super::Request).
///
/// ```json
/// { "next": "eyJz…", "items": 500, "streams": 310, "events": 500 }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Answer {
    /// Where to go on. `None`: the segment is read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Items that were read, for the rate.
    pub items: u64,
    /// Streams of the projection: those that begin in what was folded or verified against the
    /// store; otherwise the rows that were read.
    pub streams: u64,
    /// Events of the projection in what was folded or verified.
    pub events: u64,
    /// Aggregates that are parked after a fold, at most [`Answer::NAMED`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parked: Vec<ParkedStream>,
    /// Number of rows that were brought up to date before they were compared.
    #[serde(skip_serializing_if = "is_zero")]
    pub healed: u64,
    /// Number of rows that could not be compared, because one side moves on. Compare again.
    #[serde(skip_serializing_if = "is_zero")]
    pub unsettled: u64,
    /// Number of rows that differ.
    #[serde(skip_serializing_if = "is_zero")]
    pub differing: u64,
    /// Some of them, at most [`Answer::NAMED`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Sum of the guards: of all rows that were read or computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<Sum>,
    /// Sums of the counters and entries: those of the table, or against the store, those of the
    /// events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counters: Option<CounterSums>,
    /// Amounts of the counters of the buckets that were asked for, and contents of the entries,
    /// each with the amount 1. Amounts of one counter may be in several answers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub amounts: BTreeMap<String, BTreeMap<String, i128>>,
}

/// An aggregate that the generation cannot apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ParkedStream {
    /// The aggregate.
    pub stream: String,
    /// Code of the failure.
    pub code: String,
    /// Its reason, for people.
    pub reason: String,
}

/// A row that differs from its reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Difference {
    /// The row.
    pub row: String,
    /// What differs, for people. It may quote the row.
    pub what: String,
}

impl Answer {
    /// Most rows or aggregates that an answer names.
    pub const NAMED: usize = 20;

    /// Adds another answer to the same work. Where to go on stays as it is.
    pub(super) fn merge(&mut self, other: Self) {
        self.items += other.items;
        self.streams += other.streams;
        self.events += other.events;
        self.parked.extend(other.parked);
        self.parked.truncate(Self::NAMED);
        self.healed += other.healed;
        self.unsettled += other.unsettled;
        self.differing += other.differing;
        self.differences.extend(other.differences);
        self.differences.truncate(Self::NAMED);
        if let Some(vector) = other.vector {
            self.vector.get_or_insert_with(Sum::default).merge(vector);
        }
        if let Some(counters) = other.counters {
            self.counters.get_or_insert_with(CounterSums::default).merge(&counters);
        }
        for (key, more) in other.amounts {
            let sums = self.amounts.entry(key).or_default();
            for (name, amount) in more {
                let sum = sums.entry(name).or_default();
                *sum = sum.saturating_add(amount);
            }
        }
    }

    /// Adds a row that differs.
    pub(super) fn differs(&mut self, row: impl Into<String>, what: impl Into<String>) {
        self.differing += 1;
        if self.differences.len() < Self::NAMED {
            self.differences.push(Difference { row: row.into(), what: what.into() });
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
