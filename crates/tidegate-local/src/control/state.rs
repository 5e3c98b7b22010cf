//! The parts of the engine that the control API uses.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use futures::future::BoxFuture;
use tokio::sync::Notify;

use crate::activity::Activity;
use crate::asynchronous::EventQueue;
use crate::environment::Functions;
use crate::history::PastInvocations;
use crate::scheduler::registry::Registry;
use crate::status::Look;

/// Returns the status as JSON.
pub type StatusSource = Arc<dyn Fn(Look) -> BoxFuture<'static, serde_json::Value> + Send + Sync>;

/// Parts of the engine that the API uses.
#[derive(Clone)]
pub struct Control {
    /// Declared functions.
    pub functions: Arc<dyn Functions>,
    /// Counts up when an invocation is complete.
    pub activity: Arc<Activity>,
    /// Records the payloads of Invoke and their outcomes.
    pub deliveries: Arc<PastInvocations>,
    /// Accepts the events of Invoke with the type `Event`.
    pub events: Arc<dyn EventQueue>,
    /// Source of the answer to `GET /status`.
    pub status: StatusSource,
    /// Schedules, to fire one on request.
    pub schedules: Arc<Registry>,
    /// Routes of the local console.
    pub console: Router,
    /// Notified by `POST /shutdown`.
    pub shutdown: Arc<Notify>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("functions", &self.functions).finish_non_exhaustive()
    }
}
