//! Samples and their statistics.

use std::time::Duration;

/// Returns the percentile of the samples for a share of 0 to 1 (nearest rank). It is zero without
/// samples.
#[must_use]
pub fn percentile(samples: &[Duration], share: f64) -> Duration {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or_default()
}

/// One invocation, as its function saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When the function got the event, since the Unix epoch.
    pub at: Duration,
    /// Records in it.
    pub records: u64,
}

/// Returns the records per second between the first invocation and the last.
///
/// Neither start nor end counts. The result is `None` with fewer than two invocations.
#[must_use]
pub fn per_second(invocations: &[Seen]) -> Option<f64> {
    let first = invocations.iter().min_by_key(|seen| seen.at)?;
    let last = invocations.iter().max_by_key(|seen| seen.at)?;
    let took = last.at.checked_sub(first.at).filter(|took| !took.is_zero())?;
    // The records of the last invocation were handled after the end.
    let records = invocations.iter().map(|seen| seen.records).sum::<u64>() - last.records;
    Some(records as f64 / took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_sample_that_so_many_do_not_exceed() {
        let samples: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        let of = |share| percentile(&samples, share).as_millis();
        assert_eq!([of(0.0), of(0.5), of(0.99), of(1.0)], [1, 50, 99, 100]);
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }

    #[test]
    fn a_rate_leaves_out_the_time_before_the_first_and_the_records_of_the_last() {
        let seen = |at, records| Seen { at: Duration::from_millis(at), records };
        // Out of order, as invocations of several environments may be reported.
        let rate = per_second(&[seen(3000, 7), seen(1000, 100), seen(2000, 100)]);
        assert_eq!(rate, Some(100.0));
        assert_eq!(per_second(&[seen(1000, 100)]), None);
        assert_eq!(per_second(&[]), None);
    }
}
