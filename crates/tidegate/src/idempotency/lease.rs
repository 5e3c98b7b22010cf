//! The lease of a run: how long an effect may take.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::time_left::time_left;

/// Time reserved at the end for recording the outcome of the effect and for the response.
const RESERVE: Duration = Duration::from_millis(1000);
/// Longest lease. Longer ones are cut, because clocks do not count further.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// How long a run may take.
///
/// Every lease has an end, because otherwise a live claim could not be distinguished from one whose
/// owner is gone.
///
/// A [`BatchContext`](crate::batch::BatchContext) and the context of an invocation convert into a
/// lease, so an effect runs in any handler. In other code use [`Lease::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Time after which nothing is started or waited for, so that there is time to respond.
    pub deadline: Instant,
    /// Time at which the run is certainly over. From then on its claim has no owner.
    pub until: Timestamp,
}

impl Lease {
    /// Creates the lease of a run that is certainly over after `time`.
    ///
    /// A tenth of it, one second at most, is reserved for the response. With a duration of zero
    /// nothing is started.
    pub fn new(time: Duration) -> Self {
        let time = time.min(LONGEST);
        Self {
            deadline: Instant::now() + time.saturating_sub(RESERVE.min(time / 10)),
            until: Timestamp::now().saturating_add(time).unwrap_or(Timestamp::MAX),
        }
    }
}

impl From<&lambda_runtime::Context> for Lease {
    fn from(context: &lambda_runtime::Context) -> Self {
        Self::new(time_left(context.deadline, SystemTime::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_ends_with_the_invocation_and_keeps_time_for_the_answer() {
        let mut context = lambda_runtime::Context::default();
        let end = Timestamp::now().as_millisecond() + 60_000;
        context.deadline = u64::try_from(end).unwrap();
        let lease = Lease::from(&context);
        assert!((lease.until.as_millisecond() - end).abs() < 1000, "{lease:?}");
        let left = lease.deadline - Instant::now();
        assert!(left > Duration::from_secs(58) && left <= Duration::from_secs(59), "{left:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_time_is_no_time_and_endless_time_has_an_end() {
        assert_eq!(Lease::new(Duration::ZERO).deadline, Instant::now());
        let year = Duration::from_secs(31_536_000);
        assert_eq!(Lease::new(year).deadline - Instant::now(), year - RESERVE);
        let endless = Lease::new(Duration::MAX);
        assert!(endless.deadline > Instant::now() && endless.until > Timestamp::now());
    }
}
