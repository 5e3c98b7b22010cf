//! Write units: of single writes, batches and transactions.

use serde_json::Value;

use crate::proxy::billed::change::Change;
use crate::proxy::billed::items::{Items, size_of};
use crate::proxy::billed::units::{TRANSACTIONAL, WRITE, units};

pub(super) fn single_write(
    operation: &str,
    request: &Value,
    answer: &Value,
    items: &Items,
    done: bool,
) -> f64 {
    // `ALL_OLD` and similar settings show the item; a failed condition shows the existing one.
    let shown = ["Attributes", "Item"].iter().filter_map(|name| size_of(answer.get(name)?)).max();
    let units = units(write(operation, request, shown, items, done), WRITE);
    units + of_indexes(request, units, items, done)
}

/// Returns the units of a write in the indexes of its table.
fn of_indexes(action: &Value, units: f64, items: &Items, done: bool) -> f64 {
    if done { items.in_indexes(action, &Change::of(action), units) } else { 0.0 }
}

/// Returns the bytes by which an action is billed, and remembers what it wrote.
fn write(kind: &str, action: &Value, shown: Option<usize>, items: &Items, done: bool) -> usize {
    write_of(kind, action, written_bytes(action), shown, items, done)
}

/// Returns the bytes by which an action is billed that writes this many bytes, and remembers what
/// it wrote. `shown` is the size of the existing item, if the answer has it.
pub(super) fn write_of(
    kind: &str,
    action: &Value,
    written: usize,
    shown: Option<usize>,
    items: &Items,
    done: bool,
) -> usize {
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
    key + Change::of(action).attributes.values().map(|written| written.bytes).sum::<usize>()
}

pub(super) fn batch_write(request: &Value, answer: &Value, items: &Items) -> f64 {
    let tables = request.get("RequestItems").and_then(Value::as_object).into_iter().flatten();
    let units = tables.flat_map(|(table, writes)| {
        let left = answer.get("UnprocessedItems").and_then(|tables| tables.get(table)?.as_array());
        let writes = writes.as_array().into_iter().flatten();
        let done = writes.filter(move |write| left.is_none_or(|left| !left.contains(write)));
        done.filter_map(move |write| {
            let mut action = write.as_object()?.values().next()?.clone();
            action.as_object_mut()?.insert("TableName".to_owned(), table.as_str().into());
            let units = units(written_bytes(&action), WRITE);
            Some(units + of_indexes(&action, units, items, true))
        })
    });
    units.sum()
}

pub(super) fn transaction(request: &Value, answer: &Value, items: &Items, done: bool) -> f64 {
    let actions = request.get("TransactItems").and_then(Value::as_array).into_iter().flatten();
    let reasons = answer.get("CancellationReasons").and_then(Value::as_array);
    let units = actions.enumerate().filter_map(|(n, action)| {
        let (kind, action) = action.as_object()?.iter().next()?;
        let in_the_way = reasons.and_then(|reasons| reasons.get(n)?.get("Item").and_then(size_of));
        let units = units(write(kind, action, in_the_way, items, done), WRITE);
        let is_write = kind != "ConditionCheck";
        Some(units * TRANSACTIONAL + of_indexes(action, units, items, done && is_write))
    });
    units.sum()
}
