//! The newest invocations, and the number of failures per way.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::content::Content;
use super::ending::Ending;
use super::way::Way;
use crate::invocation::{Answer, InvocationResult};

/// Most invocations that are kept.
const KEPT: usize = 1000;
/// Most bytes of kept payloads and answers; the newest invocation is kept at any size.
const KEPT_BYTES: usize = 16 << 20;

/// An invocation that has ended, with its event and answer.
#[derive(Debug)]
pub struct PastInvocation {
    /// Number of the invocation, starting at 1.
    pub number: u64,
    /// Origin: a mapping's name, `events → <function>`, `Invoke → <function>`,
    /// `request <api> → <function>` or `request url → <function>`.
    pub way: Arc<str>,
    /// Name of the function.
    pub function: Arc<str>,
    /// When the invocation was requested.
    pub at: Timestamp,
    /// Time until the answer, including the start of an execution environment.
    pub took: Duration,
    /// Request id of the invocation.
    pub request_id: String,
    /// Result of the invocation.
    pub ending: Ending,
    /// The event.
    pub payload: Bytes,
    /// The answer, or the error object.
    pub answer: Bytes,
    content: OnceLock<Content>,
}

impl PastInvocation {
    /// Returns the records of the event, which are decoded on the first call.
    pub fn content(&self) -> &Content {
        self.content.get_or_init(|| Content::parse(&self.payload))
    }

    fn bytes(&self) -> usize {
        self.payload.len() + self.answer.len()
    }
}

/// The newest invocations, and the number of failures per way.
#[derive(Debug, Default)]
pub struct PastInvocations {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    newest: u64,
    bytes: usize,
    ring: VecDeque<Arc<PastInvocation>>,
    failures: BTreeMap<Arc<str>, u64>,
}

impl PastInvocations {
    /// Adds an invocation that has ended.
    ///
    /// A throttled invocation is ignored: the function did not run.
    pub(crate) fn add(
        &self,
        way: &Way,
        at: Timestamp,
        took: Duration,
        payload: Bytes,
        answer: &Answer,
    ) {
        let (ending, body) = match &answer.result {
            InvocationResult::Throttled => return,
            InvocationResult::FunctionError(error) => (Ending::Failed, error.clone()),
            InvocationResult::Success(body) => (way.answers.ending(body), body.clone()),
        };
        let mut kept = self.kept.lock();
        if matches!(ending, Ending::Reported(_) | Ending::Failed) {
            *kept.failures.entry(Arc::clone(&way.name)).or_default() += 1;
        }
        kept.newest += 1;
        let past = PastInvocation {
            number: kept.newest,
            way: Arc::clone(&way.name),
            function: Arc::clone(&way.function),
            at,
            took,
            request_id: answer.request_id.clone(),
            ending,
            payload,
            answer: body,
            content: OnceLock::new(),
        };
        kept.bytes += past.bytes();
        kept.ring.push_back(Arc::new(past));
        while kept.ring.len() > KEPT || (kept.bytes > KEPT_BYTES && kept.ring.len() > 1) {
            let oldest = kept.ring.pop_front();
            kept.bytes -= oldest.map_or(0, |oldest| oldest.bytes());
        }
    }

    /// Returns the number of the newest delivery; 0 before the first.
    pub fn newest(&self) -> u64 {
        self.kept.lock().newest
    }

    /// Returns the kept invocations, oldest first.
    pub fn kept(&self) -> Vec<Arc<PastInvocation>> {
        self.kept.lock().ring.iter().cloned().collect()
    }

    /// Returns the number of failed invocations on a way since the engine started.
    pub fn failures(&self, way: &str) -> u64 {
        self.kept.lock().failures.get(way).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::way::{OF_A_QUEUE, OF_A_STREAM, OF_AN_EVENT};
    use super::*;

    fn add(deliveries: &PastInvocations, way: &Way, payload: Bytes, result: InvocationResult) {
        let answer = Answer { request_id: "r".to_owned(), result };
        deliveries.add(way, Timestamp::UNIX_EPOCH, Duration::ZERO, payload, &answer);
    }

    fn success(body: &str) -> InvocationResult {
        InvocationResult::Success(Bytes::from(body.to_owned()))
    }

    #[test]
    fn the_newest_are_kept_up_to_a_number_and_a_size() {
        let (deliveries, way) = (PastInvocations::default(), Way::invoke("f"));
        for _ in 0..KEPT + 5 {
            add(&deliveries, &way, Bytes::new(), success(""));
        }
        let numbers =
            || deliveries.kept().iter().map(|delivery| delivery.number).collect::<Vec<_>>();
        assert_eq!((numbers().first(), numbers().len()), (Some(&6), KEPT));
        let half = Bytes::from(vec![0; KEPT_BYTES / 2 + 1]);
        add(&deliveries, &way, half.clone(), success(""));
        add(&deliveries, &way, half, success(""));
        assert_eq!(numbers(), [KEPT as u64 + 7]);
        add(&deliveries, &way, Bytes::from(vec![0; KEPT_BYTES + 1]), success(""));
        assert_eq!(
            numbers(),
            [KEPT as u64 + 8],
            "one that is too large by itself is shown all the same"
        );
    }

    #[test]
    fn an_outcome_is_read_as_the_mapping_reads_it() {
        let deliveries = PastInvocations::default();
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
        let endings: Vec<_> = deliveries.kept().iter().map(|delivery| delivery.ending).collect();
        let ignored = |why| Ending::Ignored { failed: 2, why };
        let done = Ending::Succeeded;
        let expected = [Ending::Reported(2), ignored(OF_A_STREAM), ignored(OF_A_QUEUE), done, done];
        assert_eq!(endings[..5], expected);
        assert_eq!(endings[5..], [Ending::Failed, Ending::Failed]);
        assert_eq!((deliveries.failures("s → f"), deliveries.failures("s → g")), (3, 0));
    }

    #[test]
    fn a_response_is_a_success_whatever_it_says() {
        let deliveries = PastInvocations::default();
        let failed = r#"{"batchItemFailures":[{"itemIdentifier":"1"}]}"#;
        for way in [Way::request(Some("shop"), "f"), Way::request(None, "f")] {
            add(&deliveries, &way, Bytes::new(), success(failed));
        }
        let kept = deliveries.kept();
        assert!(kept.iter().all(|delivery| delivery.ending == Ending::Succeeded), "{kept:?}");
        let ways: Vec<&str> = kept.iter().map(|delivery| &*delivery.way).collect();
        assert_eq!(ways, ["request shop → f", "request url → f"]);
    }

    #[test]
    fn a_replay_of_which_a_record_fails_again_is_no_success_and_any_other_answer_of_invoke_is_one()
    {
        let deliveries = PastInvocations::default();
        let failed = r#"{"batchItemFailures":[{"itemIdentifier":"1"}]}"#;
        for body in [failed, "\"done\"", "[1]", ""] {
            add(&deliveries, &Way::invoke("f"), Bytes::new(), success(body));
        }
        add(&deliveries, &Way::events("f"), Bytes::new(), success(failed));
        let endings: Vec<_> = deliveries.kept().iter().map(|delivery| delivery.ending).collect();
        let done = Ending::Succeeded;
        let ignored = Ending::Ignored { failed: 1, why: OF_AN_EVENT };
        assert_eq!(endings, [Ending::Reported(1), done, done, done, ignored]);
    }
}
