//! The bodies the Runtime API answers with.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::environment::error_object::error_object;

/// A response of the Runtime API.
pub(super) type Answer = Response<Full<Bytes>>;

/// The answer was taken.
pub(super) fn accepted() -> Answer {
    json(StatusCode::ACCEPTED, Bytes::from_static(br#"{"status":"OK"}"#))
}

/// Lambda's error shape.
pub(super) fn error(status: StatusCode, error_type: &str, message: &str) -> Answer {
    json(status, error_object(error_type, message))
}

/// A JSON body.
pub(super) fn json(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
