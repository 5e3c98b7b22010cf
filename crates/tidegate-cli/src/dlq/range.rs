//! Reads the records that a pointer names from their stream.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsError;
use aws_sdk_dynamodbstreams::operation::get_shard_iterator::GetShardIteratorError;
use aws_sdk_dynamodbstreams::types::ShardIteratorType as TableIterator;
use aws_sdk_kinesis::error::DisplayErrorContext;
use aws_sdk_kinesis::types::ShardIteratorType;
use bytes::Bytes;
use jiff::Timestamp;
use lambda_shapes::kinesis::Origin;
use lambda_shapes::moment::Moment;
use lambda_shapes::record::Record;
use lambda_shapes::sequence::SequenceNumber;
use lambda_shapes::stream_kind::StreamKind;
use lambda_shapes::{dynamodb, kinesis};
use terminal::counted::counted;

use super::pointer::Pointer;
use crate::connection::System;
use crate::invoke::short_name;

/// Hours for which a table's stream keeps its records.
const TABLE_RETENTION_HOURS: i64 = 24;
/// Interval between reads of a shard.
///
/// The live mapping shares the shard's limit of five reads a second.
const READ_INTERVAL: Duration = Duration::from_secs(1);
/// Interval between empty pages of an emulator, which has no such limit.
const EMPTY_PAUSE: Duration = Duration::from_millis(20);
/// Most empty pages in a row. Some are normal in the middle of a shard.
const EMPTY_PAGES: u32 = 60;

/// Reads ranges of streams, at most once a second per shard on AWS.
pub(crate) struct RangeReader {
    kinesis: aws_sdk_kinesis::Client,
    streams: aws_sdk_dynamodbstreams::Client,
    interval: Option<Duration>,
    last_reads: BTreeMap<(String, String), Instant>,
}

struct Page {
    records: Vec<Record>,
    next: Option<String>,
    /// Whether the page is at the end of the stream.
    at_tip: bool,
}

impl RangeReader {
    /// Creates a reader for streams of this system.
    pub(crate) fn new(system: &System) -> Self {
        Self {
            kinesis: system.kinesis(),
            streams: system.streams(),
            interval: system.is_account().then_some(READ_INTERVAL),
            last_reads: BTreeMap::new(),
        }
    }

    /// Returns all records from the pointer's first to its last, in order, as elements of an
    /// event's `Records`.
    ///
    /// With a parallelization factor above 1, other records lie between the discarded ones.
    /// Functions apply every event only once, so the result includes them.
    ///
    /// # Errors
    /// Why the records cannot be read, for people.
    pub(crate) async fn read(&mut self, pointer: &Pointer) -> Result<Vec<Bytes>, String> {
        self.refuse_expired(pointer).await?;
        let mut range = Range::new(pointer);
        let mut iterator = Some(self.iterator(pointer).await?);
        let mut empty_pages = 0;
        while let Some(current) = iterator {
            self.pace(pointer).await;
            let page = self.page(pointer, &current).await?;
            let empty = page.records.is_empty();
            for record in page.records {
                range.take(record)?;
            }
            if range.complete {
                return Ok(range.records);
            }
            iterator = page.next;
            empty_pages = if empty { empty_pages + 1 } else { 0 };
            if (empty && page.at_tip) || empty_pages >= EMPTY_PAGES {
                break;
            }
            if empty && self.interval.is_none() {
                tokio::time::sleep(EMPTY_PAUSE).await;
            }
        }
        Err(range.ended_early())
    }

    /// Refuses an expired range before it is read.
    ///
    /// Kinesis does not fail on a position that it no longer keeps. It starts at the oldest record
    /// instead.
    async fn refuse_expired(&self, pointer: &Pointer) -> Result<(), String> {
        let hours = match pointer.kind {
            StreamKind::DynamoDb => Some(TABLE_RETENTION_HOURS),
            StreamKind::Kinesis => {
                // Without an answer the range is read, and its first record shows whether it is
                // expired.
                let summary = self
                    .kinesis
                    .describe_stream_summary()
                    .stream_arn(&pointer.stream_arn)
                    .send()
                    .await;
                let summary = summary.ok().and_then(|answer| answer.stream_description_summary);
                summary.map(|summary| i64::from(summary.retention_period_hours))
            }
        };
        let (Some(hours), Some(first)) = (hours, pointer.first_arrival) else { return Ok(()) };
        expired(first, hours, Timestamp::now()).map_or(Ok(()), Err)
    }

    async fn pace(&mut self, pointer: &Pointer) {
        let Some(interval) = self.interval else { return };
        let shard = (pointer.stream_arn.clone(), pointer.shard.clone());
        if let Some(last) = self.last_reads.get(&shard) {
            tokio::time::sleep(interval.saturating_sub(last.elapsed())).await;
        }
        self.last_reads.insert(shard, Instant::now());
    }

    async fn iterator(&self, pointer: &Pointer) -> Result<String, String> {
        let (arn, shard, start) = (&pointer.stream_arn, &pointer.shard, pointer.start.as_str());
        let iterator = match pointer.kind {
            StreamKind::Kinesis => {
                let call = self.kinesis.get_shard_iterator().stream_arn(arn).shard_id(shard);
                let call = call
                    .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
                    .starting_sequence_number(start);
                call.send()
                    .await
                    .map_err(|error| failed("GetShardIterator", pointer, error))?
                    .shard_iterator
            }
            StreamKind::DynamoDb => {
                let call = self.streams.get_shard_iterator().stream_arn(arn).shard_id(shard);
                let call = call
                    .shard_iterator_type(TableIterator::AtSequenceNumber)
                    .sequence_number(start);
                let answer = call.send().await.map_err(|error| match error.as_service_error() {
                    Some(GetShardIteratorError::TrimmedDataAccessException(_)) => trimmed(pointer),
                    _ => failed("GetShardIterator", pointer, error),
                })?;
                answer.shard_iterator
            }
        };
        iterator.ok_or_else(|| format!("GetShardIterator of {arn} returned no iterator"))
    }

    async fn page(&self, pointer: &Pointer, iterator: &str) -> Result<Page, String> {
        let unwritable = |error: serde_json::Error| format!("a record cannot be written: {error}");
        // For a record without an arrival time.
        let arrived = Moment::from(pointer.first_arrival.unwrap_or_else(Timestamp::now));
        match pointer.kind {
            StreamKind::Kinesis => {
                let answer = self
                    .kinesis
                    .get_records()
                    .shard_iterator(iterator)
                    .stream_arn(&pointer.stream_arn);
                let answer =
                    answer.send().await.map_err(|error| failed("GetRecords", pointer, error))?;
                let origin = origin(pointer);
                let records = answer
                    .records
                    .iter()
                    .map(|record| kinesis::record(record, &pointer.shard, &origin, arrived));
                Ok(Page {
                    records: records.collect::<Result<_, _>>().map_err(unwritable)?,
                    next: answer.next_shard_iterator,
                    at_tip: answer.millis_behind_latest == Some(0),
                })
            }
            StreamKind::DynamoDb => {
                let answer = self.streams.get_records().shard_iterator(iterator).send().await;
                let answer = answer.map_err(|error| match error.as_service_error() {
                    Some(GetRecordsError::TrimmedDataAccessException(_)) => trimmed(pointer),
                    _ => failed("GetRecords", pointer, error),
                })?;
                let records = answer.records.iter().flatten();
                let records = records.filter_map(|record| {
                    let region = pointer.region();
                    dynamodb::record(record, &pointer.stream_arn, region, arrived).transpose()
                });
                Ok(Page {
                    records: records.collect::<Result<_, _>>().map_err(unwritable)?,
                    next: answer.next_shard_iterator,
                    at_tip: false,
                })
            }
        }
    }
}

/// Returns the origin of a Kinesis record.
///
/// The role is that of the function, as far as it is known: it has the function's name.
fn origin(pointer: &Pointer) -> Origin {
    let (partition, account) = (pointer.partition(), pointer.account());
    let function = short_name(&pointer.function_arn);
    Origin {
        region: pointer.region().to_owned(),
        stream_arn: pointer.stream_arn.clone(),
        role_arn: format!("arn:{partition}:iam::{account}:role/{function}"),
    }
}

fn failed(call: &str, pointer: &Pointer, error: impl std::error::Error) -> String {
    format!("{call} of {}: {}", pointer.stream_arn, DisplayErrorContext(error))
}

fn trimmed(pointer: &Pointer) -> String {
    format!(
        "record {} is no longer in {}: the stream's retention has passed",
        pointer.start,
        pointer.stream_name()
    )
}

fn expired(first_arrival: Timestamp, hours: i64, now: Timestamp) -> Option<String> {
    let age = now.as_second() - first_arrival.as_second();
    (age > hours * 3600).then(|| {
        format!("its records are gone: the first was written at {first_arrival}, and the stream keeps {hours} hours")
    })
}

/// The part of a range that was already read.
///
/// Invariant: `records` holds all records of the shard from `start` on that were passed to
/// [`Range::take`]. It is complete once a record at or after `end` was passed.
struct Range {
    start: SequenceNumber,
    end: SequenceNumber,
    stream: String,
    records: Vec<Bytes>,
    complete: bool,
}

impl Range {
    fn new(pointer: &Pointer) -> Self {
        Self {
            start: pointer.start.clone(),
            end: pointer.end.clone(),
            stream: pointer.stream_name().to_owned(),
            records: Vec::new(),
            complete: false,
        }
    }

    /// Takes the next record of the shard. Records after the end do not belong to the range.
    ///
    /// # Errors
    /// The first record is not the pointer's first.
    fn take(&mut self, record: Record) -> Result<(), String> {
        if self.complete {
            return Ok(());
        }
        if self.records.is_empty() && record.sequence != self.start {
            return Err(format!(
                "record {} is no longer in {}: the first record there is {}",
                self.start, self.stream, record.sequence
            ));
        }
        self.complete = record.sequence >= self.end;
        if record.sequence <= self.end {
            self.records.push(record.json);
        }
        Ok(())
    }

    fn ended_early(&self) -> String {
        match self.records.len() {
            0 => format!(
                "record {} is no longer in {}: no record was found there",
                self.start, self.stream
            ),
            count => {
                let records = counted(count, "record", "records");
                format!("{} ends {records} after {}, before {}", self.stream, self.start, self.end)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use lambda_shapes::moment::Moment;
    use lambda_shapes::record::OrderingKey;

    use super::*;

    fn range(start: &str, end: &str) -> Range {
        Range {
            start: SequenceNumber::new(start),
            end: SequenceNumber::new(end),
            stream: "orders".to_owned(),
            records: Vec::new(),
            complete: false,
        }
    }

    fn record(sequence: &str) -> Record {
        Record {
            sequence: SequenceNumber::new(sequence),
            key: OrderingKey::new(b"k"),
            arrived: Moment::from_millis(0),
            json: Bytes::copy_from_slice(sequence.as_bytes()),
        }
    }

    #[test]
    fn everything_between_start_and_end_is_taken_and_nothing_behind() {
        let mut range = range("9", "11");
        for sequence in ["9", "10", "11", "12"] {
            range.take(record(sequence)).unwrap();
        }
        assert!(range.complete);
        assert_eq!(range.records, ["9", "10", "11"]);
    }

    #[test]
    fn numbers_longer_than_an_integer_are_compared_by_length_first() {
        let (nine, ten) = ("9".repeat(56), format!("1{}", "0".repeat(56)));
        let mut range = range(&nine, &ten);
        range.take(record(&nine)).unwrap();
        assert!(!range.complete);
        range.take(record(&ten)).unwrap();
        assert!(range.complete);
    }

    #[test]
    fn a_range_whose_last_record_is_missing_ends_before_the_one_behind_it() {
        let mut range = range("1", "5");
        range.take(record("1")).unwrap();
        range.take(record("7")).unwrap();
        assert_eq!((range.complete, range.records.len()), (true, 1));
    }

    #[test]
    fn a_rebuilt_record_is_of_the_partition_of_its_stream() {
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            let stream = format!("arn:{partition}:kinesis:cn-north-1:123456789012:stream/orders");
            let body = serde_json::json!({
                "requestContext": {
                    "functionArn": format!("arn:{partition}:lambda:cn-north-1:123456789012:function:f:live"),
                    "condition": "c"
                },
                "KinesisBatchInfo": {
                    "shardId": "s", "startSequenceNumber": "1", "endSequenceNumber": "1", "batchSize": 1,
                    "streamArn": stream
                }
            });
            let origin = origin(&Pointer::parse(&body.to_string()).unwrap());
            assert_eq!(origin.role_arn, format!("arn:{partition}:iam::123456789012:role/f"));
            assert_eq!((origin.region.as_str(), origin.stream_arn), ("cn-north-1", stream));
        }
    }

    #[test]
    fn another_first_record_means_that_the_range_was_trimmed() {
        let said = range("5", "9").take(record("7")).unwrap_err();
        assert_eq!(said, "record 5 is no longer in orders: the first record there is 7");
        let mut begun = range("5", "9");
        begun.take(record("5")).unwrap();
        assert_eq!(begun.ended_early(), "orders ends 1 record after 5, before 9");
    }

    #[test]
    fn a_range_older_than_the_retention_is_refused() {
        let now: Timestamp = "2026-01-02T00:00:01Z".parse().unwrap();
        assert!(
            expired("2026-01-01T00:00:00Z".parse().unwrap(), 24, now)
                .unwrap()
                .contains("keeps 24 hours")
        );
        assert_eq!(expired("2026-01-01T00:00:02Z".parse().unwrap(), 24, now), None);
    }
}
