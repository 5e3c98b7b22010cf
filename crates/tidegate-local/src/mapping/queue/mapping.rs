//! Configuration of a queue mapping.

use std::sync::Arc;

use aws_sdk_sqs::Client;

use super::settings::QueueSettings;
use crate::activity::Activity;
use crate::invocation::Invoker;
use crate::pace::{Pace, Signals};
use crate::wake::Wake;

/// Everything that a queue mapping needs.
pub struct QueueMapping {
    /// Declared name of the function.
    pub function: String,
    /// Declared name of the queue.
    pub source_name: String,
    /// Rules of delivery.
    pub settings: QueueSettings,
    /// Client of SQS.
    pub sqs: Client,
    /// URL of the queue.
    pub queue_url: String,
    /// ARN of the queue, for events.
    pub queue_arn: String,
    /// AWS region, for events.
    pub region: String,
    /// Invokes the function.
    pub invoker: Arc<dyn Invoker>,
    /// Activity counter of the engine.
    pub activity: Arc<Activity>,
    /// Writes to the queue.
    pub wake: Arc<Wake>,
    /// How often the queue is polled.
    pub pace: Pace,
}

impl QueueMapping {
    pub(super) fn signals(&self) -> Signals {
        Signals { activity: Arc::clone(&self.activity), wake: Arc::clone(&self.wake) }
    }
}
