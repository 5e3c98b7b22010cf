//! Something that delivers, as its owner holds it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running mapping, bus or asynchronous queue, with its status. Dropping it ends it at once; what
/// was in flight is delivered again later.
pub struct Running<S> {
    status: Arc<dyn Fn() -> S + Send + Sync>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl<S> Running<S> {
    pub(crate) fn new(
        status: impl Fn() -> S + Send + Sync + 'static,
        stop: watch::Sender<bool>,
        task: JoinHandle<()>,
    ) -> Self {
        Self { status: Arc::new(status), stop, task: Some(task) }
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> S {
        (self.status)()
    }

    /// Begins nothing new, and waits for what is in flight. Whoever cannot wait that long drops the
    /// future.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = &mut self.task {
            // An error is a panic or an abort of the task: it has ended in any case.
            let _ = task.await;
        }
    }
}

impl<S> Drop for Running<S> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for Running<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Waits until a stop was asked for, or its owner is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the owner is gone, which is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}
