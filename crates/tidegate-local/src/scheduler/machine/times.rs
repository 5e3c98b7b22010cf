//! When the times of a schedule come, with the time scale.

use std::time::Duration;

use jiff::Timestamp;
use lambda_shapes::moment::Moment;

use super::super::spec::Spec;
use super::life::Life;
use crate::pace::scale::scale;

/// Most times that a schedule makes up for at once, after a machine that slept.
const MADE_UP_FOR: usize = 10;

/// The time scale of all schedules.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// Divides the waits; 1 is AWS's pace.
    pub(super) time_scale: f64,
}

impl Times {
    /// Returns the moment at which a time of a schedule comes.
    pub(super) fn comes(&self, spec: &Spec, time: Timestamp) -> Moment {
        let time = Moment::from(time);
        if time <= spec.anchor {
            return time;
        }
        spec.anchor.after(scale(time.since(spec.anchor), self.time_scale))
    }

    /// Returns the time of a schedule that it is now.
    pub(super) fn now_of(&self, spec: &Spec, now: Moment) -> Timestamp {
        let passed = now.since(spec.anchor);
        let scaled = if self.time_scale.is_finite() && self.time_scale > 0.0 {
            Duration::try_from_secs_f64(passed.as_secs_f64() * self.time_scale).unwrap_or(passed)
        } else {
            passed
        };
        timestamp(spec.anchor.after(scaled))
    }

    /// Returns the times of a schedule that have come, and the next one.
    pub(super) fn came(
        &self,
        life: &Life,
        now: Moment,
    ) -> Option<(Vec<Timestamp>, Option<Timestamp>)> {
        let spec = &life.spec;
        let is_due = |time: &Timestamp| spec.is_enabled && self.comes(spec, *time) <= now;
        let first = life.next.filter(is_due)?;
        let times = std::iter::successors(Some(first), |last| {
            spec.timetable.next(Some(*last)).filter(is_due)
        });
        let times: Vec<Timestamp> = times.take(MADE_UP_FOR).collect();
        let last = times.last().copied().unwrap_or(first);
        let next = spec.timetable.next(Some(last)).filter(|next| !is_due(next));
        let skipping = || spec.timetable.next(Some(self.now_of(spec, now).max(last)));
        Some((times, next.or_else(skipping)))
    }
}

/// Returns a moment as a time stamp.
pub(super) fn timestamp(moment: Moment) -> Timestamp {
    Timestamp::from_millisecond(moment.as_millis()).unwrap_or(Timestamp::MAX)
}
