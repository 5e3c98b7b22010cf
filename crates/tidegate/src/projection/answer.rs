//! Translates the answers of DynamoDB into the errors of a read model.

use std::error::Error;
use std::fmt::Debug;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

use super::apply_error::ApplyError;
use crate::failure::{Class, Failure, chain};
use crate::refusal::{self, Cancelled};

/// Code of all failures that have no code of their own.
pub(super) const CODE: &str = "read_model";

/// Returns why a transaction was not applied.
pub(super) fn apply_error<R>(error: &SdkError<TransactWriteItemsError, R>) -> ApplyError
where
    R: Debug + 'static,
{
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons()
        }
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
            return ApplyError::Conflict;
        }
        _ => return refused(failure(error), Vec::new()),
    };
    let invalid = |message: &str| refusal::validation(CODE, Some(message), chain(error));
    match refusal::cancelled(reasons) {
        Cancelled::ConditionFailed => ApplyError::GuardMoved,
        Cancelled::Conflict => ApplyError::Conflict,
        Cancelled::Throttled => {
            ApplyError::Failed(Failure::transient(Failure::THROTTLED, chain(error)))
        }
        Cancelled::Unstorable { items, message } => refused(invalid(&message), items),
        Cancelled::Invalid { message } => ApplyError::Failed(invalid(&message)),
        Cancelled::Other => ApplyError::Failed(Failure::aws(CODE, error)),
    }
}

/// Returns the failure behind an error. A `ValidationException` is permanent only if its message is
/// about the data.
pub(super) fn failure<E, R>(error: &SdkError<E, R>) -> Failure
where
    E: Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    match error.code() {
        Some("ValidationException") => refusal::validation(CODE, error.message(), chain(error)),
        _ => Failure::aws(CODE, error),
    }
}

fn refused(failure: Failure, items: Vec<usize>) -> ApplyError {
    match failure.class() {
        Class::Permanent => ApplyError::Refused { failure, items },
        _ => ApplyError::Failed(failure),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_sdk_dynamodb::types::CancellationReason;
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;

    use super::*;

    const LARGE: &str = "Item size to update has exceeded the maximum allowed size";
    const SCHEMA: &str = "The provided key element does not match the schema";

    fn cancelled(reasons: &[(&str, &str)]) -> ApplyError {
        let reason = |(code, message): &(&str, &str)| {
            CancellationReason::builder().code(*code).message(*message).build()
        };
        let exception = TransactionCanceledException::builder()
            .set_cancellation_reasons(Some(reasons.iter().map(reason).collect()))
            .build();
        apply_error(&SdkError::service_error(
            TransactWriteItemsError::TransactionCanceledException(exception),
            (),
        ))
    }

    fn failed(error: &ApplyError) -> (Class, &str) {
        let failure = error.failure().unwrap();
        (failure.class(), failure.code())
    }

    #[test]
    fn a_throttled_item_of_a_transaction_has_it_tried_again() {
        for throttled in ["ThrottlingError", "ProvisionedThroughputExceeded"] {
            let error =
                cancelled(&[("None", ""), (throttled, "slow down"), ("ValidationError", LARGE)]);
            assert_eq!(failed(&error), (Class::Transient, Failure::THROTTLED), "{throttled}");
            assert!(matches!(error, ApplyError::Failed(_)));
        }
    }

    #[test]
    fn an_item_that_can_never_be_stored_is_named() {
        let error = cancelled(&[("None", ""), ("ValidationError", LARGE)]);
        assert_eq!(failed(&error), (Class::Permanent, "unstorable"));
        assert!(matches!(error, ApplyError::Refused { items, .. } if items == [1]));
    }

    #[test]
    fn a_swapped_table_parks_nothing() {
        let error = cancelled(&[("ValidationError", SCHEMA), ("None", "")]);
        assert_eq!(failed(&error), (Class::Transient, "wrong_table"));
        for (message, expected) in [
            (SCHEMA, (Class::Transient, "wrong_table")),
            ("Invalid table name", (Class::Transient, "read_model")),
            ("Transaction payload size cannot exceed 4MB.", (Class::Permanent, "unstorable")),
        ] {
            let metadata =
                ErrorMetadata::builder().code("ValidationException").message(message).build();
            let error = SdkError::service_error(TransactWriteItemsError::generic(metadata), ());
            assert_eq!(failed(&apply_error(&error)), expected, "{message}");
        }
    }
}
