//! Answers that a service gives itself, with their status and message.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::limits::EVENT_BYTES;
use super::service::Service;

/// Why a request has no answer of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No route serves it.
    NoRoute,
    /// The stage has no token left.
    Throttled,
    /// Request line and headers are too long.
    HeadTooLarge,
    /// Body or event is too large.
    TooLarge,
    /// The body could not be read.
    Unread,
    /// The route needs a token, and there is none.
    NoToken,
    /// The token is not accepted, for this reason.
    BadToken(String),
    /// The token has none of these scopes.
    NoScope(Vec<String>),
    /// The request is not signed, or not by local credentials, for this reason.
    BadSignature(String),
    /// All environments of the function are busy.
    FunctionThrottled,
    /// The function failed, or its answer is malformed, for this reason.
    FunctionFailed(String),
    /// The function took longer than the service waits.
    TimedOut,
}

impl Refusal {
    /// Returns whether the caller was not let through.
    pub(super) fn is_denial(&self) -> bool {
        matches!(self, Self::NoToken | Self::BadToken(_) | Self::NoScope(_) | Self::BadSignature(_))
    }

    /// Returns the reason, for the status.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::NoRoute => "no route serves it".to_owned(),
            Self::Throttled => "the stage is throttled".to_owned(),
            Self::HeadTooLarge => "request line and headers are too long".to_owned(),
            Self::TooLarge => "body or event is too large".to_owned(),
            Self::Unread => "the body could not be read".to_owned(),
            Self::NoToken => "there is no token in the header Authorization".to_owned(),
            Self::BadToken(why) | Self::BadSignature(why) | Self::FunctionFailed(why) => {
                why.clone()
            }
            Self::NoScope(needed) => {
                format!("the token has none of the scopes {}", needed.join(", "))
            }
            Self::FunctionThrottled => "all environments of the function are busy".to_owned(),
            Self::TimedOut => "the function took longer than API Gateway waits".to_owned(),
        }
    }

    fn status(&self, service: Service) -> StatusCode {
        match (self, service) {
            (Self::NoRoute, _) => StatusCode::NOT_FOUND,
            (Self::Throttled, _) | (Self::FunctionThrottled, Service::FunctionUrl) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            (Self::HeadTooLarge, _) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            (Self::TooLarge, _) => StatusCode::PAYLOAD_TOO_LARGE,
            (Self::Unread, _) => StatusCode::BAD_REQUEST,
            (Self::NoToken | Self::BadToken(_), _) => StatusCode::UNAUTHORIZED,
            (Self::NoScope(_) | Self::BadSignature(_), _) => StatusCode::FORBIDDEN,
            (Self::FunctionThrottled | Self::TimedOut, Service::Api) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            (Self::FunctionFailed(_), Service::Api) => StatusCode::INTERNAL_SERVER_ERROR,
            (Self::FunctionFailed(_), Service::FunctionUrl) => StatusCode::BAD_GATEWAY,
            (Self::TimedOut, Service::FunctionUrl) => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn body(&self, service: Service) -> String {
        let too_large = format!(
            "Request must be smaller than {EVENT_BYTES} bytes for the InvokeFunction operation"
        );
        let message = match (self, service) {
            // The only answer of a function URL that is not JSON.
            (Self::FunctionFailed(_), Service::FunctionUrl) => {
                return "Internal Server Error".to_owned();
            }
            (Self::BadSignature(_), Service::FunctionUrl) => {
                return json!({ "Message": "Forbidden" }).to_string();
            }
            (Self::FunctionThrottled, Service::FunctionUrl) => {
                let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
                return json!({ "Reason": reason, "Type": "User", "message": "Rate Exceeded." })
                    .to_string();
            }
            (Self::TooLarge, Service::FunctionUrl) => too_large.as_str(),
            (Self::TooLarge, Service::Api) => "Request Entity Too Large",
            (Self::NoRoute, _) => "Not Found",
            (Self::Throttled, _) => "Too Many Requests",
            (Self::HeadTooLarge, _) => "Request Header Fields Too Large",
            (Self::Unread, _) => "Bad Request",
            (Self::NoToken | Self::BadToken(_), _) => "Unauthorized",
            (Self::NoScope(_) | Self::BadSignature(_), _) => "Forbidden",
            (Self::FunctionThrottled | Self::TimedOut, _) => "Service Unavailable",
            (Self::FunctionFailed(_), _) => "Internal Server Error",
        };
        json!({ "message": message }).to_string()
    }

    /// Returns the challenge to a caller with a wrong token, or with none (RFC 6750).
    ///
    /// AWS documents the form, and the description of a wrong audience. The other descriptions are
    /// the engine's own.
    fn challenge(&self) -> Option<String> {
        match self {
            Self::NoToken => Some("Bearer".to_owned()),
            Self::BadToken(why) => Some(format!(
                r#"Bearer scope="" error="invalid_token" error_description="{}""#,
                quotable(why)
            )),
            Self::NoScope(needed) => Some(format!(
                r#"Bearer scope="{}" error="insufficient_scope" error_description="{}""#,
                quotable(&needed.join(" ")),
                quotable(&self.reason()),
            )),
            _ => None,
        }
    }

    /// Returns the response.
    pub(super) fn response(&self, service: Service) -> Response {
        let content_type = (header::CONTENT_TYPE, "application/json");
        let mut response =
            (self.status(service), [content_type], self.body(service)).into_response();
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge().and_then(|text| HeaderValue::try_from(text).ok())
        {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        let error_type = match (self, service) {
            (Self::BadSignature(_), Service::FunctionUrl) => Some("AccessDeniedException"),
            (Self::FunctionThrottled, Service::FunctionUrl) => Some("TooManyRequestsException"),
            (Self::TooLarge, Service::FunctionUrl) => Some("RequestEntityTooLargeException"),
            _ => None,
        };
        if let Some(error_type) = error_type {
            let name = HeaderName::from_static("x-amzn-errortype");
            headers.insert(name, HeaderValue::from_static(error_type));
        }
        response
    }
}

/// Returns a text that may stand between quotation marks in a header.
fn quotable(text: &str) -> String {
    text.chars().filter(|c| (c.is_ascii_graphic() || *c == ' ') && !"\"\\".contains(*c)).collect()
}
