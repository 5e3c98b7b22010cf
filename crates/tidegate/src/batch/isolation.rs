//! Turns panics and missed deadlines into failures.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;
use tokio::time::{Instant, timeout_at};

use crate::failure::Failure;

/// Runs synchronous code and turns a panic into a failure.
pub(crate) fn catch<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

/// Runs a future until the deadline; turns a panic or a missed deadline into a failure.
pub(crate) async fn isolate<T>(
    deadline: Instant,
    run: impl Future<Output = T>,
) -> Result<T, Failure> {
    match timeout_at(deadline, AssertUnwindSafe(run).catch_unwind()).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(panic)) => Err(panicked(panic.as_ref())),
        Err(_) => Err(Failure::transient("deadline", "still running at the invocation's deadline")),
    }
}

/// Turns a panic into a transient failure.
///
/// The panic may come from the state of the process, which must not lose the event. A record whose
/// panics persist becomes a dead letter by its age.
fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned());
    Failure::transient("panic", format!("the handler panicked: {message}"))
}
