//! A running proxy.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, Weak};

use tokio::task::JoinHandle;

use super::billed::{Items, TableKeys};
use super::counts::{CallCounts, Counts};
use super::error::ProxyError;
use super::forward::Upstream;
use super::hook::Hook;
use super::line::{self, Line};
use super::ports::Ports;
use super::service::Service;

/// A running proxy.
///
/// Dropping it closes its ports.
#[derive(Debug)]
pub struct Proxy {
    addresses: BTreeMap<String, SocketAddr>,
    counts: Arc<Counts>,
    items: Arc<Items>,
    lambda: Arc<OnceLock<Weak<dyn Service>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Proxy {
    /// Opens one port per caller in front of `endpoint`, and serves them.
    ///
    /// `keys` names the key attributes of the tables. They identify items, whose size determines
    /// what a change costs.
    ///
    /// # Errors
    /// The endpoint is not plain HTTP, or no port is free.
    pub async fn start(
        endpoint: &str,
        callers: impl IntoIterator<Item = String>,
        hooks: Vec<Arc<dyn Hook>>,
        keys: TableKeys,
    ) -> Result<Self, ProxyError> {
        Ok(Self::serve(Ports::open(endpoint, callers).await?, hooks, keys))
    }

    /// Serves open ports.
    pub(crate) fn serve(ports: Ports, hooks: Vec<Arc<dyn Hook>>, keys: TableKeys) -> Self {
        let upstream = Upstream::new(ports.upstream);
        let items = Arc::new(Items::new(keys));
        let numbers = Arc::new(AtomicU64::new(0));
        let mut proxy = Self {
            addresses: BTreeMap::new(),
            counts: Arc::default(),
            items: Arc::clone(&items),
            lambda: Arc::default(),
            tasks: Vec::new(),
        };
        for (caller, (address, listener)) in ports.listeners {
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
        proxy
    }

    /// Returns the endpoint that a caller must use.
    pub fn endpoint(&self, caller: &str) -> Option<String> {
        self.addresses.get(caller).map(|address| format!("http://{address}"))
    }

    /// Hands calls of Lambda to the engine's own API from now on. Until then they go to the
    /// endpoint.
    pub(crate) fn hand_lambda_to(&self, lambda: Weak<dyn Service>) {
        // Set once, at the engine's start.
        let _ = self.lambda.set(lambda);
    }

    /// Returns the calls since the start.
    pub fn calls(&self) -> CallCounts {
        self.counts.calls()
    }

    /// Returns the number of items whose sizes were forgotten because too many items were written.
    ///
    /// Updates of such items are billed only by what they change. The write units of
    /// [`Proxy::calls`] may then be too low.
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
