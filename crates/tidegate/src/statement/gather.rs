//! Gathers the calls that wait at the same moment, so that they can share a request.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::yield_now;

/// A call that waits for its answer.
pub(super) struct Asked<I, O> {
    pub(super) input: I,
    answer: oneshot::Sender<O>,
}

impl<I, O> Asked<I, O> {
    /// Hands the answer to the caller, who may be gone.
    pub(super) fn answer(self, output: O) {
        let _ = self.answer.send(output);
    }

    /// Returns the input, and what answers its caller.
    pub(super) fn split(self) -> (I, oneshot::Sender<O>) {
        (self.input, self.answer)
    }
}

type Serve<I, O> = dyn Fn(Vec<Asked<I, O>>) -> BoxFuture<'static, ()> + Send + Sync;

/// Gathers calls and serves those together that wait at the same moment.
///
/// The first call starts a task. The task gives way to every other task that can run, and again as
/// long as more calls come. Then nothing in the process can go on without an answer, and waiting
/// longer would gain nothing. No clock is involved.
pub(super) struct Gather<I, O> {
    waiting: Arc<Mutex<Vec<Asked<I, O>>>>,
    enough: usize,
    serve: Arc<Serve<I, O>>,
}

impl<I, O> Clone for Gather<I, O> {
    fn clone(&self) -> Self {
        Self {
            waiting: Arc::clone(&self.waiting),
            enough: self.enough,
            serve: Arc::clone(&self.serve),
        }
    }
}

impl<I, O> fmt::Debug for Gather<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("enough", &self.enough).finish_non_exhaustive()
    }
}

impl<I: Send + 'static, O: Send + 'static> Gather<I, O> {
    /// Gathers calls for `serve`, and stops waiting for more of them at `enough`.
    ///
    /// `serve` answers each call. It may get more than `enough` of them.
    pub(super) fn new<F>(
        enough: usize,
        serve: impl Fn(Vec<Asked<I, O>>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let serve = move |asked| serve(asked).boxed();
        Self { waiting: Arc::default(), enough, serve: Arc::new(serve) }
    }

    /// Waits for the answer to a call. Returns `None` if the task that serves it panicked.
    pub(super) async fn ask(&self, input: I) -> Option<O> {
        let (answer, answered) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting.lock();
            waiting.push(Asked { input, answer });
            waiting.len() == 1
        };
        if first {
            tokio::spawn(self.clone().serve());
        }
        answered.await.ok()
    }

    async fn serve(self) {
        let mut seen = 0;
        loop {
            let now = self.waiting.lock().len();
            if now == seen || now >= self.enough {
                break;
            }
            seen = now;
            yield_now().await;
        }
        let mut asked = std::mem::take(&mut *self.waiting.lock());
        // Nobody waits for the answer to a call whose caller was dropped, as at a deadline.
        asked.retain(|asked| !asked.answer.is_closed());
        if !asked.is_empty() {
            (self.serve)(asked).await;
        }
    }
}

/// Waits until all callers are gone.
pub(super) async fn all_gone<O>(callers: &mut [oneshot::Sender<O>]) {
    for caller in callers {
        caller.closed().await;
    }
}
