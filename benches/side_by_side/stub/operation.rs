//! DynamoDB's operations on tables in memory, and the units that DynamoDB would bill.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expression::{Item, Placeholders, met, updated};
use super::statement::{Action, action};
use super::table::{Place, Tables, bytes};

/// Counts of requests and units since the last reset.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Requests by operation.
    pub(crate) requests: BTreeMap<String, u64>,
    /// Requests, and statements of batches, whose condition did not hold.
    pub(crate) refused: u64,
    /// Write units. A failed condition is billed too; a transaction counts twice. A batch costs
    /// what its statements cost.
    pub(crate) write_units: u64,
    /// Read units, times two: an eventually consistent read costs half a unit.
    pub(crate) half_read_units: u64,
}

/// A response with its HTTP status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// Most statements of a batch.
const STATEMENTS: usize = 25;

/// Tables and the counts of their requests.
#[derive(Default)]
pub(super) struct Store {
    pub(super) tables: Tables,
    pub(super) counts: Counts,
}

/// Result of a conditional write.
enum Checked {
    Met(Place, Write),
    Failed(Item),
}

enum Write {
    Put(Item),
    Remove,
    Nothing,
}

impl Store {
    /// Runs one operation. It refuses an unknown one as DynamoDB refuses a malformed request.
    pub(super) fn call(&mut self, operation: &str, request: &Value) -> Answer {
        *self.counts.requests.entry(operation.to_owned()).or_default() += 1;
        let answer = match operation {
            "PutItem" | "UpdateItem" | "DeleteItem" => self.write(operation, request),
            "TransactWriteItems" => self.transact(request),
            "GetItem" => self.get(request),
            "BatchGetItem" => self.batch_get(request),
            "BatchExecuteStatement" => self.batch_execute(request),
            "Query" => self.query(request),
            _ => Err(format!("the stub does not know the operation {operation}")),
        };
        answer.unwrap_or_else(|message| failed("ValidationException", &message, json!({})))
    }

    /// Checks an action and returns what it writes. The units are those of the larger of the two
    /// items. An update is evaluated only if its condition holds.
    fn check(&self, kind: &str, action: &Value) -> Result<(Checked, u64), String> {
        let known = [
            "TableName",
            "Item",
            "Key",
            "ConditionExpression",
            "UpdateExpression",
            "ExpressionAttributeNames",
            "ExpressionAttributeValues",
            "ReturnValues",
            "ReturnValuesOnConditionCheckFailure",
        ];
        refuse_unknown(action, &known)?;
        let table = text(action, "TableName")?;
        let key = action.get("Item").or_else(|| action.get("Key")).and_then(Value::as_object);
        let key = key.ok_or("neither an item nor a key")?;
        let place = Tables::place(table, key)?;
        let empty = Item::new();
        let before = self.tables.get(&place);
        let placeholders = Placeholders::parse(action);
        let condition = action.get("ConditionExpression").and_then(Value::as_str);
        let met = met(condition, placeholders, before.unwrap_or(&empty))?;
        let write = match kind {
            "Put" => Write::Put(key.clone()),
            "Update" if !met => Write::Nothing,
            "Update" => {
                let start = before.unwrap_or(key);
                Write::Put(updated(text(action, "UpdateExpression")?, placeholders, start)?)
            }
            "Delete" => Write::Remove,
            "ConditionCheck" => Write::Nothing,
            other => return Err(format!("the stub does not know the action {other}")),
        };
        let after = if let Write::Put(item) = &write { bytes(item) } else { 0 };
        let units = before.map_or(0, bytes).max(if met { after } else { 0 }).div_ceil(1024).max(1);
        let checked = if met {
            Checked::Met(place, write)
        } else {
            Checked::Failed(before.cloned().unwrap_or_default())
        };
        Ok((checked, units))
    }

    fn apply(&mut self, place: Place, write: Write) {
        match write {
            Write::Put(item) => self.tables.put(place, item),
            Write::Remove => self.tables.remove(&place),
            Write::Nothing => {}
        }
    }

    fn write(&mut self, operation: &str, request: &Value) -> Result<Answer, String> {
        let kind = operation.trim_end_matches("Item");
        let (checked, units) = self.check(kind, request)?;
        self.counts.write_units += units;
        let old = request.get("ReturnValues").and_then(Value::as_str);
        if !matches!(old, None | Some("NONE" | "ALL_OLD")) {
            return Err("the stub returns old items or none".to_owned());
        }
        match checked {
            Checked::Met(place, write) => {
                let before =
                    if old == Some("ALL_OLD") { self.tables.get(&place).cloned() } else { None };
                self.apply(place, write);
                Ok(done(before.map_or_else(|| json!({}), |before| json!({ "Attributes": before }))))
            }
            Checked::Failed(before) => {
                self.counts.refused += 1;
                let wanted =
                    request.get("ReturnValuesOnConditionCheckFailure").and_then(Value::as_str);
                let mut more = json!({});
                if wanted == Some("ALL_OLD") && !before.is_empty() {
                    more = json!({ "Item": before });
                }
                Ok(failed(
                    "ConditionalCheckFailedException",
                    "The conditional request failed",
                    more,
                ))
            }
        }
    }

    fn transact(&mut self, request: &Value) -> Result<Answer, String> {
        refuse_unknown(request, &["TransactItems", "ClientRequestToken"])?;
        let actions =
            request.get("TransactItems").and_then(Value::as_array).ok_or("no TransactItems")?;
        let mut writes = Vec::with_capacity(actions.len());
        let mut reasons = Vec::with_capacity(actions.len());
        for action in actions {
            let (kind, action) =
                action.as_object().and_then(|action| action.iter().next()).ok_or("no action")?;
            let (checked, units) = self.check(kind, action)?;
            self.counts.write_units += 2 * units;
            match checked {
                Checked::Met(place, write) => {
                    writes.push((place, write));
                    reasons.push(json!({ "Code": "None" }));
                }
                Checked::Failed(before) => {
                    reasons.push(json!({ "Code": "ConditionalCheckFailed", "Item": before }))
                }
            }
        }
        if writes.len() < actions.len() {
            self.counts.refused += 1;
            let more = json!({ "CancellationReasons": reasons });
            return Ok(failed("TransactionCanceledException", "Transaction cancelled", more));
        }
        for (place, write) in writes {
            self.apply(place, write);
        }
        Ok(done(json!({})))
    }

    /// Runs each statement on its own, unless the batch is refused as a whole.
    fn batch_execute(&mut self, request: &Value) -> Result<Answer, String> {
        refuse_unknown(request, &["Statements"])?;
        let statements =
            request.get("Statements").and_then(Value::as_array).ok_or("no Statements")?;
        if statements.is_empty() || statements.len() > STATEMENTS {
            return Err(format!("{} statements; 1 to {STATEMENTS} are allowed", statements.len()));
        }
        let mut actions = Vec::with_capacity(statements.len());
        let mut places = HashSet::new();
        for statement in statements {
            refuse_unknown(
                statement,
                &["Statement", "Parameters", "ReturnValuesOnConditionCheckFailure"],
            )?;
            let action = action(statement).and_then(|action| {
                let key = action.fields.get("Item").or_else(|| action.fields.get("Key"));
                let key = key.and_then(Value::as_object).ok_or("a statement without a key")?;
                let place = Tables::place(text(&action.fields, "TableName")?, key)?;
                Ok((action, place))
            });
            let action = match action {
                Ok((_, place)) if places.contains(&place) => {
                    return Err("Provided list of item keys contains duplicates".to_owned());
                }
                Ok((action, place)) => {
                    places.insert(place);
                    Ok(action)
                }
                Err(message) => Err(message),
            };
            let wanted = statement.get("ReturnValuesOnConditionCheckFailure");
            let old = wanted.and_then(Value::as_str) == Some("ALL_OLD");
            actions.push((action, old));
        }
        let answers = actions.into_iter().map(|(action, old)| match action {
            Ok(action) => self.execute(&action, old),
            Err(message) => refused("ValidationError", &message),
        });
        Ok(done(json!({ "Responses": answers.collect::<Vec<Value>>() })))
    }

    /// Runs one statement of a batch and returns its part of the answer.
    fn execute(&mut self, action: &Action, old: bool) -> Value {
        let (checked, units) = match self.check(action.kind, &action.fields) {
            Ok(checked) => checked,
            Err(message) => return refused("ValidationError", &message),
        };
        self.counts.write_units += units;
        match checked {
            Checked::Met(place, write) => {
                self.apply(place, write);
                json!({ "TableName": action.fields.get("TableName") })
            }
            Checked::Failed(before) => {
                self.counts.refused += 1;
                if action.kind == "Put" {
                    return refused("DuplicateItem", "Duplicate primary key exists in table");
                }
                let mut answer =
                    refused("ConditionalCheckFailed", "The conditional request failed");
                let error = answer.get_mut("Error").and_then(Value::as_object_mut);
                if let Some(error) = error.filter(|_| old && !before.is_empty()) {
                    error.insert("Item".to_owned(), Value::Object(before));
                }
                answer
            }
        }
    }

    fn read_units(&mut self, bytes: u64, consistent: bool) {
        self.counts.half_read_units += bytes.div_ceil(4096).max(1) * if consistent { 2 } else { 1 };
    }

    fn get(&mut self, request: &Value) -> Result<Answer, String> {
        refuse_unknown(request, &["TableName", "Key", "ConsistentRead"])?;
        let key = request.get("Key").and_then(Value::as_object).ok_or("no Key")?;
        let found = self.tables.get(&Tables::place(text(request, "TableName")?, key)?).cloned();
        self.read_units(found.as_ref().map_or(0, bytes), flag(request, "ConsistentRead", false));
        Ok(done(found.map_or_else(|| json!({}), |item| json!({ "Item": item }))))
    }

    /// Returns whole items, because DynamoDB also bills attributes that a projection leaves out.
    fn batch_get(&mut self, request: &Value) -> Result<Answer, String> {
        refuse_unknown(request, &["RequestItems"])?;
        let wanted =
            request.get("RequestItems").and_then(Value::as_object).ok_or("no RequestItems")?;
        let mut responses = Item::new();
        for (table, wanted) in wanted {
            let consistent = flag(wanted, "ConsistentRead", false);
            let mut items = Vec::new();
            for key in wanted.get("Keys").and_then(Value::as_array).ok_or("no Keys")? {
                let key = key.as_object().ok_or("a key is not an object")?;
                let found = self.tables.get(&Tables::place(table, key)?).cloned();
                self.read_units(found.as_ref().map_or(0, bytes), consistent);
                items.extend(found.map(Value::Object));
            }
            responses.insert(table.clone(), Value::Array(items));
        }
        Ok(done(json!({ "Responses": responses, "UnprocessedKeys": {} })))
    }

    fn query(&mut self, request: &Value) -> Result<Answer, String> {
        let known = [
            "TableName",
            "ConsistentRead",
            "KeyConditionExpression",
            "ExpressionAttributeNames",
            "ExpressionAttributeValues",
            "ScanIndexForward",
            "Limit",
        ];
        refuse_unknown(request, &known)?;
        let table = text(request, "TableName")?;
        let condition = text(request, "KeyConditionExpression")?;
        let placeholders = Placeholders::parse(request);
        // The first value is the partition: `#stream = :stream AND …`.
        let name =
            condition.split_whitespace().nth(2).ok_or("no partition key in the key condition")?;
        let partition = request
            .get("ExpressionAttributeValues")
            .and_then(|values| values.get(name)?.get("S")?.as_str());
        let partition = partition.ok_or_else(|| format!("{name} is not a text"))?;
        Tables::partition_key(table)?;
        let mut items = Vec::new();
        for item in self.tables.partition(table, partition) {
            if met(Some(condition), placeholders, item)? {
                items.push(item.clone());
            }
        }
        if !flag(request, "ScanIndexForward", true) {
            items.reverse();
        }
        if let Some(limit) = request.get("Limit").and_then(Value::as_u64) {
            items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        self.read_units(items.iter().map(bytes).sum(), flag(request, "ConsistentRead", false));
        Ok(done(json!({ "Count": items.len(), "ScannedCount": items.len(), "Items": items })))
    }
}

fn refuse_unknown(action: &Value, known: &[&str]) -> Result<(), String> {
    let fields = action.as_object().ok_or("the request is not an object")?;
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(format!("the stub does not know the field {name}")),
    }
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, String> {
    value.get(field).and_then(Value::as_str).ok_or_else(|| format!("no {field}"))
}

fn flag(value: &Value, field: &str, otherwise: bool) -> bool {
    value.get(field).and_then(Value::as_bool).unwrap_or(otherwise)
}

/// Returns the part of a batch's answer for a statement that failed.
fn refused(code: &str, message: &str) -> Value {
    json!({ "Error": { "Code": code, "Message": message } })
}

fn done(body: Value) -> Answer {
    Answer { status: 200, body }
}

fn failed(code: &str, message: &str, mut body: Value) -> Answer {
    if let Some(fields) = body.as_object_mut() {
        fields
            .insert("__type".to_owned(), format!("com.amazonaws.dynamodb.v20120810#{code}").into());
        fields.insert("message".to_owned(), message.into());
    }
    Answer { status: 400, body }
}
