//! Limits of DynamoDB.

/// Largest number of items in a transaction.
pub(super) const TRANSACTION_ITEMS: usize = 100;
/// Largest transaction in bytes.
pub(super) const TRANSACTION_BYTES: usize = 4 * 1024 * 1024;
/// Largest item in bytes.
pub(super) const ITEM_BYTES: usize = 400 * 1024;
/// Longest partition key in bytes.
pub(super) const KEY_BYTES: usize = 2048;
/// Longest sort key in bytes.
pub(super) const SORT_KEY_BYTES: usize = 1024;
