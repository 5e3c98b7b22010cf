//! Answers of Invoke to accepted calls.

use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::control::response::identified;
use crate::log_tail::LogTail;

const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
pub(super) const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");

/// Returns the answer of a function that ran.
///
/// A failure is always `Unhandled`. Lambda's other value, `Handled`, cannot occur with today's
/// runtimes.
pub(super) fn answered(
    payload: Bytes,
    failed: bool,
    request_id: &str,
    log: Option<&LogTail>,
) -> Response {
    let mut response =
        (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], payload).into_response();
    let headers = response.headers_mut();
    headers.insert(EXECUTED_VERSION, HeaderValue::from_static("$LATEST"));
    if failed {
        headers.insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
    }
    let log = log.and_then(|log| HeaderValue::try_from(encoded(log)).ok());
    if let Some(log) = log {
        headers.insert(LOG_RESULT, log);
    }
    identified(response, request_id)
}

/// Encodes the end of a log as Lambda returns it.
pub(super) fn encoded(log: &LogTail) -> String {
    STANDARD.encode(log.bytes())
}

/// Returns the answer to an event that was accepted for delivery.
pub(super) fn accepted(request_id: &str) -> Response {
    identified(StatusCode::ACCEPTED.into_response(), request_id)
}

/// Returns the answer to a dry run: the function could have been invoked.
pub(super) fn dry_run() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(EXECUTED_VERSION, HeaderValue::from_static("$LATEST"));
    identified(response, &uuid::Uuid::new_v4().to_string())
}
