//! Waits until a resource can be used.

use std::future::Future;
use std::time::{Duration, Instant};

use super::error::ProvisionError;

/// Time that a new stream or table may take. Real streams take half a minute.
const LIMIT: Duration = Duration::from_secs(120);

/// Pause between two calls.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Repeats a call until its answer is `Some`.
///
/// # Errors
/// The call fails, or its answer is still `None` after two minutes.
pub(super) async fn until_some<T, F>(
    resource: &str,
    call: &'static str,
    mut question: impl FnMut() -> F,
) -> Result<T, ProvisionError>
where
    F: Future<Output = Result<Option<T>, ProvisionError>>,
{
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(answer) = question().await? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            let reason = format!("not active after {} seconds", LIMIT.as_secs());
            return Err(ProvisionError::new(resource, call, reason));
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
