//! Starts the delivery of each topic that has subscriptions.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::StartError;
use super::timing::Timing;
use crate::asynchronous::{EventQueue, HIDDEN_SECONDS};
use crate::parts::Parts;
use crate::topic::{self, Receiver, Subscription, TopicFanout, TopicQueue};
use crate::wake::Polled;
use topology::Subscriber;
use topology::filter_policy::FilterPolicy;

/// Starts the deliveries.
pub(super) fn start(
    parts: &Parts,
    events: &Arc<dyn EventQueue>,
    timing: Timing,
) -> Result<Vec<TopicFanout>, StartError> {
    let queues = parts.provisioned.topic_queues.iter();
    let topics = queues.map(|(name, queue)| {
        let subscriptions = parts.topology.subscriptions_of(name);
        let subscriptions: Result<Vec<Subscription>, StartError> =
            subscriptions.map(|(of, declared)| compiled(parts, of, declared)).collect();
        Ok(topic::start(TopicQueue {
            topic: name.clone(),
            queue_url: queue.url.clone(),
            subscriptions: subscriptions?,
            sqs: parts.clients.sqs.clone(),
            events: Arc::clone(events),
            activity: Arc::clone(&parts.activity),
            // The emulator's topic writes to the queue. A `Publish` wakes the pollers of every
            // queue, so also those of subscriptions that somebody made at the emulator.
            wake: parts.wakes.of(Polled::Queue, queue.name()),
            wakes: Arc::clone(&parts.wakes),
            pace: timing.pace,
            hidden: Duration::from_secs(HIDDEN_SECONDS.into()),
            time_scale: timing.time_scale,
        }))
    });
    topics.collect()
}

/// Returns a subscription in the form that its delivery needs. The topology's check has already
/// parsed its filter policy.
fn compiled(
    parts: &Parts,
    name: &str,
    declared: &topology::Subscription,
) -> Result<Subscription, StartError> {
    let queues = &parts.provisioned.queues;
    let missing = || StartError::Subscription(name.to_owned());
    let url = |queue: &str| queues.get(queue).map(|queue| queue.url.clone()).ok_or_else(missing);
    let topic = parts.provisioned.topics.get(&declared.topic).ok_or_else(missing)?;
    let policy = declared.filter_policy.as_ref();
    let policy = policy.map(|policy| FilterPolicy::parse(policy, declared.filter_policy_scope));
    Ok(Subscription {
        name: name.to_owned(),
        arn: format!("{topic}:{}", Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())),
        receiver: match declared.subscriber().ok_or_else(missing)? {
            Subscriber::Queue(queue) => Receiver::Queue(url(queue)?),
            Subscriber::Function(function) => Receiver::Function(function.to_owned()),
        },
        policy: policy.transpose().map_err(StartError::Filter)?,
        raw: declared.raw_message_delivery,
        dead_letters: declared.dead_letter_queue.as_deref().map(url).transpose()?,
    })
}
