//! Distributions of values whose sum means nothing: durations, lags, sizes.
//!
//! The buckets grow by a constant factor. For example, with factor 1.02 the values 100 and 101
//! share a bucket, and 100 and 103 do not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Factor between two adjacent buckets. A percentile is off by at most 1 %.
const STEP: f64 = 1.02;
/// Smaller values count as zero, larger values are ignored. So there are at most 2,100 buckets.
const SMALLEST: f64 = 1e-3;
const LARGEST: f64 = 1e15;

/// The recorded values, in bounded space.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Distribution {
    zeros: u64,
    /// Counts by power of [`STEP`].
    buckets: BTreeMap<i32, u64>,
    count: u64,
    largest: f64,
}

/// Summary of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of values.
    pub count: u64,
    /// Median: half of the values are not above this.
    pub p50: f64,
    /// 99th percentile: 99 of 100 values are not above this.
    pub p99: f64,
    /// The largest value.
    pub max: f64,
}

impl Distribution {
    /// Records a value `count` times.
    ///
    /// A negative value counts as zero: clocks differ, so a lag may seem negative.
    pub(crate) fn record(&mut self, value: f64, count: u64) {
        if !value.is_finite() || value > LARGEST || count == 0 {
            return;
        }
        self.count += count;
        self.largest = self.largest.max(value);
        if value < SMALLEST {
            self.zeros += count;
        } else {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the limits are below 2,000 powers of the step"
            )]
            let power = (value.ln() / STEP.ln()).round() as i32;
            *self.buckets.entry(power).or_default() += count;
        }
    }

    /// Returns the summary.
    #[must_use]
    pub(crate) fn summary(&self) -> Summary {
        Summary { count: self.count, p50: self.at(50), p99: self.at(99), max: self.largest }
    }

    /// Returns the value that `percent` of the values do not exceed.
    fn at(&self, percent: u64) -> f64 {
        let wanted = self.count.saturating_mul(percent).div_ceil(100);
        let mut seen = self.zeros;
        if seen >= wanted {
            return 0.0;
        }
        for (power, count) in &self.buckets {
            seen += count;
            if seen >= wanted {
                // The middle of a bucket may be above the largest value in it.
                return STEP.powi(*power).min(self.largest);
            }
        }
        self.largest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_one_percent() {
        let mut durations = Distribution::default();
        for n in 1..=1000 {
            durations.record(f64::from(n) / 10.0, 1);
        }
        let summary = durations.summary();
        assert_eq!((summary.count, summary.max), (1000, 100.0));
        assert!((summary.p50 - 50.0).abs() <= 0.5, "{summary:?}");
        assert!((summary.p99 - 99.0).abs() <= 1.0, "{summary:?}");
    }

    #[test]
    fn an_outlier_does_not_move_the_median_and_no_percentile_is_above_the_largest_value() {
        let mut lags = Distribution::default();
        lags.record(3.0, 99);
        lags.record(86_400_000.0, 1);
        let summary = lags.summary();
        assert!((summary.p50 - 3.0).abs() < 0.05 && summary.p99 < 3.1, "{summary:?}");
        assert_eq!(summary.max, 86_400_000.0);
        lags.record(86_400_000.0, 10);
        assert!(lags.summary().p99 <= 86_400_000.0, "{:?}", lags.summary());
    }

    #[test]
    fn what_is_no_size_is_left_out() {
        let mut lags = Distribution::default();
        assert_eq!(lags.summary(), Summary::default());
        lags.record(f64::NAN, 1);
        lags.record(f64::INFINITY, 1);
        lags.record(f64::MAX, 1);
        lags.record(-5.0, 1);
        assert_eq!(lags.summary(), Summary { count: 1, ..Summary::default() });
    }
}
