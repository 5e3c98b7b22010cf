//! Classifies the errors with which DynamoDB refuses a request.
//!
//! An error is permanent only if its message is known to be about the data: a size, a number, the
//! type of an attribute, an empty key. Any other error may come from a mistake in the configuration
//! or in a deployment, which can be corrected. Two swapped table names must not lose an event.

use aws_sdk_dynamodb::types::CancellationReason;

use crate::failure::Failure;

/// Code of the permanent failure of data that no table can hold.
pub(crate) const UNSTORABLE: &str = "unstorable";
/// Code of the transient failure of a request that does not fit the keys of its table.
pub(crate) const WRONG_TABLE: &str = "wrong_table";

/// Parts of messages that are about the data. DynamoDB has no error codes for them.
const OF_THE_DATA: [&str; 15] = [
    "item size",
    "expression size has exceeded",
    "size of hashkey",
    "range keys has exceeded",
    "hash keys has exceeded",
    "payload size cannot exceed",
    "transaction size limit",
    "aggregate size",
    "empty string value",
    "number overflow",
    "number underflow",
    "significant digits",
    "incorrect data type",
    "incorrect operand type",
    "nesting levels",
];

/// Parts of messages that are about the keys of a table.
const OF_THE_TABLE: [&str; 7] = [
    "does not match the schema",
    "does not match schema",
    "missing the key",
    "missed key schema element",
    "query key condition not supported",
    "number of key attributes",
    "type mismatch for key",
];

/// Returns the failure for a `ValidationException`, or for the reason `ValidationError` of a
/// cancelled transaction.
///
/// `code` is the code of a transient failure. `text` is the whole error, for people.
pub(crate) fn validation(code: &'static str, message: Option<&str>, text: String) -> Failure {
    match judge(message) {
        Judgement::Data => Failure::permanent(UNSTORABLE, text),
        Judgement::Table => Failure::transient(
            WRONG_TABLE,
            format!(
                "{text}: the request does not fit the table's keys; check whether two table names are swapped in the configuration"
            ),
        ),
        Judgement::Unknown => Failure::transient(code, text),
    }
}

/// Returns whether the message of a `ValidationException` is about the data, so that no retry
/// helps.
pub(crate) fn is_about_the_data(message: &str) -> bool {
    judge(Some(message)) == Judgement::Data
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    Data,
    Table,
    Unknown,
}

fn judge(message: Option<&str>) -> Judgement {
    let message = message.unwrap_or_default().to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
    if has(&OF_THE_TABLE) {
        Judgement::Table
    } else if has(&OF_THE_DATA) {
        Judgement::Data
    } else {
        Judgement::Unknown
    }
}

/// Why a transaction was cancelled: all its reasons taken together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cancelled {
    /// A condition does not hold.
    ConditionFailed,
    /// A table or a partition is throttled. No item is wrong.
    Throttled,
    /// Another transaction is at work on one of the items.
    Conflict,
    /// These items, by their places in the transaction, can never be stored.
    Unstorable { items: Vec<usize>, message: String },
    /// The request does not fit a table, or its message is unknown.
    Invalid { message: String },
    /// None of these.
    Other,
}

/// Summarises the reasons of a cancelled transaction, which are listed in the order of its items.
///
/// A condition that does not hold comes first, because a new plan may avoid the other reasons. A
/// throttled item comes before an item that cannot be stored, because the next attempt reports the
/// latter again.
pub(crate) fn cancelled(reasons: &[CancellationReason]) -> Cancelled {
    let any = |known: &[&str]| {
        reasons.iter().any(|reason| reason.code().is_some_and(|code| known.contains(&code)))
    };
    if any(&["ConditionalCheckFailed"]) {
        return Cancelled::ConditionFailed;
    }
    if any(&THROTTLED) {
        return Cancelled::Throttled;
    }
    if any(&["TransactionConflict"]) {
        return Cancelled::Conflict;
    }
    let invalid: Vec<(usize, &str)> = reasons
        .iter()
        .enumerate()
        .filter(|(_, reason)| reason.code() == Some("ValidationError"))
        .map(|(place, reason)| (place, reason.message().unwrap_or_default()))
        .collect();
    let mut of_the_data =
        invalid.iter().filter(|(_, message)| judge(Some(message)) == Judgement::Data).peekable();
    if let Some((_, message)) = of_the_data.peek() {
        let message = (*message).to_owned();
        return Cancelled::Unstorable {
            items: of_the_data.map(|(place, _)| *place).collect(),
            message,
        };
    }
    match invalid.first() {
        Some((_, message)) => Cancelled::Invalid { message: (*message).to_owned() },
        None => Cancelled::Other,
    }
}

/// Reasons of a cancelled transaction that mean the same as a throttled request.
///
/// DynamoDB names them without `Exception`; emulators differ.
const THROTTLED: [&str; 5] = [
    "ThrottlingError",
    "ThrottlingException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;

    fn reason(code: &str, message: &str) -> CancellationReason {
        CancellationReason::builder().code(code).message(message).build()
    }

    #[test]
    fn only_words_about_the_data_are_permanent() {
        let permanent = [
            "Item size has exceeded the maximum allowed size",
            "Item size to update has exceeded the maximum allowed size",
            "Invalid UpdateExpression: Expression size has exceeded the maximum allowed size;",
            "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes",
            "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
            "Transaction payload size cannot exceed 4MB. Payload Size: 4194305",
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: key",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
            "Attempting to store more than 38 significant digits in a Number",
            "An operand in the update expression has an incorrect data type",
            "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit",
        ];
        for message in permanent {
            let failure = validation("read_model", Some(message), message.to_owned());
            assert_eq!(
                (failure.class(), failure.code()),
                (Class::Permanent, UNSTORABLE),
                "{message}"
            );
        }
        let tables = [
            "The provided key element does not match the schema",
            "One or more parameter values were invalid: Missing the key stream in the item",
            "Query condition missed key schema element: stream",
            "Query key condition not supported",
            "The number of query conditions (2) exceeds the number of key attributes defined in the schema (1)",
            "One or more parameter values were invalid: Type mismatch for key version expected: N actual: S",
        ];
        for message in tables {
            let failure = validation("read_model", Some(message), message.to_owned());
            assert_eq!(
                (failure.class(), failure.code()),
                (Class::Transient, WRONG_TABLE),
                "{message}"
            );
        }
        for message in [Some("Invalid table name"), Some("something new"), None] {
            let failure = validation("read_model", message, String::new());
            assert_eq!(
                (failure.class(), failure.code()),
                (Class::Transient, "read_model"),
                "{message:?}"
            );
        }
    }

    #[test]
    fn a_cancelled_transaction_is_judged_by_all_its_reasons() {
        let none = || reason("None", "");
        let failed = || reason("ConditionalCheckFailed", "The conditional request failed");
        let large = || {
            reason("ValidationError", "Item size to update has exceeded the maximum allowed size")
        };
        let conflict = || reason("TransactionConflict", "Transaction is ongoing for the item");
        for throttled in ["ThrottlingError", "ProvisionedThroughputExceeded"] {
            assert_eq!(cancelled(&[none(), reason(throttled, "slow down")]), Cancelled::Throttled);
            assert_eq!(
                cancelled(&[large(), conflict(), reason(throttled, "slow down")]),
                Cancelled::Throttled
            );
            assert_eq!(
                cancelled(&[reason(throttled, "slow down"), failed()]),
                Cancelled::ConditionFailed
            );
        }
        assert_eq!(cancelled(&[large(), conflict()]), Cancelled::Conflict);
        let message = "Item size to update has exceeded the maximum allowed size".to_owned();
        assert_eq!(
            cancelled(&[none(), large(), none(), large()]),
            Cancelled::Unstorable { items: vec![1, 3], message }
        );
        let schema = "The provided key element does not match the schema";
        assert_eq!(
            cancelled(&[none(), reason("ValidationError", schema)]),
            Cancelled::Invalid { message: schema.to_owned() }
        );
        assert_eq!(
            cancelled(&[none(), reason("ItemCollectionSizeLimitExceeded", "")]),
            Cancelled::Other
        );
        assert_eq!(cancelled(&[]), Cancelled::Other);
    }
}
