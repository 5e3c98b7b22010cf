//! A Kinesis data stream as a target.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry};
use futures::future::{BoxFuture, FutureExt};

use super::answer::Codes;
use super::group::partition_key;
use super::{Entry, Limits, RefusedRequest, Target};
use crate::failure::Failure;

/// Most records in one PutRecords request, and its largest size in bytes (AWS docs: PutRecords).
const RECORDS: usize = 500;
const REQUEST_BYTES: usize = 10 * 1024 * 1024;
/// Largest record of a stream that was not given a larger one, in bytes.
const RECORD_BYTES: usize = 1024 * 1024;

const CODES: Codes = Codes {
    service: "Kinesis",
    failure: "kinesis_stream",
    for_good: &[],
    by_entry: &["ValidationException", "InvalidArgumentException", "SerializationException"],
};

/// A Kinesis data stream.
///
/// It keeps the order of each stream of the event store. The stream's id is the partition key; an
/// id of more than 256 characters becomes a hash. PutRecords goes on behind a record that fails, so
/// a request has one record of a stream, and the next waits until it is confirmed.
#[derive(Clone, Debug)]
pub struct KinesisStream {
    client: Client,
    stream: String,
    name: String,
    record_bytes: usize,
}

impl KinesisStream {
    /// Creates the target for the data stream of this name, with records of up to 1 MiB.
    pub fn new(client: Client, stream: impl Into<String>) -> Self {
        let stream = stream.into();
        let name = format!("Kinesis stream {stream}");
        Self { client, name, stream, record_bytes: RECORD_BYTES }
    }

    /// Sets the stream's largest record, in bytes; 1 MiB by default, 10 MiB at most.
    ///
    /// Lambda delivers 6 MB in base64, so its functions never get a record above about 4.5 MB.
    #[must_use]
    pub fn record_bytes(mut self, limit: usize) -> Self {
        self.record_bytes = limit.min(REQUEST_BYTES);
        self
    }
}

impl Target for KinesisStream {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> Limits {
        Limits::new(RECORDS, REQUEST_BYTES, self.record_bytes)
    }

    /// Counts data and partition key (AWS docs: PutRecords).
    fn size(&self, entry: &Entry) -> usize {
        entry.body.len() + partition_key(&entry.group).len()
    }

    fn keeps_order(&self) -> bool {
        true
    }

    fn send<'a>(
        &'a self,
        request: &'a [&'a Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Failure>>, RefusedRequest>> {
        async move {
            let mut records = Vec::with_capacity(request.len());
            for entry in request {
                let record = PutRecordsRequestEntry::builder()
                    .data(Blob::new(entry.body.as_bytes()))
                    .partition_key(partition_key(&entry.group));
                records.push(record.build().map_err(Failure::from)?);
            }
            let put = self.client.put_records().stream_name(&self.stream);
            let answer = put.set_records(Some(records)).send().await;
            let answer = answer.map_err(|error| CODES.request(&error))?;
            Ok(results(request, answer.records()))
        }
        .boxed()
    }
}

/// Returns what became of each entry: PutRecords answers in the order of the request.
fn results(request: &[&Entry], results: &[PutRecordsResultEntry]) -> Vec<Option<Failure>> {
    let result = |(entry, result): (&&Entry, &PutRecordsResultEntry)| {
        Some(CODES.entry(entry, result.error_code()?, result.error_message()))
    };
    request.iter().zip(results).map(result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;

    #[test]
    fn a_record_that_was_throttled_comes_again_and_its_neighbours_do_not() {
        let refused = |code: &str| PutRecordsResultEntry::builder().error_code(code).build();
        let taken = PutRecordsResultEntry::builder().sequence_number("1").shard_id("0").build();
        let throttled = refused("ProvisionedThroughputExceededException");
        let answer = [throttled, taken, refused("InternalFailure")];
        let entries = ["a", "b", "c"].map(Entry::cancel);
        let results = results(&entries.iter().collect::<Vec<_>>(), &answer);
        let found = results.iter().map(|failure| {
            failure.as_ref().map(|failure| (failure.class(), failure.code().to_owned()))
        });
        let transient = |code: &str| Some((Class::Transient, code.to_owned()));
        let expected = [transient(Failure::THROTTLED), None, transient("kinesis_stream")];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_long_stream_id_becomes_a_short_partition_key() {
        let long = format!("order#{}", "ä".repeat(400));
        assert_eq!(partition_key(&long), partition_key(&long));
        assert!(partition_key(&long).chars().count() <= 256);
        assert_ne!(partition_key(&long), partition_key(&format!("{long}1")));
        let fits = format!("order#{}", "ä".repeat(250));
        assert_eq!(partition_key(&fits), fits.as_str());
    }
}
