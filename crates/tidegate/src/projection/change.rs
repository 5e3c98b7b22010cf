//! The changes that an event makes to a read model.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::delta::Amounts;
use super::entry::EntryUpdate;
use super::row_update::RowUpdate;
use super::value::NUMBER_BYTES;
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::store::{RecordedCommit, RecordedEvent};

/// Computes the changes that events make in a read model.
pub trait Projection: Send + Sync {
    /// Returns whether the aggregate is of interest. All others are ignored.
    fn concerns(&self, stream: &StreamId) -> bool;

    /// Computes the changes of one event.
    ///
    /// Must be pure and synchronous, and return the same result on every call.
    ///
    /// # Errors
    /// - Permanent: parks the aggregate until its letter is replayed.
    /// - Transient with the code [`Failure::NEWER`]: parks the aggregate until a version of the
    ///   function runs that knows the event. That version releases it.
    /// - Any other transient failure: the event is delivered again.
    fn project(&self, commit: &RecordedCommit, event: &RecordedEvent)
    -> Result<Projected, Failure>;
}

impl<P: Projection> Projection for &P {
    fn concerns(&self, stream: &StreamId) -> bool {
        P::concerns(self, stream)
    }

    fn project(
        &self,
        commit: &RecordedCommit,
        event: &RecordedEvent,
    ) -> Result<Projected, Failure> {
        P::project(self, commit, event)
    }
}

/// The changes that one event makes in a read model.
///
/// They must be a pure function of the event, because they may be computed again at any time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Projected {
    /// Changes of the source aggregate's row.
    pub row: RowUpdate,
    /// Changes of counters, at most one for each key.
    pub counters: Vec<Increment>,
    /// Changes of entries, which are made in this order.
    pub entries: Vec<EntryUpdate>,
}

/// Change of one counter row.
///
/// The attributes `key`, `slice` and `counted` belong to the projector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Increment {
    /// Key of the row.
    pub key: String,
    /// Amounts to add, by attribute.
    pub add: BTreeMap<&'static str, i64>,
}

impl Increment {
    /// Returns the most bytes that the increment takes in the text of a delta.
    pub(super) fn size(&self) -> usize {
        let names: usize = self.add.keys().map(|name| json_bytes(name) + NUMBER_BYTES).sum();
        json_bytes(&self.key) + names
    }

    pub(super) fn amounts(&self) -> Amounts {
        self.add.iter().map(|(name, amount)| (Cow::Borrowed(*name), *amount)).collect()
    }
}

/// Returns the most bytes of a text in JSON, with its quotation marks and what follows them.
fn json_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(escaped).sum::<usize>() + 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::delta::Delta;

    #[test]
    fn an_increment_takes_no_more_bytes_in_a_delta_than_its_size() {
        let key = "a#1 \"\u{1}größe\\".to_owned();
        let counter = Increment { key, add: BTreeMap::from([("n", i64::MIN), ("ü\n", i64::MAX)]) };
        let counters = BTreeMap::from([(counter.key.clone(), counter.amounts())]);
        let text = Delta { slice: 1, number: 1, counters }.encoded();
        assert!(text.len() <= counter.size() + "[]".len(), "{} bytes: {text}", counter.size());
    }
}
