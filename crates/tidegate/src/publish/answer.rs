//! Reads what a service says about the entries of a request.

use aws_sdk_dynamodb::error::{ErrorMetadata, ProvideErrorMetadata};

use super::{Entry, RefusedRequest};
use crate::failure::Failure;

/// What a service calls its errors.
pub(super) struct Codes {
    /// Name of the service, for people.
    pub(super) service: &'static str,
    /// Code of a failure without a code of its own.
    pub(super) failure: &'static str,
    /// Codes that refuse a message for good: for its content or its size.
    pub(super) for_good: &'static [&'static str],
    /// Codes that refuse a whole request for what one entry has.
    pub(super) by_entry: &'static [&'static str],
}

impl Codes {
    /// Returns why the service did not take an entry.
    ///
    /// A refusal of the message itself is permanent. Others come from load or from a policy, which
    /// an operator can correct.
    pub(super) fn entry(&self, entry: &Entry, code: &str, message: Option<&str>) -> Failure {
        let message = message.unwrap_or_default();
        let failure = if self.for_good.contains(&plain(code)) {
            Failure::permanent("event_refused", format!("{code}: {message}"))
        } else {
            let error = ErrorMetadata::builder().code(plain(code)).message(message).build();
            Failure::aws(self.failure, &error)
        };
        failure.context(format_args!("{} did not accept {entry}", self.service))
    }

    /// Returns why the service refused a request as a whole.
    pub(super) fn request<E>(&self, error: &E) -> RefusedRequest
    where
        E: std::error::Error + ProvideErrorMetadata,
    {
        let failure = Failure::aws(self.failure, error);
        match error.code() {
            Some(code) if self.by_entry.contains(&plain(code)) => RefusedRequest::by_entry(failure),
            _ => failure.into(),
        }
    }

    /// Returns what became of each entry, for a service that names entries by their number.
    ///
    /// `failed` has the number, code and message of each entry that was not taken; `taken` has the
    /// numbers of the others.
    #[cfg(any(feature = "publish-sns", feature = "publish-sqs"))]
    pub(super) fn numbered<'a>(
        &self,
        request: &[&Entry],
        taken: impl Iterator<Item = Option<&'a str>>,
        failed: impl Iterator<Item = (&'a str, &'a str, Option<&'a str>)>,
    ) -> Vec<Option<Failure>> {
        let silent = |entry: &&Entry| {
            let reason = format!("{} returned no result for {entry}", self.service);
            Some(Failure::transient("incomplete_answer", reason))
        };
        let mut results: Vec<_> = request.iter().map(silent).collect();
        for number in taken.flatten() {
            if let Some(result) = number.parse().ok().and_then(|at: usize| results.get_mut(at)) {
                *result = None;
            }
        }
        for (number, code, message) in failed {
            let at = number.parse().unwrap_or(usize::MAX);
            if let (Some(result), Some(entry)) = (results.get_mut(at), request.get(at)) {
                *result = Some(self.entry(entry, code, message));
            }
        }
        results
    }
}

/// Returns a code as the service's model has it. The older protocol of SQS adds to it.
fn plain(code: &str) -> &str {
    let code = code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code);
    code.strip_suffix("Exception").filter(|name| PLAIN.contains(name)).unwrap_or(code)
}

/// Codes of SQS that clients know without the word `Exception`.
const PLAIN: [&str; 3] =
    ["InvalidMessageContents", "InvalidParameterValue", "RequestEntityTooLarge"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;

    const CODES: Codes = Codes {
        service: "SQS",
        failure: "queue",
        for_good: &["InvalidMessageContents"],
        by_entry: &["BatchRequestTooLong"],
    };

    fn error(code: &str) -> aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError {
        let meta = ErrorMetadata::builder().code(code).message("no").build();
        aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError::generic(meta)
    }

    #[test]
    fn a_refusal_of_the_message_is_permanent_and_all_others_come_again() {
        let entry = Entry::cancel("deadline");
        for (code, expected) in [
            ("InvalidMessageContents", (Class::Permanent, "event_refused")),
            ("AWS.SimpleQueueService.InvalidMessageContents", (Class::Permanent, "event_refused")),
            ("InvalidMessageContentsException", (Class::Permanent, "event_refused")),
            ("ThrottlingException", (Class::Transient, Failure::THROTTLED)),
            ("AccessDenied", (Class::Transient, "queue")),
        ] {
            let failure = CODES.entry(&entry, code, Some("slow down"));
            assert_eq!((failure.class(), failure.code()), expected, "{code}");
            let begins = format!("SQS did not accept cancellation {}: ", entry.id);
            assert!(failure.reason().starts_with(&begins), "{failure}");
            assert!(failure.reason().contains("slow down"), "{failure}");
        }
    }

    #[test]
    fn a_request_is_split_only_if_an_entry_may_be_the_reason() {
        assert!(CODES.request(&error("AWS.SimpleQueueService.BatchRequestTooLong")).by_entry);
        let throttled = CODES.request(&error("ThrottlingException"));
        assert_eq!((throttled.by_entry, throttled.failure.code()), (false, Failure::THROTTLED));
    }

    #[cfg(any(feature = "publish-sns", feature = "publish-sqs"))]
    #[test]
    fn an_entry_without_a_result_is_sent_again() {
        let entries = ["a", "b", "c"].map(Entry::cancel);
        let request: Vec<_> = entries.iter().collect();
        let taken = [Some("2"), None, Some("7"), Some("x")].into_iter();
        let failed = [("0", "AccessDenied", None), ("9", "AccessDenied", None)].into_iter();
        let results = CODES.numbered(&request, taken, failed);
        let codes: Vec<_> =
            results.iter().map(|result| result.as_ref().map(Failure::code)).collect();
        assert_eq!(codes, [Some("queue"), Some("incomplete_answer"), None]);
    }
}
