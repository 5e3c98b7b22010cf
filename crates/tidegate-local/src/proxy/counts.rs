//! Counts the calls of each caller by operation and result.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::billed::Quantity;
use super::hook::Reply;

/// Calls by caller and operation.
pub type CallCounts = BTreeMap<String, BTreeMap<String, CallCount>>;

/// Limits of separately counted operations per caller, and of error codes per operation. Functions
/// and services choose both texts freely, so all others are counted together.
const OPERATIONS: usize = 500;
const CODES: usize = 100;
/// Name under which all other operations are counted.
pub const OTHERS: &str = "(others)";

/// Counts of one operation of one caller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallCount {
    /// Requests that were answered or failed. Each attempt of a retrying client counts.
    pub calls: u64,
    /// Requests that were answered with a status of 2xx.
    pub ok: u64,
    /// The other requests, by error code.
    pub errors: BTreeMap<String, u64>,
    /// Quantities that AWS would bill for the requests, such as `dynamodb_write_units`.
    #[serde(default)]
    pub billed: BTreeMap<String, f64>,
}

/// The counters of a proxy.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    calls: Mutex<CallCounts>,
}

impl Counts {
    /// Counts one call. `error` is its error code, `None` if it succeeded.
    pub(crate) fn add(
        &self,
        caller: &str,
        operation: &str,
        error: Option<String>,
        billed: &[Quantity],
    ) {
        let mut calls = self.calls.lock();
        if !calls.contains_key(caller) {
            calls.insert(caller.to_owned(), BTreeMap::new());
        }
        let Some(operations) = calls.get_mut(caller) else { return };
        let operation = kept(operations, operation, OPERATIONS);
        if !operations.contains_key(operation) {
            operations.insert(operation.to_owned(), CallCount::default());
        }
        let Some(count) = operations.get_mut(operation) else { return };
        count.calls += 1;
        match error {
            None => count.ok += 1,
            Some(code) => {
                let code = kept(&count.errors, &code, CODES).to_owned();
                *count.errors.entry(code).or_default() += 1;
            }
        }
        for (quantity, amount) in billed {
            match count.billed.get_mut(*quantity) {
                Some(sum) => *sum += amount,
                None => drop(count.billed.insert((*quantity).to_owned(), *amount)),
            }
        }
    }

    /// Returns the counts since the start.
    pub(crate) fn calls(&self) -> CallCounts {
        self.calls.lock().clone()
    }
}

/// Returns the name, or [`OTHERS`] if enough names are counted separately already.
fn kept<'a, T>(known: &BTreeMap<String, T>, name: &'a str, most: usize) -> &'a str {
    if known.contains_key(name) || known.len() < most { name } else { OTHERS }
}

/// Returns the error code of an answer; `None` for a success.
///
/// JSON services have it in `__type` or in a header, the others in `<Code>`. An answer without a
/// body has only its status.
pub(crate) fn error_code(reply: &Reply) -> Option<String> {
    let status = reply.status();
    if status.is_success() {
        return None;
    }
    let body = reply.body().whole().map(AsRef::as_ref).unwrap_or_default();
    let in_json = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|value| {
        let field =
            value.get("__type").or_else(|| value.get("code")).or_else(|| value.get("Code"))?;
        let code = field.as_str()?;
        Some(code.rsplit('#').next().unwrap_or(code).to_owned())
    });
    let in_header = || {
        let code = reply.headers().get("x-amzn-errortype")?.to_str().ok()?;
        let code = code.split(':').next().unwrap_or(code);
        Some(code.rsplit('#').next().unwrap_or(code).to_owned())
    };
    let in_xml = || {
        let text = std::str::from_utf8(body).ok()?;
        let (_, rest) = text.split_once("<Code>")?;
        rest.split_once("</Code>").map(|(code, _)| code.trim().to_owned())
    };
    Some(in_json.or_else(in_header).or_else(in_xml).unwrap_or_else(|| status.as_u16().to_string()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn error_codes_are_found_in_json_a_header_xml_and_the_status() {
        let code = |status: u16, header: &str, body: &'static str| {
            let reply = http::Response::builder().status(status);
            let reply =
                if header.is_empty() { reply } else { reply.header("x-amzn-errortype", header) };
            error_code(&reply.body(Bytes::from_static(body.as_bytes()).into()).unwrap())
        };
        let json = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"x"}"#;
        assert_eq!(code(400, "", json).as_deref(), Some("ConditionalCheckFailedException"));
        assert_eq!(
            code(400, "", r#"{"__type":"ValidationException"}"#).as_deref(),
            Some("ValidationException")
        );
        let throttled =
            code(429, "TooManyRequestsException:http://internal.amazon.com/", r#"{"Type":"User"}"#);
        assert_eq!(throttled.as_deref(), Some("TooManyRequestsException"));
        assert_eq!(
            code(400, "", "<Error><Code>NoSuchKey</Code></Error>").as_deref(),
            Some("NoSuchKey")
        );
        assert_eq!(code(404, "", "").as_deref(), Some("404"));
        assert_eq!(code(200, "", json), None);
    }

    #[test]
    fn calls_are_kept_apart_by_caller_and_operation() {
        let counts = Counts::default();
        counts.add("f", "DynamoDB.PutItem", None, &[("w", 2.0)]);
        counts.add("f", "DynamoDB.PutItem", Some("E".to_owned()), &[("w", 1.5), ("r", 1.0)]);
        counts.add("g", "DynamoDB.PutItem", None, &[]);
        let calls = counts.calls();
        let errors = BTreeMap::from([("E".to_owned(), 1)]);
        let billed = BTreeMap::from([("r".to_owned(), 1.0), ("w".to_owned(), 3.5)]);
        assert_eq!(calls["f"]["DynamoDB.PutItem"], CallCount { calls: 2, ok: 1, errors, billed });
        assert_eq!(calls["g"]["DynamoDB.PutItem"].calls, 1);
    }

    #[test]
    fn names_without_end_are_counted_together_and_none_is_lost() {
        let counts = Counts::default();
        for n in 0..2 * OPERATIONS {
            counts.add("f", &format!("S3.{n}"), Some(format!("E{n}")), &[("w", 1.0)]);
            counts.add("f", "S3.0", Some(format!("E{n}")), &[]);
        }
        let calls = &counts.calls()["f"];
        assert_eq!(calls.len(), OPERATIONS + 1);
        assert_eq!(calls.values().map(|count| count.calls).sum::<u64>(), 4 * OPERATIONS as u64);
        assert_eq!((calls[OTHERS].calls, calls[OTHERS].billed["w"]), (500, 500.0));
        assert_eq!((calls["S3.0"].errors.len(), calls["S3.0"].errors[OTHERS]), (CODES + 1, 900));
    }
}
