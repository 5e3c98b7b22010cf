//! Failed statements of a batch: the others are carried out.
//!
//! The statements fail *before* their effect if the proxy does not forward them, and *after* it if
//! the proxy replaces their answers.

use bytes::Bytes;
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::choice::chosen;
use super::kind::{Fault, Kind, Reason, When};
use super::reply::{content_type, reply};
use super::site::Site;
use crate::proxy::{Call, Change, Reply};

/// Returns the number of statements of a batch; 0 for any other call.
pub(super) fn count(call: &Call) -> usize {
    if call.operation != "DynamoDB.BatchExecuteStatement" {
        return 0;
    }
    let request: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    request.get("Statements").and_then(Value::as_array).map_or(0, Vec::len)
}

/// Statements that fail, and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failing {
    /// For each statement of the batch, whether it fails.
    failing: Vec<bool>,
    reason: Reason,
}

impl Failing {
    /// Returns the statements of a call that fail at this moment by one of the faults.
    pub(super) fn at(call: &Call, site: &Site, faults: &[Fault], when: When) -> Option<Self> {
        let fits = |fault: &&Fault| fault.kind == Kind::FailStatements && fault.when == Some(when);
        let fault = faults.iter().find(fits)?;
        let count = Some(count(call)).filter(|count| *count > 0)?;
        Some(Self { failing: chosen(site, fault, count), reason: fault.reason? })
    }

    /// Returns whether no statement is left.
    pub(super) fn all(&self) -> bool {
        !self.failing.contains(&false)
    }

    /// Returns the answer to a batch whose statements all fail.
    pub(super) fn reply(&self, call: &Call) -> Reply {
        let answers = vec![self.error(); self.failing.len()];
        let body = json!({ "Responses": answers }).to_string();
        reply(StatusCode::OK, content_type(call), body)
    }

    /// Leaves these statements out of the call, and puts their errors into its answer.
    pub(super) fn change(self, call: &Call) -> Option<Change> {
        let mut request: Value = serde_json::from_slice(&call.body).ok()?;
        let statements = request.get_mut("Statements")?.as_array_mut()?;
        let mut failing = self.failing.iter();
        statements.retain(|_| failing.next() != Some(&true));
        let body = Bytes::from(request.to_string());
        Some(Change { body, answer: Box::new(move |reply| self.inserted(reply)) })
    }

    /// Returns the answer with errors between the answers of the others.
    fn inserted(&self, reply: Reply) -> Reply {
        with_answers(reply, |answers| {
            let mut others = std::mem::take(answers).into_iter();
            let each = self
                .failing
                .iter()
                .map(|failing| if *failing { Some(self.error()) } else { others.next() });
            answers.extend(each.flatten().collect::<Vec<_>>());
        })
    }

    /// Returns the answer with errors in place of these statements' answers.
    pub(super) fn replaced(&self, reply: Reply) -> Reply {
        with_answers(reply, |answers| {
            for (answer, failing) in answers.iter_mut().zip(&self.failing) {
                if *failing {
                    *answer = self.error();
                }
            }
        })
    }

    fn error(&self) -> Value {
        json!({ "Error": { "Code": self.reason.to_string(), "Message": self.reason.message() } })
    }
}

/// Changes the answers to the statements of a batch. An answer that is an error stays as it is.
fn with_answers(reply: Reply, change: impl FnOnce(&mut Vec<Value>)) -> Reply {
    let body = reply.body().whole().filter(|_| reply.status().is_success());
    let Some(mut body) = body.and_then(|body| serde_json::from_slice::<Value>(body).ok()) else {
        return reply;
    };
    let Some(answers) = body.get_mut("Responses").and_then(Value::as_array_mut) else {
        return reply;
    };
    change(answers);
    let (mut head, _) = reply.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    // DynamoDB's checksum of the body, which some SDKs compare.
    head.headers.remove("x-amz-crc32");
    Reply::from_parts(head, Bytes::from(body.to_string()).into())
}

#[cfg(test)]
mod tests {
    use super::super::reply::tests::call;
    use super::*;

    fn batch(statements: usize) -> Call {
        let statements: Vec<Value> =
            (0..statements).map(|n| json!({ "Statement": n.to_string() })).collect();
        let body = json!({ "Statements": statements, "ReturnConsumedCapacity": "NONE" });
        call("DynamoDB.BatchExecuteStatement", &body.to_string())
    }

    fn site(number: u32) -> Site {
        Site {
            function: "f".to_owned(),
            operation: Some("DynamoDB.BatchExecuteStatement".to_owned()),
            delivery: "d".to_owned(),
            attempt: 1,
            call: number,
        }
    }

    fn failing(statements: usize, number: u32, seed: u64) -> Failing {
        let (when, reason) = (Some(When::Before), Some(Reason::TransactionConflict));
        let fault = Fault { when, reason, seed: Some(seed), ..Fault::new(Kind::FailStatements) };
        Failing::at(&batch(statements), &site(number), &[fault], When::Before).unwrap()
    }

    /// Answers each statement of a request with its text, as DynamoDB would.
    fn answered(request: &[u8]) -> Reply {
        let request: Value = serde_json::from_slice(request).unwrap();
        let answers: Vec<Value> = request["Statements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|statement| json!({ "TableName": statement["Statement"] }))
            .collect();
        let body = json!({ "Responses": answers }).to_string();
        let mut reply = reply(StatusCode::OK, "application/x-amz-json-1.0", body);
        reply.headers_mut().insert("x-amz-crc32", 7.into());
        reply.headers_mut().insert(header::CONTENT_LENGTH, 7.into());
        reply
    }

    fn answers(reply: &Reply) -> Vec<String> {
        let body: Value = serde_json::from_slice(reply.body().whole().unwrap()).unwrap();
        let text = |answer: &Value| match answer["Error"]["Code"].as_str() {
            Some(code) => code.to_owned(),
            None => answer["TableName"].as_str().unwrap().to_owned(),
        };
        body["Responses"].as_array().unwrap().iter().map(text).collect()
    }

    fn wanted(failing: &Failing) -> Vec<String> {
        let each = failing.failing.iter().enumerate();
        each.map(
            |(n, failing)| {
                if *failing { "TransactionConflict".to_owned() } else { n.to_string() }
            },
        )
        .collect()
    }

    #[test]
    fn failing_statements_are_not_forwarded_and_their_errors_stand_in_their_places() {
        let mut numbers = std::collections::BTreeSet::new();
        for number in 1..40 {
            let failing = failing(8, number, 7);
            let (wanted, left) =
                (wanted(&failing), failing.failing.iter().filter(|failing| !**failing).count());
            numbers.insert(left);
            let change = failing.change(&batch(8)).unwrap();
            let request: Value = serde_json::from_slice(&change.body).unwrap();
            assert_eq!(request["Statements"].as_array().unwrap().len(), left);
            assert_eq!(request["ReturnConsumedCapacity"], "NONE", "the rest stays");
            let reply = (change.answer)(answered(&change.body));
            assert_eq!(answers(&reply), wanted);
            assert!(!reply.headers().contains_key("x-amz-crc32"), "the checksum no longer fits");
            assert!(!reply.headers().contains_key(header::CONTENT_LENGTH));
        }
        assert!(numbers.len() > 3, "always as many: {numbers:?}");
    }

    #[test]
    fn statements_that_fail_after_their_effect_are_answered_with_errors() {
        let failing = failing(8, 3, 7);
        assert_eq!(answers(&failing.replaced(answered(&batch(8).body))), wanted(&failing));
        let mut refused = answered(&batch(8).body);
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        let before = refused.body().whole().unwrap().clone();
        assert_eq!(failing.replaced(refused).body().whole(), Some(&before), "the whole one failed");
    }

    #[test]
    fn one_statement_fails_for_sure_and_is_answered_without_dynamodb() {
        for number in 1..20 {
            let failing = failing(1, number, 7);
            assert!(failing.all());
            assert_eq!(answers(&failing.reply(&batch(1))), ["TransactionConflict"]);
        }
    }

    #[test]
    fn which_statements_fail_follows_from_seed_and_site() {
        let all = |seed| (1..9).map(|number| failing(8, number, seed)).collect::<Vec<_>>();
        assert_eq!(all(7), all(7));
        assert_ne!(all(7), all(8));
    }

    #[test]
    fn only_a_batch_of_statements_has_any() {
        assert_eq!(count(&batch(3)), 3);
        let single = r#"{"Statement":"DELETE FROM t","Statements":[{}]}"#;
        assert_eq!(count(&call("DynamoDB.ExecuteStatement", single)), 0);
        assert_eq!(count(&call("DynamoDB.BatchExecuteStatement", "no JSON")), 0);
    }
}
