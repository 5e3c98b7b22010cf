//! A change of a table, as reported by its DynamoDB stream.

use serde_dynamo::Item;

/// A change of one item of a table.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// Kind of the change.
    pub kind: ChangeKind,
    /// Key of the item.
    pub keys: Item,
    /// Item after the change, if the stream carries it.
    pub new_image: Item,
    /// Item before the change, if the stream carries it.
    pub old_image: Item,
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The item was added.
    Insert,
    /// The item was changed.
    Modify,
    /// A writer removed the item.
    Remove,
    /// DynamoDB removed the item because its time to live was over. This is garbage collection, not
    /// a business fact.
    Expire,
}
