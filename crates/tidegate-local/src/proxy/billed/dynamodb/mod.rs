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
//! # Reads
//!
//! A read is estimated by the items in its answer. If a filter left items out, each of them counts
//! as much as the mean returned item. The estimate is too small if the answer has only parts of the
//! items (`ProjectionExpression`) or their number. It is also too small if a filter left nothing of
//! a page. But a page that ends without a limit, while more follows, counts as at least 1 MB.

use serde_json::Value;

use super::item::value_bytes;
use super::items::{Items, size_of};
use super::meter::{Quantity, READ_UNITS, WRITE_UNITS};
use super::reply::BilledReply;
use super::units::units;

const WRITE: usize = 1024;
const READ: usize = 4096;
/// Bytes that a page of a query or a scan evaluates before it ends, if nothing ends it earlier.
const PAGE: usize = 1 << 20;
/// Factor of transactional reads and writes.
const TRANSACTIONAL: f64 = 2.0;
/// Failures that are billed, because DynamoDB has read the item. Requests that are refused earlier
/// (throttled, invalid) are free.
const BILLED_FAILURES: [&str; 2] =
    ["ConditionalCheckFailedException", "TransactionCanceledException"];

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
        "BatchWriteItem" => (WRITE_UNITS, batch_write(request, &reply.json())),
        "TransactWriteItems" => {
            let units = transaction(request, &reply.json(), items, !reply.failed());
            (WRITE_UNITS, units)
        }
        "GetItem" => (READ_UNITS, single_read(request, &reply.json())),
        "BatchGetItem" => (READ_UNITS, batch_read(request, &reply.json())),
        "TransactGetItems" => (READ_UNITS, transactional_read(&reply.json())),
        "Query" | "Scan" => (READ_UNITS, page(request, &reply.json())),
        _ => return Vec::new(),
    };
    vec![quantity]
}

fn single_write(
    operation: &str,
    request: &Value,
    answer: &Value,
    items: &Items,
    done: bool,
) -> f64 {
    // `ALL_OLD` and similar settings show the item; a failed condition shows the existing one.
    let shown = ["Attributes", "Item"].iter().filter_map(|name| size_of(answer.get(name)?)).max();
    units(write(operation, request, shown, items, done), WRITE)
}

/// Returns the bytes by which an action is billed, and remembers what it wrote.
fn write(kind: &str, action: &Value, shown: Option<usize>, items: &Items, done: bool) -> usize {
    let written = written_bytes(action);
    let larger = written.max(items.before(action)).max(shown.unwrap_or(0));
    if done {
        match kind {
            "PutItem" | "Put" => items.wrote(action, Some(written)),
            "UpdateItem" | "Update" => items.wrote(action, Some(larger)),
            "DeleteItem" | "Delete" => items.wrote(action, None),
            _ => {}
        }
    }
    larger
}

/// Returns the bytes of a put's item, of an update's key and assigned attributes, or of any other
/// action's key.
fn written_bytes(action: &Value) -> usize {
    if let Some(item) = action.get("Item").and_then(size_of) {
        return item;
    }
    let key = action.get("Key").and_then(size_of).unwrap_or(0);
    key + action
        .get("UpdateExpression")
        .and_then(Value::as_str)
        .map_or(0, |text| assigned(text, action))
}

/// Returns the bytes of names and values that an update expression mentions. Those in the condition
/// alone are not written.
fn assigned(expression: &str, action: &Value) -> usize {
    let mut words: Vec<&str> = expression
        .split(|letter: char| !(letter.is_alphanumeric() || "#:_-".contains(letter)))
        .filter(|word| !word.is_empty())
        .collect();
    words.sort_unstable();
    words.dedup();
    let found = |map: &str, word: &str| action.get(map).and_then(|map| map.get(word));
    let bytes = words.into_iter().map(|word| {
        let name = found("ExpressionAttributeNames", word).and_then(Value::as_str).map(str::len);
        name.or_else(|| found("ExpressionAttributeValues", word).map(value_bytes)).unwrap_or(0)
    });
    bytes.sum()
}

fn batch_write(request: &Value, answer: &Value) -> f64 {
    let count = |value: &Value, field: &str| {
        let tables = value.get(field).and_then(Value::as_object).into_iter().flatten();
        let writes = tables.flat_map(|(_, writes)| writes.as_array().into_iter().flatten());
        let actions = writes.filter_map(|write| write.as_object()?.values().next());
        actions.map(|action| units(written_bytes(action), WRITE)).sum::<f64>()
    };
    count(request, "RequestItems") - count(answer, "UnprocessedItems")
}

fn transaction(request: &Value, answer: &Value, items: &Items, done: bool) -> f64 {
    let actions = request.get("TransactItems").and_then(Value::as_array).into_iter().flatten();
    let reasons = answer.get("CancellationReasons").and_then(Value::as_array);
    let units = actions.enumerate().filter_map(|(n, action)| {
        let (kind, action) = action.as_object()?.iter().next()?;
        let in_the_way = reasons.and_then(|reasons| reasons.get(n)?.get("Item").and_then(size_of));
        Some(units(write(kind, action, in_the_way, items, done), WRITE))
    });
    units.sum::<f64>() * TRANSACTIONAL
}

fn single_read(request: &Value, answer: &Value) -> f64 {
    units(answer.get("Item").and_then(size_of).unwrap_or(0), READ) * consistency(request)
}

/// Returns the units of a batch read. Each item is rounded up on its own; a key without an item
/// costs the minimum.
fn batch_read(request: &Value, answer: &Value) -> f64 {
    let keys = |value: &Value, field: &str, table: &str| {
        let keys = value.get(field).and_then(|tables| tables.get(table)?.get("Keys")?.as_array());
        keys.map_or(0, Vec::len)
    };
    let tables = request.get("RequestItems").and_then(Value::as_object).into_iter().flatten();
    let units = tables.map(|(table, wanted)| {
        let items = answer.get("Responses").and_then(|tables| tables.get(table)?.as_array());
        let items: Vec<usize> = items.into_iter().flatten().filter_map(size_of).collect();
        let read = keys(request, "RequestItems", table).saturating_sub(keys(
            answer,
            "UnprocessedKeys",
            table,
        ));
        let missing = whole(read.saturating_sub(items.len()));
        (missing + items.into_iter().map(|bytes| units(bytes, READ)).sum::<f64>())
            * consistency(wanted)
    });
    units.sum()
}

fn transactional_read(answer: &Value) -> f64 {
    let items = answer.get("Responses").and_then(Value::as_array).into_iter().flatten();
    let units = items.map(|item| units(item.get("Item").and_then(size_of).unwrap_or(0), READ));
    units.sum::<f64>() * TRANSACTIONAL
}

/// Returns the units of a page, which is rounded once: the sum of everything evaluated, including
/// items that a filter left out.
fn page(request: &Value, answer: &Value) -> f64 {
    let items = answer.get("Items").and_then(Value::as_array);
    let answered: usize = items.into_iter().flatten().filter_map(size_of).sum();
    let number = |field: &str| {
        answer.get(field).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok())
    };
    let looked_at = match (number("Count"), number("ScannedCount")) {
        (Some(count), Some(scanned)) if count > 0 && scanned > count => answered / count * scanned,
        _ => answered,
    };
    let full = answer.get("LastEvaluatedKey").is_some_and(Value::is_object)
        && request.get("Limit").is_none();
    let looked_at = if full { looked_at.max(PAGE) } else { looked_at };
    units(looked_at, READ) * consistency(request)
}

fn consistency(request: &Value) -> f64 {
    if request.get("ConsistentRead") == Some(&Value::Bool(true)) { 1.0 } else { 0.5 }
}

#[expect(clippy::cast_precision_loss, reason = "a request has at most 100 keys")]
fn whole(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
