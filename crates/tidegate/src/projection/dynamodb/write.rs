//! Writes the transactions of a read model.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::answer::{apply_error, not_owned};
use super::super::apply_error::ApplyError;
use super::super::delta::Delta;
use super::super::entry::{EntryChange, taken};
use super::super::transaction::Transaction;
use super::entries::entry_action;
use super::guard::guard_update;
use super::model::DynamoDbReadModel;
use super::names::transact;

impl DynamoDbReadModel {
    /// Applies a transaction. One that changes nothing but a row is an update by itself, which
    /// costs half the write units.
    ///
    /// An entry that is to be deleted may belong to another aggregate. Then the transaction is
    /// written again without that deletion. The entry does not become the own one meanwhile: only
    /// transactions that move the own guard write own entries.
    pub(super) async fn write(&self, transaction: &Transaction) -> Result<(), ApplyError> {
        transaction.storable()?;
        let now = Timestamp::now().as_millisecond();
        if let Some((advance, row)) = transaction.only_row() {
            let update = guard_update(&self.tables.rows, advance, row, None, now)?;
            return self.counters.alone(update).await;
        }
        let guards = transaction.guards.len();
        let mut deleted_by_others = BTreeSet::new();
        loop {
            let mut actions = Vec::with_capacity(guards + transaction.entries.len() + 2);
            let counted = transaction.delta.as_ref().map(Delta::place);
            for (advance, row) in &transaction.guards {
                let update = guard_update(&self.tables.rows, advance, row, counted, now)?;
                actions.push(transact(update));
            }
            let entries = (0..).zip(&transaction.entries);
            let left: Vec<_> =
                entries.filter(|(place, _)| !deleted_by_others.contains(place)).collect();
            for (_, (owner, update)) in &left {
                actions.push(entry_action(self.entries.as_deref(), owner, update)?);
            }
            actions.extend(self.counters.store(transaction)?);
            let Err(error) = self.counters.send(actions).await else { return Ok(()) };
            let Some(refusing) = not_owned(&error, guards, left.len()) else {
                let places = left.iter().map(|(place, _)| guards + place).collect::<Vec<_>>();
                return Err(in_places(apply_error(&error), guards, &places, &transaction.entries));
            };
            let before = deleted_by_others.len();
            let (mut items, mut failure) = (Vec::new(), None);
            for (index, owner) in refusing {
                let Some((place, (_, update))) = left.get(index) else { continue };
                if update.change == EntryChange::Delete {
                    deleted_by_others.insert(*place);
                } else {
                    items.push(guards + place);
                    failure.get_or_insert_with(|| taken(&update.key, owner.as_deref()));
                }
            }
            match failure {
                Some(failure) => return Err(ApplyError::Refused { failure, items }),
                None if deleted_by_others.len() == before => return Err(apply_error(&error)),
                None => {}
            }
        }
    }
}

/// Counts the items to blame over the whole transaction, of which some entries were not sent.
/// `places` are those of the entries that were sent.
fn in_places<T>(error: ApplyError, guards: usize, places: &[usize], entries: &[T]) -> ApplyError {
    let ApplyError::Refused { failure, items } = error else { return error };
    let in_place = |item: usize| match item.checked_sub(guards) {
        None => item,
        Some(entry) => places.get(entry).copied().unwrap_or(item + entries.len() - places.len()),
    };
    ApplyError::Refused { failure, items: items.into_iter().map(in_place).collect() }
}
