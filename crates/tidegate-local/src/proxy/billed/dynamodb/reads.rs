//! Read units: of single reads, batches, transactions and pages.

use serde_json::Value;

use crate::proxy::billed::items::size_of;
use crate::proxy::billed::units::{TRANSACTIONAL, units};

/// Bytes of a read unit.
pub(super) const READ: usize = 4096;
/// Bytes that a page of a query or a scan evaluates before it ends, if nothing ends it earlier.
pub(super) const PAGE: usize = 1 << 20;

pub(super) fn single_read(request: &Value, answer: &Value) -> f64 {
    units(answer.get("Item").and_then(size_of).unwrap_or(0), READ) * consistency(request)
}

/// Returns the units of a batch read. Each item is rounded up on its own; a key without an item
/// costs the minimum.
pub(super) fn batch_read(request: &Value, answer: &Value) -> f64 {
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

pub(super) fn transactional_read(answer: &Value) -> f64 {
    let items = answer.get("Responses").and_then(Value::as_array).into_iter().flatten();
    let units = items.map(|item| units(item.get("Item").and_then(size_of).unwrap_or(0), READ));
    units.sum::<f64>() * TRANSACTIONAL
}

/// Returns the units of a page, which is rounded once: the sum of everything evaluated, including
/// items that a filter left out.
pub(super) fn page(request: &Value, answer: &Value) -> f64 {
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

pub(super) fn consistency(request: &Value) -> f64 {
    if request.get("ConsistentRead") == Some(&Value::Bool(true)) { 1.0 } else { 0.5 }
}

#[expect(clippy::cast_precision_loss, reason = "a request has at most 100 keys")]
fn whole(number: usize) -> f64 {
    number as f64
}
