//! Limits how many calls of a dependency run at a time.

use std::future::Future;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use parking_lot::{Mutex, MutexGuard};

/// Limits how many calls of one dependency run at a time, and adapts the limit to throttling.
///
/// A throttled call halves the limit, down to one. Each round without a throttled call raises it by
/// one, up to `most`. The limit outlives invocations, because the dependency's capacity does too.
/// [`EachRecord`](super::EachRecord) has such a limit built in. A
/// [`BatchHandler`](super::BatchHandler) keeps one for each service that it calls.
///
/// # Examples
///
/// ```
/// use tidegate::batch::Concurrency;
/// use tidegate::failure::Failure;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let limit = Concurrency::new(4);
/// let call = |number: u32| async move {
///     let failure = Failure::transient(Failure::THROTTLED, "slow down");
///     if number == 3 { Err(failure) } else { Ok(number) }
/// };
/// let throttled = |result: &Result<u32, Failure>| {
///     result.as_ref().is_err_and(|failure| failure.code() == Failure::THROTTLED)
/// };
/// let results = limit.each([1, 2, 3], call, throttled).await;
/// assert_eq!(results[..2], [Ok(1), Ok(2)]);
/// assert_eq!(limit.now(), 2);
/// # }
/// ```
#[derive(Debug)]
pub struct Concurrency {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: usize,
    /// Calls that ended since the last change and were not throttled. A round has as many of them
    /// as may run at a time.
    clean: usize,
    /// Number of times that the limit was lowered.
    epoch: u64,
}

/// A call that began under a [`Concurrency`].
#[derive(Clone, Copy, Debug)]
pub struct Begun(u64);

impl Concurrency {
    /// Creates a limit that starts at `most` calls at a time (at least one) and never exceeds it.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { most, state: Mutex::new(State { now: most, clean: 0, epoch: 0 }) }
    }

    /// Returns how many calls may run at a time now.
    pub fn now(&self) -> usize {
        self.state().now
    }

    /// Records that a call begins. It does not wait: check [`Concurrency::now`] first.
    pub fn begin(&self) -> Begun {
        Begun(self.state().epoch)
    }

    /// Records that a call ended, and whether it was throttled.
    ///
    /// A call that began before the limit was last lowered changes nothing. Otherwise each of the
    /// calls that ran together would halve the limit.
    pub fn end(&self, begun: Begun, throttled: bool) {
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

    /// Makes a call for each input, within the limit, and returns the results in the order of the
    /// inputs.
    ///
    /// `throttled` returns whether a result means that the dependency was overloaded. If the
    /// returned future is dropped, all results are lost: put the deadline on each call, not on the
    /// whole run. Each run counts only its own calls, so two runs at the same time may make twice
    /// as many.
    pub async fn each<I, T, F: Future<Output = T>>(
        &self,
        inputs: impl IntoIterator<Item = I>,
        call: impl Fn(I) -> F,
        throttled: impl Fn(&T) -> bool,
    ) -> Vec<T> {
        let mut waiting = inputs.into_iter().enumerate();
        let mut running = FuturesUnordered::new();
        let mut results = Vec::new();
        loop {
            while running.len() < self.now()
                && let Some((place, input)) = waiting.next()
            {
                let (begun, called) = (self.begin(), call(input));
                running.push(async move { (place, begun, called.await) });
            }
            let Some((place, begun, result)) = running.next().await else { break };
            self.end(begun, throttled(&result));
            results.push((place, result));
        }
        results.sort_unstable_by_key(|(place, _)| *place);
        results.into_iter().map(|(_, result)| result).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// Begins as many records as may run and ends them, the first `throttled` of them throttled.
    ///
    /// Returns the new limit.
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

    /// A dependency that accepts `takes` calls at a time and throttles all others.
    ///
    /// A later call is answered sooner.
    #[derive(Default)]
    struct Dependency {
        at_work: Mutex<usize>,
        seen: Mutex<Vec<usize>>,
    }

    impl Dependency {
        async fn call(&self, number: usize, takes: usize) -> (usize, bool) {
            let now = {
                let mut at_work = self.at_work.lock();
                *at_work += 1;
                *at_work
            };
            self.seen.lock().push(now);
            tokio::time::sleep(Duration::from_millis(1000 - number as u64)).await;
            *self.at_work.lock() -= 1;
            (number, now > takes)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_stays_within_the_limit_which_the_next_run_remembers() {
        let (limit, dependency) = (Concurrency::new(8), Dependency::default());
        let mut most = Vec::new();
        for _ in 0..2 {
            let results = limit
                .each(0..100, |number| dependency.call(number, 3), |(_, throttled)| *throttled)
                .await;
            let numbers: Vec<usize> = results.iter().map(|(number, _)| *number).collect();
            assert_eq!(numbers, (0..100).collect::<Vec<_>>(), "in the order of the inputs");
            most.push(std::mem::take(&mut *dependency.seen.lock()).into_iter().max().unwrap());
        }
        // The first run starts at eight. Then the limit oscillates around three: it drops to two
        // when four calls run, and rises again.
        assert_eq!(most, [8, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn each_that_is_not_throttled_runs_as_many_as_declared() {
        let (limit, dependency) = (Concurrency::new(8), Dependency::default());
        let results = limit
            .each(0..100, |number| dependency.call(number, 8), |(_, throttled)| *throttled)
            .await;
        assert_eq!(results.len(), 100);
        assert_eq!(dependency.seen.lock().iter().max(), Some(&8));
        assert!(limit.each([(); 0], |()| std::future::ready(()), |()| true).await.is_empty());
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
