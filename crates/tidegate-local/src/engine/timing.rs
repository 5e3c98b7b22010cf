//! Speed of the whole system.

use crate::pace::Pace;

/// Speed of the whole system.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Divides the waiting times that AWS fixes.
    pub(super) time_scale: f64,
    /// How often sources are polled.
    pub(super) pace: Pace,
}
