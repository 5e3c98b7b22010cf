//! Destinations for the records of ended invocations.

use serde::Deserialize;

/// A destination: exactly one of its fields is set.
///
/// A stream mapping may have a queue, a topic or a bucket. The destination of successes cannot be a
/// bucket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// A standard queue.
    pub queue: Option<String>,
    /// A topic.
    pub topic: Option<String>,
    /// A bucket, for failures only.
    ///
    /// Of all destinations of a stream mapping, only a bucket gets the records themselves.
    pub bucket: Option<String>,
    /// A function, which is invoked asynchronously with the record.
    pub function: Option<String>,
    /// A bus, which receives an event with the record as its detail.
    pub bus: Option<String>,
}
