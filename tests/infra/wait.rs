//! Waiting for conditions, and how long things took.

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
    println!("{:>6.1} s  {step}", start.elapsed().as_secs_f64());
    result
}
