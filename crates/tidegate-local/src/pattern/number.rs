//! Numbers as patterns compare them.

use serde_json::Number;

/// Largest number that `numeric` compares, positive or negative.
pub(super) const LARGEST: f64 = 5.0e9;

/// Digits behind the decimal point that count.
const STEPS: f64 = 1.0e6;

/// A number within the range of `numeric`, in millionths.
pub(super) fn millionths(number: &Number) -> Option<i64> {
    let value = number.as_f64().filter(|value| value.abs() <= LARGEST)?;
    #[expect(clippy::cast_possible_truncation, reason = "at most 5e15 either way")]
    let millionths = (value * STEPS).round() as i64;
    Some(millionths)
}

/// Whether two numbers are the same. Outside the range of `numeric`, where account numbers are, they are compared as they are written.
pub(super) fn same(one: &Number, other: &Number) -> bool {
    match (millionths(one), millionths(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// What `numeric` asks for, in millionths, both ends included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) lowest: i64,
    pub(super) highest: i64,
}

impl Range {
    pub(super) const ALL: Self = Self { lowest: i64::MIN, highest: i64::MAX };

    pub(super) fn contains(self, number: &Number) -> bool {
        millionths(number).is_some_and(|value| (self.lowest..=self.highest).contains(&value))
    }
}
