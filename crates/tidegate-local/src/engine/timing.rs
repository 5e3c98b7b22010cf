//! How fast everything is delivered.

use crate::pace::Pace;

/// How fast everything is delivered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Divides the waiting times that AWS fixes.
    pub(super) time_scale: f64,
    /// How fast sources are polled.
    pub(super) pace: Pace,
}
