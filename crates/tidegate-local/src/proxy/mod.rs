//! The proxy between functions and AWS: one port per caller, so that every call is known by who made it. It forwards bytes unchanged
//! and counts.

pub mod billed;
mod counts;
mod forward;
mod hook;
mod operation;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

pub use counts::{CallCount, Calls, OTHERS};
pub use hook::{Call, Hook, Reply};

use billed::{Items, Outcome, TableKeys};
use counts::Counts;
use forward::Upstream;

/// Most bytes of a request's or an answer's body: DynamoDB's largest answer.
pub(crate) const BODY_LIMIT: usize = 16 << 20;

/// Why a proxy could not start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The endpoint is not an `http://host:port`.
    #[error("{0} is not an endpoint functions can be given: http://host:port is")]
    Endpoint(String),
    /// No port is free.
    #[error("no port for the proxy of {caller}: {source}")]
    Port {
        /// Whose port.
        caller: String,
        /// Why not.
        source: io::Error,
    },
}

/// A running proxy; dropping it closes its ports.
#[derive(Debug)]
pub struct Proxy {
    addresses: BTreeMap<String, SocketAddr>,
    counts: Arc<Counts>,
    items: Arc<Items>,
    tasks: Vec<JoinHandle<()>>,
}

impl Proxy {
    /// Opens one port per caller in front of `endpoint`. The tables' keys tell one item from another, for what changing it costs.
    ///
    /// # Errors
    /// The endpoint is not plain HTTP, or no port is free.
    pub async fn start(
        endpoint: &str,
        callers: impl IntoIterator<Item = String>,
        hooks: Vec<Arc<dyn Hook>>,
        keys: TableKeys,
    ) -> Result<Self, ProxyError> {
        let wrong = || ProxyError::Endpoint(endpoint.to_owned());
        let uri: Uri = endpoint.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong());
        }
        let upstream = Upstream::new(uri.authority().cloned().ok_or_else(wrong)?);
        let items = Arc::new(Items::new(keys));
        let numbers = Arc::new(AtomicU64::new(0));
        let mut proxy = Self {
            addresses: BTreeMap::new(),
            counts: Arc::default(),
            items: Arc::clone(&items),
            tasks: Vec::new(),
        };
        for caller in callers {
            let port = async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                Ok((listener.local_addr()?, listener))
            };
            let (address, listener) =
                port.await.map_err(|source| ProxyError::Port { caller: caller.clone(), source })?;
            let line = Line {
                caller: caller.clone(),
                upstream: upstream.clone(),
                hooks: hooks.clone(),
                counts: Arc::clone(&proxy.counts),
                items: Arc::clone(&items),
                numbers: Arc::clone(&numbers),
            };
            proxy.addresses.insert(caller, address);
            proxy.tasks.push(tokio::spawn(accept(listener, Arc::new(line))));
        }
        Ok(proxy)
    }

    /// The endpoint a caller is to use.
    pub fn endpoint(&self, caller: &str) -> Option<String> {
        self.addresses.get(caller).map(|address| format!("http://{address}"))
    }

    /// The calls so far.
    pub fn calls(&self) -> Calls {
        self.counts.calls()
    }

    /// Items whose sizes were forgotten, since more than are remembered were written. Updates of them are billed by what
    /// they say alone, so that the write units of [`Proxy::calls`] may be too few.
    pub fn sizes_forgotten(&self) -> u64 {
        self.items.forgotten()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// What one caller's port needs.
struct Line {
    caller: String,
    upstream: Upstream,
    hooks: Vec<Arc<dyn Hook>>,
    counts: Arc<Counts>,
    items: Arc<Items>,
    /// The next call's number.
    numbers: Arc<AtomicU64>,
}

async fn accept(listener: TcpListener, line: Arc<Line>) {
    let mut connections = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(caller = line.caller, %error, "a connection to the proxy was not accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let line = Arc::clone(&line);
        let service = service_fn(move |request| {
            let line = Arc::clone(&line);
            async move { Ok::<_, Infallible>(answer(line, request).await.map(Full::new)) }
        });
        connections.spawn(async move {
            if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
                tracing::trace!(%error, "a connection to the proxy ended");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// A call that was received is carried out and counted, whether its caller waits for the answer or not: so does AWS.
async fn answer(line: Arc<Line>, request: Request<Incoming>) -> Response<Bytes> {
    let call = match line.receive(request).await {
        Ok(call) => call,
        Err(refusal) => return refusal,
    };
    let carried_out = tokio::spawn(async move { line.carry_out(call).await });
    carried_out.await.unwrap_or_else(|error| forward::unavailable(&format!("the proxy failed: {error}")))
}

impl Line {
    async fn carry_out(&self, call: Call) -> Response<Bytes> {
        // What a hook answers has not reached AWS and costs nothing; what it changes afterwards has its cost all the same.
        let (mut reply, billed) = match self.before(&call).await {
            Some(reply) => (reply, Vec::new()),
            None => {
                let reply = self.upstream.send(&call).await;
                let error = counts::error_code(reply.status(), reply.body());
                let outcome = Outcome { error: error.as_deref(), body: reply.body() };
                let billed = billed::quantities(&call, outcome, &self.items);
                (reply, billed)
            }
        };
        for hook in &self.hooks {
            reply = hook.after(&call, reply).await;
        }
        let error = counts::error_code(reply.status(), reply.body());
        self.counts.add(&call.caller, &call.operation, error, &billed);
        reply
    }

    async fn receive(&self, request: Request<Incoming>) -> Result<Call, Reply> {
        let (head, body) = request.into_parts();
        let body = match Limited::new(body, BODY_LIMIT).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                let message = format!(
                    "the request body cannot be read (at most {BODY_LIMIT} bytes are allowed): {error}"
                );
                return Err(forward::error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message));
            }
        };
        let operation = operation::operation(&head, &body);
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        Ok(Call { number, caller: self.caller.clone(), operation, head, body })
    }

    async fn before(&self, call: &Call) -> Option<Reply> {
        for hook in &self.hooks {
            if let Some(reply) = hook.before(call).await {
                return Some(reply);
            }
        }
        None
    }
}
