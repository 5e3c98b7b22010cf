//! Reads pointers to records of a stream.

use jiff::Timestamp;
use lambda_shapes::sequence::SequenceNumber;
use lambda_shapes::stream_kind::StreamKind;
use serde::{Deserialize, Serialize};

/// On-failure record of a stream mapping: the range of the discarded records, without the records.
#[derive(Clone, Debug)]
pub(crate) struct Pointer {
    /// ARN of the function.
    pub(crate) function_arn: String,
    /// Why the mapping discarded them.
    pub(crate) condition: String,
    /// When the mapping discarded them.
    pub(crate) failed_at: Option<Timestamp>,
    /// Kind of stream.
    pub(crate) kind: StreamKind,
    /// ARN of the stream.
    pub(crate) stream_arn: String,
    /// Id of the shard.
    pub(crate) shard: String,
    /// Sequence number of the first record.
    pub(crate) start: SequenceNumber,
    /// Sequence number of the last record.
    pub(crate) end: SequenceNumber,
    /// When the first record was written.
    pub(crate) first_arrival: Option<Timestamp>,
    /// Number of records in the batch. Other records may lie between them.
    pub(crate) batch_size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    request_context: RequestContext,
    timestamp: Option<String>,
    #[serde(rename = "KinesisBatchInfo")]
    kinesis: Option<BatchInfo>,
    #[serde(rename = "DDBStreamBatchInfo")]
    dynamodb: Option<BatchInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    function_arn: String,
    condition: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo {
    shard_id: String,
    start_sequence_number: String,
    end_sequence_number: String,
    approximate_arrival_of_first_record: Option<String>,
    batch_size: u64,
    stream_arn: String,
}

impl Pointer {
    /// Reads an on-failure record.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub(crate) fn parse(body: &str) -> Result<Self, String> {
        let body: Body = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let (kind, batch) = match (body.kinesis, body.dynamodb) {
            (Some(batch), None) => (StreamKind::Kinesis, batch),
            (None, Some(batch)) => (StreamKind::DynamoDb, batch),
            _ => return Err("it needs either KinesisBatchInfo or DDBStreamBatchInfo".to_owned()),
        };
        let digits = |name: &str, text: &str| match text.bytes().all(|byte| byte.is_ascii_digit())
            && !text.is_empty()
        {
            true => Ok(SequenceNumber::new(text)),
            false => Err(format!("{name} `{text}` is not a sequence number")),
        };
        let start = digits("startSequenceNumber", &batch.start_sequence_number)?;
        let end = digits("endSequenceNumber", &batch.end_sequence_number)?;
        if end < start {
            return Err(format!("its end {end} lies before its start {start}"));
        }
        Ok(Self {
            function_arn: body.request_context.function_arn,
            condition: body.request_context.condition,
            failed_at: body.timestamp.and_then(|time| time.parse().ok()),
            kind,
            stream_arn: batch.stream_arn,
            shard: batch.shard_id,
            start,
            end,
            first_arrival: batch
                .approximate_arrival_of_first_record
                .and_then(|time| time.parse().ok()),
            batch_size: batch.batch_size,
        })
    }

    /// Returns the name of the stream, or of the table whose stream it is.
    pub(crate) fn stream_name(&self) -> &str {
        let resource = self.stream_arn.splitn(6, ':').nth(5).unwrap_or(&self.stream_arn);
        resource.split('/').nth(1).unwrap_or(resource)
    }

    /// Returns the stream's partition, such as `aws` or `aws-cn`.
    pub(crate) fn partition(&self) -> &str {
        self.stream_arn.split(':').nth(1).unwrap_or_default()
    }

    /// Returns the stream's region.
    pub(crate) fn region(&self) -> &str {
        self.stream_arn.split(':').nth(3).unwrap_or_default()
    }

    /// Returns the stream's account.
    pub(crate) fn account(&self) -> &str {
        self.stream_arn.split(':').nth(4).unwrap_or_default()
    }
}
