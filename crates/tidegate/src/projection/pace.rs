//! Pauses a projector whose read model is throttled.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
/// First pause after a throttled call.
const FIRST: Duration = Duration::from_millis(50);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(2);
/// Pauses below this are skipped.
const LEAST: Duration = Duration::from_millis(10);

/// The pause before each call of a read model.
///
/// A throttled call doubles the pause. Any other call makes it a quarter shorter. The pace outlives
/// invocations.
///
/// A projector cannot run fewer transactions at a time, because it runs them one after the other.
/// Each row that is written by itself waits for the pause.
/// Nor does it pack fewer rows into each: shared counters would then be written more often and use
/// more of the scarce capacity.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Duration>);

impl Pace {
    /// Draws the pause before the next call at random from the upper half. Environments that were
    /// throttled together then do not come back together.
    pub(super) fn pause(&self) -> Duration {
        let pause = *self.state();
        pause.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// Records that the call was throttled.
    pub(super) fn throttled(&self) {
        let mut pause = self.state();
        *pause = pause.saturating_mul(2).clamp(FIRST, LONGEST);
    }

    /// Records that the call was not throttled.
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
