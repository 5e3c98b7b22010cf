//! What the API acts on.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use futures::future::BoxFuture;
use tokio::sync::Notify;

use crate::activity::Activity;
use crate::asynchronous::EventQueue;
use crate::environment::Functions;
use crate::history::PastInvocations;
use crate::status::Look;

/// Makes the status, as JSON.
pub type StatusSource = Arc<dyn Fn(Look) -> BoxFuture<'static, serde_json::Value> + Send + Sync>;

/// What the API acts on.
#[derive(Clone)]
pub struct Control {
    /// The functions.
    pub functions: Arc<dyn Functions>,
    /// Bumped when an invocation is complete.
    pub activity: Arc<Activity>,
    /// Where what Invoke was given, and what came of it, is written down.
    pub deliveries: Arc<PastInvocations>,
    /// Takes what Invoke is given with the type `Event`.
    pub events: Arc<dyn EventQueue>,
    /// What `GET /status` answers.
    pub status: StatusSource,
    /// The local console's page and what it asks for.
    pub console: Router,
    /// Notified by `POST /shutdown`.
    pub shutdown: Arc<Notify>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("functions", &self.functions).finish_non_exhaustive()
    }
}
