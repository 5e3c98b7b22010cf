//! How the delivery of a shard ends.

/// How the delivery of a shard ended.
pub(super) enum End {
    /// The shard has ended and is done.
    Closed,
    /// A stop was asked for.
    Stopped,
    /// Something went wrong that is written on the board; it goes on from the checkpoint.
    Failed,
}
