//! Hides messages of a queue until their delay is over.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use futures::future::{BoxFuture, FutureExt};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::outcome::{NotRun, Outcome};
use crate::failure::{Failure, chain};
use crate::source::Delivery;

/// Longest time for which a message is hidden.
///
/// SQS allows 12 hours from the receipt, of which an invocation may have used 15 minutes.
pub const MAX_DELAY: Duration = Duration::from_secs(12 * 3600 - 15 * 60);

/// Number of messages in one request.
const ENTRIES: usize = 10;

/// Hides messages for a while, so that they come again later than the queue's visibility timeout
/// would allow.
pub trait Visibility: Send + Sync {
    /// Hides messages of the queue with this ARN.
    ///
    /// # Errors
    /// Some messages were not hidden: they come again after the queue's visibility timeout.
    fn hide<'a>(
        &'a self,
        queue_arn: &'a str,
        messages: &'a [HiddenMessage],
    ) -> BoxFuture<'a, Result<(), Failure>>;
}

/// A message to be hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HiddenMessage {
    /// Id of the message.
    pub message_id: String,
    /// Handle of this receipt of the message.
    pub receipt_handle: String,
    /// How long the message is hidden, in seconds.
    pub seconds: i32,
}

/// Hides the messages whose failures have a delay, and the messages behind them in their lanes
/// for as long.
///
/// SQS delivers no message of a group while another message of the group is hidden. A message
/// that stays hidden for the queue's timeout would delay the one with the shorter delay. A
/// message that could not be hidden comes again after the queue's timeout.
pub(super) async fn hide(
    visibility: &dyn Visibility,
    deliveries: &[Delivery<'_>],
    outcomes: &[Outcome],
    lane: impl Fn(&Delivery<'_>) -> String,
    end: Instant,
) {
    let mut queues: BTreeMap<String, Vec<HiddenMessage>> = BTreeMap::new();
    let mut lanes: HashMap<String, Duration> = HashMap::new();
    for (delivery, outcome) in deliveries.iter().zip(outcomes) {
        let delay = match outcome {
            Outcome::Failed(failure) => failure.retry_delay(),
            Outcome::NotRun(NotRun::Blocked) if !lanes.is_empty() => {
                lanes.get(&lane(delivery)).copied()
            }
            _ => None,
        };
        let Some(delay) = delay else { continue };
        if matches!(outcome, Outcome::Failed(_)) {
            lanes.insert(lane(delivery), delay);
        }
        if let Some((queue, message)) = hidden(delivery, delay) {
            queues.entry(queue).or_default().push(message);
        }
    }
    for (queue, messages) in &queues {
        let hidden = timeout_at(end, visibility.hide(queue, messages)).await;
        if let Err(failure) = hidden.unwrap_or_else(|_| {
            Err(Failure::transient(
                "deadline",
                "the invocation's time ran out before the request ended",
            ))
        }) {
            let reason = failure.reason();
            warn!(
                queue,
                reason,
                "messages were not hidden for their delay; they come again after the queue's visibility timeout"
            );
        }
    }
}

/// Returns the queue and the message of a delivery that is to come again after `delay`.
///
/// `None` if the record does not contain them.
fn hidden(delivery: &Delivery<'_>, delay: Duration) -> Option<(String, HiddenMessage)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Message {
        message_id: String,
        receipt_handle: String,
        #[serde(rename = "eventSourceARN")]
        queue_arn: String,
    }
    let Message { message_id, receipt_handle, queue_arn } =
        serde_json::from_str(delivery.record.get()).ok()?;
    let seconds = delay.min(MAX_DELAY).as_millis().div_ceil(1000);
    let seconds = i32::try_from(seconds).ok()?;
    Some((queue_arn, HiddenMessage { message_id, receipt_handle, seconds }))
}

/// Hides messages of SQS queues. The function's role needs `sqs:ChangeMessageVisibility`.
#[derive(Clone, Debug)]
pub struct SqsVisibility {
    sqs: aws_sdk_sqs::Client,
}

impl SqsVisibility {
    /// Hides messages through this client.
    pub fn new(sqs: aws_sdk_sqs::Client) -> Self {
        Self { sqs }
    }

    async fn change(&self, queue_arn: &str, messages: &[HiddenMessage]) -> Result<(), Failure> {
        let failed = |reason: String| Failure::transient("visibility", reason);
        let url = queue_url(queue_arn)
            .ok_or_else(|| failed(format!("`{queue_arn}` is not the ARN of an SQS queue")))?;
        let mut problems = Vec::new();
        for messages in messages.chunks(ENTRIES) {
            let answer = self
                .sqs
                .change_message_visibility_batch()
                .queue_url(&url)
                .set_entries(Some(entries(messages)?))
                .send()
                .await;
            match answer {
                Ok(answer) => problems.extend(answer.failed.into_iter().map(|entry| {
                    let message =
                        entry.id.parse().ok().and_then(|index: usize| messages.get(index));
                    let id =
                        message.map_or(entry.id.as_str(), |message| message.message_id.as_str());
                    format!("message {id}: {} ({})", entry.message.unwrap_or_default(), entry.code)
                })),
                Err(error) => problems.push(chain(&error)),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(failed(problems.join("; "))) }
    }
}

impl Visibility for SqsVisibility {
    fn hide<'a>(
        &'a self,
        queue_arn: &'a str,
        messages: &'a [HiddenMessage],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        self.change(queue_arn, messages).boxed()
    }
}

/// Builds the entries of a request.
///
/// The id of an entry is the message's place in the request, because a message id may contain
/// characters that SQS rejects.
fn entries(
    messages: &[HiddenMessage],
) -> Result<Vec<ChangeMessageVisibilityBatchRequestEntry>, Failure> {
    let entries = messages.iter().enumerate().map(|(index, message)| {
        ChangeMessageVisibilityBatchRequestEntry::builder()
            .id(index.to_string())
            .receipt_handle(&message.receipt_handle)
            .visibility_timeout(message.seconds)
            .build()
    });
    Ok(entries.collect::<Result<_, _>>()?)
}

/// Returns the URL of a queue.
///
/// SQS finds a queue by the account and the name in it, at any endpoint.
fn queue_url(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':');
    let (Some("arn"), Some(partition), Some("sqs")) = (parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let (region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    (!name.is_empty()).then(|| format!("https://sqs.{region}.{domain}/{account}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_found_by_its_arn() {
        let url = |arn| queue_url(arn);
        assert_eq!(
            url("arn:aws:sqs:eu-west-1:123456789012:orders.fifo").unwrap(),
            "https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo"
        );
        assert_eq!(
            url("arn:aws-cn:sqs:cn-north-1:123456789012:orders").unwrap(),
            "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/orders"
        );
        for no_queue in [
            "",
            "arn:aws:sns:eu-west-1:123456789012:orders",
            "arn:aws:sqs:eu-west-1:123456789012:",
            "orders",
        ] {
            assert_eq!(url(no_queue), None, "{no_queue}");
        }
    }

    #[test]
    fn each_message_of_a_request_has_its_own_delay() {
        let message = |id: &str, seconds| HiddenMessage {
            message_id: id.to_owned(),
            receipt_handle: format!("receipt {id}"),
            seconds,
        };
        let entries = entries(&[message("a", 5), message("b", 60)]).unwrap();
        let seen: Vec<_> = entries
            .iter()
            .map(|entry| {
                (entry.id.as_str(), entry.receipt_handle.as_str(), entry.visibility_timeout)
            })
            .collect();
        assert_eq!(seen, [("0", "receipt a", Some(5)), ("1", "receipt b", Some(60))]);
    }
}
