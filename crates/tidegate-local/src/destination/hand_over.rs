//! Sends records until they have arrived or never can.

use std::fmt::Display;

use futures::future::BoxFuture;
use serde::Serialize;
use tokio::time::sleep;

use crate::pace::retry::Backoff;
use crate::send_error::SendError;
use lambda_shapes::text::shortened;

/// Most characters of a lost record that are logged.
const LOGGED: usize = 4_000;

/// Count of records that a destination refused for good, so that they are lost.
///
/// Lambda counts them as `DestinationDeliveryFailures`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryFailures {
    /// Records lost since the engine started.
    pub count: u64,
    /// Why the last record was lost.
    pub last: Option<String>,
}

impl DeliveryFailures {
    /// Counts another lost record.
    pub(crate) fn add(&mut self, why: &str) {
        self.count += 1;
        self.last = Some(shortened(why));
    }
}

/// Sends until it succeeds, with growing waits, and passes every failure to `failed`.
///
/// # Errors
/// A failure is final: sending again can never succeed.
pub(crate) async fn until_sent<'a>(
    send: impl Fn() -> BoxFuture<'a, Result<(), SendError>>,
    time_scale: f64,
    failed: impl Fn(&str),
) -> Result<(), SendError> {
    let backoff = Backoff::scaled(time_scale);
    for failures in 0.. {
        let Err(error) = send().await else { break };
        failed(&error.message);
        if error.is_final() {
            return Err(error);
        }
        sleep(backoff.delay(failures)).await;
    }
    Ok(())
}

/// Logs a lost record with its content, because nothing else holds it any more.
pub(crate) fn lost(of: &dyn Display, why: &str, content: &str) {
    let content: String = match content.char_indices().nth(LOGGED) {
        None => content.to_owned(),
        Some((end, _)) => {
            format!("{}… ({} bytes)", content.get(..end).unwrap_or(content), content.len())
        }
    };
    tracing::error!(
        "lost a record of {of} (DestinationDeliveryFailures): {why}; content: {content}"
    );
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::send_error::Reason;

    /// Fails once for each of these reasons, in order, and then accepts the message.
    async fn sent(reasons: &[Reason]) -> (Result<(), SendError>, Vec<String>) {
        let left = Mutex::new(reasons.iter());
        let said = Mutex::default();
        let send = || -> BoxFuture<'_, _> {
            let next = left.lock().unwrap().next().copied();
            Box::pin(async move {
                match next {
                    Some(reason) => Err(SendError { reason, message: format!("{reason:?}") }),
                    None => Ok(()),
                }
            })
        };
        let result = until_sent(send, 1_000.0, |message| {
            let mut said: std::sync::MutexGuard<'_, Vec<String>> = said.lock().unwrap();
            said.push(message.to_owned());
        });
        let result = result.await;
        (result, said.into_inner().unwrap())
    }

    #[tokio::test]
    async fn a_record_is_sent_until_it_arrives_or_never_can() {
        let passing = [Reason::Throttled, Reason::Unreachable, Reason::Failed, Reason::TimedOut];
        let (result, said) = sent(&passing).await;
        assert_eq!(result, Ok(()));
        assert_eq!(said, ["Throttled", "Unreachable", "Failed", "TimedOut"]);
        for reason in [Reason::Missing, Reason::Forbidden, Reason::Refused] {
            let (result, said) = sent(&[Reason::Throttled, reason, Reason::Failed]).await;
            assert_eq!(result.unwrap_err().reason, reason);
            assert_eq!(said.len(), 2, "{said:?}");
        }
    }
}
