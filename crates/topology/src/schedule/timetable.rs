//! The times at which a schedule fires.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::expression::Expression;

/// Most local times that are looked at for one next time.
///
/// A time zone skips at most a day, with 1,440 times. More can be skipped only by an expression
/// whose every time is skipped.
const LOOKED_AT: usize = 20_000;

/// An expression with its time zone and its dates.
///
/// - A local time that a time zone skips does not exist: a cron expression does not fire then. A
///   local time that occurs twice fires once, at its first occurrence (AWS docs: "Daylight savings
///   time on EventBridge Scheduler").
/// - A one-time schedule at a skipped time fires by as much later as the clocks were put forward.
///   AWS documents no rule for it.
/// - A rate counts from the start, or from the creation without one.
#[derive(Clone, Debug)]
pub struct Timetable {
    /// The expression.
    pub expression: Expression,
    /// Time zone of the expression.
    pub zone: TimeZone,
    /// A recurring schedule does not fire before.
    pub start: Option<Timestamp>,
    /// A recurring schedule does not fire at or after this time.
    pub end: Option<Timestamp>,
    /// When the schedule was created.
    pub created: Timestamp,
}

impl Timetable {
    /// Returns the first time that is later than `after`; without `after`, the first of all.
    ///
    /// The first of all is never before the creation, but for a one-time schedule, whose time may
    /// be past.
    #[must_use]
    pub fn next(&self, after: Option<Timestamp>) -> Option<Timestamp> {
        let next = match &self.expression {
            Expression::At(time) => {
                let once = self.zone.to_ambiguous_timestamp(*time).compatible().ok()?;
                return Some(once).filter(|once| after.is_none_or(|after| *once > after));
            }
            Expression::Rate(every) => {
                let first = self.start.unwrap_or(self.created);
                // Times before the creation are of no schedule.
                let earliest = just_before(self.created)?;
                next_at_rate(first, every.as_secs(), after.map_or(earliest, |a| a.max(earliest)))?
            }
            Expression::Cron(cron) => {
                let earliest = just_before(self.start.unwrap_or(self.created).max(self.created))?;
                let after = after.map_or(earliest, |after| after.max(earliest));
                let local = self.zone.to_datetime(after);
                // The local times of the hour that is repeated come earlier than `after`.
                let times = cron.after(local).take(LOOKED_AT);
                times.filter_map(|time| self.instant(time)).find(|time| *time > after)?
            }
        };
        Some(next).filter(|next| self.end.is_none_or(|end| *next < end))
    }

    /// Returns the first occurrence of a local time; `None` if the time zone skips it.
    fn instant(&self, time: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(time);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => None,
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                ambiguous.earlier().ok()
            }
        }
    }
}

fn just_before(time: Timestamp) -> Option<Timestamp> {
    time.checked_sub(jiff::SignedDuration::from_nanos(1)).ok()
}

fn next_at_rate(first: Timestamp, seconds: i64, after: Timestamp) -> Option<Timestamp> {
    if first > after {
        return Some(first);
    }
    let passed = after.duration_since(first).as_secs();
    let next = (passed / seconds).checked_add(1)?.checked_mul(seconds)?;
    first.checked_add(jiff::SignedDuration::from_secs(next)).ok()
}
