//! One call through a breaker: the real `admit` and `Permit` over a store that asks the model.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use jiff::{SignedDuration, Timestamp};
use tidegate::breaker::{
    Breaker, BreakerState, BreakerStore, Change, Changed, Count, Phase, Rules,
};
use tidegate::failure::Failure;
use tidegate::idempotency::Lease;
use tokio::time::Instant;

use crate::program::{Next, Programs, Script};

/// Seconds after which the invocation of a run ends.
pub(super) const LEASE: i8 = 2;
/// Every run begins at this time, by the true clock.
const START: i64 = 1_800_000_000;

/// A phase, in seconds relative to a time that the context says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shown {
    Closed,
    Open(i8),
    HalfOpen(i8),
}

/// What a run sees of the row, in seconds since its own start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Row {
    pub(super) number: u8,
    pub(super) phase: Shown,
    /// Failures that are counted; one opens the breaker.
    pub(super) failures: u8,
}

/// A request of a run to the world. Times are seconds since the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ask {
    Look,
    Count { number: u8 },
    Change { number: u8, to: Shown },
    Call { probe: bool },
}

/// An answer of the world, and the time of the run's clock at which it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Answer {
    pub(super) clock: i8,
    pub(super) says: Says,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Says {
    Row(Row),
    Changed(bool, Row),
    Works(bool),
    /// No answer came. It is not known whether the request took effect.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    Applied,
    /// The message comes again.
    Again,
}

/// The runs that start with a clock that is ahead by this number of seconds.
pub(super) static RUNS: LazyLock<Programs<i8, Ask, Answer, End>> = LazyLock::new(Programs::default);

/// Returns what a run does after these answers.
pub(super) fn next(ahead: i8, answers: &[Answer]) -> Next<Ask, End> {
    RUNS.next(&ahead, answers, async |script| call(ahead, script).await)
}

async fn call(ahead: i8, script: Arc<Script<Ask, Answer>>) -> End {
    let clock = Arc::new(AtomicI64::new(ahead.into()));
    let store = Asking { script: Arc::clone(&script), clock: Arc::clone(&clock) };
    let rules = Rules::new(Duration::from_secs(1)).failures_in_a_row(Some(1));
    let breaker = Breaker::new(Arc::new(store), "payment", rules)
        .clock(move || time(clock.load(Ordering::Relaxed)));
    let deadline = Instant::now() + Duration::from_secs(3_600);
    let lease = Lease { deadline, until: time(LEASE.into()) };
    let Ok(permit) = breaker.admit(lease).await else { return End::Again };
    let answer = script.ask(Ask::Call { probe: permit.is_probe() }).await;
    // The clock of the breaker goes on with the next request.
    if answer.says == Says::Works(true) {
        permit.succeeded().await;
        End::Applied
    } else {
        permit.failed(Failure::transient("down", "")).await;
        End::Again
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).unwrap()
}

/// Returns the seconds since the start of a run.
fn since_start(time: Timestamp) -> i8 {
    let passed: SignedDuration = time.duration_since(Timestamp::from_second(START).unwrap());
    i8::try_from(passed.as_secs()).unwrap()
}

impl From<Phase> for Shown {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Closed => Self::Closed,
            Phase::Open { until } => Self::Open(since_start(until)),
            Phase::HalfOpen { lease_until } => Self::HalfOpen(since_start(lease_until)),
        }
    }
}

/// A store that asks the model.
struct Asking {
    script: Arc<Script<Ask, Answer>>,
    clock: Arc<AtomicI64>,
}

impl Asking {
    async fn ask(&self, ask: Ask) -> Result<Says, Failure> {
        let Answer { clock, says } = self.script.ask(ask).await;
        self.clock.store(clock.into(), Ordering::Relaxed);
        match says {
            Says::Nothing => Err(Failure::transient("lost", "no answer came")),
            says => Ok(says),
        }
    }
}

fn state(row: Row) -> BreakerState {
    let mut state = BreakerState::default();
    state.number = row.number.into();
    state.phase = match row.phase {
        Shown::Closed => Phase::Closed,
        Shown::Open(until) => Phase::Open { until: time(until.into()) },
        Shown::HalfOpen(until) => Phase::HalfOpen { lease_until: time(until.into()) },
    };
    if row.failures > 0 {
        state.counts.begun = Some(time(-1));
        state.counts.failures = row.failures.into();
        state.counts.in_a_row = row.failures.into();
    }
    state
}

impl BreakerStore for Asking {
    fn look<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<BreakerState, Failure>> {
        async move {
            match self.ask(Ask::Look).await? {
                Says::Row(row) => Ok(state(row)),
                other => unreachable!("{other:?}"),
            }
        }
        .boxed()
    }

    fn count<'a>(
        &'a self,
        _: &'a str,
        count: &'a Count,
    ) -> BoxFuture<'a, Result<BreakerState, Failure>> {
        async move {
            let number = u8::try_from(count.number).unwrap();
            match self.ask(Ask::Count { number }).await? {
                Says::Row(row) => Ok(state(row)),
                other => unreachable!("{other:?}"),
            }
        }
        .boxed()
    }

    fn change<'a>(
        &'a self,
        _: &'a str,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<Changed, Failure>> {
        async move {
            let number = u8::try_from(change.number).unwrap();
            match self.ask(Ask::Change { number, to: change.to.into() }).await? {
                Says::Changed(true, row) => Ok(Changed::Yes(state(row))),
                Says::Changed(false, row) => Ok(Changed::No(state(row))),
                other => unreachable!("{other:?}"),
            }
        }
        .boxed()
    }
}
