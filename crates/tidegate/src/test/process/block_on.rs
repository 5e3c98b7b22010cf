//! Runs futures in tests that are not async.

use std::future::Future;
use std::panic::resume_unwind;
use std::thread;

use crate::test::fail::fail;

/// Runs a future to its end. It may be called in a runtime and outside of one.
#[track_caller]
pub(super) fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        match runtime {
            Ok(runtime) => runtime.block_on(future),
            Err(error) => fail(&format!("a runtime cannot be started: {error}")),
        }
    };
    let ran = thread::scope(|scope| scope.spawn(run).join());
    ran.unwrap_or_else(|panic| resume_unwind(panic))
}
