//! A slice of the counters in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::super::apply_error::ApplyError;
use super::super::delta::{Added, Addition, Amounts, Aside, Delta, Head, WAITING_DELTAS};
use super::super::plan::add_all;
use super::super::transaction::refused;
use crate::failure::Failure;

/// A slice of the counters in memory: its head, its newest deltas and its counters.
///
/// It is a value, so that a model checker can keep it in a state.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemorySlice {
    /// Number of the newest delta.
    pub last: u64,
    /// All deltas up to this number are confirmed.
    pub applied: u64,
    /// The newest deltas, by their item.
    pub deltas: BTreeMap<u64, Delta>,
    /// Number and amounts of each counter.
    pub counters: BTreeMap<String, (u64, Amounts)>,
    /// Amounts that are set aside, by the key of the counter.
    pub aside: BTreeMap<String, Aside>,
    /// Counters that refuse every amount.
    pub refusing: BTreeSet<String>,
}

impl MemorySlice {
    /// Returns whether a transaction with this delta holds its condition.
    pub fn precedes(&self, delta: &Delta, applied: u64) -> bool {
        self.last + 1 == delta.number && self.applied <= applied
    }

    /// Stores the next delta.
    pub fn store(&mut self, delta: &Delta, applied: u64) {
        (self.last, self.applied) = (delta.number, applied);
        self.deltas.insert(delta.number % WAITING_DELTAS, delta.clone());
    }

    /// Adds amounts to a counter.
    pub fn add(&mut self, addition: &Addition) -> Added {
        let (number, sums) = self.counters.entry(addition.key.clone()).or_default();
        if *number >= addition.first {
            return Added::Counted(*number);
        }
        if self.refusing.contains(&addition.key) {
            return Added::Refused(refusing(&addition.key));
        }
        // DynamoDB's numbers have 38 digits; those of the double are `i64`.
        match add_all(sums, &addition.add) {
            Ok(()) => {
                *number = addition.number;
                Added::Done
            }
            Err(name) => Added::Refused(Failure::permanent(
                crate::refusal::UNSTORABLE,
                format!("the sum of {name} of {} is out of range", addition.key),
            )),
        }
    }

    /// Raises the number up to which all deltas are confirmed.
    pub fn confirm(&mut self, number: u64) {
        self.applied = self.applied.max(number);
    }

    pub(super) fn head(&self, slice: u32) -> Head {
        Head { slice, last: self.last, applied: self.applied }
    }

    pub(super) fn set_aside(&mut self, slice: u32, addition: &Addition, reason: &str) -> Added {
        let (number, _) = self.counters.entry(addition.key.clone()).or_default();
        if *number >= addition.first {
            return Added::Counted(*number);
        }
        *number = addition.number;
        let aside = self.aside.entry(addition.key.clone()).or_insert_with(|| Aside {
            slice,
            key: addition.key.clone(),
            add: BTreeMap::new(),
            number: 0,
            reason: String::new(),
        });
        for (name, amount) in &addition.add {
            let sum = aside.add.entry(name.to_string()).or_default();
            *sum = sum.saturating_add(i128::from(*amount));
        }
        (aside.number, aside.reason) = (addition.number, reason.to_owned());
        Added::Done
    }

    pub(super) fn restore(&mut self, read: &Aside) -> Result<(), ApplyError> {
        if self.aside.get(&read.key) != Some(read) {
            return Err(ApplyError::GuardMoved);
        }
        if self.refusing.contains(&read.key) {
            return Err(ApplyError::Refused { failure: refusing(&read.key), items: vec![0] });
        }
        let too_large = |_| refused(format!("the sum of {} is out of range", read.key), []);
        let more = read.add.iter().map(|(name, amount)| {
            Ok((name.clone().into(), i64::try_from(*amount).map_err(|_| too_large(String::new()))?))
        });
        let more = more.collect::<Result<Amounts, ApplyError>>()?;
        let (_, sums) = self.counters.entry(read.key.clone()).or_default();
        add_all(sums, &more).map_err(too_large)?;
        self.aside.remove(&read.key);
        Ok(())
    }
}

fn refusing(key: &str) -> Failure {
    Failure::permanent(crate::refusal::UNSTORABLE, format!("the counter {key} refuses it"))
}
