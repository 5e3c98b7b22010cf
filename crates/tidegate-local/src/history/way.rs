//! The ways by which functions are invoked, and how each reads the answer.

use std::sync::Arc;

use super::ending::Ending;
use lambda_shapes::partial_response::{Reported, reported};

/// A way by which a function is invoked.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(super) name: Arc<str>,
    pub(super) function: Arc<str>,
    pub(super) answers: Answers,
}

/// How the invoker reads the function's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// As a partial batch response; an invalid response fails all records.
    Reports,
    /// As any answer. A list of failed records still counts as a failure: it may answer a replay.
    MayReport,
    /// As an HTTP response: whatever it is, the request is done.
    Responds,
    /// Not at all, for this reason. A list of failed records has no effect.
    Ignored(&'static str),
}

pub(super) const OF_A_QUEUE: &str = "the mapping has no ReportBatchItemFailures: AWS ignores the list of failed items and \
                          deletes all messages of the batch";
pub(super) const OF_A_STREAM: &str = "the mapping has no ReportBatchItemFailures: AWS ignores the list of failed items and \
                           continues after the batch";
pub(super) const OF_AN_EVENT: &str = "asynchronous invocations have no partial batch response: Lambda counts any answer as a \
                           success, and the event is done";

impl Answers {
    pub(super) fn ending(self, response: &[u8]) -> Ending {
        match (reported(response), self) {
            (_, Self::Responds) | (Reported::Nothing, _) => Ending::Succeeded,
            (Reported::Items(items), Self::Ignored(why)) => {
                Ending::Ignored { failed: items.len(), why }
            }
            (Reported::Items(items), _) => Ending::Reported(items.len()),
            (Reported::Invalid(_), Self::Reports) => Ending::Failed,
            (Reported::Invalid(_), _) => Ending::Succeeded,
        }
    }
}

impl Way {
    /// Deliveries from a queue.
    ///
    /// `reports` is true if the mapping honours partial batch responses.
    pub(crate) fn queue(queue: &str, function: &str, reports: bool) -> Self {
        Self::mapping(
            queue,
            function,
            if reports { Answers::Reports } else { Answers::Ignored(OF_A_QUEUE) },
        )
    }

    /// Deliveries from a Kinesis stream or the stream of a table; `reports` as for a queue.
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

    /// Deliveries from rules and from Invoke with the type `Event`.
    pub(crate) fn events(function: &str) -> Self {
        let name = format!("events → {function}").into();
        Self { name, function: function.into(), answers: Answers::Ignored(OF_AN_EVENT) }
    }

    /// Requests over HTTP: `api` is the API's name, `None` for the function's URL.
    pub(crate) fn request(api: Option<&str>, function: &str) -> Self {
        let name = match api {
            Some(api) => format!("request {api} → {function}"),
            None => format!("request url → {function}"),
        };
        Self { name: name.into(), function: function.into(), answers: Answers::Responds }
    }

    /// Deliveries from synchronous Invoke calls.
    pub(crate) fn invoke(function: &str) -> Self {
        let name = format!("Invoke → {function}").into();
        Self { name, function: function.into(), answers: Answers::MayReport }
    }
}
