//! Settings of the delivery of a topic.

use std::time::Duration;

/// Settings of the delivery of a topic.
#[derive(Clone, Debug)]
pub struct TopicSettings {
    /// Number of the topic's subscriptions.
    pub subscriptions: usize,
    /// Visibility timeout of a received message in its queue.
    pub hidden: Duration,
    /// Divides the waits between tries; 1 is AWS's pace.
    pub time_scale: f64,
}
