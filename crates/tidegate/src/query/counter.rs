//! Counters, summed over their slices.

use std::collections::BTreeMap;

use serde_dynamo::{AttributeValue, Item};

use super::consistency::Consistency;
use super::page::NextPage;
use super::request::Query;
use super::view::View;
use crate::failure::Failure;
use crate::projection::{COUNTED, COUNTER_PARTITION_KEY, COUNTER_SORT_KEY, Pending, is_counter};

/// A counter, summed over its slices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counter {
    /// Sums by attribute. The numbers are wider than the stored ones, so sums cannot overflow.
    pub amounts: BTreeMap<String, i128>,
    /// Amounts that are set aside, because the counter cannot take them. They are in no sum. Always
    /// empty in an eventually consistent read.
    pub aside: BTreeMap<String, i128>,
}

/// All counters of a read model, by key.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Counters {
    /// The counters.
    pub counters: BTreeMap<String, Counter>,
    /// Failures `unreadable_counter` (permanent): slices whose amounts are missing in the sums.
    pub unreadable: Vec<Failure>,
    /// Keys of counters with amounts that are set aside, with the reason.
    pub aside: Vec<(String, String)>,
}

impl Counter {
    /// Returns the sum of an attribute; 0 if there is none.
    pub fn amount(&self, name: &str) -> i128 {
        self.amounts.get(name).copied().unwrap_or(0)
    }
}

impl View {
    /// Reads a counter. One that does not exist has no amounts.
    ///
    /// [`Consistency::Strong`] finds the amounts of every transaction that the projection wrote
    /// before the read began, also those that are not counted yet. So one read after another never
    /// misses an event that the first one had, unless the counter refused its amounts in between
    /// and they were [set aside](Counter::aside).
    ///
    /// [`Consistency::Eventual`] finds what is in the slices, perhaps of a second ago. One read
    /// after another may miss events that the first one had.
    ///
    /// A strong read costs one read unit each for the heads, for what is set aside and for each
    /// 4 KB of the slices, and one for each 4 KB of the deltas of a slice in which some wait: up to
    /// eight of 320 KiB. An eventual read costs half a unit for each 4 KB of the slices.
    ///
    /// # Errors
    /// Any failure to read it. `unreadable_counter` (permanent): another program changed it.
    pub async fn counter(&self, key: &str, consistency: Consistency) -> Result<Counter, Failure> {
        let mut pending = self.pending(consistency).await?;
        let query = Query::of_partition(&self.counters, key, consistency);
        let mut sums = Sums::default();
        self.read(&query, &mut pending, &mut sums).await?;
        match sums.read.unreadable.pop() {
            Some(failure) => Err(failure),
            None => {
                Ok(sums.finish(pending, |of| of == key).counters.remove(key).unwrap_or_default())
            }
        }
    }

    /// Reads all counters, each as [`Self::counter`] does. Costs the read of the whole table.
    ///
    /// # Errors
    /// Any failure to read them. A counter that another program changed costs no other:
    /// [`Counters::unreadable`] has its failure.
    pub async fn every_counter(&self, consistency: Consistency) -> Result<Counters, Failure> {
        let mut pending = self.pending(consistency).await?;
        let query = Query::of_whole_table(&self.counters, consistency);
        let mut sums = Sums::default();
        self.read(&query, &mut pending, &mut sums).await?;
        Ok(sums.finish(pending, |_| true))
    }

    /// Reads what is not counted yet. It must be read before the counters: what is counted
    /// meanwhile is then found in them, and their numbers say so.
    async fn pending(&self, consistency: Consistency) -> Result<Pending, Failure> {
        match consistency {
            Consistency::Strong => Pending::read(&*self.model).await,
            Consistency::Eventual => Ok(Pending::default()),
        }
    }

    async fn read(
        &self,
        query: &Query,
        pending: &mut Pending,
        sums: &mut Sums,
    ) -> Result<(), Failure> {
        let mut from: Option<NextPage> = None;
        loop {
            let page = self.tables.page(query, from.as_ref()).await?;
            page.items.iter().for_each(|item| sums.add(item, pending));
            from = match page.next {
                Some(next) => Some(next),
                None => return Ok(()),
            };
        }
    }
}

/// Sums while slices are read.
#[derive(Default)]
struct Sums {
    read: Counters,
}

impl Sums {
    fn add(&mut self, item: &Item, pending: &mut Pending) {
        let Some(AttributeValue::S(key)) = item.get(COUNTER_PARTITION_KEY) else { return };
        if !is_counter(key) {
            return;
        }
        let number = |name: &str| whole(item, name).and_then(|number| u64::try_from(number).ok());
        // A counter without a number has no delta, but a damaged number says nothing.
        let counted = if item.contains_key(COUNTED) { number(COUNTED) } else { Some(0) };
        let slice = number(COUNTER_SORT_KEY).and_then(|slice| u32::try_from(slice).ok());
        let Some((slice, counted)) = slice.zip(counted) else {
            return self.unreadable(key, COUNTED);
        };
        let missing = pending.take(key, slice, counted);
        self.add_amounts(key, missing);
        let amounts = item.keys().filter(|name| {
            ![COUNTER_PARTITION_KEY, COUNTER_SORT_KEY, COUNTED].contains(&name.as_str())
        });
        for name in amounts {
            match whole(item, name) {
                Some(amount) => self.add_amounts(key, [(name.clone(), amount)]),
                None => self.unreadable(key, name),
            }
        }
    }

    fn add_amounts(&mut self, key: &str, amounts: impl IntoIterator<Item = (String, i128)>) {
        let counter = self.read.counters.entry(key.to_owned()).or_default();
        add_all(&mut counter.amounts, amounts);
    }

    fn unreadable(&mut self, key: &str, name: &str) {
        let reason = format!(
            "the counter {key}: the attribute `{name}` is not a whole number; another program may \
             have changed it"
        );
        self.read.unreadable.push(Failure::permanent("unreadable_counter", reason));
    }

    /// Adds what belongs to counters that do not exist yet, and what is set aside.
    fn finish(mut self, mut pending: Pending, asked: impl Fn(&str) -> bool) -> Counters {
        let aside = std::mem::take(&mut pending.aside);
        for (key, _, amounts) in pending.rest().filter(|(key, _, _)| asked(key)) {
            self.add_amounts(&key, amounts);
        }
        for aside in aside.into_iter().filter(|aside| asked(&aside.key)) {
            let counter = self.read.counters.entry(aside.key.clone()).or_default();
            add_all(&mut counter.aside, aside.add);
            self.read.aside.push((aside.key, aside.reason));
        }
        self.read
    }
}

fn add_all(sums: &mut BTreeMap<String, i128>, amounts: impl IntoIterator<Item = (String, i128)>) {
    for (name, amount) in amounts {
        let sum = sums.entry(name).or_default();
        *sum = sum.saturating_add(amount);
    }
}

fn whole(item: &Item, name: &str) -> Option<i128> {
    match item.get(name) {
        Some(AttributeValue::N(digits)) => digits.parse().ok(),
        _ => None,
    }
}
