//! Where the record of an invocation that ended goes.

use serde::Deserialize;

/// A destination: exactly one. A stream mapping has a queue, a topic or a bucket. The destination
/// of successes cannot be a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// A standard queue.
    pub queue: Option<String>,
    /// A topic.
    pub topic: Option<String>,
    /// A bucket, which alone keeps the events of a stream that were given up. For failures only.
    pub bucket: Option<String>,
    /// A function, which is invoked asynchronously with the record.
    pub function: Option<String>,
    /// A bus, which gets an event with the record as its detail.
    pub bus: Option<String>,
}
