//! Replays dead letters through their functions.
//!
//! A letter is deleted only after its function has succeeded. After a crash between the two, the
//! letter is replayed again. Functions apply every event only once, so no journal of replays is
//! needed.
//!
//! Every letter may be forged. The names in it are used only after its verdict. The verdict decides
//! which function is invoked, by the alias that is live now.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::operation::get_object::GetObjectError;
use lambda_shapes::batching::{PAYLOAD_LIMIT, event};
use serde_json::value::RawValue;
use terminal::output;
use tidegate::dead_letter::{DeadLetter, Payload};
use tidegate::source::Source;
use topology::Source as Mapping;

use super::content::Content;
use super::letter::Letter;
use super::mailbox::Mailbox;
use super::pointer::Pointer;
use super::range::RangeReader;
use super::summary::{Disposition, Summary};
use super::verdict::Verdict;
use crate::arguments::Dlq;
use crate::connection::System;
use crate::declared::{Declared, Function};
use crate::invoke::{Invoked, Purpose, Shape, invoke};
use crate::mapping_batch::{batches, filter, passed};

/// Failures in a row after which the replay stops. They indicate another cause.
const FAILURES_IN_A_ROW: usize = 10;

/// Replays letters in this order, each at most once.
///
/// Ctrl-C ends the replay after the current letter.
pub(crate) async fn replay(
    system: &System,
    declared: &Declared<'_>,
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
        declared,
        qualifier: declared.qualifier,
        bucket_owner: system.is_account().then_some(declared.home.account.as_str()),
        replayed: BTreeSet::new(),
        owners: BTreeSet::new(),
    };
    let mut summary = Summary::default();
    let (mut tried, mut failures) = (0, 0);
    for letter in letters {
        let (function, mapping) = match Verdict::new(&letter.queue, &letter.content, declared) {
            Verdict::Replay { function, source } => (function, source),
            left => {
                let disposition = match left {
                    Verdict::Refused(why) => Disposition::Refused(why),
                    Verdict::LeftAlone(why) => Disposition::Skipped(why),
                    Verdict::Replay { .. } => continue,
                };
                mailbox.release(std::iter::once(letter.message_id.as_str())).await;
                say(options, &summary.add(&letter, disposition));
                continue;
            }
        };
        let disposition = if interrupted.load(Ordering::Relaxed) {
            Disposition::Skipped("interrupted".to_owned())
        } else if options.limit.is_some_and(|limit| tried >= limit) {
            Disposition::Skipped("the limit was reached".to_owned())
        } else if failures >= FAILURES_IN_A_ROW && !options.keep_going {
            Disposition::Skipped(format!(
                "stopped after {FAILURES_IN_A_ROW} failures in a row (--keep-going goes on)"
            ))
        } else {
            tried += 1;
            match run.replay(&letter, &function, mapping).await {
                Ok(filtered) => match mailbox.delete(&letter.message_id).await {
                    Ok(()) => {
                        run.forget_object(&letter).await;
                        Disposition::Replayed { filtered }
                    }
                    Err(why) => Disposition::Failed(format!(
                        "the function succeeded, but the dead letter could not be deleted: {why}"
                    )),
                },
                Err(why) => Disposition::Failed(why),
            }
        };
        match disposition {
            Disposition::Replayed { .. } => failures = 0,
            Disposition::Failed(_) => failures += 1,
            Disposition::Skipped(_) | Disposition::Refused(_) => {}
        }
        if !matches!(disposition, Disposition::Replayed { .. }) {
            mailbox.release(std::iter::once(letter.message_id.as_str())).await;
        }
        say(options, &summary.add(&letter, disposition));
    }
    listener.abort();
    summary
}

fn say(options: &Dlq, line: &str) {
    if !options.json {
        // A closed output must not stop the work halfway.
        let _ = output::line(line);
    }
}

struct Run<'a> {
    declared: &'a Declared<'a>,
    lambda: aws_sdk_lambda::Client,
    s3: aws_sdk_s3::Client,
    ranges: RangeReader,
    qualifier: &'a str,
    /// Account that must own the bucket of payloads; `None` for the local system and other
    /// endpoints.
    bucket_owner: Option<&'a str>,
    /// Replayed letters of functions. A letter that was sent twice is replayed once.
    replayed: BTreeSet<Identity>,
    /// Ids of the messages that own the payload in the bucket.
    owners: BTreeSet<String>,
}

/// Fields that two copies of one letter share. The id alone could be forged.
type Identity = (String, String, String, String);

fn identity(letter: &DeadLetter) -> Identity {
    let payload = match &letter.payload {
        Payload::Record(record) => record.get().to_owned(),
        Payload::Object { bucket, key } => format!("s3://{bucket}/{key}"),
    };
    (letter.id.clone(), letter.function.clone(), letter.source.clone(), payload)
}

impl Run<'_> {
    /// Replays a letter, and returns how many records of a pointer the filter of its mapping
    /// dropped.
    async fn replay(
        &mut self,
        letter: &Letter,
        function: &Function<'_>,
        mapping: Option<&Mapping>,
    ) -> Result<usize, String> {
        match &letter.content {
            Content::Pointer(pointer) => return self.pointer(pointer, function, mapping).await,
            Content::Asynchronous(failed) => {
                let occasion = failed.request_id.as_deref();
                self.one(function, failed.event.get(), Shape::Event, occasion).await?;
            }
            // The function never received the event. If a replay fails halfway, the next one finds
            // its effects.
            Content::Rule(rule) => {
                let occasion = Some(letter.message_id.as_str());
                let input = self.declared.input(&rule.rule_arn, function, rule.event.get())?;
                self.one(function, &input, Shape::Event, occasion).await?;
            }
            Content::Undelivered(undelivered) => {
                let occasion = Some(letter.message_id.as_str());
                self.one(function, undelivered.event.get(), Shape::Event, occasion).await?;
            }
            Content::Own(own) if self.replayed.contains(&identity(own)) => {}
            Content::Own(own) => {
                let record = self.record(own).await?;
                let event = own
                    .event(&record)
                    .map_err(|error| format!("its record is not JSON: {error}"))?;
                let asynchronous = [Source::EventBridge, Source::Sns, Source::S3];
                let is_event = asynchronous.iter().any(|source| source.as_str() == own.source);
                let shape = if is_event { Shape::Event } else { Shape::Batch };
                self.one(function, event.get(), shape, own.occasion.as_deref()).await?;
                self.replayed.insert(identity(own));
                if own.is_of(&record) {
                    self.owners.insert(letter.message_id.clone());
                }
            }
            Content::Unknown { reason } => return Err(reason.clone()),
        }
        Ok(0)
    }

    fn invoked<'a>(&'a self, function: &'a Function<'_>) -> Invoked<'a> {
        Invoked { name: &function.name, qualifier: self.qualifier }
    }

    async fn one(
        &self,
        function: &Function<'_>,
        event: &str,
        shape: Shape,
        occasion: Option<&str>,
    ) -> Result<(), String> {
        let purpose = Purpose::Replay { occasion };
        invoke(&self.lambda, self.invoked(function), event.as_bytes(), shape, purpose).await
    }

    /// Returns the record of a letter that a function wrote.
    async fn record(&self, letter: &DeadLetter) -> Result<Box<RawValue>, String> {
        match &letter.payload {
            Payload::Record(record) => Ok(record.clone()),
            Payload::Object { bucket, key } => self.object(bucket, key).await,
        }
    }

    async fn object(&self, bucket: &str, key: &str) -> Result<Box<RawValue>, String> {
        let failed =
            |why: String| format!("its payload {key} in bucket {bucket} cannot be read: {why}");
        let asked = self.s3.get_object().bucket(bucket).key(key);
        let asked = asked.set_expected_bucket_owner(self.bucket_owner.map(str::to_owned));
        let object = asked.send().await.map_err(|error| match error.as_service_error() {
            Some(GetObjectError::NoSuchKey(_)) => failed("it is gone".to_owned()),
            _ => failed(DisplayErrorContext(error).to_string()),
        })?;
        let bytes =
            object.body.collect().await.map_err(|error| failed(error.to_string()))?.into_bytes();
        serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))
    }

    /// Deletes the payload of a letter that was replayed and deleted.
    ///
    /// It does so only if the payload was written with this very letter: a forged letter may name
    /// the only payload of another. A payload that stays behind expires with the bucket's objects.
    async fn forget_object(&self, letter: &Letter) {
        if let Some((bucket, key)) = letter.object()
            && self.owners.contains(&letter.message_id)
        {
            let asked = self.s3.delete_object().bucket(bucket).key(key);
            let owner = self.bucket_owner.map(str::to_owned);
            let _ = asked.set_expected_bucket_owner(owner).send().await;
        }
    }

    /// Replays the range of a pointer, and returns how many records the filter dropped.
    ///
    /// Every batch must succeed. The first failed batch ends the replay of this range, because
    /// later records may depend on it.
    ///
    /// The invocation is not marked as a replay. Only the stream has the records, and they expire.
    /// A record that fails permanently must become a dead letter of the function, with its payload,
    /// so that the pointer can be deleted.
    ///
    /// Other records lie between the discarded ones. The mapping's filter may drop some of them,
    /// which the function must never receive. So the filter is applied here too.
    async fn pointer(
        &mut self,
        pointer: &Pointer,
        function: &Function<'_>,
        mapping: Option<&Mapping>,
    ) -> Result<usize, String> {
        let mapping = mapping.ok_or_else(|| "its source is not declared".to_owned())?;
        let filter = filter(pointer.kind, mapping)?;
        let read = self.ranges.read(pointer).await?;
        let all = read.len();
        let records = passed(filter.as_ref(), read);
        let size = usize::try_from(mapping.batch_size).unwrap_or(usize::MAX);
        let batches = batches(&records, size, PAYLOAD_LIMIT);
        let count = batches.len();
        for (number, batch) in batches.into_iter().enumerate() {
            let event = event(batch.iter());
            let purpose = Purpose::Run { occasion: None };
            let done =
                invoke(&self.lambda, self.invoked(function), &event, Shape::Batch, purpose).await;
            done.map_err(|why| {
                if count > 1 { format!("batch {} of {count}: {why}", number + 1) } else { why }
            })?;
        }
        Ok(all - records.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_known_again_by_all_that_is_replayed_of_it() {
        let letter = |function: &str, payload: serde_json::Value| -> DeadLetter {
            let letter = serde_json::json!({
                "kind": DeadLetter::KIND, "id": "i", "function": function, "source": "kinesis", "position": "s:1",
                "ordering_key": "k", "class": "permanent", "code": "c", "reason": "r", "arrived_at": null,
                "failed_at": "2026-01-01T00:00:00Z", "payload": payload
            });
            serde_json::from_value(letter).unwrap()
        };
        let record = |text: &str| serde_json::json!({ "record": text });
        let own = letter("f", record("a"));
        assert_eq!(identity(&own), identity(&letter("f", record("a"))));
        for forged in [letter("g", record("a")), letter("f", record("b"))] {
            assert_ne!(identity(&own), identity(&forged), "the same id makes nothing vanish");
        }
    }
}
