//! Read and write request units of DynamoDB.
//!
//! A write is billed by the larger of the item before and after it, even if its condition fails. A
//! read is billed by everything that it evaluated. Requests and answers do not show all of that, so
//! both are estimated.
//!
//! # Writes
//!
//! The size of the existing item is estimated as the largest of: the item in the answer, the item
//! that a function was last seen to write, and the key with the values that an update assigns. The
//! estimate is too small if an item above 1 KB
//!
//! - grew by several updates, or was written by something else than the functions,
//! - was put before the first update or deletion in its table, which is when sizes begin to be
//!   remembered, or by a `BatchWriteItem`,
//! - is deleted or replaced by a `BatchWriteItem`.
//!
//! A statement of PartiQL is billed like the single write that does the same.
//!
//! A write that takes effect costs what it changes in each global secondary index of its table
//! ([`super::index`]), and is not doubled there in a transaction. Where an item was in an index
//! follows from what was written before. The estimate is too small if something other than the
//! functions wrote the item, or if a statement of PartiQL removes an attribute of the index's key.
//! An index with some of the attributes counts those that the request has.
//!
//! # Reads
//!
//! A read is estimated by the items in its answer. If a filter left items out, each of them counts
//! as much as the mean returned item. The estimate is too small if the answer has only parts of the
//! items (`ProjectionExpression`) or their number. It is also too small if a filter left nothing of
//! a page. But a page that ends without a limit, while more follows, counts as at least 1 MB.

mod reads;
mod statements;
mod writes;

use serde_json::Value;

use super::items::Items;
use super::meter::{Quantity, READ_UNITS, WRITE_UNITS};
use super::reply::BilledReply;
use reads::{batch_read, page, single_read, transactional_read};
use writes::{batch_write, single_write, transaction};

/// Failures that are billed, because DynamoDB has read the item. Requests that are refused earlier
/// (throttled, invalid) are free.
const BILLED_FAILURES: [&str; 3] =
    ["ConditionalCheckFailedException", "DuplicateItemException", "TransactionCanceledException"];

/// Returns the units of one call.
pub(super) fn quantities(
    operation: &str,
    request: &Value,
    reply: BilledReply<'_>,
    items: &Items,
) -> Vec<Quantity> {
    if reply.error.is_some_and(|code| !BILLED_FAILURES.contains(&code)) {
        return Vec::new();
    }
    let quantity = match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => {
            let units = single_write(operation, request, &reply.json(), items, !reply.failed());
            (WRITE_UNITS, units)
        }
        "BatchWriteItem" => (WRITE_UNITS, batch_write(request, &reply.json(), items)),
        "TransactWriteItems" => {
            let units = transaction(request, &reply.json(), items, !reply.failed());
            (WRITE_UNITS, units)
        }
        "GetItem" => (READ_UNITS, single_read(request, &reply.json())),
        "BatchGetItem" => (READ_UNITS, batch_read(request, &reply.json())),
        "TransactGetItems" => (READ_UNITS, transactional_read(&reply.json())),
        "ExecuteStatement" | "BatchExecuteStatement" | "ExecuteTransaction" => {
            return statements::quantities(operation, request, reply, items);
        }
        "Query" | "Scan" => (READ_UNITS, page(request, &reply.json())),
        _ => return Vec::new(),
    };
    vec![quantity]
}

#[cfg(test)]
mod tests;
