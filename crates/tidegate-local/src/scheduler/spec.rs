//! What the machine must know of a schedule.

use lambda_shapes::moment::Moment;
use topology::schedule::Timetable;

use super::target::Retries;

/// A schedule, as the machine sees it.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Identity of the schedule: another schedule of the same name has another.
    pub identity: String,
    /// Number of this version of the definition.
    pub revision: u64,
    /// When it fires.
    pub timetable: Timetable,
    /// From here on the time scale shortens its waits: the newest change of the definition.
    pub anchor: Moment,
    /// Whether it fires.
    pub is_enabled: bool,
    /// Limits of the tries.
    pub retries: Retries,
    /// Whether it is deleted when it will not fire again.
    pub delete_when_done: bool,
}
