//! A change of a table, as its DynamoDB stream reports it.

use serde_dynamo::Item;

/// A change of one item of a table.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The item's key.
    pub keys: Item,
    /// The item after the change, where the stream carries it.
    pub new_image: Item,
    /// The item before the change, where the stream carries it.
    pub old_image: Item,
}

/// What happened to the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was added.
    Insert,
    /// It was changed.
    Modify,
    /// It was removed by a writer.
    Remove,
    /// It was removed because its time to live had passed: garbage collection, not a business fact.
    Expire,
}
