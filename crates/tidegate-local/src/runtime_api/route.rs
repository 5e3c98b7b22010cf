//! The four calls of the Runtime API.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::RESPONSE_LIMIT;
use super::answer::{self, Answer};
use crate::environment::EnvironmentId;
use crate::environment::delivery::{Content, Delivery};
use crate::environment::failure::error_object;
use crate::environment::host::{Host, Refused};
use crate::invocation::InvocationResult;

const VERSION: &str = "/2018-06-01/runtime/";

/// Answers one request of the environment's process.
pub(super) async fn handle(
    host: Arc<Host>,
    environment: EnvironmentId,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let path = request.uri().path().to_owned();
    let call = path.strip_prefix(VERSION).unwrap_or_default();
    let parts: Vec<&str> = call.split('/').collect();
    Ok(match (request.method(), parts.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(&host, environment).await,
        (&Method::POST, ["invocation", id, "response"]) => response(&host, environment, id, request).await,
        (&Method::POST, ["invocation", id, "error"]) => failure(&host, environment, id, request).await,
        (&Method::POST, ["init", "error"]) => init_error(&host, environment, request).await,
        (method, _) => {
            let message = format!("{method} {path} is not part of the Runtime API");
            answer::error(StatusCode::NOT_FOUND, "NotFound", &message)
        }
    })
}

async fn next(host: &Arc<Host>, environment: EnvironmentId) -> Answer {
    let waiting = match host.polled(environment) {
        Ok(waiting) => waiting,
        Err(illegal) => {
            return answer::error(StatusCode::FORBIDDEN, "InvalidStateTransition", &illegal.to_string());
        }
    };
    match waiting.await.ok().and_then(Delivery::take) {
        Some(content) => invocation(host, content),
        None => {
            answer::error(StatusCode::FORBIDDEN, "InvalidStateTransition", "the environment is being stopped")
        }
    }
}

fn invocation(host: &Host, content: Content) -> Answer {
    let mut answer = answer::json(StatusCode::OK, content.request.payload);
    let headers = answer.headers_mut();
    set(headers, "lambda-runtime-aws-request-id", &content.request_id);
    set(headers, "lambda-runtime-deadline-ms", &content.deadline_unix_ms.to_string());
    match &content.request.qualifier {
        Some(qualifier) => {
            set(headers, "lambda-runtime-invoked-function-arn", &format!("{}:{qualifier}", host.arn))
        }
        None => set(headers, "lambda-runtime-invoked-function-arn", &host.arn),
    }
    set(headers, "lambda-runtime-trace-id", &trace_id());
    if let Some(context) = &content.request.client_context {
        set(headers, "lambda-runtime-client-context", context);
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

/// A new X-Ray trace header, not sampled: nobody collects traces here.
fn trace_id() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let random = rand::random::<[u8; 20]>();
    let (mut root, mut parent) = (String::with_capacity(24), String::with_capacity(16));
    for (place, byte) in random.iter().enumerate() {
        let text = if place < 12 { &mut root } else { &mut parent };
        let _ = write!(text, "{byte:02x}");
    }
    format!("Root=1-{seconds:08x}-{root};Parent={parent};Sampled=0")
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
    let body = match read(request.into_body()).await {
        Ok(body) => body,
        Err(broken) => return broken,
    };
    match body {
        Body::Whole(payload) => match host.answered(environment, id, InvocationResult::Success(payload)) {
            Ok(()) => answer::accepted(),
            Err(why) => refused(&why),
        },
        Body::TooLarge(size) => {
            let message = format!(
                "Response payload size ({size} bytes) exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
            );
            let error = error_object("Function.ResponseSizeTooLarge", &message);
            match host.answered(environment, id, InvocationResult::FunctionError(error)) {
                Ok(()) => answer::error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message),
                Err(why) => refused(&why),
            }
        }
    }
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
    let error = match read_error(request).await {
        Ok(error) => error,
        Err(broken) => return broken,
    };
    match host.answered(environment, id, InvocationResult::FunctionError(error)) {
        Ok(()) => answer::accepted(),
        Err(why) => refused(&why),
    }
}

async fn init_error(host: &Arc<Host>, environment: EnvironmentId, request: Request<Incoming>) -> Answer {
    let error = match read_error(request).await {
        Ok(error) => error,
        Err(broken) => return broken,
    };
    match host.init_failed(environment, error) {
        Ok(()) => answer::accepted(),
        Err(illegal) => answer::error(StatusCode::FORBIDDEN, "InvalidStateTransition", &illegal.to_string()),
    }
}

/// The error object a process reports; one made of the error type header if it sends none.
async fn read_error(request: Request<Incoming>) -> Result<Bytes, Answer> {
    let header =
        request.headers().get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    let error_type = header.unwrap_or("Runtime.Unknown").to_owned();
    match read(request.into_body()).await? {
        Body::Whole(error) if !error.is_empty() => Ok(error),
        Body::Whole(_) => Ok(error_object(&error_type, "the function gave no error object")),
        Body::TooLarge(size) => {
            Ok(error_object(&error_type, &format!("the function's error object has {size} bytes")))
        }
    }
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

enum Body {
    Whole(Bytes),
    TooLarge(usize),
}

/// Reads a body to its end, keeping no more than the limit: a process that is cut off while it writes never sees the refusal.
async fn read(mut body: Incoming) -> Result<Body, Answer> {
    let (mut kept, mut size) = (BytesMut::new(), 0_usize);
    let mut first: Option<Bytes> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|error| answer::error(StatusCode::BAD_REQUEST, "InvalidRequest", &error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        size = size.saturating_add(data.len());
        if size > RESPONSE_LIMIT {
            (kept, first) = (BytesMut::new(), None);
        } else if size == data.len() {
            first = Some(data);
        } else {
            kept.extend_from_slice(&first.take().unwrap_or_default());
            kept.extend_from_slice(&data);
        }
    }
    Ok(if size > RESPONSE_LIMIT {
        Body::TooLarge(size)
    } else {
        Body::Whole(first.unwrap_or_else(|| kept.freeze()))
    })
}
