//! Status of all schedules.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::destination::DeliveryFailures;
use crate::driver::LastError;
use crate::running::Running;

/// Most schedules that a status lists: those that come next.
pub(super) const LISTED: usize = 100;

/// State and counts of all schedules since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SchedulesStatus {
    /// Number of schedules.
    pub schedules: u64,
    /// Firings that neither the target nor the dead-letter queue has.
    pub waiting: u64,
    /// Lost firings: neither the target nor the dead-letter queue accepted them.
    pub destination_failures: DeliveryFailures,
    /// The last failure of a hand-over, or of storing how far a schedule has come.
    pub last_error: Option<String>,
    /// When it happened, as RFC 3339.
    pub last_error_at: Option<String>,
    /// Counts by group, with those of schedules that were deleted.
    pub groups: BTreeMap<String, FiringCounts>,
    /// The schedules that come next, at most 100.
    pub next: Vec<ScheduleStatus>,
}

/// Counts of firings since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FiringCounts {
    /// Times that came, and requests to fire.
    pub fired: u64,
    /// Firings that the target received.
    pub handed_over: u64,
    /// Tries after a failed one.
    pub retries: u64,
    /// Firings that were given up, and sent to the dead-letter queue if there is one.
    pub failed: u64,
}

/// One schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScheduleStatus {
    /// Name of its group.
    pub group: String,
    /// Name.
    pub name: String,
    /// Expression.
    pub expression: String,
    /// Time zone of the expression.
    pub time_zone: String,
    /// Whether it fires.
    pub enabled: bool,
    /// ARN of the target.
    pub target: String,
    /// Its next time, as RFC 3339. `None` if it will not fire.
    pub next: Option<String>,
    /// When that time comes, as RFC 3339. It is earlier with a time scale.
    pub comes: Option<String>,
    /// Its counts.
    #[serde(flatten)]
    pub counts: FiringCounts,
    /// Why the last failed try failed.
    pub last_error: Option<String>,
    /// When it failed, as RFC 3339.
    pub last_error_at: Option<String>,
}

impl LastError for SchedulesStatus {
    fn last_error(&mut self) -> &mut Option<String> {
        &mut self.last_error
    }

    fn last_error_at(&mut self) -> &mut Option<String> {
        &mut self.last_error_at
    }
}

/// The running schedules.
///
/// When they end, what they owe is on disk.
pub type ScheduleTask = Running<SchedulesStatus>;
