//! The headers and the payload of an Invoke request.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::operation::Operation;
use crate::control::limits::{CLIENT_CONTEXT_LIMIT, EVENT_LIMIT, REQUEST_LIMIT};
use crate::control::refusal::Refusal;
use crate::whole_body::{self, BodyError};

/// Invocation type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    RequestResponse,
    Event,
    DryRun,
}

/// Content of the headers.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) kind: Kind,
    /// The caller wants the end of the log.
    pub(super) log: bool,
    /// Client context. Only the function of a synchronous invocation gets it.
    pub(super) client_context: Option<String>,
}

impl Given {
    pub(super) fn parse(operation: Operation, headers: &HeaderMap) -> Result<Self, Refusal> {
        let given = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
        let not_in = |value: &[u8], at, allowed| {
            Err(Refusal::NotInSet {
                value: String::from_utf8_lossy(value).into_owned(),
                at,
                allowed,
            })
        };
        let kind = match (operation, given("x-amz-invocation-type")) {
            (Operation::Async, _) | (Operation::Invoke, Some(b"Event")) => Kind::Event,
            (_, None | Some(b"RequestResponse")) => Kind::RequestResponse,
            (_, Some(b"DryRun")) => Kind::DryRun,
            (Operation::Invoke, Some(other)) => {
                return not_in(other, "invocationType", "DryRun, RequestResponse, Event");
            }
            (Operation::WithResponseStream, Some(other)) => {
                return not_in(other, "invocationType", "DryRun, RequestResponse");
            }
        };
        let log = match given("x-amz-log-type") {
            None | Some(b"None") => false,
            Some(b"Tail") => true,
            Some(other) => return not_in(other, "logType", "None, Tail"),
        };
        let client_context = given("x-amz-client-context").map(client_context).transpose()?;
        Ok(Self { kind, log, client_context })
    }
}

/// Decodes the client context. It travels on as a header, so it becomes one line.
fn client_context(value: &[u8]) -> Result<String, Refusal> {
    if value.len() > CLIENT_CONTEXT_LIMIT {
        return Err(Refusal::ClientContextTooLong(value.len()));
    }
    let wrong = |why: &dyn std::fmt::Display| Refusal::ClientContext(why.to_string());
    let bytes = STANDARD.decode(value).map_err(|error| wrong(&error))?;
    let object: serde_json::Map<_, _> =
        serde_json::from_slice(&bytes).map_err(|error| wrong(&error))?;
    Ok(serde_json::Value::Object(object).to_string())
}

/// Reads a body within Lambda's limit.
pub(super) async fn read(body: Body) -> Result<Bytes, Refusal> {
    whole_body::read(body, REQUEST_LIMIT).await.map_err(|error| match error {
        BodyError::TooLarge => Refusal::TooLarge,
        BodyError::Unread(why) => Refusal::Unread(why),
    })
}

/// Returns the payload if this kind of invocation accepts it. An empty body becomes an empty
/// object.
pub(super) fn payload(body: Bytes, kind: Kind) -> Result<Bytes, Refusal> {
    if kind == Kind::Event && body.len() > EVENT_LIMIT {
        return Err(Refusal::EventTooLarge(body.len()));
    }
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    serde_json::from_slice::<&RawValue>(&body)
        .map_err(|error| Refusal::NotJson(error.to_string()))?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_context_becomes_one_line_of_json() {
        let header = STANDARD.encode("{\n \"custom\": {\"a\": \"b\"}\n}");
        assert_eq!(client_context(header.as_bytes()).unwrap(), r#"{"custom":{"a":"b"}}"#);
    }

    #[test]
    fn a_client_context_that_is_no_object_is_refused() {
        for bad in ["!", "eA==", "W10="] {
            let refusal = client_context(bad.as_bytes()).unwrap_err();
            assert!(matches!(refusal, Refusal::ClientContext(_)), "{refusal:?}");
        }
    }

    #[test]
    fn an_event_may_have_a_mebibyte_and_a_request_six() {
        let text = |size| Bytes::from(format!("\"{}\"", "x".repeat(size - 2)));
        assert!(payload(text(EVENT_LIMIT), Kind::Event).is_ok());
        let refusal = payload(text(EVENT_LIMIT + 1), Kind::Event).unwrap_err();
        assert!(matches!(refusal, Refusal::EventTooLarge(1_048_577)), "{refusal:?}");
        assert!(payload(text(EVENT_LIMIT + 1), Kind::RequestResponse).is_ok());
        assert!(payload(text(EVENT_LIMIT + 1), Kind::DryRun).is_ok());
    }
}
