//! Writes the answers of the Runtime API.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::environment::error_object::error_object;

/// A response of the Runtime API.
pub(super) type Answer = Response<Full<Bytes>>;

/// Returns the answer to an accepted request.
pub(super) fn accepted() -> Answer {
    json(StatusCode::ACCEPTED, Bytes::from_static(br#"{"status":"OK"}"#))
}

/// Returns an error in Lambda's shape.
pub(super) fn error(status: StatusCode, error_type: &str, message: &str) -> Answer {
    json(status, error_object(error_type, message))
}

/// Returns an answer with a JSON body.
pub(super) fn json(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
