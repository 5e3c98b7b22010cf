//! Lambda's Invoke (2015-03-31), synchronous only.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Control;
use crate::clients::REGION;
use crate::environment::function_arn;
use crate::invocation::{InvocationResult, Invoker, Request};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");

/// Invokes a function and answers as Lambda does.
pub(super) async fn invoke(
    State(control): State<Control>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match accept(&control, &name, &headers, body) {
        Ok((function, request)) => {
            let answer = control.fleet.invoke(&function, request).await;
            control.activity.bump();
            let mut response = match answer.result {
                InvocationResult::Success(payload) => answered(payload, false),
                InvocationResult::FunctionError(payload) => answered(payload, true),
                InvocationResult::Throttled => Refusal::throttled(&function).into_response(),
            };
            if let Ok(id) = HeaderValue::from_str(&answer.request_id) {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn answered(payload: Bytes, failed: bool) -> Response {
    let mut response =
        (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], payload).into_response();
    response.headers_mut().insert(EXECUTED_VERSION, HeaderValue::from_static("$LATEST"));
    if failed {
        response.headers_mut().insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
    }
    response
}

fn accept(
    control: &Control,
    name: &str,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(String, Request), Refusal> {
    let function = function_name(name);
    if !control.fleet.contains(function) {
        return Err(Refusal::not_found(function));
    }
    match headers.get("x-amz-invocation-type").map(HeaderValue::as_bytes) {
        None | Some(b"RequestResponse") => {}
        Some(other) => return Err(Refusal::invocation_type(&String::from_utf8_lossy(other))),
    }
    let payload = body.map_err(|rejection| Refusal::body(&rejection))?;
    if !payload.is_empty() {
        serde_json::from_slice::<&serde_json::value::RawValue>(&payload)
            .map_err(|error| Refusal::content(&error.to_string()))?;
    }
    let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
    let client_context = headers.get("x-amz-client-context").map(client_context).transpose()?;
    Ok((function.to_owned(), Request { payload, client_context }))
}

/// The function's name out of a name, a partial or a whole ARN, with or without a version: `…:function:name:$LATEST`.
fn function_name(given: &str) -> &str {
    let rest = match given.split_once("function:") {
        Some((_, rest)) => rest,
        None => given,
    };
    rest.split(':').next().unwrap_or(rest)
}

/// Decodes the client context. It travels on as a header, so it is written on one line.
fn client_context(value: &HeaderValue) -> Result<String, Refusal> {
    let wrong = |why: String| {
        Refusal::content(&format!("X-Amz-Client-Context is not base64 of a JSON object: {why}"))
    };
    let bytes = STANDARD.decode(value.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let object: serde_json::Map<_, _> =
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    Ok(serde_json::Value::Object(object).to_string())
}

/// An error of Invoke itself.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    code: &'static str,
    /// `User` where the caller is at fault.
    kind: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: String) -> Self {
        Self { status, code, kind: "User", message }
    }

    fn not_found(function: &str) -> Self {
        let message = format!("Function not found: {}", function_arn(REGION, function));
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
    }

    fn throttled(function: &str) -> Self {
        let message = format!("Rate Exceeded. Every execution environment of {function} is busy.");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", message)
    }

    fn invocation_type(given: &str) -> Self {
        let message =
            format!("Invocation type {given} is not supported by the local engine; RequestResponse is.");
        Self::new(StatusCode::BAD_REQUEST, "InvalidParameterValueException", message)
    }

    fn content(why: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContentException",
            format!("Could not parse request body into json: {why}"),
        )
    }

    fn body(rejection: &BytesRejection) -> Self {
        let status = rejection.status();
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            let message = format!(
                "Request must be smaller than {} bytes for the InvokeFunction operation",
                super::REQUEST_LIMIT
            );
            Self::new(status, "RequestEntityTooLargeException", message)
        } else {
            Self::new(StatusCode::BAD_REQUEST, "InvalidRequestContentException", rejection.body_text())
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "Type": self.kind, "message": self.message }).to_string();
        let mut response = super::json(self.status, body);
        response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(self.code));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_by_name_or_arn_with_or_without_version() {
        for given in [
            "orders",
            "orders:$LATEST",
            "function:orders",
            "000000000000:function:orders",
            "arn:aws:lambda:us-east-1:000000000000:function:orders",
            "arn:aws:lambda:us-east-1:000000000000:function:orders:live",
        ] {
            assert_eq!(function_name(given), "orders", "{given}");
        }
    }

    #[test]
    fn a_client_context_becomes_one_line_of_json() {
        let header = HeaderValue::from_str(&STANDARD.encode("{\n \"custom\": {\"a\": \"b\"}\n}")).unwrap();
        assert_eq!(client_context(&header).unwrap(), r#"{"custom":{"a":"b"}}"#);
    }

    #[test]
    fn a_client_context_that_is_no_object_is_refused() {
        for bad in ["!", "eA==", "W10="] {
            let refusal = client_context(&HeaderValue::from_static(bad)).unwrap_err();
            assert_eq!(refusal.code, "InvalidRequestContentException");
        }
    }
}
