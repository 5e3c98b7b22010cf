//! Creates SQS queues.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::types::QueueAttributeName;
use futures::future::try_join_all;
use serde_json::json;
use uuid::Uuid;

use super::error::ProvisionError;
use super::provisioned::ProvisionedQueue;
use crate::asynchronous::HIDDEN_SECONDS;
use crate::clients::Clients;
use topology::{Queue, Topology};

/// Prefix of the engine's own queues of functions; the function's name follows. Both together are
/// at most as long as SQS allows.
pub(crate) const INVOKE_QUEUE: &str = "tidegate-invoke-";
/// Prefix of the engine's own queue of a bus.
const BUS_QUEUE: &str = "tidegate-bus-";
/// Prefix of the engine's own queue of a topic.
const TOPIC_QUEUE: &str = "tidegate-topic-";
/// Ending of a FIFO queue's name.
const FIFO: &str = ".fifo";
/// Longest name of a queue.
const LONGEST: usize = 80;
/// Retention of the engine's own queues: the longest that SQS allows.
const OWN_RETENTION_SECONDS: u32 = 1_209_600;

type Queues = BTreeMap<String, ProvisionedQueue>;

/// Creates the declared queues. Dead-letter queues come first, because the others name them.
pub(super) async fn queues(
    clients: &Clients,
    topology: &Topology,
) -> Result<Queues, ProvisionError> {
    let (sources, letters): (Vec<_>, Vec<_>) =
        topology.queues.iter().partition(|(_, queue)| queue.redrive.is_some());
    let set_up = |(name, queue): (&String, &Queue), redrive: Option<String>| {
        let (name, physical, fifo) = (name.clone(), queue.physical_name(name), queue.fifo);
        let (retention, visibility) = (queue.retention_seconds, queue.visibility_timeout_seconds);
        // EventBridge and Scheduler require it of a FIFO queue to which they send.
        let sent = topology.rule_targets().any(|rule| rule.target.queue.as_ref() == Some(&name))
            || topology.schedule_targets().any(|target| target.queue.as_ref() == Some(&name));
        let by_content = fifo && sent;
        async move {
            let kind = if fifo { Kind::Fifo { by_content } } else { Kind::Standard };
            let queue = create(clients, &physical, kind, retention, visibility, redrive).await?;
            Ok::<_, ProvisionError>((name, queue))
        }
    };
    let mut found: Queues = try_join_all(letters.into_iter().map(|queue| set_up(queue, None)))
        .await?
        .into_iter()
        .collect();
    // Dead-letter queues may have one of their own. Each round sets up the queues whose dead-letter
    // queue exists.
    let mut left = sources;
    while !left.is_empty() {
        let (ready, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, queue)| {
            queue.redrive.as_ref().is_some_and(|redrive| found.contains_key(&redrive.queue))
        });
        if let (true, Some((name, _))) = (ready.is_empty(), rest.first()) {
            let reason = "its redrive names an unknown queue or forms a circle";
            return Err(ProvisionError::new(&format!("queue {name}"), "CreateQueue", reason));
        }
        let calls = ready.into_iter().map(|(name, queue)| {
            let policy = queue.redrive.as_ref().and_then(|redrive| {
                let arn = &found.get(&redrive.queue)?.arn;
                let policy =
                    json!({ "deadLetterTargetArn": arn, "maxReceiveCount": redrive.maximum_receives });
                Some(policy.to_string())
            });
            set_up((name, queue), policy)
        });
        let set_up: Vec<_> = try_join_all(calls).await?;
        found.extend(set_up);
        left = rest;
    }
    Ok(found)
}

/// Creates the engine's own queue of a bus.
pub(super) async fn bus_queue(
    clients: &Clients,
    bus: &str,
) -> Result<ProvisionedQueue, ProvisionError> {
    own_queue(clients, &own_queue_name(BUS_QUEUE, bus, LONGEST)).await
}

/// Creates the engine's own queue of a topic.
pub(super) async fn topic_queue(
    clients: &Clients,
    topic: &str,
    is_fifo: bool,
) -> Result<ProvisionedQueue, ProvisionError> {
    if !is_fifo {
        return own_queue(clients, &own_queue_name(TOPIC_QUEUE, topic, LONGEST)).await;
    }
    let name = own_queue_name(TOPIC_QUEUE, topic, LONGEST - FIFO.len()) + FIFO;
    // A publisher's deduplication id comes with each message.
    let kind = Kind::Fifo { by_content: false };
    create(clients, &name, kind, OWN_RETENTION_SECONDS, HIDDEN_SECONDS, None).await
}

/// Returns the name of the queue of a bus or a topic. If that has a name which SQS does not allow
/// behind the prefix, the queue gets a part of it and a digest.
fn own_queue_name(prefix: &str, of: &str, longest: usize) -> String {
    let longest = longest - prefix.len();
    let taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if of.len() <= longest && of.chars().all(taken) {
        return format!("{prefix}{of}");
    }
    let readable: String =
        of.chars().take(longest - 33).map(|c| if taken(c) { c } else { '-' }).collect();
    format!("{prefix}{readable}-{}", Uuid::new_v5(&Uuid::NAMESPACE_URL, of.as_bytes()).simple())
}

/// Creates the engine's own queue for asynchronous invocations of a function.
pub(crate) async fn invoke_queue(
    clients: &Clients,
    function: &str,
) -> Result<ProvisionedQueue, ProvisionError> {
    own_queue(clients, &format!("{INVOKE_QUEUE}{function}")).await
}

async fn own_queue(clients: &Clients, name: &str) -> Result<ProvisionedQueue, ProvisionError> {
    create(clients, name, Kind::Standard, OWN_RETENTION_SECONDS, HIDDEN_SECONDS, None).await
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Standard,
    /// Messages with the same content within five minutes count as one, if `by_content` is set.
    Fifo {
        by_content: bool,
    },
}

async fn create(
    clients: &Clients,
    name: &str,
    kind: Kind,
    retention: u32,
    visibility: u32,
    redrive: Option<String>,
) -> Result<ProvisionedQueue, ProvisionError> {
    let resource = format!("queue {name}");
    let sqs = &clients.sqs;
    // Creating a queue that exists with other attributes is an error, so they are set afterwards.
    let mut call = sqs.create_queue().queue_name(name);
    if let Kind::Fifo { .. } = kind {
        call = call.attributes(QueueAttributeName::FifoQueue, "true");
    }
    let answer = call.send().await.map_err(ProvisionError::from_call(&resource, "CreateQueue"))?;
    let url = answer.queue_url.ok_or_else(|| {
        ProvisionError::new(&resource, "CreateQueue", "the answer has no QueueUrl")
    })?;
    let mut attributes = HashMap::from([
        (QueueAttributeName::MessageRetentionPeriod, retention.to_string()),
        (QueueAttributeName::VisibilityTimeout, visibility.to_string()),
    ]);
    if let Kind::Fifo { by_content } = kind {
        attributes.insert(QueueAttributeName::ContentBasedDeduplication, by_content.to_string());
    }
    attributes.extend(redrive.map(|policy| (QueueAttributeName::RedrivePolicy, policy)));
    let call = sqs.set_queue_attributes().queue_url(&url).set_attributes(Some(attributes));
    call.send().await.map_err(ProvisionError::from_call(&resource, "SetQueueAttributes"))?;
    let call =
        sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
    let answer =
        call.send().await.map_err(ProvisionError::from_call(&resource, "GetQueueAttributes"))?;
    let arn = answer.attributes.and_then(|mut found| found.remove(&QueueAttributeName::QueueArn));
    let arn = arn.ok_or_else(|| {
        ProvisionError::new(&resource, "GetQueueAttributes", "the answer has no QueueArn")
    })?;
    Ok(ProvisionedQueue { url, arn })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bus_has_a_queue_of_its_own_that_sqs_takes() {
        let bus_queue_name = |bus: &str| own_queue_name(BUS_QUEUE, bus, LONGEST);
        assert_eq!(bus_queue_name("shop"), "tidegate-bus-shop");
        let names = [
            "shop.orders",
            "shop/orders",
            "shop-orders",
            &"b".repeat(67),
            &"b".repeat(68),
            &"b".repeat(256),
        ];
        let queues: std::collections::BTreeSet<String> =
            names.iter().map(|name| bus_queue_name(name)).collect();
        assert_eq!(queues.len(), names.len(), "{queues:?}");
        for queue in &queues {
            assert!(queue.len() <= 80, "{queue}");
            assert!(
                queue.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')),
                "{queue}"
            );
        }
        assert!(bus_queue_name("shop.orders").starts_with("tidegate-bus-shop-orders-"));
    }
}
