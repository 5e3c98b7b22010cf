//! Replaying letters through their functions.
//!
//! A letter is deleted only after its function has taken it. A crash in between leaves a letter that is replayed again; functions take every event only
//! once, so there is no journal of what was replayed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::operation::get_object::GetObjectError;
use bytes::Bytes;
use serde_json::value::RawValue;
use terminal::name_prefix::NamePrefix;
use terminal::output;
use tidegate::dead_letter::{DeadLetter, Payload};
use tidegate::source::Source;
use tidegate_local::mapping::batching::{PAYLOAD_LIMIT, event};
use tidegate_local::topology::Topology;

use super::content::Content;
use super::letter::Letter;
use super::mailbox::Mailbox;
use super::pointer::Pointer;
use super::range::RangeReader;
use super::summary::{Fate, Summary};
use crate::cli::Dlq;
use crate::connection::System;
use crate::invoke::{Purpose, Shape, invoke, short_name};

/// So many failures in a row mean that something else is wrong.
const FAILURES_IN_A_ROW: usize = 10;
/// Records of a batch where the topology has no such mapping: Lambda's default.
const BATCH_SIZE: usize = 100;
/// What a batch's event needs beside its records.
const FRAME: usize = 64;

/// Replays letters in this order, each at most once. Ctrl-C ends it after the letter at hand.
pub(crate) async fn replay(
    system: &System,
    topology: &Topology,
    mailbox: &Mailbox,
    letters: Vec<Letter>,
    options: &Dlq,
) -> Summary {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let listener = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    let mut run = Run {
        lambda: system.lambda(),
        s3: system.s3(),
        ranges: RangeReader::new(system),
        topology,
        prefix: system.prefix(),
        replayed: BTreeSet::new(),
    };
    let mut summary = Summary::default();
    let (mut tried, mut failures) = (0, 0);
    for letter in letters {
        let fate = if let Some(reason) = impossible(&letter) {
            Fate::Skipped(reason)
        } else if interrupted.load(Ordering::Relaxed) {
            Fate::Skipped("interrupted".to_owned())
        } else if options.limit.is_some_and(|limit| tried >= limit) {
            Fate::Skipped("the limit was reached".to_owned())
        } else if failures >= FAILURES_IN_A_ROW && !options.keep_going {
            Fate::Skipped(format!(
                "stopped after {FAILURES_IN_A_ROW} failures in a row (--keep-going goes on)"
            ))
        } else {
            tried += 1;
            match run.replay(&letter).await {
                Ok(()) => match mailbox.delete(&letter.message_id).await {
                    Ok(()) => {
                        run.forget_object(&letter).await;
                        Fate::Replayed
                    }
                    Err(why) => {
                        Fate::Failed(format!("the function took it, but it could not be deleted: {why}"))
                    }
                },
                Err(why) => Fate::Failed(why),
            }
        };
        match fate {
            Fate::Replayed => failures = 0,
            Fate::Failed(_) => failures += 1,
            Fate::Skipped(_) => {}
        }
        if !matches!(fate, Fate::Replayed) {
            mailbox.release(std::iter::once(letter.message_id.as_str())).await;
        }
        let line = summary.add(&letter, fate);
        if !options.json {
            // Nobody may be reading any more; that is no reason to stop halfway.
            let _ = output::line(&line);
        }
    }
    listener.abort();
    summary
}

/// Why a letter is not even tried.
fn impossible(letter: &Letter) -> Option<String> {
    match &letter.content {
        Content::Unknown { reason } => Some(format!("unknown ({reason}); it is left alone")),
        Content::Rule(rule) if letter.content.function().is_none() => {
            Some(format!("its target {} is no function; it is left alone", rule.target_arn))
        }
        _ => None,
    }
}

struct Run<'a> {
    lambda: aws_sdk_lambda::Client,
    s3: aws_sdk_s3::Client,
    ranges: RangeReader,
    topology: &'a Topology,
    prefix: &'a NamePrefix,
    /// Ids of own letters that a function has taken: a letter that was sent twice is replayed once.
    replayed: BTreeSet<String>,
}

impl Run<'_> {
    async fn replay(&mut self, letter: &Letter) -> Result<(), String> {
        match &letter.content {
            Content::Pointer(pointer) => self.pointer(pointer).await,
            Content::Asynchronous(failed) => {
                let occasion = failed.request_id.as_deref();
                self.one(&failed.function_arn, failed.event.get(), Shape::Event, occasion).await
            }
            // The function never received it. If a replay fails halfway, the next one finds its
            // effects.
            Content::Rule(rule) => {
                let occasion = Some(letter.message_id.as_str());
                self.one(&rule.target_arn, rule.event.get(), Shape::Event, occasion).await
            }
            Content::Own(own) if self.replayed.contains(&own.id) => Ok(()),
            Content::Own(own) => {
                let event = self.event(own).await?;
                let asynchronous = [Source::EventBridge, Source::Sns, Source::S3];
                let is_event = asynchronous.iter().any(|source| source.as_str() == own.source);
                let shape = if is_event { Shape::Event } else { Shape::Batch };
                self.one(&own.function, event.get(), shape, own.occasion.as_deref()).await?;
                self.replayed.insert(own.id.clone());
                Ok(())
            }
            Content::Unknown { reason } => Err(reason.clone()),
        }
    }

    async fn one(
        &self,
        function: &str,
        event: &str,
        shape: Shape,
        occasion: Option<&str>,
    ) -> Result<(), String> {
        let purpose = Purpose::Replay { occasion };
        invoke(&self.lambda, function, event.as_bytes(), shape, purpose).await
    }

    /// The event of a function's own letter.
    async fn event(&self, letter: &DeadLetter) -> Result<Box<RawValue>, String> {
        let fetched;
        let record = match &letter.payload {
            Payload::Record(record) => record,
            Payload::Object { bucket, key } => {
                fetched = self.object(bucket, key).await?;
                &fetched
            }
        };
        letter.event(record).map_err(|error| format!("its record is not JSON: {error}"))
    }

    async fn object(&self, bucket: &str, key: &str) -> Result<Box<RawValue>, String> {
        let failed = |why: String| format!("its payload {key} in bucket {bucket} cannot be read: {why}");
        let object =
            self.s3.get_object().bucket(bucket).key(key).send().await.map_err(|error| {
                match error.as_service_error() {
                    Some(GetObjectError::NoSuchKey(_)) => failed("it is gone".to_owned()),
                    _ => failed(DisplayErrorContext(error).to_string()),
                }
            })?;
        let bytes = object.body.collect().await.map_err(|error| failed(error.to_string()))?.into_bytes();
        serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))
    }

    /// Deletes the payload of a letter that is done and deleted. One that stays behind expires with the bucket's objects.
    async fn forget_object(&self, letter: &Letter) {
        if let Some((bucket, key)) = letter.object() {
            let _ = self.s3.delete_object().bucket(bucket).key(key).send().await;
        }
    }

    /// Every batch of the range must succeed; the first that does not ends the replay of this range, since what follows may build on it.
    ///
    /// The function is not told that this is a replay. Only the stream has the records, and it forgets them: a record that fails for good is to become a
    /// dead letter of the function's own, with its payload, so that the pointer can go.
    async fn pointer(&mut self, pointer: &Pointer) -> Result<(), String> {
        let records = self.ranges.read(pointer).await?;
        let size = batch_size(self.topology, self.prefix, pointer);
        let batches = batches(&records, size, PAYLOAD_LIMIT);
        let count = batches.len();
        for (number, batch) in batches.into_iter().enumerate() {
            let event = event(batch.iter());
            let purpose = Purpose::Run { occasion: None };
            let done = invoke(&self.lambda, &pointer.function_arn, &event, Shape::Batch, purpose).await;
            done.map_err(
                |why| if count > 1 { format!("batch {} of {count}: {why}", number + 1) } else { why },
            )?;
        }
        Ok(())
    }
}

/// The size of a batch in the mapping that wrote a pointer.
fn batch_size(topology: &Topology, prefix: &NamePrefix, pointer: &Pointer) -> usize {
    let name = prefix.declared(pointer.stream_name());
    let function = prefix.declared(short_name(&pointer.function_arn));
    let mut sources =
        topology.functions.get(function).into_iter().flat_map(|declared| declared.sources.values());
    let source = sources
        .find(|source| source.stream.as_deref() == Some(name) || source.table.as_deref() == Some(name));
    source.and_then(|source| usize::try_from(source.batch_size).ok()).unwrap_or(BATCH_SIZE)
}

/// Cuts records into batches of at most `size` records and `bytes` bytes; a record too large for that is a batch of its own.
fn batches(records: &[Bytes], size: usize, bytes: usize) -> Vec<&[Bytes]> {
    let mut batches = Vec::new();
    let mut rest = records;
    while !rest.is_empty() {
        let mut sum = FRAME;
        let fits = rest.iter().take(size.max(1)).take_while(|record| {
            sum += record.len() + 1;
            sum <= bytes
        });
        let (batch, behind) = rest.split_at(fits.count().max(1));
        batches.push(batch);
        rest = behind;
    }
    batches
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_size_of_a_batch_is_found_by_the_declared_names_behind_the_physical_ones() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/topology.auto.tfvars");
        let mut topology = tidegate_local::topology::load(&file).unwrap();
        for (function, source) in [("order-processor", "orders"), ("order-projection", "event-store")] {
            let function = topology.functions.get_mut(function).unwrap();
            function.sources.get_mut(source).unwrap().batch_size = 7;
        }
        let pointer = |info: &str, function: &str, stream: &str| {
            let body = serde_json::json!({
                "requestContext": {"functionArn": format!("arn:aws:lambda:eu-west-1:1:function:{function}"), "condition": "c"},
                info: {"shardId": "s", "startSequenceNumber": "1", "endSequenceNumber": "1", "batchSize": 1, "streamArn": stream}
            });
            Pointer::of(&body.to_string()).unwrap()
        };
        let dev: NamePrefix = "shop-dev-".parse().unwrap();
        let kinesis = (
            "KinesisBatchInfo",
            "shop-dev-order-processor:live",
            "arn:aws:kinesis:eu-west-1:1:stream/shop-dev-orders",
        );
        let table = (
            "DDBStreamBatchInfo",
            "shop-dev-order-projection:live",
            "arn:aws:dynamodb:eu-west-1:1:table/shop-dev-event-store/stream/2026-01-01T00:00:00.000",
        );
        for (info, function, stream) in [kinesis, table] {
            assert_eq!(batch_size(&topology, &dev, &pointer(info, function, stream)), 7, "{function}");
        }
        let (info, function, stream) = kinesis;
        assert_eq!(
            batch_size(&topology, &NamePrefix::default(), &pointer(info, function, stream)),
            BATCH_SIZE
        );
    }

    #[test]
    fn batches_end_at_the_number_of_records_and_at_the_bytes_and_lose_none() {
        let records: Vec<Bytes> = [10, 10, 10, 500, 10].map(|length| Bytes::from(vec![b'x'; length])).into();
        let lengths = |size, bytes| -> Vec<usize> {
            batches(&records, size, bytes).iter().map(|batch| batch.len()).collect()
        };
        assert_eq!(lengths(2, 10_000), [2, 2, 1]);
        assert_eq!(lengths(100, FRAME + 22), [2, 1, 1, 1]);
        assert_eq!(lengths(100, 10_000), [5]);
        assert!(batches(&[], 10, 10).is_empty());
    }
}
