//! Entries: rows that an event writes besides the row of its aggregate.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::limits::{ITEM_BYTES, KEY_BYTES, SORT_KEY_BYTES};
use super::row_update::RowUpdate;
use super::value::LEVELS;
use crate::failure::Failure;
use crate::ids::StreamId;

/// Partition key of the table of entries; a string.
pub const ENTRY_PARTITION_KEY: &str = "list";
/// Sort key of the table of entries; a string.
pub const ENTRY_SORT_KEY: &str = "entry";
/// Attribute of an entry: the aggregate to which it belongs.
pub const ENTRY_OWNER: &str = "stream";
/// Code of the failure that parks an aggregate because an entry belongs to another one.
pub const ENTRY_TAKEN: &str = "entry_taken";

/// Sort key of the only entry of a lookup.
const LOOKUP: &str = "-";
/// Attributes of an entry that belong to its key or to the projector.
const ATTRIBUTES: [&str; 3] = [ENTRY_PARTITION_KEY, ENTRY_SORT_KEY, ENTRY_OWNER];
/// Bytes of the names of these attributes.
const ATTRIBUTE_BYTES: usize = 15;

/// Key of an entry: the list, and its place in the list.
///
/// ```
/// use jiff::Timestamp;
/// use tidegate::projection::{EntryKey, Projected, RowUpdate};
///
/// # fn placed(at: Timestamp) -> Projected {
/// Projected {
///     entries: vec![
///         // The orders of a customer, sorted by time.
///         EntryKey::by_time("orders-of#17850", at, "536365")
///             .write(RowUpdate::default().set("total", 13_912)),
///         // From an e-mail address to its customer.
///         EntryKey::of_lookup("email#anna@example.org").write(RowUpdate::default()),
///         EntryKey::of_lookup("email#ann@example.org").delete(),
///     ],
///     ..Projected::default()
/// }
/// # }
/// # assert_eq!(placed(Timestamp::UNIX_EPOCH).entries.len(), 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey {
    /// Name of the list: 1 to 2,048 bytes.
    pub list: String,
    /// Place in the list: 1 to 1,024 bytes. Entries are sorted by the bytes of this text.
    pub entry: String,
}

/// Change of one entry.
///
/// An entry belongs to the aggregate whose event wrote it first, until that aggregate deletes it.
/// No other aggregate changes it: an aggregate that writes it meanwhile is parked with the code
/// `entry_taken`, and tried again until the entry is free. An aggregate that deletes an entry of
/// another one deletes nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryUpdate {
    /// The entry.
    pub key: EntryKey,
    /// What changes.
    pub change: EntryChange,
}

/// What changes about an entry. The attributes `list`, `entry` and `stream` belong to the
/// projector.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EntryChange {
    /// Changes attributes. Creates the entry if it does not exist.
    Write(RowUpdate),
    /// Writes the entry anew, without the attributes that it had.
    Replace(RowUpdate),
    /// Deletes the entry.
    Delete,
}

impl EntryKey {
    /// Names an entry.
    pub fn new(list: impl Into<String>, entry: impl Into<String>) -> Self {
        Self { list: list.into(), entry: entry.into() }
    }

    /// Names the only entry of a lookup, which is found by its key alone.
    pub fn of_lookup(key: impl Into<String>) -> Self {
        Self::new(key, LOOKUP)
    }

    /// Names an entry of a list that is sorted by time. `id` tells entries of the same time apart.
    ///
    /// The place begins with the time in microseconds: `2010-12-01T08:26:00.000000Z#536365`. Years
    /// before 0 are sorted wrongly.
    pub fn by_time(list: impl Into<String>, time: Timestamp, id: &str) -> Self {
        Self::new(list, format!("{time:.6}#{id}"))
    }

    /// Changes attributes of the entry. Creates it if it does not exist.
    #[must_use]
    pub fn write(self, row: RowUpdate) -> EntryUpdate {
        EntryUpdate { key: self, change: EntryChange::Write(row) }
    }

    /// Writes the entry anew, without the attributes that it had.
    #[must_use]
    pub fn replace(self, row: RowUpdate) -> EntryUpdate {
        EntryUpdate { key: self, change: EntryChange::Replace(row) }
    }

    /// Deletes the entry.
    #[must_use]
    pub fn delete(self) -> EntryUpdate {
        EntryUpdate { key: self, change: EntryChange::Delete }
    }

    pub(super) fn size(&self) -> usize {
        self.list.len() + self.entry.len()
    }
}

impl EntryUpdate {
    /// Estimates the bytes of the change in a request and in the entry, without its owner.
    pub(super) fn size(&self) -> usize {
        self.key.size() + ATTRIBUTE_BYTES + self.change.row().map_or(0, RowUpdate::size)
    }

    /// Returns why the change can never be stored.
    pub(super) fn unstorable(&self) -> Option<String> {
        let EntryKey { list, entry } = &self.key;
        if list.is_empty() || list.len() > KEY_BYTES {
            return Some(format!(
                "a list whose name has {} bytes; it may have 1 to {KEY_BYTES}",
                list.len()
            ));
        }
        if entry.is_empty() || entry.len() > SORT_KEY_BYTES {
            return Some(format!(
                "an entry of the list `{list}` whose place has {} bytes; it may have 1 to \
                 {SORT_KEY_BYTES}",
                entry.len()
            ));
        }
        let row = self.change.row()?;
        let of = format!("of the entry `{entry}` of the list `{list}`");
        if let Some(name) = row.touches(&ATTRIBUTES) {
            Some(format!("the projection changes `{name}` {of}, which belongs to the projector"))
        } else if let Some(name) = row.too_deep() {
            Some(format!("`{name}` {of} has more than {LEVELS} levels of lists and maps"))
        } else if let EntryChange::Replace(row) = &self.change
            && let Some(name) = row.add.keys().next()
        {
            Some(format!("`{name}` {of} is not a number, and an amount is added to it"))
        } else {
            (self.size() > ITEM_BYTES)
                .then(|| format!("{} bytes {of}; an item holds {ITEM_BYTES}", self.size()))
        }
    }
}

impl EntryChange {
    fn row(&self) -> Option<&RowUpdate> {
        match self {
            Self::Write(row) | Self::Replace(row) => Some(row),
            Self::Delete => None,
        }
    }

    /// Appends a later change, so that this change has the effect of both.
    ///
    /// A deletion followed by a write becomes a replacement. The row of a replacement has only
    /// attributes to set, and amounts that are added to what is not a number.
    fn then(self, later: &Self) -> Self {
        match (self, later) {
            (_, Self::Delete) => Self::Delete,
            (_, Self::Replace(row)) | (Self::Delete, Self::Write(row)) => {
                Self::Replace(on_nothing(row))
            }
            (Self::Replace(mut before), Self::Write(row)) => {
                before.then(row);
                Self::Replace(on_nothing(&before))
            }
            (Self::Write(mut before), Self::Write(row)) => {
                before.then(row);
                Self::Write(before)
            }
        }
    }
}

/// Returns what an update makes of an item that does not exist.
fn on_nothing(row: &RowUpdate) -> RowUpdate {
    let names: BTreeSet<&'static str> =
        row.defaults.keys().chain(row.add.keys()).copied().collect();
    let mut made = RowUpdate { remove: names, ..RowUpdate::default() };
    made.then(row);
    made.remove.clear();
    made
}

/// Merges changes, in their order, so that each aggregate changes each entry once. Returns them in
/// the order of the entries.
pub(super) fn merged<'a>(
    changes: impl IntoIterator<Item = (&'a StreamId, &'a EntryUpdate)>,
) -> Vec<(StreamId, EntryUpdate)> {
    let mut all: BTreeMap<(&EntryKey, &StreamId), EntryChange> = BTreeMap::new();
    for (owner, update) in changes {
        let place = (&update.key, owner);
        let before = all.remove(&place).unwrap_or_else(|| EntryChange::Write(RowUpdate::default()));
        all.insert(place, before.then(&update.change));
    }
    let update = |((key, owner), change): ((&EntryKey, &StreamId), EntryChange)| {
        (owner.clone(), EntryUpdate { key: key.clone(), change })
    };
    all.into_iter().map(update).collect()
}

/// Creates the failure of an aggregate that writes an entry of another one.
pub(super) fn taken(key: &EntryKey, owner: Option<&str>) -> Failure {
    let EntryKey { list, entry } = key;
    let owner = owner.map_or_else(|| "something else".to_owned(), |owner| format!("`{owner}`"));
    Failure::permanent(
        ENTRY_TAKEN,
        format!(
            "the entry `{entry}` of the list `{list}` belongs to {owner}; \
             this event is tried again until that deletes the entry"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> EntryKey {
        EntryKey::new("orders-of#1", "a")
    }

    fn after(changes: &[EntryUpdate]) -> EntryChange {
        let owner = "order#1".parse().unwrap();
        let mut merged = merged(changes.iter().map(|update| (&owner, update)));
        assert_eq!(merged.len(), 1);
        merged.remove(0).1.change
    }

    #[test]
    fn changes_of_one_entry_merge_as_if_done_one_after_the_other() {
        let row = RowUpdate::default;
        let (write, replace) = (|row| key().write(row), |row| key().replace(row));
        let delete = || key().delete();
        let replaced = |row| EntryChange::Replace(row);
        for (changes, expected) in [
            (
                vec![write(row().add("n", 1)), write(row().add("n", 2))],
                EntryChange::Write(row().add("n", 3)),
            ),
            (vec![write(row().set("n", 1)), delete()], EntryChange::Delete),
            (
                vec![delete(), write(row().add("n", 2).set_if_absent("a", "x"))],
                replaced(row().set("n", 2).set("a", "x")),
            ),
            (vec![delete(), delete()], EntryChange::Delete),
            (
                vec![delete(), write(row().set("n", 1)), write(row().add("n", 2).remove("a"))],
                replaced(row().set("n", 3)),
            ),
            (
                vec![write(row().set("n", 1)), replace(row().set_if_absent("a", 1))],
                replaced(row().set("a", 1)),
            ),
            (
                vec![replace(row().set("a", 1).set("b", 2)), write(row().remove("a"))],
                replaced(row().set("b", 2)),
            ),
            (vec![replace(row().set("a", 1)), delete(), write(row())], replaced(row())),
        ] {
            assert_eq!(after(&changes), expected, "{changes:?}");
        }
    }

    #[test]
    fn entries_of_a_list_are_sorted_by_time_whatever_its_precision() {
        let place = |time: &str| EntryKey::by_time("l", time.parse().unwrap(), "1").entry;
        let times = ["2010-12-01T08:26:00Z", "2010-12-01T08:26:00.5Z", "2010-12-01T08:26:01Z"];
        assert!(times.map(place).is_sorted());
        assert_eq!(place(times[0]), "2010-12-01T08:26:00.000000Z#1");
    }

    #[test]
    fn an_entry_that_can_never_be_stored_says_why() {
        let row = RowUpdate::default;
        let long = |bytes| "x".repeat(bytes);
        for (update, reason) in [
            (key().write(row().set("a", 1)), None),
            (EntryKey::new(long(2048), long(1024)).delete(), None),
            (EntryKey::new("", "a").delete(), Some("whose name has 0 bytes")),
            (EntryKey::new(long(2049), "a").delete(), Some("whose name has 2049 bytes")),
            (EntryKey::new("l", "").delete(), Some("whose place has 0 bytes")),
            (EntryKey::new("l", long(1025)).delete(), Some("whose place has 1025 bytes")),
            (key().write(row().remove("stream")), Some("changes `stream` of the entry `a`")),
            (key().write(row().set("text", long(410_000))), Some("bytes of the entry `a`")),
            (
                EntryUpdate {
                    key: key(),
                    change: after(&[key().delete(), key().write(row().set("t", "x").add("t", 1))]),
                },
                Some("`t` of the entry `a` of the list `orders-of#1` is not a number"),
            ),
        ] {
            match (update.unstorable(), reason) {
                (None, None) => {}
                (Some(said), Some(reason)) => assert!(said.contains(reason), "{said}"),
                (said, reason) => panic!("{said:?} is not {reason:?}"),
            }
        }
    }
}
