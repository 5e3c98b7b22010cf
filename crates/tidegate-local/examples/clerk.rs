//! A Lambda function for the tests of the console.
//!
//! It accepts batches, logs as the functions of this project do, and fails the records that ask for
//! it (`"do": "fail"`).

#![expect(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (payload, context) = event.into_parts();
    let mut failed = Vec::new();
    for record in payload["Records"].as_array().into_iter().flatten() {
        let data =
            record["kinesis"]["data"].as_str().map(|data| STANDARD.decode(data)).transpose()?;
        let body =
            data.unwrap_or_else(|| record["body"].as_str().unwrap_or("{}").as_bytes().to_vec());
        let body: Value = serde_json::from_slice(&body)?;
        let id = record["kinesis"]["sequenceNumber"].as_str().or(record["messageId"].as_str());
        let fails = body["do"] == "fail";
        let line = json!({
            "timestamp": jiff::Timestamp::now().to_string(),
            "level": if fails { "WARN" } else { "INFO" },
            "message": if fails { "delivery failed" } else { "delivery applied" },
            "reason": body["reason"],
            "spans": [{"request_id": context.request_id}, {"correlation_id": body["correlationid"]}],
        });
        writeln!(std::io::stdout(), "{line}")?;
        if fails {
            failed.push(json!({ "itemIdentifier": id }));
        }
    }
    Ok(json!({ "batchItemFailures": failed }))
}
