//! SQS queues.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::types::QueueAttributeName;
use futures::future::try_join_all;
use serde_json::json;

use super::ProvisionedQueue;
use super::error::ProvisionError;
use crate::asynchronous::HIDDEN_SECONDS;
use crate::clients::Clients;
use crate::topology::{Queue, Topology};

/// What the names of the engine's own queues of functions begin with; the function's name follows. Together they are as long as SQS allows at most.
pub(crate) const INVOKE_QUEUE: &str = "tidegate-invoke-";
/// How long a queue of the engine's own keeps an event: as long as SQS can.
const OWN_RETENTION_SECONDS: u32 = 1_209_600;

type Queues = BTreeMap<String, ProvisionedQueue>;

/// The declared queues. Dead-letter queues come first, since the others name them.
pub(super) async fn queues(clients: &Clients, topology: &Topology) -> Result<Queues, ProvisionError> {
    let (sources, letters): (Vec<_>, Vec<_>) =
        topology.queues.iter().partition(|(_, queue)| queue.redrive.is_some());
    let set_up = |(name, queue): (&String, &Queue), redrive: Option<String>| {
        let (name, physical, fifo) = (name.clone(), queue.physical_name(name), queue.fifo);
        let (retention, visibility) = (queue.retention_seconds, queue.visibility_timeout_seconds);
        async move {
            let queue = create(clients, &physical, fifo, retention, visibility, redrive).await?;
            Ok::<_, ProvisionError>((name, queue))
        }
    };
    let mut found: Queues =
        try_join_all(letters.into_iter().map(|queue| set_up(queue, None))).await?.into_iter().collect();
    // Dead-letter queues may have one of their own; each round sets up those whose dead-letter queue is there.
    let mut left = sources;
    while !left.is_empty() {
        let (ready, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, queue)| {
            queue.redrive.as_ref().is_some_and(|redrive| found.contains_key(&redrive.queue))
        });
        if let (true, Some((name, _))) = (ready.is_empty(), rest.first()) {
            let reason = "its redrive leads to no queue, or back to itself";
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

/// The engine's own queue of a bus.
pub(super) async fn bus_queue(clients: &Clients, bus: &str) -> Result<ProvisionedQueue, ProvisionError> {
    own_queue(clients, &format!("tidegate-bus-{bus}")).await
}

/// The engine's own queue for the events that a function is invoked with asynchronously.
pub(crate) async fn invoke_queue(
    clients: &Clients,
    function: &str,
) -> Result<ProvisionedQueue, ProvisionError> {
    own_queue(clients, &format!("{INVOKE_QUEUE}{function}")).await
}

async fn own_queue(clients: &Clients, name: &str) -> Result<ProvisionedQueue, ProvisionError> {
    create(clients, name, false, OWN_RETENTION_SECONDS, HIDDEN_SECONDS, None).await
}

async fn create(
    clients: &Clients,
    name: &str,
    fifo: bool,
    retention: u32,
    visibility: u32,
    redrive: Option<String>,
) -> Result<ProvisionedQueue, ProvisionError> {
    let resource = format!("queue {name}");
    let sqs = &clients.sqs;
    // Creating a queue that exists with other attributes is an error, so they are set afterwards.
    let mut call = sqs.create_queue().queue_name(name);
    if fifo {
        call = call.attributes(QueueAttributeName::FifoQueue, "true");
    }
    let answer = call.send().await.map_err(ProvisionError::of(&resource, "CreateQueue"))?;
    let url = answer
        .queue_url
        .ok_or_else(|| ProvisionError::new(&resource, "CreateQueue", "the answer has no QueueUrl"))?;
    let mut attributes = HashMap::from([
        (QueueAttributeName::MessageRetentionPeriod, retention.to_string()),
        (QueueAttributeName::VisibilityTimeout, visibility.to_string()),
    ]);
    attributes.extend(redrive.map(|policy| (QueueAttributeName::RedrivePolicy, policy)));
    let call = sqs.set_queue_attributes().queue_url(&url).set_attributes(Some(attributes));
    call.send().await.map_err(ProvisionError::of(&resource, "SetQueueAttributes"))?;
    let call = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
    let answer = call.send().await.map_err(ProvisionError::of(&resource, "GetQueueAttributes"))?;
    let arn = answer.attributes.and_then(|mut found| found.remove(&QueueAttributeName::QueueArn));
    let arn = arn
        .ok_or_else(|| ProvisionError::new(&resource, "GetQueueAttributes", "the answer has no QueueArn"))?;
    Ok(ProvisionedQueue { url, arn })
}
