//! Translates the answers of DynamoDB into the errors of a read model.

use std::error::Error;
use std::fmt::Debug;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::CancellationReason;

use super::apply_error::ApplyError;
use super::entry::ENTRY_OWNER;
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

/// Returns why a row that is written by itself was not changed.
///
/// The SDK may repeat an update whose answer was lost. Then the first one has moved the guard, and
/// the next look at it says so.
pub(super) fn row_error<R>(error: &SdkError<UpdateItemError, R>) -> ApplyError
where
    R: Debug + 'static,
{
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(_)) => ApplyError::GuardMoved,
        Some(UpdateItemError::TransactionConflictException(_)) => ApplyError::Conflict,
        _ => refused(failure(error), Vec::new()),
    }
}

/// Returns which entries of a transaction refused it, because they belong to other aggregates, by
/// their places among the entries, and to whom they belong. Returns `None` if it failed for another
/// reason: a guard that has moved, for one, calls for a new plan.
///
/// The entries are behind the guards.
pub(super) fn not_owned<R>(
    error: &SdkError<TransactWriteItemsError, R>,
    guards: usize,
    entries: usize,
) -> Option<Vec<(usize, Option<String>)>> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return None;
    };
    let refusing = cancelled.cancellation_reasons().iter().enumerate();
    let refusing = refusing.filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
    let place = |(item, reason): (usize, &CancellationReason)| {
        let owner = reason.item().and_then(|item| item.get(ENTRY_OWNER)?.as_s().ok()).cloned();
        let place = item.checked_sub(guards).filter(|place| *place < entries)?;
        Some((place, owner))
    };
    let places: Option<Vec<_>> = refusing.map(place).collect();
    places.filter(|places| !places.is_empty())
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
    use aws_sdk_dynamodb::types::AttributeValue;
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

    #[test]
    fn an_entry_of_another_aggregate_is_named_unless_a_guard_has_moved() {
        let reason = |code: &str, owner: Option<&str>| {
            let item = owner.map(|owner| AttributeValue::S(owner.to_owned()));
            let item = item.map(|owner| [(ENTRY_OWNER.to_owned(), owner)].into());
            CancellationReason::builder().code(code).set_item(item).build()
        };
        let refusing = |reasons: [CancellationReason; 4]| {
            let exception = TransactionCanceledException::builder()
                .set_cancellation_reasons(Some(reasons.to_vec()))
                .build();
            let error = TransactWriteItemsError::TransactionCanceledException(exception);
            // One guard, two entries, and something else.
            not_owned(&SdkError::service_error(error, ()), 1, 2)
        };
        let none = || reason("None", None);
        let failed = |owner| reason("ConditionalCheckFailed", owner);
        let owner = || Some("order#7".to_owned());
        for (reasons, expected) in [
            ([none(), none(), failed(owner().as_deref()), none()], Some(vec![(1, owner())])),
            (
                [none(), failed(None), failed(owner().as_deref()), none()],
                Some(vec![(0, None), (1, owner())]),
            ),
            ([failed(None), failed(None), none(), none()], None),
            ([none(), failed(None), none(), failed(None)], None),
            ([none(), reason("TransactionConflict", None), none(), none()], None),
        ] {
            assert_eq!(refusing(reasons.clone()), expected, "{reasons:?}");
        }
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
