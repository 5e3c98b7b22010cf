//! Tests of breakers, on the double.

mod counting;
mod faults;
mod outage;
mod probes;
mod settings;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::memory::MemoryBreakers;
use super::{Breaker, BreakerStore, Phase, Rules};
use crate::failure::Failure;
use crate::idempotency::Lease;
use crate::test::{Faults, Faulty};

const NAME: &str = "payment";
/// Start of every test, in seconds since 1970.
const START: i64 = 1_800_000_000;
const COOL_DOWN: Duration = Duration::from_secs(60);

/// The shared row and the clock of all environments.
struct World {
    rows: Arc<MemoryBreakers>,
    milliseconds: Arc<AtomicI64>,
    rules: Rules,
}

impl World {
    fn new() -> Self {
        Self {
            rows: Arc::default(),
            milliseconds: Arc::new(AtomicI64::new(START * 1000)),
            rules: Rules::new(COOL_DOWN),
        }
    }

    fn with(rules: Rules) -> Self {
        Self { rules, ..Self::new() }
    }

    /// Returns the breaker of a new environment.
    fn environment(&self) -> Breaker {
        self.environment_of(Arc::clone(&self.rows) as Arc<dyn BreakerStore>)
    }

    /// Returns the breaker of a new environment, some of whose requests fail.
    fn faulty(&self, faults: &Faults) -> Breaker {
        self.environment_of(Arc::new(Faulty::new(Arc::clone(&self.rows), faults.clone())))
    }

    fn environment_of(&self, store: Arc<dyn BreakerStore>) -> Breaker {
        let milliseconds = Arc::clone(&self.milliseconds);
        Breaker::new(store, NAME, self.rules.clone()).clock(move || {
            Timestamp::from_millisecond(milliseconds.load(Ordering::Relaxed)).unwrap()
        })
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.milliseconds.load(Ordering::Relaxed)).unwrap()
    }

    fn pass(&self, time: Duration) {
        let time = i64::try_from(time.as_millis()).unwrap();
        self.milliseconds.fetch_add(time, Ordering::Relaxed);
    }

    /// Returns the lease of an invocation that ends after this time, by the clock of the world.
    fn lease(&self, seconds: u64) -> Lease {
        let time = Duration::from_secs(seconds);
        Lease { until: self.now() + time, ..Lease::new(time) }
    }

    fn phase(&self) -> Phase {
        self.rows.state(NAME).phase
    }

    fn is_open(&self) -> bool {
        matches!(self.phase(), Phase::Open { .. })
    }

    /// Opens the breaker by failures of another environment.
    async fn open(&self) {
        let breaker = self.environment();
        for _ in 0..5 {
            assert_eq!(self.fails(&breaker).await.code(), "down");
        }
        assert!(self.is_open());
    }

    async fn works(&self, breaker: &Breaker) -> Result<u8, Failure> {
        breaker.call(self.lease(20), async || Ok(7)).await
    }

    async fn fails(&self, breaker: &Breaker) -> Failure {
        let down = async || Err::<u8, _>(Failure::transient("down", "status 503"));
        breaker.call(self.lease(20), down).await.unwrap_err()
    }
}
