//! Decides from a function's answer which records of its batch failed.

use lambda_shapes::partial_response::{Reported, reported};

use crate::invocation::InvocationResult;

/// Result of a batch of stream records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every record is done.
    Succeeded,
    /// The records from this index on are delivered again; those before it are done.
    FailedFrom(usize),
    /// The whole batch failed.
    Failed(BatchError),
    /// The function did not run.
    Throttled,
}

/// Why a whole batch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// The function failed, ended or timed out; holds the error object as text.
    Function(String),
    /// The partial batch response is invalid; holds the reason.
    Response(String),
}

/// Judges the answer to a batch of stream records with these sequence numbers, in order.
///
/// A stream goes on at the lowest reported record: of a batch `[7, 8, 9]`, a report of 9 and 8
/// means that 7 is done, and 8 and 9 are delivered again. Without `report_batch_item_failures` the
/// response is ignored and the batch counts as done.
#[must_use]
pub fn judge<'a>(
    result: &InvocationResult,
    report_batch_item_failures: bool,
    sequences: impl Iterator<Item = &'a str>,
) -> Verdict {
    let response = match result {
        InvocationResult::Throttled => return Verdict::Throttled,
        InvocationResult::FunctionError(error) => {
            return Verdict::Failed(BatchError::Function(
                String::from_utf8_lossy(error).into_owned(),
            ));
        }
        InvocationResult::Success(_) if !report_batch_item_failures => return Verdict::Succeeded,
        InvocationResult::Success(response) => response,
    };
    let ids = match reported(response) {
        Reported::Nothing => return Verdict::Succeeded,
        Reported::Invalid(reason) => return Verdict::Failed(BatchError::Response(reason)),
        Reported::Items(ids) => ids,
    };
    let sequences: Vec<&str> = sequences.collect();
    let mut lowest = usize::MAX;
    for id in &ids {
        match sequences.iter().position(|sequence| sequence == id) {
            Some(index) => lowest = lowest.min(index),
            None => {
                return Verdict::Failed(BatchError::Response(format!(
                    "itemIdentifier {id} is not in the batch"
                )));
            }
        }
    }
    Verdict::FailedFrom(lowest)
}

/// Result of a batch of queue messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueVerdict {
    /// The messages at these indices failed; the others are done. May be empty.
    Done(Vec<usize>),
    /// The whole batch failed.
    Failed(BatchError),
    /// The function did not run.
    Throttled,
}

/// Judges the answer to a batch of queue messages with these ids.
///
/// Exactly the reported messages failed, unlike on a stream. Without `report_batch_item_failures`
/// the response is ignored and the batch counts as done.
#[must_use]
pub fn judge_queue<'a>(
    result: &InvocationResult,
    report_batch_item_failures: bool,
    ids: impl Iterator<Item = &'a str>,
) -> QueueVerdict {
    let response = match result {
        InvocationResult::Throttled => return QueueVerdict::Throttled,
        InvocationResult::FunctionError(error) => {
            return QueueVerdict::Failed(BatchError::Function(
                String::from_utf8_lossy(error).into_owned(),
            ));
        }
        InvocationResult::Success(_) if !report_batch_item_failures => {
            return QueueVerdict::Done(Vec::new());
        }
        InvocationResult::Success(response) => response,
    };
    let reported = match reported(response) {
        Reported::Nothing => return QueueVerdict::Done(Vec::new()),
        Reported::Invalid(reason) => return QueueVerdict::Failed(BatchError::Response(reason)),
        Reported::Items(items) => items,
    };
    let ids: Vec<&str> = ids.collect();
    reported
        .iter()
        .map(|item| {
            let index = ids.iter().position(|id| id == item);
            index.ok_or_else(|| format!("itemIdentifier {item} is not in the batch"))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_or_else(
            |reason| QueueVerdict::Failed(BatchError::Response(reason)),
            QueueVerdict::Done,
        )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn verdict(response: &str) -> Verdict {
        let result = InvocationResult::Success(Bytes::copy_from_slice(response.as_bytes()));
        judge(&result, true, ["7", "8", "9"].into_iter())
    }

    #[test]
    fn every_success_form_means_the_whole_batch_succeeded() {
        for form in [
            "",
            " ",
            "\"\"",
            "null",
            "{}",
            "[]",
            r#"{"batchItemFailures":[]}"#,
            r#"{"batchItemFailures":null}"#,
            r#"{"somethingElse":1}"#,
            r#"{"batchItemFailures":[],"note":"\ud83d","total":1e999}"#,
        ] {
            assert_eq!(verdict(form), Verdict::Succeeded, "{form:?}");
        }
    }

    #[test]
    fn every_invalid_form_means_the_whole_batch_failed() {
        for form in [
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemidentifier":"8"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"10"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"8"},{"itemIdentifier":"10"}]}"#,
            r#"{"batchItemFailures":["8"]}"#,
            r#"{"batchItemFailures":[null]}"#,
            r#"{"batchItemFailures":"8"}"#,
            "{",
            "17",
            "\"fine\"",
        ] {
            assert!(matches!(verdict(form), Verdict::Failed(BatchError::Response(_))), "{form:?}");
        }
    }

    #[test]
    fn the_lowest_reported_record_counts_whatever_the_order() {
        let form = r#"{"batchItemFailures":[{"itemIdentifier":"9"},{"itemIdentifier":"8"}]}"#;
        assert_eq!(verdict(form), Verdict::FailedFrom(1));
    }

    #[test]
    fn a_list_is_ignored_unless_partial_responses_are_enabled() {
        let form = br#"{"batchItemFailures":[{"itemIdentifier":"8"}]}"#;
        let result = InvocationResult::Success(Bytes::from_static(form));
        assert_eq!(judge(&result, false, ["8"].into_iter()), Verdict::Succeeded);
    }

    #[test]
    fn an_error_fails_the_batch_and_a_throttle_does_not() {
        let error = InvocationResult::FunctionError(Bytes::from_static(b"{}"));
        assert_eq!(
            judge(&error, true, ["8"].into_iter()),
            Verdict::Failed(BatchError::Function("{}".to_owned()))
        );
        assert_eq!(
            judge(&InvocationResult::Throttled, true, ["8"].into_iter()),
            Verdict::Throttled
        );
    }
}
