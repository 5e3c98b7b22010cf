//! Counts the statements of batches by function and outcome.
//!
//! A batch is answered with success even if each of its statements failed, so its own count says
//! nothing about them.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::Value;

use super::counts::OTHERS;
use super::hook::{Call, Reply};

/// Statements by function and outcome: [`DONE`], or the error code.
pub type StatementCounts = BTreeMap<String, BTreeMap<String, u64>>;

/// Outcome of a statement that was carried out.
pub const DONE: &str = "ok";
/// Most separately counted outcomes of a function. A service chooses the codes freely.
const OUTCOMES: usize = 100;

/// The counters of all functions.
#[derive(Debug, Default)]
pub(super) struct Statements {
    counts: Mutex<StatementCounts>,
}

impl Statements {
    /// Counts the statements of a call, by the answer that its caller gets.
    pub(super) fn add(&self, call: &Call, reply: &Reply) {
        if call.operation != "DynamoDB.BatchExecuteStatement" || !reply.status().is_success() {
            return;
        }
        let body = reply.body().whole().map(AsRef::as_ref).unwrap_or_default();
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let answers = answer.get("Responses").and_then(Value::as_array);
        let mut counts = self.counts.lock();
        let counts = counts.entry(call.caller.clone()).or_default();
        for answer in answers.into_iter().flatten() {
            let outcome = outcome(answer);
            let known = counts.contains_key(outcome) || counts.len() < OUTCOMES;
            let outcome = if known { outcome } else { OTHERS };
            *counts.entry(outcome.to_owned()).or_default() += 1;
        }
    }

    pub(super) fn counts(&self) -> StatementCounts {
        self.counts.lock().clone()
    }
}

fn outcome(answer: &Value) -> &str {
    match answer.get("Error").filter(|error| !error.is_null()) {
        None => DONE,
        Some(error) => error.get("Code").and_then(Value::as_str).unwrap_or(OTHERS),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn call(caller: &str, operation: &str) -> Call {
        let head = http::Request::new(()).into_parts().0;
        let (caller, operation) = (caller.to_owned(), operation.to_owned());
        Call { number: 0, caller, operation, head, body: Bytes::new() }
    }

    fn reply(status: u16, answers: &Value) -> Reply {
        let mut reply = Reply::new(Bytes::from(json!({ "Responses": answers }).to_string()).into());
        *reply.status_mut() = status.try_into().unwrap();
        reply
    }

    #[test]
    fn statements_are_counted_by_function_and_outcome() {
        let statements = Statements::default();
        let error = |code: &str| json!({ "Error": { "Code": code } });
        let answers = json!([{}, error("DuplicateItem"), {"TableName": "t", "Error": null}, error("ThrottlingError")]);
        let batch = "DynamoDB.BatchExecuteStatement";
        statements.add(&call("f", batch), &reply(200, &answers));
        statements.add(&call("f", batch), &reply(200, &json!([error("DuplicateItem")])));
        statements.add(&call("g", batch), &reply(200, &json!([{}])));
        statements.add(&call("g", batch), &reply(400, &json!([{}])));
        statements.add(&call("g", "DynamoDB.BatchGetItem"), &reply(200, &json!([{}])));
        let counts = statements.counts();
        let outcomes = |of: &[(&str, u64)]| -> BTreeMap<String, u64> {
            of.iter().map(|(outcome, count)| ((*outcome).to_owned(), *count)).collect()
        };
        let of_f = [(DONE, 2), ("DuplicateItem", 2), ("ThrottlingError", 1)];
        assert_eq!(counts["f"], outcomes(&of_f));
        assert_eq!(counts["g"], outcomes(&[(DONE, 1)]));
    }

    #[test]
    fn codes_without_end_are_counted_together() {
        let statements = Statements::default();
        let error = |n: usize| json!({ "Error": { "Code": format!("E{n}") } });
        let answers: Vec<Value> = (0..2 * OUTCOMES).map(error).collect();
        statements.add(&call("f", "DynamoDB.BatchExecuteStatement"), &reply(200, &json!(answers)));
        let counts = &statements.counts()["f"];
        assert_eq!((counts.len(), counts[OTHERS]), (OUTCOMES + 1, 100));
    }
}
