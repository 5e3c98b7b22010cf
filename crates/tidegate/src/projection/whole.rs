//! Computes what the events of a stream lead to, without a read model.

use std::collections::BTreeMap;

use serde_dynamo::AttributeValue;

use super::change::Projection;
use super::entry::{EntryChange, EntryKey};
use super::lane::run;
use super::row_update::RowUpdate;
use super::value::Value;
use crate::failure::Failure;
use crate::ids::Version;
use crate::store::RecordedCommit;

type Attributes = BTreeMap<&'static str, Value>;

/// What the events of a stream lead to, up to a version.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    /// Attributes of the row, without those of the guard.
    pub(crate) row: BTreeMap<String, AttributeValue>,
    /// Entries, with their attributes.
    pub(crate) entries: BTreeMap<EntryKey, BTreeMap<String, AttributeValue>>,
    /// What the events add to counters.
    pub(crate) counters: BTreeMap<String, BTreeMap<&'static str, i128>>,
    /// Number of the events.
    pub(crate) events: u64,
    /// Id of the last event.
    pub(crate) event_id: Option<String>,
}

impl Whole {
    /// Projects the events up to this version, one after the other.
    ///
    /// # Errors
    /// The version of an event that the projection cannot apply, and why.
    pub(crate) fn new(
        projection: &impl Projection,
        commits: &[RecordedCommit],
        to: Version,
    ) -> Result<Self, (Version, Failure)> {
        let mut whole = Self::default();
        let mut row = Attributes::new();
        let mut entries: BTreeMap<EntryKey, Attributes> = BTreeMap::new();
        let events = commits.iter().flat_map(|commit| {
            let events = commit.events.iter().filter(|event| event.version <= to);
            events.map(move |event| (commit, event))
        });
        for (commit, event) in events {
            let projected = run(projection, commit, event).map_err(|why| (event.version, why))?;
            change(&mut row, &projected.row).map_err(|why| (event.version, why))?;
            for update in projected.entries {
                let changed = match &update.change {
                    EntryChange::Delete => {
                        entries.remove(&update.key);
                        Ok(())
                    }
                    EntryChange::Write(row) => change(entries.entry(update.key).or_default(), row),
                    EntryChange::Replace(row) => {
                        let mut new = Attributes::new();
                        let changed = change(&mut new, row);
                        entries.insert(update.key, new);
                        changed
                    }
                };
                changed.map_err(|why| (event.version, why))?;
            }
            for counter in projected.counters {
                let sums = whole.counters.entry(counter.key).or_default();
                for (name, amount) in counter.add {
                    let sum = sums.entry(name).or_default();
                    *sum = sum.saturating_add(amount.into());
                }
            }
            whole.events += 1;
            whole.event_id = Some(event.id.clone());
        }
        whole.row = stored(row);
        whole.entries = entries.into_iter().map(|(key, row)| (key, stored(row))).collect();
        Ok(whole)
    }
}

/// Returns attributes as DynamoDB stores them.
fn stored(row: Attributes) -> BTreeMap<String, AttributeValue> {
    row.into_iter().map(|(name, value)| (name.to_owned(), attribute(value))).collect()
}

/// Changes a row as DynamoDB does.
fn change(row: &mut Attributes, update: &RowUpdate) -> Result<(), Failure> {
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
        match row.entry(name).or_insert(Value::Number(0)) {
            Value::Number(number) => *number = number.saturating_add(*amount),
            _ => {
                let reason = format!("an amount is added to `{name}`, which is not a number");
                return Err(Failure::permanent(crate::refusal::UNSTORABLE, reason));
            }
        }
    }
    Ok(())
}

fn attribute(value: Value) -> AttributeValue {
    match value {
        Value::Text(text) => AttributeValue::S(text),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::Bool(value) => AttributeValue::Bool(value),
        Value::List(values) => AttributeValue::L(values.into_iter().map(attribute).collect()),
        Value::Map(values) => AttributeValue::M(
            values.into_iter().map(|(name, value)| (name, attribute(value))).collect(),
        ),
    }
}
