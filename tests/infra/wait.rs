//! Waits for conditions, and reports what was found and how long it took.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Longest wait before a test fails. It is far more than needed, because the machine may be slow.
const PATIENCE: Duration = Duration::from_secs(180);
/// Pause between two checks.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Checks until there is a result. `Err` describes the current state, for the message when time is
/// up.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(instead) => {
                assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}: {instead}")
            }
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Runs a step and prints how long it took.
pub(crate) async fn timed<T>(step: &str, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = work.await;
    say(&format!("{step} ({:.1} s)", start.elapsed().as_secs_f64()));
    result
}

/// Prints a line with the test's name, because tests run concurrently. Rust names a test's thread
/// by the test's path.
pub(crate) fn say(text: &str) {
    let thread = std::thread::current();
    let test = thread.name().and_then(|name| name.split("::").next()).unwrap_or_default();
    println!("{test:<15} {text}");
}
