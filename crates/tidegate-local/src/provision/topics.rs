//! Creates SNS topics.

use super::error::ProvisionError;
use super::provisioned::Arn;
use crate::clients::Clients;

pub(super) async fn topic(clients: &Clients, name: &str) -> Result<(String, Arn), ProvisionError> {
    let resource = format!("topic {name}");
    // The answer for an existing topic is the same as for a new one.
    let answer = clients.sns.create_topic().name(name).send().await;
    let answer = answer.map_err(ProvisionError::from_call(&resource, "CreateTopic"))?;
    let arn = answer.topic_arn.ok_or_else(|| {
        ProvisionError::new(&resource, "CreateTopic", "the answer has no TopicArn")
    })?;
    Ok((name.to_owned(), arn))
}
