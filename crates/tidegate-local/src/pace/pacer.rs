//! Decides how often a source is polled.

use std::time::Duration;

/// How often sources are polled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As fast as records come.
    ///
    /// An idle source is polled every three seconds, and at once after a write that the engine saw.
    #[default]
    Fast,
    /// Like [`Pace::Fast`], with this pause between two polls of an idle source.
    ///
    /// For tests: after a pause of an hour, only a wake explains a delivery.
    Idle(Duration),
    /// As AWS does it.
    ///
    /// Kinesis once a second per shard, DynamoDB Streams four times a second, queues by long
    /// polling.
    Aws,
}

/// Wait after the first empty poll, which doubles with each further one.
const QUICK_FIRST: Duration = Duration::from_millis(5);
/// Empty polls in a row before a source counts as idle: two thirds of a second in all.
///
/// An emulator may show a record somewhat later than the write was answered.
pub const QUICK_POLLS: u32 = 7;
/// Pause between two polls of an idle source: the longest time for which a write stays unnoticed
/// that the engine did not see, such as one at the emulator itself.
///
/// A poll costs the engine half a millisecond of CPU, and a whole one on a busy machine. Fifty idle
/// sources cost 11 % of a core with a pause of 250 ms, and 2 to 3 % with one of two seconds. Writes
/// that the engine sees need no poll: they wake the pollers.
const IDLE: Duration = Duration::from_secs(3);
const FAILED_FIRST: Duration = Duration::from_millis(50);
const FAILED_LONGEST: Duration = Duration::from_secs(5);
/// Wait after a short page: too short to be felt, long enough for records to gather into a batch.
const GATHER: Duration = Duration::from_millis(5);
/// Shortest wait after an empty poll that ends early because work was done elsewhere.
///
/// An empty poll costs an emulator 0.7 ms of CPU. This wait bounds how many polls a busy neighbour
/// causes.
const WOKEN: Duration = Duration::from_millis(20);
/// Shortest wait after an empty poll that ends early because the source itself was written to.
///
/// It bounds how many polls are caused by writes that bring no record, such as one that leaves an
/// item of a table as it was.
const WRITTEN: Duration = GATHER;

/// Computes when the next poll is due from how the last polls ended.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    pace: Pace,
    fixed: Duration,
    last: Last,
}

#[derive(Clone, Copy, Debug)]
enum Last {
    Full,
    Short,
    Empty(u32),
    Failed(u32),
}

/// When the next poll is due, counted from the end of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The latest time.
    pub after: Duration,
    /// The time from which finished work elsewhere triggers the poll; `None` if it never does.
    pub woken: Option<Duration>,
    /// The time from which a write to the source triggers the poll; `None` if it never does.
    pub written: Option<Duration>,
}

impl Due {
    /// A poll that nothing brings forward.
    fn at(after: Duration) -> Self {
        Self { after, woken: None, written: None }
    }
}

impl Pacer {
    /// Creates a pacer whose first poll is due at once.
    ///
    /// `fixed` is the interval at [`Pace::Aws`].
    #[must_use]
    pub fn new(pace: Pace, fixed: Duration) -> Self {
        Self { pace, fixed, last: Last::Full }
    }

    /// Notes that a poll returned records; `full` if there are probably more.
    pub fn brought(&mut self, full: bool) {
        self.last = if full { Last::Full } else { Last::Short };
    }

    /// Notes that a poll returned nothing.
    pub fn empty(&mut self) {
        self.last = Last::Empty(self.empty_polls().saturating_add(1));
    }

    /// Notes that a poll failed.
    pub fn failed(&mut self) {
        self.last = match self.last {
            Last::Failed(count) => Last::Failed(count.saturating_add(1)),
            _ => Last::Failed(1),
        };
    }

    /// Notes that the next poll comes early: work was done elsewhere, or the source was written to.
    ///
    /// The waits of an idle source start again at the shortest one.
    pub fn woken(&mut self) {
        if matches!(self.last, Last::Empty(_)) {
            self.last = Last::Empty(0);
        }
    }

    fn empty_polls(&self) -> u32 {
        if let Last::Empty(count) = self.last { count } else { 0 }
    }

    /// Returns when the next poll is due.
    #[must_use]
    pub fn due(&self) -> Due {
        let doubled = |first: Duration, count: u32| {
            first.saturating_mul(2_u32.saturating_pow(count.saturating_sub(1).min(20)))
        };
        let idle = match (self.last, self.pace) {
            (Last::Failed(count), _) => {
                return Due::at(doubled(FAILED_FIRST, count).min(FAILED_LONGEST));
            }
            (_, Pace::Aws) => return Due::at(self.fixed),
            (Last::Full, Pace::Fast | Pace::Idle(_)) => return Due::at(Duration::ZERO),
            (Last::Short, Pace::Fast | Pace::Idle(_)) => return Due::at(GATHER),
            (Last::Empty(_), Pace::Fast) => IDLE,
            (Last::Empty(_), Pace::Idle(idle)) => idle,
        };
        let count = self.empty_polls();
        let after = if count > QUICK_POLLS { idle } else { doubled(QUICK_FIRST, count).min(idle) };
        let within = |wait: Duration| (after > wait).then_some(wait);
        Due { after, woken: within(WOKEN), written: within(WRITTEN) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(pacer: &Pacer) -> u128 {
        pacer.due().after.as_millis()
    }

    /// A source that has been idle for long.
    fn idle(pace: Pace) -> Pacer {
        let mut pacer = Pacer::new(pace, Duration::from_secs(1));
        for _ in 0..100 {
            pacer.empty();
        }
        pacer
    }

    fn next(pacer: &mut Pacer, polls: usize) -> Vec<u128> {
        let wait = |_| {
            pacer.empty();
            millis(pacer)
        };
        (0..polls).map(wait).collect()
    }

    #[test]
    fn an_idle_source_is_polled_some_times_quickly_and_then_every_three_seconds() {
        let mut pacer = Pacer::new(Pace::Fast, Duration::from_secs(1));
        assert_eq!(next(&mut pacer, 9), [5, 10, 20, 40, 80, 160, 320, 3000, 3000]);
        let hour = Duration::from_secs(3600);
        let mut pacer = Pacer::new(Pace::Idle(hour), Duration::from_secs(1));
        let waits = next(&mut pacer, usize::try_from(QUICK_POLLS).unwrap() + 1);
        assert_eq!(waits.last(), Some(&hour.as_millis()));
    }

    #[test]
    fn a_full_page_is_followed_at_once() {
        let mut pacer = Pacer::new(Pace::Fast, Duration::from_secs(1));
        pacer.brought(true);
        assert_eq!(millis(&pacer), 0);
        pacer.brought(false);
        assert_eq!(millis(&pacer), 5);
    }

    #[test]
    fn a_write_or_work_done_elsewhere_ends_an_idle_wait_and_quick_polls_follow() {
        let mut pacer = idle(Pace::Fast);
        let (woken, written) = (Duration::from_millis(20), Duration::from_millis(5));
        let after = Duration::from_secs(3);
        assert_eq!(pacer.due(), Due { after, woken: Some(woken), written: Some(written) });
        pacer.woken();
        assert_eq!(next(&mut pacer, 8), [5, 10, 20, 40, 80, 160, 320, 3000]);
    }

    #[test]
    fn failures_back_off_up_to_five_seconds_and_no_write_ends_that_wait() {
        let mut pacer = Pacer::new(Pace::Fast, Duration::from_secs(1));
        pacer.failed();
        assert_eq!(millis(&pacer), 50);
        for _ in 0..20 {
            pacer.failed();
        }
        assert_eq!(pacer.due(), Due::at(Duration::from_secs(5)));
    }

    #[test]
    fn aws_pace_is_fixed() {
        let mut pacer = idle(Pace::Aws);
        assert_eq!(pacer.due(), Due::at(Duration::from_secs(1)));
        pacer.brought(true);
        assert_eq!(pacer.due(), Due::at(Duration::from_secs(1)));
    }
}
