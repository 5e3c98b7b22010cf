//! When schedules fire: the expressions of EventBridge Scheduler.
//!
//! [`Expression`] is `at(…)`, `rate(…)` or `cron(…)` as AWS documents them ("Schedule types in
//! EventBridge Scheduler"). [`Timetable`] adds the time zone and the dates, and tells the next
//! time.
//!
//! What AWS does not document is refused in an expression: a schedule that runs here must deploy.

mod cron;
mod days;
mod error;
mod expression;
mod field;
#[cfg(test)]
mod tests;
mod timetable;
mod zone;

pub use cron::Cron;
pub use error::ExpressionError;
pub use expression::{Expression, LONGEST_EXPRESSION};
pub use timetable::Timetable;
pub use zone::{LONGEST_ZONE, ZoneError, time_zone};
