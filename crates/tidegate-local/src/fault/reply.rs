//! The answers that a caller gets in place of AWS's.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::choice::chosen;
use super::kind::Fault;
use super::site::Site;
use crate::proxy::{Call, Reply};

/// Returns the answer of an internal error.
pub(super) fn failed(call: &Call) -> Reply {
    let code = match call.operation.split_once('.') {
        Some(("Lambda", _)) => "ServiceException",
        Some(("Scheduler", _)) => "InternalServerException",
        _ => "InternalServerError",
    };
    error(call, StatusCode::INTERNAL_SERVER_ERROR, code)
}

/// Returns the answer to a throttled call.
pub(super) fn throttled(call: &Call) -> Reply {
    if call.operation.starts_with("S3.") {
        return error(call, StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
    }
    if is_lambda(call) {
        return error(call, StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException");
    }
    if is_scheduler(call) {
        return error(call, StatusCode::TOO_MANY_REQUESTS, "ThrottlingException");
    }
    error(call, StatusCode::BAD_REQUEST, "ThrottlingException")
}

fn is_scheduler(call: &Call) -> bool {
    call.operation.starts_with("Scheduler.")
}

fn is_lambda(call: &Call) -> bool {
    call.operation.starts_with("Lambda.")
}

/// Returns the answer to a call without permission.
pub(super) fn denied(call: &Call) -> Reply {
    let code =
        if call.operation.starts_with("S3.") { "AccessDenied" } else { "AccessDeniedException" };
    // AWS's JSON protocols answer 400; S3 and the query protocol answer 403.
    let json = content_type(call).starts_with("application/x-amz-json") && !is_lambda(call);
    error(call, if json { StatusCode::BAD_REQUEST } else { StatusCode::FORBIDDEN }, code)
}

/// Returns the number of items of a transaction; 0 for any other call.
pub(super) fn items(call: &Call) -> usize {
    if !call.operation.starts_with("DynamoDB.Transact") {
        return 0;
    }
    let body: Value = serde_json::from_slice(&call.body).unwrap_or(Value::Null);
    body.get("TransactItems").and_then(Value::as_array).map_or(0, Vec::len)
}

/// Returns the answer to a cancelled transaction, as DynamoDB writes it.
///
/// It has one reason per item, in their order, and the code `None` for items without blame. Returns
/// `None` if the call is not a transaction.
pub(super) fn cancelled(call: &Call, site: &Site, fault: &Fault) -> Option<Reply> {
    let (reason, items) = (fault.reason?, Some(items(call)).filter(|items| *items > 0)?);
    let named = chosen(site, fault, items);
    let code = |named: &bool| if *named { reason.to_string() } else { "None".to_owned() };
    let codes: Vec<String> = named.iter().map(code).collect();
    let reasons: Vec<Value> = named
        .iter()
        .zip(&codes)
        .map(|(named, code)| {
            if *named {
                json!({ "Code": code, "Message": reason.message() })
            } else {
                json!({ "Code": code })
            }
        })
        .collect();
    let text = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": text,
        "CancellationReasons": reasons,
    });
    Some(reply(StatusCode::BAD_REQUEST, content_type(call), body.to_string()))
}

/// Returns an error in the form of the call's protocol.
///
/// This is AWS's JSON, the JSON with a header of Lambda and Scheduler, S3's XML, or the query
/// protocol's XML.
fn error(call: &Call, status: StatusCode, code: &str) -> Reply {
    const MESSAGE: &str = "injected by the fault plan";
    let content = content_type(call);
    if is_lambda(call) || is_scheduler(call) {
        let body = json!({ "Type": "Service", "message": MESSAGE }).to_string();
        let mut reply = reply(status, "application/json", body);
        if let Ok(code) = HeaderValue::from_str(code) {
            reply.headers_mut().insert("x-amzn-errortype", code);
        }
        return reply;
    }
    let (content_type, body) = if content.starts_with("application/x-amz-json") {
        (content, json!({ "__type": code, "message": MESSAGE }).to_string())
    } else if call.operation.starts_with("S3.") {
        (
            "application/xml",
            format!("<Error><Code>{code}</Code><Message>{MESSAGE}</Message></Error>"),
        )
    } else {
        let error = format!("<Error><Code>{code}</Code><Message>{MESSAGE}</Message></Error>");
        ("text/xml", format!("<ErrorResponse>{error}</ErrorResponse>"))
    };
    reply(status, content_type, body)
}

/// Returns an answer with this body.
pub(super) fn reply(status: StatusCode, content_type: &str, body: String) -> Reply {
    let mut reply = Reply::new(Bytes::from(body).into());
    *reply.status_mut() = status;
    if let Ok(value) = HeaderValue::from_str(content_type) {
        reply.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    reply
}

/// Returns the content type of a call.
pub(super) fn content_type(call: &Call) -> &str {
    call.head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("")
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::kind::{Kind, Reason, When};
    use super::*;

    /// A call as the proxy hands it to its hooks.
    pub(crate) fn call(operation: &str, body: &str) -> Call {
        let request =
            http::Request::builder().header(header::CONTENT_TYPE, "application/x-amz-json-1.0");
        Call {
            number: 1,
            caller: "f".to_owned(),
            operation: operation.to_owned(),
            head: request.body(()).unwrap().into_parts().0,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    /// A transaction of this many items.
    pub(crate) fn transaction(items: usize) -> Call {
        let body = json!({ "TransactItems": vec![json!({ "Update": {} }); items] });
        call("DynamoDB.TransactWriteItems", &body.to_string())
    }

    fn codes(items: usize, number: u32, seed: u64) -> Vec<String> {
        let site = Site {
            function: "f".to_owned(),
            operation: Some("DynamoDB.TransactWriteItems".to_owned()),
            delivery: "d".to_owned(),
            attempt: 1,
            call: number,
        };
        let (when, reason) = (Some(When::Before), Some(Reason::ThrottlingError));
        let fault = Fault { when, reason, seed: Some(seed), ..Fault::new(Kind::Cancel) };
        let reply = cancelled(&transaction(items), &site, &fault).unwrap();
        assert_eq!(reply.status(), StatusCode::BAD_REQUEST);
        assert_eq!(reply.headers()[header::CONTENT_TYPE], "application/x-amz-json-1.0");
        let body: Value = serde_json::from_slice(reply.body().whole().unwrap()).unwrap();
        assert_eq!(body["__type"], "com.amazonaws.dynamodb.v20120810#TransactionCanceledException");
        let reasons = body["CancellationReasons"].as_array().unwrap();
        let codes: Vec<String> =
            reasons.iter().map(|r| r["Code"].as_str().unwrap().to_owned()).collect();
        assert!(
            body["Message"].as_str().unwrap().ends_with(&format!("[{}]", codes.join(", "))),
            "{body}"
        );
        codes
    }

    #[test]
    fn a_call_of_lambda_fails_with_lambdas_words() {
        let call = call("Lambda.Invoke", "");
        for (reply, status, code) in [
            (failed(&call), 500, "ServiceException"),
            (throttled(&call), 429, "TooManyRequestsException"),
            (denied(&call), 403, "AccessDeniedException"),
        ] {
            assert_eq!(reply.status(), status);
            assert_eq!(reply.headers()["x-amzn-errortype"], code);
            assert!(serde_json::from_slice::<Value>(reply.body().whole().unwrap()).is_ok());
        }
    }

    #[test]
    fn a_call_of_scheduler_fails_with_schedulers_words() {
        let call = call("Scheduler.CreateSchedule", "");
        for (reply, status, code) in [
            (failed(&call), 500, "InternalServerException"),
            (throttled(&call), 429, "ThrottlingException"),
        ] {
            assert_eq!(reply.status(), status);
            assert_eq!(reply.headers()["x-amzn-errortype"], code);
        }
    }

    #[test]
    fn a_cancelled_transaction_has_a_reason_per_item_and_names_some_of_them() {
        let throttled =
            |codes: &[String]| codes.iter().filter(|code| *code == "ThrottlingError").count();
        let mut shares = std::collections::BTreeSet::new();
        for number in 1..50 {
            let codes = codes(8, number, 7);
            assert!(
                codes.len() == 8
                    && codes.iter().all(|code| code == "None" || code == "ThrottlingError")
            );
            assert!(throttled(&codes) > 0, "nothing is to blame");
            shares.insert(throttled(&codes));
        }
        assert!(shares.len() > 3, "always as many: {shares:?}");
        assert!((1..50).all(|number| codes(1, number, 7) == ["ThrottlingError"]));
    }

    #[test]
    fn which_items_are_named_follows_from_seed_and_site() {
        let all = |seed| (1..9).map(|number| codes(8, number, seed)).collect::<Vec<_>>();
        assert_eq!(all(7), all(7));
        assert_ne!(all(7), all(8));
    }
}
