//! What the delivery of one topic needs.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;

use super::subscription::Subscription;
use crate::activity::Activity;
use crate::asynchronous::EventQueue;
use crate::pace::Pace;
use crate::wake::{Wake, Wakes};

/// Everything that the delivery of one topic needs.
pub struct TopicQueue {
    /// Declared name of the topic.
    pub topic: String,
    /// URL of the engine's own queue that gets every message of the topic.
    pub queue_url: String,
    /// Subscriptions of the topic.
    pub subscriptions: Vec<Subscription>,
    /// Client of SQS.
    pub sqs: Client,
    /// Accepts events for functions.
    pub events: Arc<dyn EventQueue>,
    /// Activity counter of the engine.
    pub activity: Arc<Activity>,
    /// Messages that were published to the topic.
    pub wake: Arc<Wake>,
    /// Wakes the pollers of subscribed queues.
    pub wakes: Arc<Wakes>,
    /// How often the queue is polled.
    pub pace: Pace,
    /// Visibility timeout of a received message in its queue.
    pub hidden: Duration,
    /// Divides the waits between tries; 1 is AWS's pace.
    pub time_scale: f64,
}
