//! Read and write request units of DynamoDB.
//!
//! A write is billed by the larger of the item before and after it, also when its condition fails; a read by the whole of what it looked at.
//! Requests and answers do not show all of that.
//!
//! The item that a write meets is taken to be the largest of what the answer shows, what functions were seen to write, and the key with what an
//! update assigns. That is too little where an item above 1 KB
//!
//! - grew by several updates, or was written by somebody else,
//! - was put before the first update or deletion in its table, which is when sizes begin to be remembered, or by a `BatchWriteItem`,
//! - is deleted or replaced by a `BatchWriteItem`.
//!
//! What a read looked at is taken to be what it answers, and that a filter left out as much for each item as is answered for one. That is too
//! little where the read answers with a part of the items (`ProjectionExpression`) or their number alone, and where a filter left nothing of a
//! page; but a page that ends without a limit, while more follows, has looked at 1 MB.

use serde_json::Value;

use super::item::value_bytes;
use super::items::{Items, size_of};
use super::meter::{Quantity, READ_UNITS, WRITE_UNITS};
use super::reply::BilledReply;
use super::units::units;

const WRITE: usize = 1024;
const READ: usize = 4096;
/// What a page of a query or a scan looks at before it ends, if nothing ends it earlier.
const PAGE: usize = 1 << 20;
/// What one transactional unit costs in units.
const TRANSACTIONAL: f64 = 2.0;
/// Failures that are billed: DynamoDB has looked at the item. Whatever is refused earlier (throttled, invalid) is free.
const BILLED_FAILURES: [&str; 2] = ["ConditionalCheckFailedException", "TransactionCanceledException"];

/// The units of one call.
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

fn single_write(operation: &str, request: &Value, answer: &Value, items: &Items, done: bool) -> f64 {
    // `ALL_OLD` and its like show the item; a failed condition shows the one in the way.
    let shown = ["Attributes", "Item"].iter().filter_map(|name| size_of(answer.get(name)?)).max();
    units(write(operation, request, shown, items, done), WRITE)
}

/// The bytes by which an action is billed; remembers what it wrote.
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

/// The item of a put, the key and the assigned attributes of an update, the key of anything else.
fn written_bytes(action: &Value) -> usize {
    if let Some(item) = action.get("Item").and_then(size_of) {
        return item;
    }
    let key = action.get("Key").and_then(size_of).unwrap_or(0);
    key + action.get("UpdateExpression").and_then(Value::as_str).map_or(0, |text| assigned(text, action))
}

/// Names and values that an update expression mentions; what only its condition mentions is not written.
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

/// Each item is rounded up by itself; a key without an item costs the least.
fn batch_read(request: &Value, answer: &Value) -> f64 {
    let keys = |value: &Value, field: &str, table: &str| {
        let keys = value.get(field).and_then(|tables| tables.get(table)?.get("Keys")?.as_array());
        keys.map_or(0, Vec::len)
    };
    let tables = request.get("RequestItems").and_then(Value::as_object).into_iter().flatten();
    let units = tables.map(|(table, wanted)| {
        let items = answer.get("Responses").and_then(|tables| tables.get(table)?.as_array());
        let items: Vec<usize> = items.into_iter().flatten().filter_map(size_of).collect();
        let read =
            keys(request, "RequestItems", table).saturating_sub(keys(answer, "UnprocessedKeys", table));
        let missing = whole(read.saturating_sub(items.len()));
        (missing + items.into_iter().map(|bytes| units(bytes, READ)).sum::<f64>()) * consistency(wanted)
    });
    units.sum()
}

fn transactional_read(answer: &Value) -> f64 {
    let items = answer.get("Responses").and_then(Value::as_array).into_iter().flatten();
    let units = items.map(|item| units(item.get("Item").and_then(size_of).unwrap_or(0), READ));
    units.sum::<f64>() * TRANSACTIONAL
}

/// A page is billed as one: the sum of what was looked at, of which a filter may have left out a part.
fn page(request: &Value, answer: &Value) -> f64 {
    let items = answer.get("Items").and_then(Value::as_array);
    let answered: usize = items.into_iter().flatten().filter_map(size_of).sum();
    let number =
        |field: &str| answer.get(field).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let looked_at = match (number("Count"), number("ScannedCount")) {
        (Some(count), Some(scanned)) if count > 0 && scanned > count => answered / count * scanned,
        _ => answered,
    };
    let full = answer.get("LastEvaluatedKey").is_some_and(Value::is_object) && request.get("Limit").is_none();
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
