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
/// Of calls that run at the same time, only one changes the pause: they met the same table under
/// the same pause. If some are throttled and others are not, the pause grows.
///
/// A projector cannot run fewer transactions at a time, because it runs them one after the other.
/// Each row that is written by itself waits for the pause.
/// Nor does it pack fewer rows into each: shared counters would then be written more often and use
/// more of the scarce capacity.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<State>);

/// The pause, and how often it was doubled before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pause: Duration,
    doubled: u64,
}

impl Pace {
    /// Draws the pause before the next call at random from the upper half. Environments that were
    /// throttled together then do not come back together.
    pub(super) fn pause(&self) -> Duration {
        self.state().pause()
    }

    /// Returns the state in which a call begins.
    pub(super) fn state(&self) -> State {
        *self.lock()
    }

    /// Records that a call was throttled, and that no other ran meanwhile.
    pub(super) fn throttled(&self) {
        self.throttled_since(self.state());
    }

    /// Records that a call was throttled that began in this state.
    pub(super) fn throttled_since(&self, began: State) {
        let mut now = self.lock();
        if now.doubled == began.doubled {
            now.pause = now.pause.saturating_mul(2).clamp(FIRST, LONGEST);
            now.doubled += 1;
        }
    }

    /// Records that a call was not throttled, and that no other ran meanwhile.
    pub(super) fn taken(&self) {
        self.taken_since(self.state());
    }

    /// Records that a call was not throttled that began in this state.
    pub(super) fn taken_since(&self, began: State) {
        let mut now = self.lock();
        if *now == began {
            now.pause = now.pause.mul_f64(0.75);
            if now.pause < LEAST {
                now.pause = Duration::ZERO;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl State {
    /// Draws the pause before the call, as [`Pace::pause`] does.
    pub(super) fn pause(self) -> Duration {
        self.pause.mul_f64(0.5 + fastrand::f64() / 2.0)
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
            let now = pace.state().pause;
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
    #[test]
    fn of_calls_that_run_at_the_same_time_one_changes_the_pause() {
        let pace = Pace::default();
        let together = |count: usize, end: &dyn Fn(State)| {
            let calls: Vec<State> = (0..count).map(|_| pace.state()).collect();
            calls.into_iter().for_each(end);
            pace.state().pause
        };
        assert_eq!(together(16, &|began| pace.throttled_since(began)), FIRST);
        assert_eq!(together(16, &|began| pace.throttled_since(began)), FIRST * 2);
        assert_eq!(together(16, &|began| pace.taken_since(began)), FIRST.mul_f64(1.5));
        // A table that takes every second call is throttled, whichever ends first.
        for taken_first in [true, false] {
            let before = pace.state().pause;
            let calls: Vec<State> = (0..16).map(|_| pace.state()).collect();
            for (place, began) in calls.into_iter().enumerate() {
                match (place % 2 == 0) == taken_first {
                    true => pace.taken_since(began),
                    false => pace.throttled_since(began),
                }
            }
            assert!(pace.state().pause > before, "{taken_first}");
        }
    }
}
