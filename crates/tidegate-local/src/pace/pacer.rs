//! Decides how often a source is polled.

use std::time::Duration;

/// How often sources are polled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As fast as records come.
    ///
    /// An idle source is polled less and less often, and soon again after work was done elsewhere.
    #[default]
    Fast,
    /// As AWS does it.
    ///
    /// Kinesis once a second per shard, DynamoDB Streams four times a second, queues by long
    /// polling.
    Aws,
}

const IDLE_FIRST: Duration = Duration::from_millis(5);
/// As often as Lambda reads the stream of a table.
///
/// Polling an idle system more often is not worth its cost: the engine's own work wakes the pollers
/// at once.
const IDLE_LONGEST: Duration = Duration::from_millis(250);
const FAILED_FIRST: Duration = Duration::from_millis(50);
const FAILED_LONGEST: Duration = Duration::from_secs(5);
/// Wait after a short page: too short to be felt, long enough for records to gather into a batch.
const GATHER: Duration = Duration::from_millis(5);
/// Shortest wait after an empty poll that ends early because work was done elsewhere.
///
/// An empty poll costs an emulator 0.7 ms of CPU. This wait bounds how many polls a busy neighbour
/// causes.
const WOKEN: Duration = Duration::from_millis(20);

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

    /// Notes that work was done elsewhere.
    ///
    /// The waits of an idle source start again at the shortest one.
    pub fn woken(&mut self) {
        if matches!(self.last, Last::Empty(_)) {
            self.last = Last::Empty(1);
        }
    }

    /// Returns the number of empty polls in a row.
    #[must_use]
    pub fn empty_polls(&self) -> u32 {
        if let Last::Empty(count) = self.last { count } else { 0 }
    }

    /// Returns when the next poll is due.
    #[must_use]
    pub fn due(&self) -> Due {
        let doubled = |first: Duration, longest: Duration, count: u32| {
            first.saturating_mul(2_u32.saturating_pow(count.saturating_sub(1).min(20))).min(longest)
        };
        match (self.last, self.pace) {
            (Last::Failed(count), _) => {
                Due { after: doubled(FAILED_FIRST, FAILED_LONGEST, count), woken: None }
            }
            (_, Pace::Aws) => Due { after: self.fixed, woken: None },
            (Last::Full, Pace::Fast) => Due { after: Duration::ZERO, woken: None },
            (Last::Short, Pace::Fast) => Due { after: GATHER, woken: None },
            (Last::Empty(count), Pace::Fast) => {
                let after = doubled(IDLE_FIRST, IDLE_LONGEST, count);
                Due { after, woken: (after > WOKEN).then_some(WOKEN) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(pacer: &Pacer) -> u128 {
        pacer.due().after.as_millis()
    }

    #[test]
    fn an_idle_source_is_polled_ever_more_rarely_down_to_four_times_a_second() {
        let mut pacer = Pacer::new(Pace::Fast, Duration::from_secs(1));
        let mut waits = Vec::new();
        for _ in 0..8 {
            pacer.empty();
            waits.push(millis(&pacer));
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 250, 250]);
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
    fn work_done_elsewhere_shortens_an_idle_wait() {
        let mut pacer = Pacer::new(Pace::Fast, Duration::from_secs(1));
        for _ in 0..9 {
            pacer.empty();
        }
        assert_eq!(pacer.due().woken, Some(Duration::from_millis(20)));
        pacer.woken();
        assert_eq!(millis(&pacer), 5);
    }

    #[test]
    fn failures_back_off_up_to_five_seconds() {
        let mut pacer = Pacer::new(Pace::Aws, Duration::from_secs(1));
        pacer.failed();
        assert_eq!(millis(&pacer), 50);
        for _ in 0..20 {
            pacer.failed();
        }
        assert_eq!(millis(&pacer), 5000);
    }

    #[test]
    fn aws_pace_is_fixed() {
        let mut pacer = Pacer::new(Pace::Aws, Duration::from_millis(250));
        pacer.brought(true);
        assert_eq!(pacer.due(), Due { after: Duration::from_millis(250), woken: None });
    }
}
