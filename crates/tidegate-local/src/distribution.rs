//! How values are distributed: durations, lags, sizes. Adding them up would say nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Each bucket's values are this many times those of the one before it: a percentile is off by 1 % at most.
const STEP: f64 = 1.02;
/// What is smaller counts as zero, and what is larger is left out: there are 2,100 buckets at most.
const SMALLEST: f64 = 1e-3;
const LARGEST: f64 = 1e15;

/// The values so far, in bounded space.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Distribution {
    zeros: u64,
    /// Counts by the power of [`STEP`].
    buckets: BTreeMap<i32, u64>,
    count: u64,
    largest: f64,
}

/// What is said about a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many values there were.
    pub count: u64,
    /// Half of the values are not above this.
    pub p50: f64,
    /// 99 of 100 values are not above this.
    pub p99: f64,
    /// The largest value.
    pub max: f64,
}

impl Distribution {
    /// Takes a value in, `count` times. Below zero there is nothing: clocks differ, so a lag may seem negative.
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

    /// The summary.
    #[must_use]
    pub(crate) fn summary(&self) -> Summary {
        Summary { count: self.count, p50: self.at(50), p99: self.at(99), max: self.largest }
    }

    /// The value that so many percent of the values are not above.
    fn at(&self, percent: u64) -> f64 {
        let wanted = self.count.saturating_mul(percent).div_ceil(100);
        let mut seen = self.zeros;
        if seen >= wanted {
            return 0.0;
        }
        for (power, count) in &self.buckets {
            seen += count;
            if seen >= wanted {
                // A bucket's middle may be above the largest value that is in it.
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
