//! How the delivery of a shard ends.

/// How the delivery of a shard ended.
pub(super) enum End {
    /// The shard is closed, and all its records are done.
    Closed,
    /// The delivery was stopped.
    Stopped,
    /// A failure, which is in the status. Delivery continues from the checkpoint.
    Failed,
}
