//! The answer of InvokeWithResponseStream: an AWS event stream.
//!
//! It has the payload in chunks, and then how the invocation ended. It is written once the function
//! has answered.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue as Field, Message};
use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::answer;
use crate::control::refusal::Refusal;
use crate::control::response::identified;
use crate::log_tail::LogTail;

/// Bytes of a chunk. A larger payload comes in several chunks, which exposes callers that read only
/// the first one.
const CHUNK: usize = 64 << 10;

/// Returns the answer of a function that ran.
pub(super) fn answered(
    payload: Bytes,
    failed: bool,
    request_id: &str,
    log: Option<&LogTail>,
) -> Response {
    let mut end = Map::new();
    if failed {
        end.insert("ErrorCode".to_owned(), "Unhandled".into());
        end.insert("ErrorDetails".to_owned(), String::from_utf8_lossy(&payload).into());
    }
    if let Some(log) = log {
        end.insert("LogResult".to_owned(), answer::encoded(log).into());
    }
    let end = event("InvokeComplete", "application/json", Value::Object(end).to_string().into());
    let payload = if failed { Bytes::new() } else { payload };
    let chunks = (0..payload.len()).step_by(CHUNK);
    let chunks = chunks.map(|start| payload.slice(start..payload.len().min(start + CHUNK)));
    let chunks = chunks.map(|chunk| event("PayloadChunk", "application/octet-stream", chunk));
    let mut body = Vec::with_capacity(payload.len() + 1024);
    for message in chunks.chain([end]) {
        if let Err(error) = write_message_to(&message, &mut body) {
            return Refusal::Unwritten(error.to_string()).into_response();
        }
    }
    let content_type = (header::CONTENT_TYPE, "application/vnd.amazon.eventstream");
    let mut response = (StatusCode::OK, [content_type], body).into_response();
    response.headers_mut().insert(answer::EXECUTED_VERSION, HeaderValue::from_static("$LATEST"));
    identified(response, request_id)
}

fn event(event_type: &'static str, content_type: &'static str, payload: Bytes) -> Message {
    let field =
        |name: &'static str, value: &'static str| Header::new(name, Field::String(value.into()));
    Message::new(payload)
        .add_header(field(":message-type", "event"))
        .add_header(field(":event-type", event_type))
        .add_header(field(":content-type", content_type))
}
