//! A breaker as an execution environment holds it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::clock::{Clock, in_milliseconds};
use super::port::BreakerStore;
use super::rules::Rules;
use super::state::BreakerState;
use super::tally::Tally;
use crate::batch::Metrics;
use crate::failure::{Class, Failure};

/// Part of the cool-down by which refused calls are spread, so that they do not all come at once.
const SPREAD: f64 = 0.2;

/// A circuit breaker that all environments of a system share.
///
/// Create one for each provider when the function starts. Clones share what they know.
#[derive(Clone)]
pub struct Breaker {
    pub(super) config: Config,
    pub(super) shared: Arc<Shared>,
}

/// What a breaker was created with.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) name: Arc<str>,
    pub(super) store: Arc<dyn BreakerStore>,
    pub(super) rules: Rules,
    clock: Clock,
    pub(super) counts: Arc<dyn Fn(&Failure) -> bool + Send + Sync>,
    pub(super) metrics: Option<(Arc<Metrics>, Arc<str>)>,
}

/// What the clones of a breaker share.
#[derive(Default)]
pub(super) struct Shared {
    seen: Mutex<Option<Seen>>,
    pub(super) tally: Mutex<Tally>,
    /// Held while an environment finds out whether calls may go through, and during its probe.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    /// Held while calls are reported, so that those which end meanwhile share the next report.
    pub(super) reporting: tokio::sync::Mutex<()>,
}

/// The newest known state, and the time at which it was asked for.
#[derive(Clone, Debug)]
struct Seen {
    state: BreakerState,
    at: Timestamp,
}

impl Breaker {
    /// Creates the breaker with this name, which must be the same in all functions that call the
    /// provider.
    pub fn new(store: Arc<dyn BreakerStore>, name: impl Into<String>, rules: Rules) -> Self {
        let config = Config {
            name: name.into().into(),
            store,
            rules,
            clock: Arc::new(Timestamp::now),
            counts: Arc::new(is_outage),
            metrics: None,
        };
        Self { config, shared: Arc::default() }
    }

    /// Declares which failures count as an outage of the provider.
    ///
    /// By default every transient failure counts, unless it comes from load or a lost race
    /// ([`Failure::is_passing`]). A permanent failure is an answer: the provider works.
    #[must_use]
    pub fn counting(self, counts: impl Fn(&Failure) -> bool + Send + Sync + 'static) -> Self {
        self.with(|config| config.counts = Arc::new(counts))
    }

    /// Writes the metrics `BreakerOpened`, `BreakerProbed` and `BreakerClosed` with the dimensions
    /// `function`, which has this name, and `breaker`. Each change is one line.
    #[must_use]
    pub fn metrics(self, metrics: Metrics, function: impl Into<Arc<str>>) -> Self {
        self.with(|config| config.metrics = Some((Arc::new(metrics), function.into())))
    }

    /// Decides by this clock instead of the system's, for tests.
    #[must_use]
    pub fn clock(self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.with(|config| config.clock = Arc::new(clock))
    }

    /// Changes the configuration. Clones keep theirs.
    fn with(self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.config;
        change(&mut config);
        Self { config, ..self }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    pub(super) fn now(&self) -> Timestamp {
        in_milliseconds((self.config.clock)())
    }

    /// Returns the known state, unless it is older than the rules allow.
    pub(super) fn fresh(&self) -> Option<BreakerState> {
        let now = self.now();
        let seen = self.shared.seen.lock();
        let Seen { state, at } = seen.as_ref()?;
        let age = Duration::try_from(now.duration_since(*at)).ok()?;
        (age < self.config.rules.freshness).then(|| state.clone())
    }

    /// Returns the known state, however old it is.
    pub(super) fn known(&self) -> Option<BreakerState> {
        self.shared.seen.lock().as_ref().map(|seen| seen.state.clone())
    }

    /// Keeps a state that was asked for at this time, unless a newer one is known.
    pub(super) fn see(&self, state: &BreakerState, asked: Timestamp) {
        let mut seen = self.shared.seen.lock();
        if seen.as_ref().is_none_or(|seen| state.number > seen.state.number || asked >= seen.at) {
            *seen = Some(Seen { state: state.clone(), at: asked });
        }
    }

    /// Returns this delay, lengthened at random so that the calls that wait do not come at once.
    pub(super) fn spread(&self, delay: Duration) -> Duration {
        delay.saturating_add(self.config.rules.cool_down.mul_f64(SPREAD * fastrand::f64()))
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("name", &self.config.name).finish_non_exhaustive()
    }
}

/// Returns whether a failure says that the provider does not work.
fn is_outage(failure: &Failure) -> bool {
    failure.class() == Class::Transient && !failure.is_passing()
}
