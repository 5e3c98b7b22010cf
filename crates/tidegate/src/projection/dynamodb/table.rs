//! The table of counters, and what an environment knows of it.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::delta::Addition;
use super::super::row::Key;
use super::names::COUNTER_PARTITION_KEY;
use crate::aws::DynamoDb;
use crate::failure::Failure;

/// Number of counters that an environment remembers. Then it begins anew.
const REMEMBERED: usize = 200_000;

/// The table of counters.
#[derive(Clone, Debug)]
pub(super) struct Counters {
    pub(super) client: DynamoDb,
    pub(super) table: Arc<str>,
    pub(super) known: Arc<Known>,
}

impl Counters {
    pub(super) fn new(client: DynamoDb, table: &str) -> Self {
        Self { client, table: table.into(), known: Arc::default() }
    }
}

/// The counters that exist with a number and all attributes of an addition, by their hashes. Two
/// counters with one hash cost a refused statement.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashSet<u64>>);

impl Known {
    pub(super) fn hash(slice: u32, addition: &Addition) -> u64 {
        let mut hasher = DefaultHasher::new();
        (slice, &addition.key).hash(&mut hasher);
        addition.add.keys().for_each(|name| name.hash(&mut hasher));
        hasher.finish()
    }

    pub(super) fn has(&self, hash: u64) -> bool {
        self.0.lock().contains(&hash)
    }

    pub(super) fn remember(&self, hash: u64) {
        let mut known = self.0.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(hash);
    }

    pub(super) fn forget(&self, hash: u64) {
        self.0.lock().remove(&hash);
    }
}

pub(super) fn text_of<'a>(item: &'a Key, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(super) fn number_of<N: FromStr>(item: &Key, name: &str) -> Result<N, Failure> {
    let number = item.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
    number.ok_or_else(|| unreadable(item, name))
}

pub(super) fn unreadable(item: &Key, name: &str) -> Failure {
    let key = text_of(item, COUNTER_PARTITION_KEY).unwrap_or_default();
    Failure::transient(
        "corrupt_delta",
        format!("the attribute `{name}` of an item `{key}` has a value that no projector writes"),
    )
}
