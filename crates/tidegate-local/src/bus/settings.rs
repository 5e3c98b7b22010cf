//! Settings of the routing of a bus.

use std::time::Duration;

use super::rule::Retries;

/// Settings of the routing of a bus.
#[derive(Clone, Debug)]
pub struct BusSettings {
    /// Retry policy of each rule's target.
    pub retries: Vec<Retries>,
    /// Visibility timeout of a received event in its queue.
    pub hidden: Duration,
    /// Divides the waits between tries; 1 is AWS's pace.
    pub time_scale: f64,
}
