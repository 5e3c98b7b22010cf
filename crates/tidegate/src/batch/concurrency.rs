use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many records run at a time: half as many after a dependency said that it takes no more, one more after each round in which none did, never more than
/// declared. It outlives invocations: what was too much for the last one is too much for the next.
#[derive(Debug)]
pub(super) struct Concurrency {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: usize,
    /// Records that ended since the last change and were not throttled. As many as run at a time are a round.
    clean: usize,
    /// Counts the changes downwards.
    epoch: u64,
}

/// Tells how many records ran at a time when a record was begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun(u64);

impl Concurrency {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Concurrency { most, state: Mutex::new(State { now: most, clean: 0, epoch: 0 }) }
    }

    pub(super) fn now(&self) -> usize {
        self.state().now
    }

    pub(super) fn begin(&self) -> Begun {
        Begun(self.state().epoch)
    }

    /// A record ended. One that was begun before the last change downwards says nothing about what is bearable since: all that ran together would else halve it
    /// once each.
    pub(super) fn end(&self, begun: Begun, throttled: bool) {
        let mut state = self.state();
        if begun.0 != state.epoch {
            return;
        }
        if throttled {
            *state = State { now: (state.now / 2).max(1), clean: 0, epoch: state.epoch + 1 };
            return;
        }
        state.clean += 1;
        if state.clean >= state.now {
            state.clean = 0;
            state.now = (state.now + 1).min(self.most);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Begins as many records as may run and ends them, the first `throttled` of them throttled.
    fn round(concurrency: &Concurrency, throttled: usize) -> usize {
        let begun: Vec<Begun> = (0..concurrency.now()).map(|_| concurrency.begin()).collect();
        for (number, begun) in begun.into_iter().enumerate() {
            concurrency.end(begun, number < throttled);
        }
        concurrency.now()
    }

    #[test]
    fn a_round_of_throttled_records_halves_it_once_and_a_clean_round_adds_one() {
        let concurrency = Concurrency::new(16);
        assert_eq!(round(&concurrency, 0), 16, "never above what was declared");
        assert_eq!(round(&concurrency, 16), 8);
        assert_eq!(round(&concurrency, 1), 4);
        let clean: Vec<usize> = (0..3).map(|_| round(&concurrency, 0)).collect();
        assert_eq!(clean, [5, 6, 7]);
    }

    #[test]
    fn at_least_one_record_runs() {
        let concurrency = Concurrency::new(3);
        let throttled: Vec<usize> = (0..3).map(|_| round(&concurrency, 1)).collect();
        assert_eq!(throttled, [1, 1, 1]);
        assert_eq!(Concurrency::new(0).now(), 1);
    }

    #[test]
    fn part_of_a_round_adds_nothing() {
        let concurrency = Concurrency::new(8);
        round(&concurrency, 1);
        for _ in 0..3 {
            concurrency.end(concurrency.begin(), false);
        }
        assert_eq!(concurrency.now(), 4);
        concurrency.end(concurrency.begin(), false);
        assert_eq!(concurrency.now(), 5);
    }

    proptest! {
        #[test]
        fn it_stays_between_one_and_what_was_declared(
            most in 1..20_usize,
            steps in prop::collection::vec((any::<bool>(), 0..4_usize), 0..60),
        ) {
            let concurrency = Concurrency::new(most);
            let mut running = Vec::new();
            for (throttled, late) in steps {
                let before = concurrency.now();
                running.push(concurrency.begin());
                let begun = running.remove(running.len().saturating_sub(late + 1));
                concurrency.end(begun, throttled);
                let after = concurrency.now();
                prop_assert!((1..=most).contains(&after));
                prop_assert!(after <= before + 1 && after >= before / 2);
                prop_assert!(!throttled || after <= before);
            }
        }
    }
}
