//! Answers questions about circuit breakers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::{Breaker, Topology};

/// Receives of a message that a queue has without any outage: AWS recommends at least five.
const RECEIVES_WITHOUT_OUTAGE: u32 = 5;
/// Failures in a row that open a breaker without a declared rule.
const FAILURES_IN_A_ROW: u32 = 5;
/// Calls from which a declared share counts, unless another number is declared.
const MINIMUM_CALLS: u32 = 20;

impl Breaker {
    /// Returns the variable that holds the declaration of the breaker with this name.
    pub fn variable(name: &str) -> String {
        format!("TIDEGATE_BREAKER_{}", name.to_ascii_uppercase().replace('-', "_"))
    }

    /// Returns the value of the variable: JSON. `physical` returns the physical name of a table.
    pub fn declaration(&self, physical: impl Fn(&str) -> String) -> String {
        let own = self.failure_percent.is_none().then_some(FAILURES_IN_A_ROW);
        let declared: BTreeMap<&str, Option<Value>> = BTreeMap::from([
            ("table", Some(json!(physical(&self.table)))),
            ("events_table", self.events.as_deref().map(|table| json!(physical(table)))),
            ("cool_down_seconds", Some(json!(self.cool_down_seconds))),
            ("failures_in_a_row", self.failures_in_a_row.or(own).map(|number| json!(number))),
            ("failure_percent", self.failure_percent.map(|percent| json!(percent))),
            (
                "minimum_calls",
                self.failure_percent.map(|_| json!(self.minimum_calls.unwrap_or(MINIMUM_CALLS))),
            ),
            ("window_seconds", Some(json!(self.window_seconds))),
            ("freshness_seconds", Some(json!(self.freshness_seconds))),
        ]);
        let set = declared.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let set: BTreeMap<&str, Value> = set.collect();
        json!(set).to_string()
    }

    /// Returns the receives that a message needs to outlast the longest outage.
    ///
    /// While the provider is down, a message is received once in a cool-down. A throttled batch and
    /// failures before the breaker opens take a few more.
    pub fn receives(&self) -> u32 {
        let cool_downs = self.longest_outage_seconds.div_ceil(self.cool_down_seconds.max(1));
        cool_downs.saturating_add(RECEIVES_WITHOUT_OUTAGE)
    }

    /// Returns the shortest cool-down with which this many receives outlast the longest outage.
    pub(super) fn cool_down_for(&self, receives: u32) -> Option<u32> {
        let cool_downs = receives.checked_sub(RECEIVES_WITHOUT_OUTAGE).filter(|left| *left > 0)?;
        Some(self.longest_outage_seconds.div_ceil(cool_downs))
    }
}

impl Topology {
    /// Returns the breakers of a function: name, breaker.
    pub fn breakers_of(&self, function: &str) -> impl Iterator<Item = (&str, &Breaker)> {
        let declared = self.breakers.iter().map(|(name, breaker)| (name.as_str(), breaker));
        declared.filter(move |(_, breaker)| breaker.function == function)
    }
}
