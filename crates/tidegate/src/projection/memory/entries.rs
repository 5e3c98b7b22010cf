//! Entries in memory.

use std::collections::BTreeMap;

use super::super::apply_error::ApplyError;
use super::super::entry::{EntryChange, EntryKey, EntryUpdate, taken};
use super::super::transaction::refused;
use super::super::value::Value;
use super::row::{Attributes, change};
use crate::ids::StreamId;

/// Entries with the aggregates to which they belong.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries(BTreeMap<EntryKey, (StreamId, Attributes)>);

impl Entries {
    pub(super) fn all(&self) -> BTreeMap<EntryKey, (StreamId, BTreeMap<String, Value>)> {
        let named = |row: &Attributes| {
            row.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        let entry = |(key, (owner, row)): (&EntryKey, &(StreamId, Attributes))| {
            (key.clone(), (owner.clone(), named(row)))
        };
        self.0.iter().map(entry).collect()
    }

    /// Returns the entries after the changes of a transaction, whose first entry is the item
    /// `first`.
    pub(super) fn after(
        &self,
        changes: &[(StreamId, EntryUpdate)],
        first: usize,
    ) -> Result<Self, ApplyError> {
        let mut after = self.0.clone();
        let (mut items, mut failure) = (Vec::new(), None);
        for (place, (owner, EntryUpdate { key, change: to })) in (first..).zip(changes) {
            let other = after.get(key).map(|(of, _)| of).filter(|of| *of != owner);
            match (other, to) {
                (None, EntryChange::Delete) => drop(after.remove(key)),
                (None, EntryChange::Write(row)) => {
                    let (_, attributes) = after
                        .entry(key.clone())
                        .or_insert_with(|| (owner.clone(), Attributes::new()));
                    change(attributes, row).map_err(|reason| refused(reason, [place]))?;
                }
                (None, EntryChange::Replace(row)) => {
                    let mut attributes = Attributes::new();
                    change(&mut attributes, row).map_err(|reason| refused(reason, [place]))?;
                    after.insert(key.clone(), (owner.clone(), attributes));
                }
                // An aggregate deletes only its own entries.
                (Some(_), EntryChange::Delete) => {}
                (Some(other), _) => {
                    items.push(place);
                    failure.get_or_insert_with(|| taken(key, Some(other.as_str())));
                }
            }
        }
        match failure {
            Some(failure) => Err(ApplyError::Refused { failure, items }),
            None => Ok(Self(after)),
        }
    }
}
