//! Finds a place for the event of a released effect, in case its function fails.
//!
//! A run removes the event from the effect's record when it begins. So a release needs this place
//! before anything runs.

use aws_sdk_sqs::error::DisplayErrorContext;
use lambda_shapes::asynchronous_record::{Condition, Ended, record};
use lambda_shapes::message;
use lambda_shapes::moment::Moment;
use serde::Deserialize;
use serde_json::value::RawValue;
use terminal::problem::Problem;
use tidegate::dead_letter::{DeadLetter, DeadLetters as _, QueueDeadLetters};
use tidegate::failure::Failure;
use tidegate::source::Source;
use topology::{DestinationKind, LARGE_LETTERS, LETTERS, Topology};

use crate::connection::System;
use crate::declared::Declared;
use crate::queue::{physical, url_of};

/// Bytes that the record of a failed invocation adds to its event, including the error.
const FRAME: u64 = 4096;
const CODE: &str = "released_effect_failed";

/// An existing queue that holds an event in a form that `tidegate dlq` replays.
pub(super) struct Place {
    /// Name of the queue in the topology.
    pub(super) queue: String,
    form: Form,
}

enum Form {
    /// As the record of a failed asynchronous invocation.
    Failed { sqs: aws_sdk_sqs::Client, url: String, function_arn: String },
    /// As dead letters of the function with this physical name.
    Letters { letters: QueueDeadLetters, function: String },
}

/// Declared place for the failures of a function.
#[derive(Debug, PartialEq, Eq)]
enum Failures<'a> {
    /// Queue for its failed asynchronous invocations.
    OnFailure(&'a str),
    /// Queue and bucket for its own dead letters.
    Letters { queue: &'a str, bucket: &'a str },
}

impl Place {
    /// Finds the place for an event of a function, given by its physical name.
    ///
    /// # Errors
    /// No declared queue accepts the event, or the queue does not exist.
    pub(super) async fn find(
        system: &System,
        declared: &Declared<'_>,
        function: &str,
        event: &RawValue,
    ) -> Result<Self, Problem> {
        let (topology, prefix, sqs) = (declared.topology, declared.prefix, system.sqs());
        let found = failures(topology, prefix.declared(function), event.get().len())?;
        let (Failures::OnFailure(queue) | Failures::Letters { queue, .. }) = found;
        let named = physical(topology, prefix, queue);
        let url = url_of(&sqs, &named).await.map_err(|problem| system.explain(problem))?;
        let form = match found {
            Failures::OnFailure(_) => {
                Form::Failed { sqs, url, function_arn: declared.home.function_arn(function) }
            }
            Failures::Letters { bucket, .. } => {
                let bucket = declared.bucket_names(bucket).into_iter().next().unwrap_or_default();
                let limit = usize::try_from(topology.event_bytes_limit).unwrap_or(usize::MAX);
                let letters = QueueDeadLetters::new(sqs, system.s3(), url, bucket, limit);
                Form::Letters { letters, function: function.to_owned() }
            }
        };
        Ok(Self { queue: queue.to_owned(), form })
    }

    /// Stores an event whose function failed `attempts` times, the last time because of `why`.
    ///
    /// # Errors
    /// The event could not be stored.
    pub(super) async fn keep(
        &self,
        event: &RawValue,
        occasion: Option<&str>,
        attempts: u32,
        why: &str,
    ) -> Result<(), Problem> {
        let refused = |error: String| Problem::new(format!("queue {}: {error}", self.queue));
        match &self.form {
            Form::Failed { sqs, url, function_arn } => {
                let error =
                    serde_json::json!({ "errorType": CODE, "errorMessage": why }).to_string();
                let ended = Ended {
                    // A replay uses it as the occasion.
                    request_id: occasion.unwrap_or_default(),
                    function_arn,
                    qualifier: None,
                    condition: Condition::RetriesExhausted,
                    count: attempts,
                    payload: event.get().as_bytes(),
                    answer: Some(error.as_bytes()),
                };
                let now = Moment::from_millis(jiff::Timestamp::now().as_millisecond());
                let body = record(&ended, now).map_err(|error| refused(error.to_string()))?;
                let sent = message::send(sqs, url, &body, []).await;
                sent.map(drop).map_err(|error| refused(DisplayErrorContext(error).to_string()))
            }
            Form::Letters { letters, function } => {
                let why = Failure::transient(CODE, why);
                for letter in self::letters(function, event, &why).map_err(refused)? {
                    letters
                        .put(&letter)
                        .await
                        .map_err(|failure| refused(failure.reason().to_owned()))?;
                }
                Ok(())
            }
        }
    }
}

/// Returns the declared place for an event of this many bytes.
///
/// The on-failure queue comes first. The function's own dead letters have a bucket for events that
/// are too large for a queue.
fn failures<'a>(
    topology: &'a Topology,
    function: &str,
    bytes: usize,
) -> Result<Failures<'a>, Problem> {
    let declared = topology.functions.get(function);
    let on_failure = declared.and_then(|declared| declared.on_failure()?.kind());
    let limit = topology.event_bytes_limit;
    let fits = u64::try_from(bytes).is_ok_and(|bytes| bytes.saturating_add(FRAME) <= limit);
    let used = |variable: &str| declared.and_then(|declared| declared.uses.get(variable));
    let queue = used(LETTERS).and_then(|used| used.queue.as_deref());
    let bucket = used(LARGE_LETTERS).and_then(|used| used.bucket.as_deref());
    match (on_failure, queue, bucket) {
        (Some(DestinationKind::Queue(queue)), _, _) if fits => Ok(Failures::OnFailure(queue)),
        (_, Some(queue), Some(bucket)) => Ok(Failures::Letters { queue, bucket }),
        (Some(DestinationKind::Queue(queue)), _, _) => Err(Problem::new(format!(
            "its event has {bytes} bytes, which are too many for queue {queue}, and {function} does not use {LETTERS} and {LARGE_LETTERS}"
        ))),
        _ => Err(Problem::new(format!(
            "no queue would hold its event if {function} failed: the topology declares neither an \
             on_failure queue under asynchronous nor {LETTERS} and {LARGE_LETTERS}"
        ))),
    }
}

/// Creates the dead letters of an event, one for each record.
fn letters(function: &str, event: &RawValue, why: &Failure) -> Result<Vec<DeadLetter>, String> {
    let source = source_of(event);
    let deliveries = source.split(event).map_err(|failure| failure.reason().to_owned())?;
    Ok(deliveries.iter().map(|delivery| DeadLetter::new(function, source, delivery, why)).collect())
}

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventSource", alias = "EventSource")]
    source: String,
}

/// Returns the source of an event, which its first record names.
///
/// An event without records, or of an unknown source, counts as an event of a rule: it is replayed
/// unchanged.
pub(super) fn source_of(event: &RawValue) -> Source {
    let batch = serde_json::from_str::<Batch>(event.get()).ok();
    let first = batch.as_ref().and_then(|batch| batch.records.first());
    match first.map(|record| record.source.as_str()) {
        Some("aws:kinesis") => Source::Kinesis,
        Some("aws:dynamodb") => Source::DynamoDb,
        Some("aws:sqs") => Source::Sqs,
        Some("aws:sns") => Source::Sns,
        Some("aws:s3") => Source::S3,
        _ => Source::EventBridge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTER_USES: &str = "uses = { DEAD_LETTER_QUEUE_URL = { queue = \"own\", access = \"write\" }, DEAD_LETTER_BUCKET = { bucket = \"letters\", access = \"write\" } }";

    fn topology(functions: &[(&str, &str)]) -> Topology {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("topology.hcl");
        let functions: String =
            functions.iter().map(|(name, text)| format!("  {name} = {{ {text} }}\n")).collect();
        let text = format!(
            "queues = {{\n dead = {{}}\n own = {{}}\n}}\nbuckets = {{ letters = {{}} }}\nfunctions = {{\n{functions}}}\n"
        );
        std::fs::write(&file, text).unwrap();
        topology::load(&file).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn an_event_has_the_on_failure_queue_or_the_functions_own_letters_or_no_place() {
        let queue = "asynchronous = { on_failure = { queue = \"dead\" } }";
        let bucket = "asynchronous = { on_failure = { bucket = \"letters\" } }";
        let topology = topology(&[
            ("queue", queue),
            ("both", &format!("{LETTER_USES}, {queue}")),
            ("own", LETTER_USES),
            ("bucket", bucket),
            ("nothing", ""),
        ]);
        let own = Failures::Letters { queue: "own", bucket: "letters" };
        let (small, large) = (1000, 300_000);
        assert_eq!(failures(&topology, "queue", small).unwrap(), Failures::OnFailure("dead"));
        assert_eq!(failures(&topology, "both", small).unwrap(), Failures::OnFailure("dead"));
        assert_eq!(failures(&topology, "both", large).unwrap(), own);
        assert_eq!(failures(&topology, "own", large).unwrap(), own);
        let said =
            |function: &str, bytes| failures(&topology, function, bytes).unwrap_err().to_string();
        assert!(said("queue", large).starts_with("its event has 300000 bytes, which are too many"));
        for function in ["bucket", "nothing", "unknown"] {
            assert!(
                said(function, small).starts_with("no queue would hold its event"),
                "{function}"
            );
        }
    }

    #[test]
    fn an_event_is_the_letters_of_its_records_and_each_repeats_one() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let why = Failure::transient(CODE, "down");
        let sqs = |id: &str| {
            format!(
                r#"{{"messageId":"{id}","receiptHandle":"r","body":"b","attributes":{{}},"eventSource":"aws:sqs"}}"#
            )
        };
        let batch = raw(&format!(r#"{{"Records":[{},{}]}}"#, sqs("1"), sqs("2")));
        let written = letters("f", &batch, &why).unwrap();
        assert_eq!(
            written.iter().map(|one| one.source.as_str()).collect::<Vec<_>>(),
            ["sqs", "sqs"]
        );
        let tidegate::dead_letter::Payload::Record(record) = &written[1].payload else {
            panic!("{written:?}")
        };
        assert_eq!(
            written[1].event(record).unwrap().get(),
            format!(r#"{{"Records":[{}]}}"#, sqs("2"))
        );
        let other = raw(r#"{"effect":"e"}"#);
        let written = letters("f", &other, &why).unwrap();
        let [letter] = written.as_slice() else { panic!("{written:?}") };
        let tidegate::dead_letter::Payload::Record(record) = &letter.payload else {
            panic!("{letter:?}")
        };
        assert_eq!((letter.source.as_str(), record.get()), ("eventbridge", other.get()));
    }
}
