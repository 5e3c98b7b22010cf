//! The proxy between functions and AWS: one port per caller, so that every call is known by who
//! made it. It forwards bytes unchanged, as they come, and counts. Calls of Lambda's Invoke it
//! hands to the engine, so that a function reaches every service at one address.

pub mod billed;
mod body;
mod counts;
mod forward;
mod hook;
mod line;
mod operation;
mod service;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, Weak};

use http::Uri;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use body::Body;
pub use counts::{CallCount, Calls, OTHERS};
pub use hook::{Call, Hook, Reply};
pub(crate) use service::Service;

use billed::{Items, TableKeys};
use counts::Counts;
use forward::Upstream;
use line::Line;

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
    lambda: Arc<OnceLock<Weak<dyn Service>>>,
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
            lambda: Arc::default(),
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
                lambda: Arc::clone(&proxy.lambda),
                hooks: hooks.clone(),
                counts: Arc::clone(&proxy.counts),
                items: Arc::clone(&items),
                numbers: Arc::clone(&numbers),
            };
            proxy.addresses.insert(caller, address);
            proxy.tasks.push(tokio::spawn(line::accept(listener, Arc::new(line))));
        }
        Ok(proxy)
    }

    /// The endpoint a caller is to use.
    pub fn endpoint(&self, caller: &str) -> Option<String> {
        self.addresses.get(caller).map(|address| format!("http://{address}"))
    }

    /// Hands calls of Lambda to the engine's own from now on. Until then they go to the endpoint.
    pub(crate) fn hand_lambda_to(&self, lambda: Weak<dyn Service>) {
        // Once, at the engine's start.
        let _ = self.lambda.set(lambda);
    }

    /// The calls so far.
    pub fn calls(&self) -> Calls {
        self.counts.calls()
    }

    /// Items whose sizes were forgotten, since more than are remembered were written. Updates of
    /// them are billed by what they say alone, so that the write units of [`Proxy::calls`] may be
    /// too few.
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
