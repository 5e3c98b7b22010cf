//! Changes for how long received messages stay hidden.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use futures::future::join_all;

/// Most messages in one ChangeMessageVisibilityBatch call.
const CHANGE_LIMIT: usize = 10;
/// Most calls at a time.
const CHANGES: usize = 8;

/// Makes received messages visible again at once.
///
/// If a change fails, the message becomes visible when its visibility timeout ends.
///
/// # Errors
/// The first failure, after every message was tried.
pub(crate) async fn release(sqs: &Client, url: &str, receipts: &[String]) -> Result<(), String> {
    hide_all(sqs, url, receipts, Duration::ZERO).await
}

/// Keeps received messages hidden for this time from now on.
///
/// # Errors
/// The first failure, after every message was tried.
pub(crate) async fn hide_all(
    sqs: &Client,
    url: &str,
    receipts: &[String],
    hidden: Duration,
) -> Result<(), String> {
    let mut result = Ok(());
    for receipts in receipts.chunks(CHANGE_LIMIT * CHANGES) {
        let calls: Vec<_> = receipts
            .chunks(CHANGE_LIMIT)
            .map(|receipts| change(sqs, url, receipts, hidden))
            .collect();
        result = join_all(calls).await.into_iter().fold(result, Result::and);
    }
    result
}

/// Changes the visibility of up to ten messages in one call.
async fn change(
    sqs: &Client,
    url: &str,
    receipts: &[String],
    hidden: Duration,
) -> Result<(), String> {
    let seconds = i32::try_from(hidden.as_secs()).unwrap_or(i32::MAX);
    let mut request = sqs.change_message_visibility_batch().queue_url(url);
    for (index, receipt) in receipts.iter().enumerate() {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
        let entry = entry.receipt_handle(receipt).visibility_timeout(seconds).build();
        request = request.entries(entry.map_err(|error| error.to_string())?);
    }
    let failed = |why: String| format!("ChangeMessageVisibilityBatch of {url}: {why}");
    let answer =
        request.send().await.map_err(|error| failed(DisplayErrorContext(error).to_string()))?;
    match answer.failed.first() {
        None => Ok(()),
        Some(first) => {
            let why = first.message.as_deref().unwrap_or(&first.code);
            Err(failed(format!("{} failed: {why}", answer.failed.len())))
        }
    }
}

/// Keeps one received message hidden for this time from now on.
pub(crate) async fn hide(
    sqs: &Client,
    url: &str,
    receipt: String,
    hidden: Duration,
) -> Result<(), String> {
    let seconds = i32::try_from(hidden.as_secs()).unwrap_or(i32::MAX);
    let request = sqs.change_message_visibility().queue_url(url).receipt_handle(receipt);
    let changed = request.visibility_timeout(seconds).send().await;
    changed.map(|_| ()).map_err(|error| {
        format!("ChangeMessageVisibility of {url}: {}", DisplayErrorContext(error))
    })
}
