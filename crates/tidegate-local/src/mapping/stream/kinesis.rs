//! Reads a Kinesis stream.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::DisplayErrorContext;
use aws_sdk_kinesis::operation::get_records::GetRecordsError;
use aws_sdk_kinesis::operation::get_shard_iterator::GetShardIteratorError;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::ShardIteratorType;
use futures::future::BoxFuture;
use lambda_shapes::moment::Moment;

use super::source::{Page, ReadError, ReadFrom, ShardInfo, StreamSource};
use lambda_shapes::kinesis::{Origin, record};

/// Most records in one GetRecords call.
const READ_LIMIT: usize = 10_000;

/// A Kinesis stream.
#[derive(Clone, Debug)]
pub struct KinesisSource {
    client: Client,
    origin: Origin,
}

impl KinesisSource {
    /// Creates a source for the stream that the origin names.
    #[must_use]
    pub fn new(client: Client, origin: Origin) -> Self {
        Self { client, origin }
    }

    fn failed(&self, call: &str, error: impl std::error::Error) -> ReadError {
        ReadError::Other(format!(
            "{call} of {}: {}",
            self.origin.stream_arn,
            DisplayErrorContext(error)
        ))
    }
}

impl StreamSource for KinesisSource {
    fn shards(&self) -> BoxFuture<'_, Result<Vec<ShardInfo>, ReadError>> {
        Box::pin(async move {
            let mut shards = Vec::new();
            let mut token: Option<String> = None;
            loop {
                // A request with a token must not name the stream again.
                let request = match token {
                    Some(token) => self.client.list_shards().next_token(token),
                    None => self.client.list_shards().stream_arn(&self.origin.stream_arn),
                };
                let page =
                    request.send().await.map_err(|error| self.failed("ListShards", error))?;
                shards.extend(page.shards.unwrap_or_default().into_iter().map(|shard| {
                    ShardInfo {
                        id: shard.shard_id,
                        parents: shard
                            .parent_shard_id
                            .into_iter()
                            .chain(shard.adjacent_parent_shard_id)
                            .collect(),
                    }
                }));
                token = page.next_token;
                if token.is_none() {
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
            let request = self
                .client
                .get_shard_iterator()
                .stream_arn(&self.origin.stream_arn)
                .shard_id(shard);
            let request = match from {
                ReadFrom::Horizon => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
                ReadFrom::Since(moment) => request
                    .shard_iterator_type(ShardIteratorType::AtTimestamp)
                    .timestamp(DateTime::from_millis(moment.as_millis())),
                ReadFrom::After(sequence) => request
                    .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                    .starting_sequence_number(sequence),
            };
            let answer = request.send().await.map_err(|error| match error.as_service_error() {
                // Kinesis refuses sequence numbers of another stream, such as a deleted one of the
                // same name.
                Some(GetShardIteratorError::InvalidArgumentException(_))
                    if matches!(from, ReadFrom::After(_)) =>
                {
                    ReadError::Trimmed
                }
                _ => self.failed("GetShardIterator", error),
            })?;
            answer.shard_iterator.ok_or_else(|| {
                ReadError::Other(format!(
                    "GetShardIterator of {} returned no iterator",
                    self.origin.stream_arn
                ))
            })
        })
    }

    fn read<'a>(
        &'a self,
        shard: &'a str,
        iterator: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        Box::pin(async move {
            let limit = i32::try_from(limit.clamp(1, READ_LIMIT)).unwrap_or(1);
            let answer = self
                .client
                .get_records()
                .stream_arn(&self.origin.stream_arn)
                .shard_iterator(iterator)
                .limit(limit)
                .send()
                .await
                .map_err(|error| match error.as_service_error() {
                    Some(GetRecordsError::ExpiredIteratorException(_)) => ReadError::Expired,
                    _ => self.failed("GetRecords", error),
                })?;
            let read = Moment::now();
            let records = answer
                .records
                .iter()
                .map(|source| record(source, shard, &self.origin, read))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| self.failed("GetRecords", error))?;
            Ok(Page {
                records,
                next: answer.next_shard_iterator,
                millis_behind: answer.millis_behind_latest,
            })
        })
    }
}
