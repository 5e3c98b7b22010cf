//! A change of a row, and what must hold for the row.

use std::collections::{BTreeMap, BTreeSet};

use crate::failure::Failure;
use crate::projection::RowUpdate;

/// Most items in a transaction (AWS docs, TransactWriteItems).
pub(super) const TRANSACTION_ITEMS: usize = 100;
/// Longest key of a row in bytes: DynamoDB's limit for partition keys.
const KEY_BYTES: usize = 2048;

/// A change of a row, and what must hold for the row.
///
/// DynamoDB's conditions compare an attribute with a value and know no arithmetic. So choose the
/// attributes such that each condition is a comparison, and let a change add amounts. Such a change
/// does not fail because another writer changed the same row before.
///
/// ```
/// use tidegate::projection::RowUpdate;
/// use tidegate::store::RowChange;
///
/// // Reserves 3 units, if as many are on hand.
/// let update = RowUpdate::default().add("on_hand", -3).add("reserved", 3);
/// let reserved = RowChange::new("85123A", update).if_at_least("on_hand", 3);
/// assert_eq!(reserved.at_least["on_hand"], 3);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RowChange {
    /// Key of the row.
    pub key: String,
    /// What changes. A row that does not exist is created.
    pub update: RowUpdate,
    /// Whether the row must not exist.
    pub absent: bool,
    /// Attributes that must be numbers of at least this value.
    pub at_least: BTreeMap<&'static str, i64>,
    /// Attributes that must be numbers of at most this value.
    pub at_most: BTreeMap<&'static str, i64>,
}

impl RowChange {
    /// Creates a change of the row with this key, for which nothing must hold.
    pub fn new(key: impl Into<String>, update: RowUpdate) -> Self {
        Self {
            key: key.into(),
            update,
            absent: false,
            at_least: BTreeMap::new(),
            at_most: BTreeMap::new(),
        }
    }

    /// Requires that there is no row with this key.
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.absent = true;
        self
    }

    /// Requires that the attribute is a number of at least this value. Does not hold for a row
    /// without the attribute.
    #[must_use]
    pub fn if_at_least(mut self, attribute: &'static str, least: i64) -> Self {
        self.at_least.insert(attribute, least);
        self
    }

    /// Requires that the attribute is a number of at most this value. Does not hold for a row
    /// without the attribute.
    #[must_use]
    pub fn if_at_most(mut self, attribute: &'static str, most: i64) -> Self {
        self.at_most.insert(attribute, most);
        self
    }
}

/// Checks that a table can have this key.
///
/// # Errors
/// `invalid_rows` (permanent): it is empty or too long.
pub(super) fn check_key(key: &str) -> Result<(), Failure> {
    if (1..=KEY_BYTES).contains(&key.len()) {
        return Ok(());
    }
    let bytes = key.len();
    let what = format!("the key of a row has {bytes} bytes; a key has 1 to {KEY_BYTES}");
    Err(Failure::permanent("invalid_rows", what))
}

/// Checks what a transaction would be refused for, so that a mistake is named.
///
/// `key` is the attribute with the table's partition key, `items` the number of the commit's items.
///
/// # Errors
/// - `invalid_rows` (permanent): too many rows, a row twice, a key that no table can have, or a
///   change that changes nothing or the key.
/// - `unstorable` (permanent): a value that no table can hold.
pub(in crate::store) fn check(
    changes: &[RowChange],
    key: &str,
    items: usize,
) -> Result<(), Failure> {
    let invalid = |what: String| Err(Failure::permanent("invalid_rows", what));
    if changes.len() + items > TRANSACTION_ITEMS {
        let rows = changes.len();
        return invalid(format!(
            "a commit of {items} items changes {rows} rows; a transaction has room for \
             {TRANSACTION_ITEMS} items together: decide in stages"
        ));
    }
    let mut keys = BTreeSet::new();
    for change in changes {
        let row = &change.key;
        check_key(row)?;
        if !keys.insert(row) {
            return invalid(format!("row {row} is changed twice; merge the two changes"));
        }
        if change.update == RowUpdate::default() {
            return invalid(format!("row {row} is not changed at all; leave the change out"));
        }
        if change.update.touches(&[key]).is_some() {
            return invalid(format!("row {row}: `{key}` is its key, which cannot change"));
        }
        if let Some(name) = change.update.too_deep() {
            return Err(Failure::permanent(
                "unstorable",
                format!("row {row}: `{name}` has more than 31 levels of lists and maps"),
            ));
        }
    }
    Ok(())
}
