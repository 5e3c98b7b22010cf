//! Makes a call through a breaker.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::breaker::Breaker;
use crate::failure::{Class, Failure};
use crate::idempotency::Lease;

/// Time that a call leaves for the report about it.
const RESERVE: Duration = Duration::from_secs(1);

impl Breaker {
    /// Makes a call if the breaker lets it through, and notes what came of it.
    ///
    /// A [`BatchContext`](crate::batch::BatchContext) and the context of an invocation convert into
    /// a lease. The call is cut off before the invocation's deadline, because a provider that never
    /// answers is an outage too. A tenth of the time that is left, one second at most, remains for
    /// the report.
    ///
    /// # Errors
    /// - As [`Self::admit`]: the call was not made.
    /// - `call_timeout` (transient): there was no answer in time. It counts as an outage.
    /// - The failure of the call. If it counts ([`Self::counting`]), its delay is at least what is
    ///   left of the cool-down.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use tidegate::batch::BatchContext;
    /// use tidegate::breaker::{Breaker, Rules};
    /// use tidegate::failure::Failure;
    /// use tidegate::test::MemoryBreakers;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let store = Arc::new(MemoryBreakers::default());
    /// let breaker = Breaker::new(store, "payment", Rules::new(Duration::from_secs(60)));
    /// let context = BatchContext::new(Duration::from_secs(20));
    /// let down = async || Err::<(), _>(Failure::transient("payment", "status 503"));
    /// for _ in 0..5 {
    ///     assert_eq!(breaker.call(&context, down).await.unwrap_err().code(), "payment");
    /// }
    /// // The breaker is open now, and the provider is not called.
    /// let refused = breaker.call(&context, down).await.unwrap_err();
    /// assert_eq!(refused.code(), Breaker::OPEN);
    /// assert!(refused.retry_delay() > Some(Duration::from_secs(59)));
    /// # }
    /// ```
    pub async fn call<T>(
        &self,
        lease: impl Into<Lease>,
        work: impl AsyncFnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let lease = lease.into();
        let permit = self.admit(lease).await?;
        let left = lease.deadline.saturating_duration_since(Instant::now());
        let end = lease.deadline.checked_sub(RESERVE.min(left / 10)).unwrap_or(lease.deadline);
        match timeout_at(end, work()).await {
            Ok(Ok(answer)) => {
                permit.succeeded().await;
                Ok(answer)
            }
            Ok(Err(failure)) if (self.config.counts)(&failure) => Err(permit.failed(failure).await),
            Ok(Err(failure)) => {
                if failure.class() == Class::Permanent {
                    permit.succeeded().await;
                } else {
                    permit.unknown().await;
                }
                Err(failure)
            }
            Err(_) => {
                let reason = "the provider did not answer before the invocation's deadline";
                Err(permit.failed(Failure::transient("call_timeout", reason)).await)
            }
        }
    }
}
