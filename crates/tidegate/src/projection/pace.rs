//! Pauses of a projector whose read model is throttled.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
/// First pause after a throttled call.
const FIRST: Duration = Duration::from_millis(50);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(2);
/// Pauses below this are skipped.
const LEAST: Duration = Duration::from_millis(10);

/// The pause before each call of a read model. A throttled call doubles it, and each other call
/// makes it a quarter shorter.
///
/// A projector's transactions run one after the other, so it cannot run fewer at a time. It also
/// does not pack fewer rows into each: then shared counters would be written more often, which uses
/// more of the capacity that is short. The pace outlives invocations.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Duration>);

impl Pace {
    /// How long to wait before the next call, drawn at random from the upper half, so that
    /// environments that were throttled together do not come back together.
    pub(super) fn pause(&self) -> Duration {
        let pause = *self.state();
        pause.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// The call was throttled.
    pub(super) fn throttled(&self) {
        let mut pause = self.state();
        *pause = pause.saturating_mul(2).clamp(FIRST, LONGEST);
    }

    /// The call was taken.
    pub(super) fn taken(&self) {
        let mut pause = self.state();
        *pause = pause.mul_f64(0.75);
        if *pause < LEAST {
            *pause = Duration::ZERO;
        }
    }

    fn state(&self) -> MutexGuard<'_, Duration> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_its_bound_and_goes_back_to_nothing() {
        let pace = Pace::default();
        assert_eq!(pace.pause(), Duration::ZERO);
        let mut before = Duration::ZERO;
        for _ in 0..10 {
            pace.throttled();
            let now = *pace.state();
            assert!(now == FIRST || now == LONGEST || now == before * 2, "{now:?}");
            assert!(pace.pause() >= now / 2 && pace.pause() <= now);
            before = now;
        }
        assert_eq!(before, LONGEST);
        let calls = (0..).take_while(|_| {
            pace.taken();
            !pace.pause().is_zero()
        });
        assert_eq!(calls.count(), 18, "2 s become less than 10 ms");
    }
}
