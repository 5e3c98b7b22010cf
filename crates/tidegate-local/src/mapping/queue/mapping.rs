//! What a queue mapping consists of.

use std::sync::Arc;

use aws_sdk_sqs::Client;

use super::settings::QueueSettings;
use crate::activity::Activity;
use crate::invocation::Invoker;
use crate::pace::Pace;

/// Everything a queue mapping needs.
pub struct QueueMapping {
    /// The function's declared name.
    pub function: String,
    /// The queue's declared name.
    pub source_name: String,
    /// The rules.
    pub settings: QueueSettings,
    /// The client.
    pub sqs: Client,
    /// The queue's URL.
    pub queue_url: String,
    /// The queue's ARN, as events say it.
    pub queue_arn: String,
    /// The region, as events say it.
    pub region: String,
    /// Runs the function.
    pub invoker: Arc<dyn Invoker>,
    /// The engine's activity counter.
    pub activity: Arc<Activity>,
    /// How fast the queue is polled.
    pub pace: Pace,
}
