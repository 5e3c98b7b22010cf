//! Units of PartiQL's statements: each is billed like the single write or read that does the same.

use serde_json::{Value, json};

use super::reads::{READ, consistency, page};
use super::writes::write_of;
use crate::partiql::{self, Statement, Verb};
use crate::proxy::billed::change::Change;
use crate::proxy::billed::item::item_bytes;
use crate::proxy::billed::items::{Items, size_of};
use crate::proxy::billed::meter::{Quantity, READ_UNITS, WRITE_UNITS};
use crate::proxy::billed::reply::BilledReply;
use crate::proxy::billed::units::{TRANSACTIONAL, WRITE, units};

/// Errors of a statement in a batch that are billed, because DynamoDB has read the item.
const BILLED_ERRORS: [&str; 2] = ["ConditionalCheckFailed", "DuplicateItem"];

/// What became of a statement.
struct Outcome<'a> {
    done: bool,
    /// The item that the answer shows: the one that was read, or that was in the way.
    shown: Option<&'a Value>,
}

/// Returns the units of a call with statements that was not refused as a whole.
pub(super) fn quantities(
    operation: &str,
    request: &Value,
    reply: BilledReply<'_>,
    items: &Items,
) -> Vec<Quantity> {
    let (answer, done) = (reply.json(), !reply.failed());
    let statements = partiql::statements(&format!("DynamoDB.{operation}"), request);
    let mut written = 0.0;
    let mut read = 0.0;
    // Only a transaction of reads has no write in it. Else `EXISTS` is billed as a write.
    let is_read = |statement: &Statement| statement.verb == Verb::Select;
    let reads_only = statements.iter().flatten().all(is_read);
    for (n, statement) in statements.iter().enumerate() {
        let Some(statement) = statement else { continue };
        let units_of =
            |outcome: &Outcome<'_>, factor| write_units(statement, outcome, factor, items);
        match operation {
            "ExecuteStatement" if is_read(statement) => read += page(request, &answer),
            "ExecuteStatement" => {
                let old = answer.get("Items").and_then(|items| items.get(0));
                written +=
                    units_of(&Outcome { done, shown: old.or_else(|| answer.get("Item")) }, 1.0);
            }
            "BatchExecuteStatement" => {
                let own = answer.get("Responses").and_then(|answers| answers.get(n));
                let Some(outcome) = own.and_then(outcome) else { continue };
                if is_read(statement) {
                    let consistency = request
                        .get("Statements")
                        .and_then(|statements| statements.get(n))
                        .map_or(0.5, consistency);
                    read += bytes(&outcome, READ) * consistency;
                } else {
                    written += units_of(&outcome, 1.0);
                }
            }
            _ if reads_only => {
                let own = answer.get("Responses").and_then(|answers| answers.get(n)?.get("Item"));
                read += bytes(&Outcome { done, shown: own }, READ) * TRANSACTIONAL;
            }
            _ => {
                let reasons = answer.get("CancellationReasons");
                let shown = reasons.and_then(|reasons| reasons.get(n)?.get("Item"));
                written += units_of(&Outcome { done, shown }, TRANSACTIONAL);
            }
        }
    }
    [(WRITE_UNITS, written), (READ_UNITS, read)].into_iter().filter(|(_, n)| *n > 0.0).collect()
}

/// Returns what became of a statement of a batch. `None` if it costs nothing.
fn outcome(answer: &Value) -> Option<Outcome<'_>> {
    let Some(error) = answer.get("Error").filter(|error| !error.is_null()) else {
        return Some(Outcome { done: true, shown: answer.get("Item") });
    };
    let code = error.get("Code").and_then(Value::as_str).unwrap_or_default();
    let billed = BILLED_ERRORS.contains(&code);
    billed.then(|| Outcome { done: false, shown: error.get("Item") })
}

fn write_units(statement: &Statement, outcome: &Outcome<'_>, factor: f64, items: &Items) -> f64 {
    let table = statement.table.as_str();
    let written = item_bytes(&statement.written);
    let (kind, action, written) = match statement.verb {
        Verb::Insert => ("Put", json!({ "TableName": table, "Item": statement.written }), written),
        Verb::Update | Verb::Delete | Verb::Select => {
            let kind = match statement.verb {
                Verb::Update => "Update",
                Verb::Delete => "Delete",
                Verb::Insert | Verb::Select => "ConditionCheck",
            };
            let key = items.key(table, statement.wanted.clone());
            let written = item_bytes(&key) + written;
            (kind, json!({ "TableName": table, "Key": key }), written)
        }
    };
    let shown = outcome.shown.and_then(size_of);
    let units = units(write_of(kind, &action, written, shown, items, outcome.done), WRITE);
    let change = match statement.verb {
        Verb::Select => return units * factor,
        Verb::Update => Change::sets(&statement.written),
        Verb::Insert | Verb::Delete => Change::of(&action),
    };
    let of_indexes = if outcome.done { items.in_indexes(&action, &change, units) } else { 0.0 };
    units * factor + of_indexes
}

fn bytes(outcome: &Outcome<'_>, size: usize) -> f64 {
    units(outcome.shown.and_then(size_of).unwrap_or(0), size)
}
