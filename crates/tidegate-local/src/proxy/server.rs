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
use super::ledger::Ledger;
use super::line::{self, Line};
use super::ports::Ports;
use super::service::Service;
use super::waking::Waking;
use crate::wake::Wakes;

/// A running proxy.
///
/// Dropping it closes its ports.
#[derive(Debug)]
pub struct Proxy {
    addresses: BTreeMap<String, SocketAddr>,
    programs: SocketAddr,
    counts: Arc<Counts>,
    items: Arc<Items>,
    lambda: Arc<OnceLock<Weak<dyn Service>>>,
    scheduler: Arc<OnceLock<Arc<dyn Service>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Proxy {
    /// Opens one port per caller in front of `endpoint`, and serves them and the port of all other
    /// programs. Writes wake nobody.
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
        let ports = Ports::open(endpoint, callers).await?;
        Ok(Self::serve(ports, hooks, Vec::new(), keys, Arc::default()))
    }

    /// Serves open ports.
    ///
    /// `hooks` are those of functions' calls. `everyone` are those of all calls, after the others:
    /// what the engine itself answers.
    pub(crate) fn serve(
        ports: Ports,
        hooks: Vec<Arc<dyn Hook>>,
        everyone: Vec<Arc<dyn Hook>>,
        keys: TableKeys,
        wakes: Arc<Wakes>,
    ) -> Self {
        let upstream = Upstream::new(ports.upstream);
        let items = Arc::new(Items::new(keys));
        let numbers = Arc::new(AtomicU64::new(0));
        let mut proxy = Self {
            addresses: BTreeMap::new(),
            programs: ports.programs.0,
            counts: Arc::default(),
            items: Arc::clone(&items),
            lambda: Arc::default(),
            scheduler: Arc::default(),
            tasks: Vec::new(),
        };
        // First: a write wakes also if a fault then keeps its answer from the function.
        let waking: Arc<dyn Hook> = Arc::new(Waking(wakes));
        let first = || std::iter::once(Arc::clone(&waking));
        let of_functions: Vec<_> = first().chain(hooks).chain(everyone.clone()).collect();
        let of_programs: Vec<_> = first().chain(everyone).collect();
        let line = |caller: String, hooks, ledger| Line {
            caller,
            upstream: upstream.clone(),
            lambda: Arc::clone(&proxy.lambda),
            scheduler: Arc::clone(&proxy.scheduler),
            hooks,
            ledger,
            numbers: Arc::clone(&numbers),
        };
        let mut lines = vec![(ports.programs.1, line(String::new(), of_programs, None))];
        for (caller, (address, listener)) in ports.listeners {
            let counts = Arc::clone(&proxy.counts);
            let ledger = Ledger { counts, items: Arc::clone(&items) };
            lines.push((listener, line(caller.clone(), of_functions.clone(), Some(ledger))));
            proxy.addresses.insert(caller, address);
        }
        let serve = |(listener, line)| tokio::spawn(line::accept(listener, Arc::new(line)));
        proxy.tasks = lines.into_iter().map(serve).collect();
        proxy
    }

    /// Returns the endpoint that a caller must use.
    pub fn endpoint(&self, caller: &str) -> Option<String> {
        self.addresses.get(caller).map(|address| format!("http://{address}"))
    }

    /// Returns the endpoint for all other programs: commands, the AWS CLI, tests.
    ///
    /// Their calls are neither counted nor hit by faults.
    pub fn programs_endpoint(&self) -> String {
        format!("http://{}", self.programs)
    }

    /// Hands calls of Lambda to the engine's own API from now on. Until then they go to the
    /// endpoint.
    pub(crate) fn hand_lambda_to(&self, lambda: Weak<dyn Service>) {
        // Set once, at the engine's start.
        let _ = self.lambda.set(lambda);
    }

    /// Hands calls of EventBridge Scheduler to the engine's own API from now on. Until then they
    /// are refused: an emulator's Scheduler would fire beside the engine's, or never.
    pub(crate) fn hand_scheduler_to(&self, scheduler: Arc<dyn Service>) {
        // Set once, at the engine's start.
        let _ = self.scheduler.set(scheduler);
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
