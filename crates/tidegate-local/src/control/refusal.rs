//! All errors of the Lambda API itself, with their status, type and message.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::limits::{CLIENT_CONTEXT_LIMIT, EVENT_LIMIT, REQUEST_LIMIT};
use super::response::{identified, json_response};
use engine_client::local::REGION;

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// Seconds after which a throttled caller may retry.
const RETRY_AFTER: &str = "1";

/// Why a call was refused before a function ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A header or parameter has a value that is not allowed.
    NotInSet { value: String, at: &'static str, allowed: &'static str },
    /// A name does not match its pattern.
    NoMatch { value: String, at: &'static str, pattern: &'static str },
    /// Name and query have different qualifiers.
    Qualifiers,
    /// No function has this ARN.
    NotFound(String),
    /// The ARN is of another region.
    OtherRegion(String),
    /// The payload is not JSON.
    NotJson(String),
    /// The client context is not an object in base64.
    ClientContext(String),
    /// The client context is too long: this many bytes.
    ClientContextTooLong(usize),
    /// The body could not be read.
    Unread(String),
    /// The body is larger than allowed.
    TooLarge,
    /// The event is too large: this many bytes.
    EventTooLarge(usize),
    /// All environments that the function may have are busy.
    Throttled,
    /// The event could not be put into its queue.
    NotQueued(String),
    /// The answer cannot be written as an event stream.
    Unwritten(String),
    /// The path does not have this method.
    Method,
}

impl Refusal {
    /// Returns status and type of the error.
    ///
    /// For a large body this is the type that a real Lambda returns. It differs from the type in
    /// Lambda's reference (RequestTooLargeException), so no SDK recognises it.
    fn code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotInSet { .. } | Self::NoMatch { .. } => {
                (StatusCode::BAD_REQUEST, "ValidationException")
            }
            Self::Qualifiers => (StatusCode::BAD_REQUEST, "InvalidParameterValueException"),
            Self::NotFound(_) | Self::OtherRegion(_) => {
                (StatusCode::NOT_FOUND, "ResourceNotFoundException")
            }
            Self::NotJson(_)
            | Self::ClientContext(_)
            | Self::ClientContextTooLong(_)
            | Self::Unread(_) => (StatusCode::BAD_REQUEST, "InvalidRequestContentException"),
            Self::TooLarge | Self::EventTooLarge(_) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException")
            }
            Self::Throttled => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
            Self::NotQueued(_) | Self::Unwritten(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "ServiceException")
            }
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowedException"),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NotInSet { value, at, allowed } => format!(
                "1 validation error detected: Value '{value}' at '{at}' failed to satisfy constraint: Member must satisfy enum value set: [{allowed}]"
            ),
            Self::NoMatch { value, at, pattern } => format!(
                "1 validation error detected: Value '{value}' at '{at}' failed to satisfy constraint: Member must satisfy regular expression \
                 pattern: {pattern}"
            ),
            Self::Qualifiers => {
                "The derived qualifier from the function name does not match the specified qualifier."
                    .to_owned()
            }
            Self::NotFound(arn) => format!("Function not found: {arn}"),
            Self::OtherRegion(region) => {
                format!("Functions from '{region}' are not reachable in this region ('{REGION}')")
            }
            Self::NotJson(why) => format!("Could not parse request body into json: {why}"),
            Self::ClientContext(why) => {
                format!("Client context must be a valid Base64-encoded JSON object: {why}")
            }
            Self::ClientContextTooLong(size) => {
                format!("Client context has {size} bytes of base64; the limit is {CLIENT_CONTEXT_LIMIT}")
            }
            Self::Unread(why) => format!("The request body could not be read: {why}"),
            Self::TooLarge => {
                format!("Request must be smaller than {REQUEST_LIMIT} bytes for the InvokeFunction operation")
            }
            Self::EventTooLarge(size) => {
                format!(
                    "{size} byte payload is too large for the Event invocation type (limit {EVENT_LIMIT} bytes)"
                )
            }
            Self::Throttled => "Rate Exceeded.".to_owned(),
            Self::NotQueued(why) => format!("The event could not be queued: {why}"),
            Self::Unwritten(why) => format!("The answer cannot be written as an event stream: {why}"),
            Self::Method => "The method is not allowed on this path".to_owned(),
        }
    }

    /// Returns the body, with the members that Lambda gives this type.
    fn body(&self) -> serde_json::Value {
        let message = self.message();
        match self {
            Self::NotInSet { .. } | Self::NoMatch { .. } | Self::Method => {
                json!({ "message": message })
            }
            Self::NotFound(_) | Self::OtherRegion(_) => {
                json!({ "Type": "User", "Message": message })
            }
            Self::NotQueued(_) | Self::Unwritten(_) => {
                json!({ "Type": "Service", "Message": message })
            }
            Self::Throttled => {
                let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
                json!({ "Reason": reason, "Type": "User", "message": message })
            }
            _ => json!({ "Type": "User", "message": message }),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error_type) = self.code();
        let mut response = json_response(status, self.body().to_string());
        let headers = response.headers_mut();
        headers.insert(ERROR_TYPE, HeaderValue::from_static(error_type));
        if self == Self::Throttled {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        identified(response, &uuid::Uuid::new_v4().to_string())
    }
}
