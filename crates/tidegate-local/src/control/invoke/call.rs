//! Takes an invocation, carries it out and answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::operation::Operation;
use super::request::{self, Given, Kind};
use super::{answer, stream};
use crate::control::refusal::Refusal;
use crate::control::state::Control;
use crate::control::target::{Target, qualifier};
use crate::environment::Functions;
use crate::history::{Recorder, Way};
use crate::invocation::{InvocationResult, Invoker, Request};
use crate::log_tail::LogTail;

/// Invokes a function and answers as Lambda does.
pub(in crate::control) async fn invoke(
    control: State<Control>,
    name: Path<String>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    respond(Operation::Invoke, control, name, query, headers, body).await
}

/// Invokes a function and answers with an event stream.
pub(in crate::control) async fn invoke_with_response_stream(
    control: State<Control>,
    name: Path<String>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    respond(Operation::WithResponseStream, control, name, query, headers, body).await
}

/// Accepts an event for asynchronous invocation.
pub(in crate::control) async fn invoke_async(
    control: State<Control>,
    name: Path<String>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    respond(Operation::Async, control, name, query, headers, body).await
}

async fn respond(
    operation: Operation,
    State(control): State<Control>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answered(operation, &control, &name, query.as_deref(), &headers, body)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn answered(
    operation: Operation,
    control: &Control,
    name: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    // The body is read in any case: a caller that is cut off while it writes never sees the reason.
    let body = request::read(body).await;
    let target = Target::parse(name, qualifier(query).as_deref())?;
    let given = Given::parse(operation, headers)?;
    if control.functions.spec(&target.function).is_none() {
        return Err(target.not_found());
    }
    let payload = request::payload(body?, given.kind)?;
    match given.kind {
        Kind::DryRun => Ok(answer::dry_run()),
        Kind::Event => {
            let text = String::from_utf8(payload.into())
                .map_err(|error| Refusal::NotJson(error.to_string()))?;
            let qualifier = target.qualifier.as_deref();
            let accepted = control.events.accept(&target.function, qualifier, text).await;
            Ok(answer::accepted(&accepted.map_err(|error| Refusal::NotQueued(error.message))?))
        }
        Kind::RequestResponse => {
            let log = given.log.then(|| Arc::new(LogTail::default()));
            let request = Request {
                payload,
                client_context: given.client_context,
                request_id: None,
                qualifier: target.qualifier,
                log: log.clone(),
                trial: None,
                patience: Duration::ZERO,
            };
            let invoker = Recorder {
                inner: Arc::<dyn Functions>::clone(&control.functions),
                deliveries: Arc::clone(&control.deliveries),
                way: Way::invoke(&target.function),
            };
            let answer = invoker.invoke(&target.function, request).await;
            control.activity.bump();
            let (payload, failed) = match answer.result {
                InvocationResult::Success(payload) => (payload, false),
                InvocationResult::FunctionError(payload) => (payload, true),
                InvocationResult::Throttled => return Err(Refusal::Throttled),
            };
            let write = match operation {
                Operation::WithResponseStream => stream::answered,
                Operation::Invoke | Operation::Async => answer::answered,
            };
            Ok(write(payload, failed, &answer.request_id, log.as_deref()))
        }
    }
}
