//! Repeats a read that sees only a part of a transaction.

use std::time::Duration;

use super::Retry;
use super::item::INCOMPLETE;
use crate::failure::Failure;

/// Failure code for a stream in which a commit before another commit cannot be read yet.
pub(super) const GAP: &str = "incomplete_stream";

/// Returns whether a failure says that only a part of a stream or of a commit can be read.
#[cfg(feature = "timeline")]
pub(crate) fn is_incomplete(failure: &Failure) -> bool {
    [INCOMPLETE, GAP].contains(&failure.code())
}

/// How often and how fast to read again while only a part of a transaction is visible. All pauses
/// together take 0.3 s on average and 0.7 s at most.
const AGAIN: Retry = Retry { attempts: 7, pause: Duration::from_millis(10) };

/// Reads again, after pauses, while the answer contains only a part of a commit.
///
/// DynamoDB isolates a transaction from each single read. But a query may see one item of the
/// transaction before another (AWS docs, isolation levels: read-committed), and so may two queries.
/// The missing items usually appear within milliseconds. If they do not, the failure stays
/// transient.
pub(super) async fn patiently<T, F>(read: impl Fn() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut attempt = 0;
    loop {
        match read().await {
            Err(failure)
                if [INCOMPLETE, GAP].contains(&failure.code()) && attempt + 1 < AGAIN.attempts =>
            {
                tokio::time::sleep(AGAIN.pause_after(attempt)).await;
                attempt += 1;
            }
            answer => return answer,
        }
    }
}
