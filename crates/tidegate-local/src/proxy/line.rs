//! A port: receives calls, runs hooks, forwards the calls, and counts those of a function.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::body::Body;
use super::forward::{self, Upstream};
use super::hook::{Call, Hook, Reply};
use super::ledger::Ledger;
use super::service::Service;
use super::{operation, unanswered};
use crate::guard::{self, Audience};

/// State of a port.
pub(super) struct Line {
    /// The calling function. Empty at the endpoint.
    pub(super) caller: String,
    pub(super) upstream: Upstream,
    /// The engine's own Lambda API, once it answers.
    pub(super) lambda: Arc<OnceLock<Weak<dyn Service>>>,
    /// The engine's own Scheduler, once it answers.
    pub(super) scheduler: Arc<OnceLock<Arc<dyn Service>>>,
    pub(super) hooks: Vec<Arc<dyn Hook>>,
    /// The account of the function. `None` at the endpoint, whose calls belong to no function.
    pub(super) ledger: Option<Ledger>,
    /// Number of the next call.
    pub(super) numbers: Arc<AtomicU64>,
}

pub(super) async fn accept(listener: TcpListener, line: Arc<Line>) {
    let mut connections = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(caller = line.caller, %error, "cannot accept a connection to the proxy");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let line = Arc::clone(&line);
        let service = service_fn(move |request| {
            let line = Arc::clone(&line);
            async move { Ok::<_, Infallible>(answer(line, request).await) }
        });
        connections.spawn(async move {
            if let Err(error) =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
            {
                tracing::trace!(%error, "a connection to the proxy ended");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Answers a request.
///
/// A call that was received is carried out and counted even if its caller no longer waits, as on
/// AWS. If the caller hangs up before the body ends, the call is an error of the connection to AWS.
async fn answer(line: Arc<Line>, request: Request<Incoming>) -> Response<Body> {
    if let Some(why) = guard::refused(Audience::Programs, request.method(), request.headers()) {
        return forward::error(StatusCode::FORBIDDEN, "AccessDeniedException", why.trim_end());
    }
    let carried_out = tokio::spawn(async move { line.carry_out(request).await });
    carried_out
        .await
        .unwrap_or_else(|error| forward::unavailable(&format!("the proxy failed: {error}")))
}

impl Line {
    async fn carry_out(&self, request: Request<Incoming>) -> Reply {
        let (call, body) = match self.receive(request).await {
            Ok(received) => received,
            Err(refusal) => return refusal,
        };
        // A call that a hook answers does not reach AWS and costs nothing. An answer that a hook
        // changes afterwards keeps its cost.
        let (mut reply, billed) = match self.before(&call).await {
            Some(reply) => {
                body.drain().await;
                (reply, Vec::new())
            }
            None => {
                let reply = self.answered(&call, body).await;
                let ledger = self.ledger.as_ref();
                let billed = ledger.map(|ledger| ledger.billed(&call, &reply)).unwrap_or_default();
                (reply, billed)
            }
        };
        for hook in &self.hooks {
            reply = hook.after(&call, reply).await;
        }
        if let Some(ledger) = &self.ledger {
            ledger.add(&call, &reply, &billed);
        }
        reply
    }

    /// Returns the call, and its body as it is forwarded.
    async fn receive(&self, request: Request<Incoming>) -> Result<(Call, Body), Reply> {
        let (head, body) = request.into_parts();
        let mut body = Body::passing(body);
        if operation::is_in_body(&head) {
            body = body.read().await.map_err(|error| {
                let message = format!("the request's body ended before it was complete: {error}");
                forward::error(StatusCode::BAD_REQUEST, "RequestTimeout", &message)
            })?;
        }
        let whole = body.whole().cloned().unwrap_or_default();
        let operation = operation::operation(&head, &whole);
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        Ok((Call { number, caller: self.caller.clone(), operation, head, body: whole }, body))
    }

    /// Returns the answer, after a hook may have changed what is asked.
    async fn answered(&self, call: &Call, body: Body) -> Reply {
        let Some(change) = self.hooks.iter().find_map(|hook| hook.change(call)) else {
            return self.sent(call, body).await;
        };
        body.drain().await;
        let mut call = call.clone();
        call.head.headers.insert(header::CONTENT_LENGTH, change.body.len().into());
        call.body = change.body.clone();
        (change.answer)(self.sent(&call, Body::from(change.body)).await)
    }

    /// Forwards the call and returns the answer. It is read if its content is needed: for the bill,
    /// and for an error code.
    async fn sent(&self, call: &Call, body: Body) -> Reply {
        let reply = match self.lambda.get() {
            Some(lambda) if operation::is_of_own_lambda(&call.operation) => {
                match lambda.upgrade() {
                    Some(lambda) => lambda.call(forward::request(call, body)).await,
                    None => return forward::unavailable("the local system is shutting down"),
                }
            }
            _ if operation::is_of_scheduler(&call.operation) => match self.scheduler.get() {
                Some(scheduler) => scheduler.call(forward::request(call, body)).await,
                None => return forward::unavailable("no schedules are served here now"),
            },
            _ => self.upstream.send(call, body).await,
        };
        if reply.status().is_success() && !operation::is_in_body(&call.head) {
            return reply;
        }
        let (head, body) = reply.into_parts();
        match body.read().await {
            Ok(body) => Response::from_parts(head, body),
            Err(error) => forward::unavailable(&format!(
                "the answer to {} ended early: {error}",
                call.operation
            )),
        }
    }

    async fn before(&self, call: &Call) -> Option<Reply> {
        if self.ledger.is_none()
            && let Some(refusal) = unanswered::refusal(call)
        {
            return Some(refusal);
        }
        for hook in &self.hooks {
            if let Some(reply) = hook.before(call).await {
                return Some(reply);
            }
        }
        None
    }
}
