//! Reads the stream of a DynamoDB table.

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::error::DisplayErrorContext;
use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsError;
use aws_sdk_dynamodbstreams::operation::get_shard_iterator::GetShardIteratorError;
use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use futures::future::BoxFuture;
use lambda_shapes::moment::Moment;

use super::source::{Page, ReadError, ReadFrom, ShardInfo, StreamSource};
use lambda_shapes::dynamodb::record;

/// Most records in one GetRecords call.
const READ_LIMIT: usize = 1_000;

/// The stream of a DynamoDB table.
#[derive(Clone, Debug)]
pub struct DynamoDbSource {
    client: Client,
    stream_arn: String,
    region: String,
}

impl DynamoDbSource {
    /// Creates a source for the stream with this ARN.
    #[must_use]
    pub fn new(client: Client, stream_arn: &str, region: &str) -> Self {
        Self { client, stream_arn: stream_arn.to_owned(), region: region.to_owned() }
    }

    fn failed(&self, call: &str, error: impl std::error::Error) -> ReadError {
        ReadError::Other(format!("{call} of {}: {}", self.stream_arn, DisplayErrorContext(error)))
    }
}

impl StreamSource for DynamoDbSource {
    fn shards(&self) -> BoxFuture<'_, Result<Vec<ShardInfo>, ReadError>> {
        Box::pin(async move {
            let mut shards = Vec::new();
            let mut last: Option<String> = None;
            loop {
                let answer = self
                    .client
                    .describe_stream()
                    .stream_arn(&self.stream_arn)
                    .set_exclusive_start_shard_id(last)
                    .send()
                    .await
                    .map_err(|error| self.failed("DescribeStream", error))?;
                let Some(description) = answer.stream_description else { return Ok(shards) };
                shards.extend(description.shards.unwrap_or_default().into_iter().filter_map(
                    |shard| {
                        Some(ShardInfo {
                            id: shard.shard_id?,
                            parents: shard.parent_shard_id.into_iter().collect(),
                        })
                    },
                ));
                last = description.last_evaluated_shard_id;
                if last.is_none() {
                    return Ok(shards);
                }
            }
        })
    }

    fn iterator<'a>(
        &'a self,
        shard: &'a str,
        from: &'a ReadFrom,
    ) -> BoxFuture<'a, Result<String, ReadError>> {
        Box::pin(async move {
            let request =
                self.client.get_shard_iterator().stream_arn(&self.stream_arn).shard_id(shard);
            let request = match from {
                // DynamoDB Streams have no iterators that begin at a time.
                ReadFrom::Horizon | ReadFrom::Since(_) => {
                    request.shard_iterator_type(ShardIteratorType::TrimHorizon)
                }
                ReadFrom::After(sequence) => request
                    .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                    .sequence_number(sequence),
            };
            let answer = request.send().await.map_err(|error| match error.as_service_error() {
                Some(GetShardIteratorError::TrimmedDataAccessException(_)) => ReadError::Trimmed,
                _ => self.failed("GetShardIterator", error),
            })?;
            answer.shard_iterator.ok_or_else(|| {
                ReadError::Other(format!(
                    "GetShardIterator of {} returned no iterator",
                    self.stream_arn
                ))
            })
        })
    }

    fn read<'a>(
        &'a self,
        _shard: &'a str,
        iterator: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        Box::pin(async move {
            let limit = i32::try_from(limit.clamp(1, READ_LIMIT)).unwrap_or(1);
            let answer = self
                .client
                .get_records()
                .shard_iterator(iterator)
                .limit(limit)
                .send()
                .await
                .map_err(|error| match error.as_service_error() {
                    Some(GetRecordsError::ExpiredIteratorException(_)) => ReadError::Expired,
                    Some(GetRecordsError::TrimmedDataAccessException(_)) => ReadError::Trimmed,
                    _ => self.failed("GetRecords", error),
                })?;
            let read = Moment::now();
            let records = answer
                .records
                .unwrap_or_default()
                .iter()
                .filter_map(|source| {
                    record(source, &self.stream_arn, &self.region, read).transpose()
                })
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| self.failed("GetRecords", error))?;
            Ok(Page { records, next: answer.next_shard_iterator, millis_behind: None })
        })
    }
}
