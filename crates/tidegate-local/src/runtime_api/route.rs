//! The calls of the Runtime API.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;

use super::answer::{self, Answer};
use super::body::{self, Body, Mode, RESPONSE_LIMIT};
use super::{client_context, extension};
use crate::environment::EnvironmentId;
use crate::environment::error_object::error_object;
use crate::environment::hand_off::{Content, HandOff};
use crate::environment::host::Host;
use crate::environment::host::exchange::Refused;
use crate::guard::{self, Audience};
use crate::invocation::InvocationResult;

const VERSION: &str = "/2018-06-01/runtime/";

/// Answers one request of the environment's process.
pub(super) async fn handle(
    host: Arc<Host>,
    environment: EnvironmentId,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    if let Some(why) = guard::refused(Audience::Programs, request.method(), request.headers()) {
        return Ok(answer::error(StatusCode::FORBIDDEN, "Forbidden", why.trim_end()));
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let not_found = || {
        let message = format!("{method} {path} is not part of the Runtime API");
        answer::error(StatusCode::NOT_FOUND, "NotFound", &message)
    };
    if let Some(call) = path.strip_prefix(extension::VERSION) {
        return Ok(extension::handle(&host, environment, call, request)
            .await
            .unwrap_or_else(not_found));
    }
    // Extensions continue without these APIs, as on other emulators of Lambda.
    match (&method, path.as_str()) {
        (&Method::PUT, "/2020-08-15/logs") => return Ok(not_supported("Logs")),
        (&Method::PUT, "/2022-07-01/telemetry") => return Ok(not_supported("Telemetry")),
        _ => {}
    }
    let call = path.strip_prefix(VERSION).unwrap_or_default();
    let parts: Vec<&str> = call.split('/').collect();
    Ok(match (&method, parts.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(&host, environment).await,
        (&Method::POST, ["invocation", id, "response"]) => {
            response(&host, environment, id, request).await
        }
        (&Method::POST, ["invocation", id, "error"]) => {
            failure(&host, environment, id, request).await
        }
        (&Method::POST, ["init", "error"]) => init_error(&host, environment, request).await,
        _ => not_found(),
    })
}

fn not_supported(api: &str) -> Answer {
    let message = format!("{api} API is not supported");
    answer::error(StatusCode::ACCEPTED, &format!("{api}.NotSupported"), &message)
}

async fn next(host: &Arc<Host>, environment: EnvironmentId) -> Answer {
    let waiting = match host.polled(environment) {
        Ok(waiting) => waiting,
        Err(illegal) => {
            return answer::error(
                StatusCode::FORBIDDEN,
                "InvalidStateTransition",
                &illegal.to_string(),
            );
        }
    };
    match waiting.await.ok().and_then(HandOff::take) {
        Some(content) => invocation(content),
        None => answer::error(
            StatusCode::FORBIDDEN,
            "InvalidStateTransition",
            "the environment is being stopped",
        ),
    }
}

fn invocation(content: Content) -> Answer {
    let mut answer = answer::json(StatusCode::OK, content.request.payload);
    let headers = answer.headers_mut();
    set(headers, "lambda-runtime-aws-request-id", &content.event.request_id);
    set(headers, "lambda-runtime-deadline-ms", &content.event.deadline_unix_ms.to_string());
    set(headers, "lambda-runtime-invoked-function-arn", &content.event.function_arn);
    set(headers, "lambda-runtime-trace-id", &content.event.trace_id);
    if let Some(context) = &content.request.client_context {
        set(headers, "lambda-runtime-client-context", &client_context::ascii(context));
    }
    answer
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => {
            headers.insert(HeaderName::from_static(name), value);
        }
        Err(error) => tracing::warn!(name, %error, "a header cannot be sent to the function"),
    }
}

async fn response(
    host: &Arc<Host>,
    environment: EnvironmentId,
    id: &str,
    request: Request<Incoming>,
) -> Answer {
    if !host.is_current(environment, id) {
        return refused(&Refused::RequestId(id.to_owned()));
    }
    let unread = Unread { host, environment, id, armed: true };
    let mode = Mode::from_headers(request.headers());
    let body = body::read(request.into_body(), mode).await;
    let (result, too_large) = match body {
        Body::Whole(payload) => (InvocationResult::Success(payload), None),
        Body::Failed(error) => (InvocationResult::FunctionError(error), None),
        Body::TooLarge(size) => {
            let message = format!(
                "Response payload size ({size} bytes) exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
            );
            let error = error_object("Function.ResponseSizeTooLarge", &message);
            (InvocationResult::FunctionError(error), Some(message))
        }
        Body::BrokenOff => return broken_off(),
    };
    unread.was_read();
    match (host.answered(environment, id, result), too_large) {
        (Ok(()), None) => answer::accepted(),
        (Ok(()), Some(why)) => {
            answer::error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &why)
        }
        (Err(why), _) => refused(&why),
    }
}

/// A response that is being read.
///
/// If reading ends early, because the connection does, the invocation fails. The process may
/// continue, and must not get the same invocation again.
struct Unread<'a> {
    host: &'a Arc<Host>,
    environment: EnvironmentId,
    id: &'a str,
    armed: bool,
}

impl Unread<'_> {
    fn was_read(mut self) {
        self.armed = false;
    }
}

impl Drop for Unread<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.host.broken_off(self.environment, self.id);
        }
    }
}

/// No caller receives this answer: the connection is gone.
fn broken_off() -> Answer {
    answer::error(
        StatusCode::BAD_REQUEST,
        "InvalidRequest",
        "the body ended before it was complete",
    )
}

async fn failure(
    host: &Arc<Host>,
    environment: EnvironmentId,
    id: &str,
    request: Request<Incoming>,
) -> Answer {
    if !host.is_current(environment, id) {
        return refused(&Refused::RequestId(id.to_owned()));
    }
    let unread = Unread { host, environment, id, armed: true };
    let error = read_error(request).await;
    unread.was_read();
    match host.answered(environment, id, InvocationResult::FunctionError(error)) {
        Ok(()) => answer::accepted(),
        Err(why) => refused(&why),
    }
}

async fn init_error(
    host: &Arc<Host>,
    environment: EnvironmentId,
    request: Request<Incoming>,
) -> Answer {
    match host.init_failed(environment, read_error(request).await) {
        Ok(()) => answer::accepted(),
        Err(illegal) => {
            answer::error(StatusCode::FORBIDDEN, "InvalidStateTransition", &illegal.to_string())
        }
    }
}

/// Returns the error object that a process reports. If it sends none, creates one from the error
/// type header.
async fn read_error(request: Request<Incoming>) -> Bytes {
    let header = request
        .headers()
        .get("lambda-runtime-function-error-type")
        .and_then(|value| value.to_str().ok());
    let error_type = header.unwrap_or("Runtime.Unknown").to_owned();
    let why = match body::read(request.into_body(), Mode::Buffered).await {
        Body::Whole(error) | Body::Failed(error) if !error.is_empty() => return error,
        Body::Whole(_) | Body::Failed(_) => "the function sent no error object".to_owned(),
        Body::TooLarge(size) => format!("the function's error object has {size} bytes"),
        Body::BrokenOff => "the function's error object ended before it was complete".to_owned(),
    };
    error_object(&error_type, &why)
}

fn refused(why: &Refused) -> Answer {
    match why {
        Refused::RequestId(_) => {
            answer::error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
        }
        Refused::Phase(illegal) => {
            answer::error(StatusCode::FORBIDDEN, "InvalidStateTransition", &illegal.to_string())
        }
    }
}
