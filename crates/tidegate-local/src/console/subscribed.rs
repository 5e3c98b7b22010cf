//! Counts of the edges that leave a topic.

use serde_json::{Value, json};

use super::graph::EdgeKind;
use crate::parts::Parts;
use crate::status::Status;
use crate::topic::SubscriptionStatus;
use topology::Subscription;

/// Returns the counts of the edge from a topic to one of its receivers or dead-letter queues.
pub(super) fn counts(
    parts: &Parts,
    status: &Status,
    (topic, to): (&str, &str),
    kind: EdgeKind,
) -> Value {
    let sum = |is_meant: &dyn Fn(&Subscription) -> bool| {
        let of_topic = status.topics.iter().find(|status| status.topic == topic);
        let subscriptions = of_topic.into_iter().flat_map(|status| &status.subscriptions);
        let meant = subscriptions
            .filter(|(name, _)| parts.topology.subscriptions.get(*name).is_some_and(is_meant));
        meant.fold(SubscriptionStatus::default(), |sum, (_, of)| SubscriptionStatus {
            waiting: sum.waiting + of.waiting,
            handed_over: sum.handed_over + of.handed_over,
            retries: sum.retries + of.retries,
            failed: sum.failed + of.failed,
            ..sum
        })
    };
    match kind {
        EdgeKind::Events => {
            let subscribed = sum(&|of| of.function.as_deref() == Some(to));
            // Events behind the topic wait in the function's single queue, with those of buses and
            // of Invoke.
            let queue = status.asynchronous.iter().find(|queue| queue.function == to);
            let (waiting, in_flight, failed) = queue.map_or((0, 0, 0), |queue| {
                (queue.waiting, queue.in_flight, queue.retries + queue.failed)
            });
            json!({
                "count": subscribed.handed_over,
                "waiting": subscribed.waiting + waiting,
                "in_flight": in_flight,
                "failures": subscribed.retries + subscribed.failed + failed,
            })
        }
        EdgeKind::Sends => {
            let subscribed = sum(&|of| of.queue.as_deref() == Some(to));
            let failures = subscribed.retries + subscribed.failed;
            json!({
                "count": subscribed.handed_over,
                "waiting": subscribed.waiting,
                "failures": failures,
            })
        }
        EdgeKind::Undelivered => {
            let subscribed = sum(&|of| of.dead_letter_queue.as_deref() == Some(to));
            json!({ "count": subscribed.failed })
        }
        _ => Value::Null,
    }
}
