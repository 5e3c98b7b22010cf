//! A queue of the topology at SQS: its name, its URL, its ARN.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::operation::get_queue_url::GetQueueUrlError;
use aws_sdk_sqs::types::QueueAttributeName;
use terminal::name_prefix::{NamePrefix, PhysicalName};
use terminal::problem::Problem;
use topology::Topology;

/// Returns the physical name of a queue of the topology.
pub(crate) fn physical(topology: &Topology, prefix: &NamePrefix, name: &str) -> PhysicalName {
    let declared = topology.queues.get(name);
    prefix.physical(&declared.map_or_else(|| name.to_owned(), |queue| queue.physical_name(name)))
}

/// Returns the URL of a queue.
///
/// # Errors
/// The queue does not exist, or SQS does not answer.
pub(crate) async fn url_of(sqs: &Client, queue: &PhysicalName) -> Result<String, Problem> {
    let failed = |error: String| Problem::new(format!("queue {queue}: {error}"));
    let answer = sqs.get_queue_url().queue_name(queue.as_str()).send().await;
    let answer = answer.map_err(|error| match error.as_service_error() {
        Some(GetQueueUrlError::QueueDoesNotExist(_)) => queue.missing("queue"),
        _ => failed(DisplayErrorContext(error).to_string()),
    })?;
    answer.queue_url.ok_or_else(|| failed("SQS returned no URL for it".to_owned()))
}

/// Returns the ARN of a queue, which contains the region and account of a system.
///
/// # Errors
/// The queue does not exist, or SQS does not answer.
pub(crate) async fn arn_of(sqs: &Client, queue: &PhysicalName) -> Result<String, Problem> {
    let url = url_of(sqs, queue).await?;
    let failed = |error: String| Problem::new(format!("queue {queue}: {error}"));
    let asked =
        sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
    let answer =
        asked.send().await.map_err(|error| failed(DisplayErrorContext(error).to_string()))?;
    let arn = answer.attributes.and_then(|mut names| names.remove(&QueueAttributeName::QueueArn));
    arn.ok_or_else(|| failed("SQS returned no ARN for it".to_owned()))
}
