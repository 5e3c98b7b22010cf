//! Functions that run elsewhere, such as in `cargo lambda watch` for hot reload and debuggers.
//!
//! The engine sends each invocation to them by HTTP.
//!
//! `cargo lambda watch` 1.9 differs from Lambda:
//!
//! - It answers an error of the handler with HTTP 500 (Lambda: 200 and a header).
//! - It answers a name that has no binary with 404.
//! - It never answers an invocation whose process ended.
//! - It runs one process per function, and compiles it when the first invocation comes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request as HttpRequest, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;

use crate::environment::error_object::{error_object, unknown_function};
use crate::environment::{FunctionSpec, FunctionStatus, Functions};
use crate::invocation::{Answer, InvocationResult, Invoker, Request};

/// Additional time that a function may take before its first answer, because it may have to be
/// compiled. After that the invocation is tried again. Waiting longer would not help: `cargo lambda
/// watch` loses an invocation if it restarts the process.
const COMPILATION: Duration = Duration::from_secs(60);

/// Why a URL of functions cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{url} is not a URL of functions ({why}); use one such as http://127.0.0.1:9000")]
pub struct BadUrl {
    url: String,
    why: String,
}

/// URL at which functions run, such as `http://127.0.0.1:9000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteUrl(String);

impl RemoteUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// It is not a URL that can be called without TLS.
    pub fn parse(url: &str) -> Result<Self, BadUrl> {
        let bad = |why: &str| BadUrl { url: url.to_owned(), why: why.to_owned() };
        let parsed: Uri = url.parse().map_err(|error| bad(&format!("{error}")))?;
        if parsed.scheme_str() != Some("http") {
            return Err(bad("it does not begin with http://"));
        }
        if parsed.host().is_none_or(str::is_empty) {
            return Err(bad("it has no host"));
        }
        Ok(Self(url.trim_end_matches('/').to_owned()))
    }
}

/// The declared functions behind Lambda's Invoke API.
#[derive(Debug)]
pub struct RemoteFunctions {
    url: String,
    http: Client<HttpConnector, Full<Bytes>>,
    functions: BTreeMap<String, Remote>,
    /// Invocations that were handed over and have no result yet.
    in_flight: AtomicUsize,
    /// The problem that was last reported, if it still exists.
    trouble: Mutex<Option<String>>,
}

/// One declared function, with its counts.
#[derive(Debug)]
struct Remote {
    spec: FunctionSpec,
    /// Allows one invocation at a time: there is one process, and waiting for it must not count as
    /// the function's time.
    turn: tokio::sync::Mutex<()>,
    answered: AtomicBool,
    counts: Mutex<FunctionStatus>,
}

impl RemoteFunctions {
    /// Creates the declared functions, which run at this URL.
    #[must_use]
    pub fn new(url: RemoteUrl, functions: Vec<FunctionSpec>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let remote = |spec: FunctionSpec| Remote {
            spec,
            turn: tokio::sync::Mutex::new(()),
            answered: AtomicBool::new(false),
            counts: Mutex::default(),
        };
        Self {
            url: url.0,
            http: Client::builder(TokioExecutor::new()).build(connector),
            functions: functions
                .into_iter()
                .map(|spec| (spec.name.clone(), remote(spec)))
                .collect(),
            in_flight: AtomicUsize::new(0),
            trouble: Mutex::default(),
        }
    }

    /// Passes an invocation to what runs the function.
    ///
    /// If nothing listens, or the function is unknown there, the result is a throttle: the function
    /// did not run, and the delivery is tried again.
    async fn hand_over(
        &self,
        remote: &Remote,
        request: &Request,
        request_id: &str,
    ) -> InvocationResult {
        let function = &remote.spec.name;
        let _turn = remote.turn.lock().await;
        let mut timed_out = false;
        let answered = remote.answered.load(Ordering::Relaxed);
        let limit = if answered { remote.spec.timeout } else { remote.spec.timeout + COMPILATION };
        let result = match tokio::time::timeout(limit, self.call(function, request)).await {
            Ok(Reply::Answered(result)) => {
                remote.answered.store(true, Ordering::Relaxed);
                self.fine();
                result
            }
            Ok(Reply::NotRun(why)) => {
                self.tell(why);
                InvocationResult::Throttled
            }
            Ok(Reply::CutOff(why)) => {
                let why = format!("RequestId: {request_id} Error: {} {why}", self.url);
                InvocationResult::FunctionError(error_object("Runtime.ExitError", &why))
            }
            Err(_) if !answered => {
                self.tell(format!(
                    "{function} at {} has not answered yet; it may still be compiling",
                    self.url
                ));
                InvocationResult::Throttled
            }
            Err(_) => {
                timed_out = true;
                let seconds = limit.as_secs_f64();
                let why = format!(
                    "RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"
                );
                InvocationResult::FunctionError(error_object("Sandbox.Timedout", &why))
            }
        };
        let mut counts = remote.counts.lock();
        counts.invocations += u64::from(result != InvocationResult::Throttled);
        counts.throttles += u64::from(result == InvocationResult::Throttled);
        counts.errors += u64::from(matches!(result, InvocationResult::FunctionError(_)));
        counts.timeouts += u64::from(timed_out);
        result
    }

    async fn call(&self, function: &str, request: &Request) -> Reply {
        let uri = format!("{}/2015-03-31/functions/{function}/invocations", self.url);
        let mut call = HttpRequest::builder().method(Method::POST).uri(uri);
        call = call.header("content-type", "application/json");
        if let Some(context) = &request.client_context {
            call = call.header("x-amz-client-context", STANDARD.encode(context));
        }
        let call = match call.body(Full::new(request.payload.clone())) {
            Ok(call) => call,
            Err(error) => {
                return Reply::NotRun(format!("cannot build a request for {function}: {error}"));
            }
        };
        let answer = match self.http.request(call).await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => {
                return Reply::NotRun(format!(
                    "nothing answers at {}: start `cargo lambda watch`",
                    self.url
                ));
            }
            Err(error) => return Reply::CutOff(format!("sent no answer: {error}")),
        };
        let (head, body) = answer.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return Reply::CutOff(format!("ended its answer early: {error}")),
        };
        match head.status {
            StatusCode::OK if head.headers.contains_key("x-amz-function-error") => {
                Reply::Answered(InvocationResult::FunctionError(body))
            }
            StatusCode::OK => Reply::Answered(InvocationResult::Success(body)),
            StatusCode::INTERNAL_SERVER_ERROR => {
                Reply::Answered(InvocationResult::FunctionError(body))
            }
            status => {
                let said = String::from_utf8_lossy(&body);
                Reply::NotRun(format!("{} does not run {function}: {status} {said}", self.url))
            }
        }
    }

    /// Reports a problem that keeps invocations away, if it was not reported already.
    fn tell(&self, why: String) {
        let mut trouble = self.trouble.lock();
        if trouble.as_deref() != Some(why.as_str()) {
            tracing::warn!("{why}; deliveries wait and are retried");
            *trouble = Some(why);
        }
    }

    fn fine(&self) {
        let mut trouble = self.trouble.lock();
        if trouble.take().is_some() {
            tracing::warn!("{} runs functions again", self.url);
        }
    }
}

impl Invoker for RemoteFunctions {
    fn invoke<'a>(&'a self, function: &'a str, request: Request) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let Some(remote) = self.functions.get(function) else {
                let request_id = uuid::Uuid::new_v4().to_string();
                return Answer { request_id, result: unknown_function(function) };
            };
            let request_id = request.request_id.clone();
            let request_id = request_id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
            let _counted = Counted::new(&self.in_flight);
            let result = self.hand_over(remote, &request, &request_id).await;
            Answer { request_id, result }
        })
    }
}

impl Functions for RemoteFunctions {
    fn specs(&self) -> Vec<&FunctionSpec> {
        self.functions.values().map(|remote| &remote.spec).collect()
    }

    fn spec(&self, name: &str) -> Option<&FunctionSpec> {
        self.functions.get(name).map(|remote| &remote.spec)
    }

    /// Returns the counts of each function. Their resource usage is unknown.
    fn status(&self) -> BTreeMap<String, FunctionStatus> {
        self.functions
            .iter()
            .map(|(name, remote)| (name.clone(), remote.counts.lock().clone()))
            .collect()
    }

    fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Does nothing: no invocation waits in line here, since a call itself waits for its function.
    fn close_lines(&self) {}

    /// Does nothing: the engine does not end what something else runs.
    fn stop(&self, _grace: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// An invocation that runs elsewhere. Counts as in flight until it ends or is dropped.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Result of a call.
enum Reply {
    /// The function ran.
    Answered(InvocationResult),
    /// The function did not run.
    NotRun(String),
    /// The function may have run.
    CutOff(String),
}
