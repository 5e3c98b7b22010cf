//! The newest deliveries to functions, and the newest records that were given up: bounded, kept as they were, and looked into only when somebody asks.

mod content;
mod letters;
mod recorder;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

pub(crate) use content::mentions;
pub use content::{Content, Record};
pub use letters::{GivenUp, Letter, Letters, Place};
pub(crate) use recorder::{Recorder, RecordingDestination};

use crate::invocation::{Answer, InvocationResult};
use lambda_shapes::partial_response::{Reported, reported};

/// Most deliveries that are kept.
const KEPT: usize = 1000;
/// Most bytes of their payloads and answers; the newest delivery is kept whatever its size.
const KEPT_BYTES: usize = 16 << 20;

/// One invocation that has ended, and what it was about.
#[derive(Debug)]
pub struct Delivery {
    /// Counts up from 1.
    pub number: u64,
    /// What it came by: a mapping's name, `events → <function>`, or `Invoke → <function>`.
    pub way: Arc<str>,
    /// The function.
    pub function: Arc<str>,
    /// When the function was asked for.
    pub at: Timestamp,
    /// Until its answer, the start of an environment included.
    pub took: Duration,
    /// Its request id.
    pub request_id: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The event.
    pub payload: Bytes,
    /// The answer, or the error object.
    pub answer: Bytes,
    content: OnceLock<Content>,
}

/// What came of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The function answered, and no record failed.
    Succeeded,
    /// It reported so many failed records.
    Reported(usize),
    /// It did, to somebody who does not look at such a list: AWS takes the delivery for a success.
    Ignored {
        /// How many it listed.
        failed: usize,
        /// Why nobody looks, and what became of the records.
        why: &'static str,
    },
    /// It failed, ran out of time, ended, or its answer is no valid response.
    Failed,
}

impl Delivery {
    /// Its records. They are decoded when somebody looks for the first time.
    pub fn content(&self) -> &Content {
        self.content.get_or_init(|| Content::of(&self.payload))
    }

    fn bytes(&self) -> usize {
        self.payload.len() + self.answer.len()
    }
}

/// The newest deliveries, and how many failed on each way.
#[derive(Debug, Default)]
pub struct Deliveries {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    newest: u64,
    bytes: usize,
    ring: VecDeque<Arc<Delivery>>,
    failures: BTreeMap<Arc<str>, u64>,
}

impl Deliveries {
    /// Takes one in. A throttled invocation is no delivery: the function did not run.
    pub(crate) fn add(&self, way: &Way, at: Timestamp, took: Duration, payload: Bytes, answer: &Answer) {
        let (outcome, body) = match &answer.result {
            InvocationResult::Throttled => return,
            InvocationResult::FunctionError(error) => (Outcome::Failed, error.clone()),
            InvocationResult::Success(body) => (way.answers.outcome(body), body.clone()),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(outcome, Outcome::Reported(_) | Outcome::Failed) {
            *kept.failures.entry(Arc::clone(&way.name)).or_default() += 1;
        }
        kept.newest += 1;
        let delivery = Delivery {
            number: kept.newest,
            way: Arc::clone(&way.name),
            function: Arc::clone(&way.function),
            at,
            took,
            request_id: answer.request_id.clone(),
            outcome,
            payload,
            answer: body,
            content: OnceLock::new(),
        };
        kept.bytes += delivery.bytes();
        kept.ring.push_back(Arc::new(delivery));
        while kept.ring.len() > KEPT || (kept.bytes > KEPT_BYTES && kept.ring.len() > 1) {
            let oldest = kept.ring.pop_front();
            kept.bytes -= oldest.map_or(0, |oldest| oldest.bytes());
        }
    }

    /// The number of the newest one; 0 before the first.
    pub fn newest(&self) -> u64 {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).newest
    }

    /// Those that are kept, the oldest first.
    pub fn kept(&self) -> Vec<Arc<Delivery>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).ring.iter().cloned().collect()
    }

    /// Failed deliveries on a way, since the engine started.
    pub fn failures(&self, way: &str) -> u64 {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).failures.get(way).copied().unwrap_or(0)
    }
}

/// The way by which deliveries come.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    name: Arc<str>,
    function: Arc<str>,
    answers: Answers,
}

/// What the answers of a function say to whoever delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    /// Which records failed; an answer that is no valid response fails all of them.
    Reports,
    /// Anything. One that lists failed records says that they failed: so is a replay answered.
    MayReport,
    /// Nothing, for this reason.
    Ignored(&'static str),
}

const OF_A_QUEUE: &str = "the mapping has no ReportBatchItemFailures: AWS ignores the list of failed items and \
                          deletes all messages of the batch";
const OF_A_STREAM: &str = "the mapping has no ReportBatchItemFailures: AWS ignores the list of failed items and \
                           goes on behind the batch";
const OF_AN_EVENT: &str = "an asynchronous invocation knows no list of failed items: Lambda takes any answer for a \
                           success, and the event is done";

impl Answers {
    fn outcome(self, response: &[u8]) -> Outcome {
        match (reported(response), self) {
            (Reported::Nothing, _) => Outcome::Succeeded,
            (Reported::Items(items), Self::Ignored(why)) => Outcome::Ignored { failed: items.len(), why },
            (Reported::Items(items), _) => Outcome::Reported(items.len()),
            (Reported::Invalid(_), Self::Reports) => Outcome::Failed,
            (Reported::Invalid(_), _) => Outcome::Succeeded,
        }
    }
}

impl Way {
    /// From a queue; `reports` if the function's answers say which messages failed.
    pub(crate) fn queue(queue: &str, function: &str, reports: bool) -> Self {
        Self::mapping(queue, function, if reports { Answers::Reports } else { Answers::Ignored(OF_A_QUEUE) })
    }

    /// From a stream, of Kinesis or of a table; `reports` as for a queue.
    pub(crate) fn stream(source: &str, function: &str, reports: bool) -> Self {
        Self::mapping(
            source,
            function,
            if reports { Answers::Reports } else { Answers::Ignored(OF_A_STREAM) },
        )
    }

    fn mapping(source: &str, function: &str, answers: Answers) -> Self {
        Self { name: format!("{source} → {function}").into(), function: function.into(), answers }
    }

    /// From rules, and from Invoke with the type `Event`.
    pub(crate) fn events(function: &str) -> Self {
        let name = format!("events → {function}").into();
        Self { name, function: function.into(), answers: Answers::Ignored(OF_AN_EVENT) }
    }

    /// From Invoke.
    pub(crate) fn invoke(function: &str) -> Self {
        let name = format!("Invoke → {function}").into();
        Self { name, function: function.into(), answers: Answers::MayReport }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(deliveries: &Deliveries, way: &Way, payload: Bytes, result: InvocationResult) {
        let answer = Answer { request_id: "r".to_owned(), result };
        deliveries.add(way, Timestamp::UNIX_EPOCH, Duration::ZERO, payload, &answer);
    }

    fn success(body: &str) -> InvocationResult {
        InvocationResult::Success(Bytes::from(body.to_owned()))
    }

    #[test]
    fn the_newest_are_kept_up_to_a_number_and_a_size() {
        let (deliveries, way) = (Deliveries::default(), Way::invoke("f"));
        for _ in 0..KEPT + 5 {
            add(&deliveries, &way, Bytes::new(), success(""));
        }
        let numbers = || deliveries.kept().iter().map(|delivery| delivery.number).collect::<Vec<_>>();
        assert_eq!((numbers().first(), numbers().len()), (Some(&6), KEPT));
        let half = Bytes::from(vec![0; KEPT_BYTES / 2 + 1]);
        add(&deliveries, &way, half.clone(), success(""));
        add(&deliveries, &way, half, success(""));
        assert_eq!(numbers(), [KEPT as u64 + 7]);
        add(&deliveries, &way, Bytes::from(vec![0; KEPT_BYTES + 1]), success(""));
        assert_eq!(numbers(), [KEPT as u64 + 8], "one that is too large by itself is shown all the same");
    }

    #[test]
    fn an_outcome_is_read_as_the_mapping_reads_it() {
        let deliveries = Deliveries::default();
        let (reports, silent) = (Way::stream("s", "f", true), Way::stream("s", "g", false));
        let queue = Way::queue("s", "g", false);
        let failed = r#"{"batchItemFailures":[{"itemIdentifier":"1"},{"itemIdentifier":"2"}]}"#;
        for (way, result) in [
            (&reports, success(failed)),
            (&silent, success(failed)),
            (&queue, success(failed)),
            (&queue, success(r#"{"batchItemFailures":[]}"#)),
            (&queue, success("[1]")),
            (&reports, success("[1]")),
            (&reports, InvocationResult::FunctionError(Bytes::from_static(b"{}"))),
            (&reports, InvocationResult::Throttled),
        ] {
            add(&deliveries, way, Bytes::new(), result);
        }
        let outcomes: Vec<_> = deliveries.kept().iter().map(|delivery| delivery.outcome).collect();
        let ignored = |why| Outcome::Ignored { failed: 2, why };
        let done = Outcome::Succeeded;
        let expected = [Outcome::Reported(2), ignored(OF_A_STREAM), ignored(OF_A_QUEUE), done, done];
        assert_eq!(outcomes[..5], expected);
        assert_eq!(outcomes[5..], [Outcome::Failed, Outcome::Failed]);
        assert_eq!((deliveries.failures("s → f"), deliveries.failures("s → g")), (3, 0));
    }

    #[test]
    fn a_replay_of_which_a_record_fails_again_is_no_success_and_any_other_answer_of_invoke_is_one() {
        let deliveries = Deliveries::default();
        let failed = r#"{"batchItemFailures":[{"itemIdentifier":"1"}]}"#;
        for body in [failed, "\"done\"", "[1]", ""] {
            add(&deliveries, &Way::invoke("f"), Bytes::new(), success(body));
        }
        add(&deliveries, &Way::events("f"), Bytes::new(), success(failed));
        let outcomes: Vec<_> = deliveries.kept().iter().map(|delivery| delivery.outcome).collect();
        let done = Outcome::Succeeded;
        let ignored = Outcome::Ignored { failed: 1, why: OF_AN_EVENT };
        assert_eq!(outcomes, [Outcome::Reported(1), done, done, done, ignored]);
    }
}
