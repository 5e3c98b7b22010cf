//! The Extensions API (version 2020-01-01) for extensions inside the function's process.
//!
//! Rust's `spawn_graceful_shutdown_handler` is one. It registers for no event, and Lambda then
//! sends SIGTERM before SIGKILL.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::answer::{self, Answer};
use super::body::{self, Body, Mode};
use crate::environment::EnvironmentId;
use crate::environment::extensions::{Invoked, Moment, Refused};
use crate::environment::host::Host;
use engine_client::local::ACCOUNT;

/// Beginning of the API's paths.
pub(super) const VERSION: &str = "/2020-01-01/extension/";

const IDENTIFIER: HeaderName = HeaderName::from_static("lambda-extension-identifier");
const EVENT_IDENTIFIER: HeaderName = HeaderName::from_static("lambda-extension-event-identifier");

#[derive(Deserialize)]
struct Registration {
    #[serde(default)]
    events: Vec<String>,
}

/// Answers one request. `None` if the path is not part of this API.
pub(super) async fn handle(
    host: &Arc<Host>,
    environment: EnvironmentId,
    call: &str,
    request: Request<Incoming>,
) -> Option<Answer> {
    let answer = match (request.method(), call) {
        (&Method::POST, "register") => register(host, environment, request).await,
        (&Method::GET, "event/next") => next(host, environment, &request).await,
        (&Method::POST, "init/error") => failed(host, environment, Moment::Init, request).await,
        (&Method::POST, "exit/error") => failed(host, environment, Moment::Exit, request).await,
        _ => return None,
    };
    Some(answer.unwrap_or_else(|(error_type, message)| {
        answer::error(StatusCode::FORBIDDEN, error_type, &message)
    }))
}

/// Lambda's error type of a refusal, and a message.
type Forbidden = (&'static str, String);

fn forbidden(refused: Refused) -> Forbidden {
    (refused.error_type(), refused.to_string())
}

async fn register(
    host: &Arc<Host>,
    environment: EnvironmentId,
    request: Request<Incoming>,
) -> Result<Answer, Forbidden> {
    let header = |name: &str| text(&request, name).map(str::to_owned);
    let name = header("lambda-extension-name").filter(|name| !name.is_empty());
    let name =
        name.ok_or_else(|| ("Extension.InvalidExtensionName", "Empty extension name".to_owned()))?;
    let wants_account = header("lambda-extension-accept-feature")
        .is_some_and(|features| features.split(',').any(|feature| feature.trim() == "accountId"));
    let wrong = |why: &dyn std::fmt::Display| ("InvalidRequestFormat", why.to_string());
    let Body::Whole(body) = body::read(request.into_body(), Mode::Buffered).await else {
        return Err(wrong(&"the body could not be read"));
    };
    let registration: Registration =
        serde_json::from_slice(&body).map_err(|error| wrong(&error))?;
    let id =
        host.register_extension(environment, &name, &registration.events).map_err(forbidden)?;
    let mut function = json!({
        "functionName": host.spec.name,
        "functionVersion": "$LATEST",
        "handler": host.spec.handler(),
    });
    if let Some(function) = function.as_object_mut().filter(|_| wants_account) {
        function.insert("accountId".to_owned(), ACCOUNT.into());
    }
    let mut answer = answer::json(StatusCode::OK, function.to_string().into());
    answer.headers_mut().insert(IDENTIFIER, identifier(id));
    Ok(answer)
}

async fn next(
    host: &Arc<Host>,
    environment: EnvironmentId,
    request: &Request<Incoming>,
) -> Result<Answer, Forbidden> {
    let waiting = host.extension_polled(environment, given(request)?).map_err(forbidden)?;
    let Ok(Invoked { request_id, deadline_unix_ms, function_arn, trace_id }) = waiting.await else {
        return Err((
            "Extension.InvalidExtensionState",
            "the environment is being stopped".to_owned(),
        ));
    };
    let event = json!({
        "eventType": "INVOKE",
        "deadlineMs": deadline_unix_ms,
        "requestId": request_id,
        "invokedFunctionArn": function_arn,
        "tracing": { "type": "X-Amzn-Trace-Id", "value": trace_id },
    });
    let mut answer = answer::json(StatusCode::OK, event.to_string().into());
    answer.headers_mut().insert(EVENT_IDENTIFIER, identifier(Uuid::new_v4()));
    Ok(answer)
}

async fn failed(
    host: &Arc<Host>,
    environment: EnvironmentId,
    moment: Moment,
    request: Request<Incoming>,
) -> Result<Answer, Forbidden> {
    const TYPE: &str = "Lambda-Extension-Function-Error-Type";
    let id = given(&request)?;
    let error_type = text(&request, TYPE).map(str::to_owned);
    let error_type =
        error_type.ok_or_else(|| ("Extension.MissingHeader", format!("{TYPE} not found")))?;
    let said = match body::read(request.into_body(), Mode::Buffered).await {
        Body::Whole(body) => String::from_utf8_lossy(&body).into_owned(),
        Body::TooLarge(_) | Body::Failed(_) | Body::BrokenOff => String::new(),
    };
    let why = format!("{error_type} {said}");
    host.extension_failed(environment, id, moment, why.trim_end()).map_err(forbidden)?;
    Ok(answer::accepted())
}

/// Returns the identifier that the extension got when it registered.
fn given(request: &Request<Incoming>) -> Result<Uuid, Forbidden> {
    let missing = || {
        (
            "Extension.MissingExtensionIdentifier",
            "Missing Lambda-Extension-Identifier header".to_owned(),
        )
    };
    let id = text(request, IDENTIFIER.as_str()).ok_or_else(missing)?;
    let invalid = |_| {
        ("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier".to_owned())
    };
    id.parse().map_err(invalid)
}

fn text<'a>(request: &'a Request<Incoming>, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

fn identifier(id: Uuid) -> HeaderValue {
    HeaderValue::try_from(id.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}
