//! Waiting for conditions, and saying what was found and how long it took.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long anything may take before a test fails. Far more than needed: the machine may be slow.
const PATIENCE: Duration = Duration::from_secs(180);
/// Pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Looks until there is something. `Err` says what is there instead, for the message when time is up.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(instead) => assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}: {instead}"),
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Does something and prints how long it took.
pub(crate) async fn timed<T>(step: &str, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = work.await;
    say(&format!("{step} ({:.1} s)", start.elapsed().as_secs_f64()));
    result
}

/// Prints a line with the test's name, since tests run side by side: Rust gives a test's thread its path.
pub(crate) fn say(text: &str) {
    let thread = std::thread::current();
    let test = thread.name().and_then(|name| name.split("::").next()).unwrap_or_default();
    println!("{test:<15} {text}");
}
