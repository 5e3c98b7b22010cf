//! Attributes of a row in memory.

use std::collections::BTreeMap;

use super::super::limits::ITEM_BYTES;
use super::super::row_update::RowUpdate;
use super::super::value::Value;

/// Attributes of a row by their names.
pub(crate) type Attributes = BTreeMap<&'static str, Value>;

/// Changes the attributes of a row. Returns why DynamoDB would refuse it.
pub(crate) fn change(row: &mut Attributes, update: &RowUpdate) -> Result<(), String> {
    for name in &update.remove {
        row.remove(name);
    }
    for (name, value) in &update.set {
        row.insert(name, value.clone());
    }
    for (name, value) in &update.defaults {
        row.entry(name).or_insert_with(|| value.clone());
    }
    for (name, amount) in &update.add {
        let sum = match row.get(name) {
            Some(Value::Number(before)) => added(*before, *amount)?,
            Some(_) => return Err(format!("`{name}` is not a number")),
            None => *amount,
        };
        row.insert(name, Value::Number(sum));
    }
    let bytes: usize = row.iter().map(|(name, value)| name.len() + value.size()).sum();
    if bytes > ITEM_BYTES {
        return Err(format!("a row of {bytes} bytes; an item holds {ITEM_BYTES}"));
    }
    Ok(())
}

/// DynamoDB's numbers have 38 digits; those of the double are `i64`.
fn added(sum: i64, amount: i64) -> Result<i64, String> {
    sum.checked_add(amount).ok_or_else(|| format!("{sum} and {amount} are out of range"))
}
