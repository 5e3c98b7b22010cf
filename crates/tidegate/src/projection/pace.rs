use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// First pause after a throttled call.
const FIRST: Duration = Duration::from_millis(50);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(2);
/// A pause below it is none.
const LEAST: Duration = Duration::from_millis(10);

/// The pause before each call of a read model: twice as long after it said that it takes no more, a
/// quarter shorter after each call that it took.
///
/// A projector's transactions run one after the other, so that there is nothing to run fewer of at
/// a time. Nor are fewer rows packed into one: counters that events share would be written more
/// often, which takes more of what is short. It outlives invocations: what was too fast for the
/// last one is too fast for the next.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Duration>);

impl Pace {
    /// How long to wait before the next call, drawn at random from the upper half: environments
    /// that were throttled together must not come back together.
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
