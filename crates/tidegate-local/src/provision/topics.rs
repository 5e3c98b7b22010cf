//! Creates SNS topics, and the engine's subscription of each topic that has subscriptions.

use super::error::ProvisionError;
use super::provisioned::{Arn, ProvisionedQueue};
use crate::clients::Clients;
use topology::Topic;

pub(super) async fn topic(
    clients: &Clients,
    name: &str,
    declared: &Topic,
) -> Result<(String, Arn), ProvisionError> {
    let resource = format!("topic {name}");
    // The answer for an existing topic is the same as for a new one.
    let mut call = clients.sns.create_topic().name(declared.physical_name(name));
    if declared.fifo {
        call = call.attributes("FifoTopic", "true");
    }
    let answer = call.send().await;
    let answer = answer.map_err(ProvisionError::from_call(&resource, "CreateTopic"))?;
    let arn = answer.topic_arn.ok_or_else(|| {
        ProvisionError::new(&resource, "CreateTopic", "the answer has no TopicArn")
    })?;
    if declared.fifo {
        // Creating a topic that exists with other attributes is an error, so they are set
        // afterwards.
        let call = clients.sns.set_topic_attributes().topic_arn(&arn);
        let call = call
            .attribute_name("ContentBasedDeduplication")
            .attribute_value(declared.content_based_deduplication.to_string());
        let set = call.send().await;
        set.map_err(ProvisionError::from_call(&resource, "SetTopicAttributes"))?;
    }
    Ok((name.to_owned(), arn))
}

/// Sends every message of a topic to the engine's own queue, in a notification.
pub(super) async fn every_message(
    clients: &Clients,
    topic: &str,
    arn: &str,
    queue: &ProvisionedQueue,
) -> Result<(), ProvisionError> {
    let call = clients.sns.subscribe().topic_arn(arn).protocol("sqs").endpoint(&queue.arn);
    let resource = format!("the engine's subscription of topic {topic}");
    // The answer for an existing subscription is the same as for a new one.
    call.send().await.map(drop).map_err(ProvisionError::from_call(&resource, "Subscribe"))
}
