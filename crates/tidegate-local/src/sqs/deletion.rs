//! Deletes messages from a queue.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;

/// Most messages in one DeleteMessageBatch call.
const DELETE_LIMIT: usize = 10;

/// Deletes messages and tries failed entries once more; the SDK retries failed calls.
///
/// A message that still cannot be deleted is delivered again, which at-least-once delivery allows.
///
/// # Errors
/// The first failure, after every message was tried.
pub(crate) async fn delete(sqs: &Client, url: &str, receipts: &[String]) -> Result<(), String> {
    let mut result = Ok(());
    for chunk in receipts.chunks(DELETE_LIMIT) {
        let once = match delete_batch(sqs, url, chunk.iter().collect()).await {
            Ok((_, failed)) if !failed.is_empty() => delete_batch(sqs, url, failed).await,
            other => other,
        };
        let deleted = once.and_then(|(reason, failed)| match failed.len() {
            0 => Ok(()),
            left => Err(format!("DeleteMessageBatch of {url}: {left} failed: {reason}")),
        });
        result = result.and(deleted);
    }
    result
}

/// Makes one call and returns the failed entries, with the reason for the first one.
async fn delete_batch<'a>(
    sqs: &Client,
    url: &str,
    receipts: Vec<&'a String>,
) -> Result<(String, Vec<&'a String>), String> {
    let mut request = sqs.delete_message_batch().queue_url(url);
    for (index, receipt) in receipts.iter().enumerate() {
        let entry = DeleteMessageBatchRequestEntry::builder()
            .id(index.to_string())
            .receipt_handle(*receipt);
        request = request.entries(entry.build().map_err(|error| error.to_string())?);
    }
    let answer = request
        .send()
        .await
        .map_err(|error| format!("DeleteMessageBatch of {url}: {}", DisplayErrorContext(error)))?;
    let reason = answer.failed.first().map(|first| first.message.as_deref().unwrap_or(&first.code));
    let failed =
        answer.failed.iter().filter_map(|entry| receipts.get(entry.id.parse::<usize>().ok()?));
    Ok((reason.unwrap_or_default().to_owned(), failed.copied().collect()))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Json;
    use axum::http::StatusCode;
    use serde_json::{Value, json};

    use super::*;
    use crate::clients::Clients;

    /// Answers DeleteMessageBatch.
    ///
    /// It refuses the first call as a whole. Receipt 13 fails once, and receipt 27 always.
    async fn sqs(calls: Arc<Mutex<Vec<Vec<String>>>>) -> String {
        let answer = move |body: String| async move {
            let request: Value = serde_json::from_str(&body).unwrap();
            let entries = request["Entries"].as_array().unwrap();
            let receipt = |entry: &Value| entry["ReceiptHandle"].as_str().unwrap().to_owned();
            let mut calls = calls.lock().unwrap();
            let retried = calls.iter().flatten().any(|known| *known == "13");
            calls.push(entries.iter().map(receipt).collect());
            if calls.len() == 1 {
                return (
                    StatusCode::BAD_REQUEST,
                    Json(json!({"__type": "InvalidAddress", "message": "no"})),
                );
            }
            let fails = |entry: &&Value| match receipt(entry).as_str() {
                "13" => !retried,
                "27" => true,
                _ => false,
            };
            let id = |entry: &Value| json!({"Id": entry["Id"]});
            let failed = entries.iter().filter(fails);
            let failed: Vec<Value> = failed
                .map(|e| json!({"Id": e["Id"], "Code": "InternalError", "SenderFault": false}))
                .collect();
            let deleted: Vec<Value> = entries.iter().filter(|e| !fails(e)).map(id).collect();
            (StatusCode::OK, Json(json!({"Successful": deleted, "Failed": failed})))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(
            async move { axum::serve(listener, axum::Router::new().fallback(answer)).await },
        );
        format!("http://{address}")
    }

    #[tokio::test]
    async fn a_failure_does_not_keep_the_other_messages_from_being_deleted() {
        let calls = Arc::default();
        let endpoint = sqs(Arc::clone(&calls)).await;
        let receipts: Vec<String> = (0..35).map(|n| n.to_string()).collect();
        let url = format!("{endpoint}/000000000000/q");
        let error = delete(&Clients::new(&endpoint).sqs, &url, &receipts).await.unwrap_err();
        assert!(error.contains("InvalidAddress"), "the first failure: {error}");
        let batch = |from: usize| receipts[from..receipts.len().min(from + 10)].to_vec();
        let again = |receipt: &str| vec![receipt.to_owned()];
        let expected = [batch(0), batch(10), again("13"), batch(20), again("27"), batch(30)];
        assert_eq!(*calls.lock().unwrap(), expected);
    }
}
