//! What Invoke answers when it does not refuse.

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

/// The function ran. Lambda's other word for an error, `Handled`, is none that today's runtimes can cause.
pub(super) fn answered(payload: Bytes, failed: bool, request_id: &str, log: Option<&LogTail>) -> Response {
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

/// The end of a log, as Lambda returns it.
pub(super) fn encoded(log: &LogTail) -> String {
    STANDARD.encode(log.bytes())
}

/// The event was taken and will be delivered.
pub(super) fn accepted(request_id: &str) -> Response {
    identified(StatusCode::ACCEPTED.into_response(), request_id)
}

/// The function could have been invoked.
pub(super) fn dry_run() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(EXECUTED_VERSION, HeaderValue::from_static("$LATEST"));
    identified(response, &uuid::Uuid::new_v4().to_string())
}
