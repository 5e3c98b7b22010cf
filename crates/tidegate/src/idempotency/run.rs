//! One run of an effect, and its result.

use std::time::Duration;

use jiff::Timestamp;

use super::EffectKey;
use super::attempt::{Again, Attempt};
use super::record::Kept;
use super::repeat::Repeat;
use crate::batch::{BatchContext, Handled};
use crate::failure::Failure;

/// What to do if it is unknown whether the effect took place: its owner died, or no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterCrash {
    /// Runs the effect again, so it may take place twice. For remote parties that deduplicate by an
    /// idempotency key.
    RunAgain,
    /// Holds the effect for an operator.
    Hold,
}

/// One effect of one delivery or request.
///
/// A run knows how to run the effect again if it is held. [`EffectRun::new`] takes the event of the
/// delivery that is handled. [`EffectRun::for_request`] relies on the client to repeat its request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EffectRun {
    /// Key of the effect. Pass it to the remote party as the idempotency key, if the party supports
    /// one.
    pub key: EffectKey,
    /// What to do if the owner dies.
    pub after_crash: AfterCrash,
    /// Time at which the transport accepted the delivery. A delivery older than the retention is
    /// held, not run, because the record of its first run may be gone.
    pub arrived_at: Option<Timestamp>,
    pub(super) heartbeat: Option<Duration>,
    pub(super) again: Again,
}

impl EffectRun {
    /// Shortest lease of a claim with a heartbeat.
    ///
    /// A lease is extended three times within its length, and each extension is a write that may
    /// take seconds.
    pub const SHORTEST_HEARTBEAT: Duration = Duration::from_secs(3);

    /// Creates a run of this effect for the delivery that is handled, without a heartbeat. If the
    /// effect is held, the delivery's event is kept with it.
    ///
    /// The context must be that of one record, which a [`Handler`](crate::batch::Handler) receives;
    /// a [`BatchHandler`](crate::batch::BatchHandler) creates it with [`BatchContext::for_item`].
    /// With any other context a run that would be held fails, so that its delivery comes again.
    pub fn new(key: EffectKey, after_crash: AfterCrash, context: &BatchContext) -> Self {
        let Attempt { arrived_at, again, .. } = context.into();
        Self { key, after_crash, arrived_at, heartbeat: None, again }
    }

    /// Creates a run of this effect for a request that its client repeats with the same key.
    ///
    /// The request is not kept. An effect that is held and then released runs only when the client
    /// repeats the request.
    pub fn for_request(key: EffectKey, after_crash: AfterCrash) -> Self {
        Self { key, after_crash, arrived_at: None, heartbeat: None, again: Again::Client }
    }

    /// Keeps this invocation, instead of the delivery's event, with an effect that is held.
    #[must_use]
    pub fn repeated_by(mut self, repeat: Repeat) -> Self {
        self.again = Again::Invocation(repeat);
        self
    }

    /// Sets the time at which the transport accepted the delivery. `None`: unknown.
    #[must_use]
    pub fn arrived_at(mut self, arrived_at: Option<Timestamp>) -> Self {
        self.arrived_at = arrived_at;
        self
    }

    /// Keeps the claim of an effect that may run longer than its [`Lease`](super::Lease).
    ///
    /// The claim's lease has this length, and is extended three times within it while the effect
    /// runs. If the claim is lost nevertheless, the effect's future is dropped. A length below
    /// [`Self::SHORTEST_HEARTBEAT`] is raised to it.
    #[must_use]
    pub fn heartbeat(mut self, length: Duration) -> Self {
        self.heartbeat = Some(length.max(Self::SHORTEST_HEARTBEAT));
        self
    }
}

/// The result of a run that did not fail.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Ran<R> {
    /// The effect took place in this run.
    Applied(R),
    /// The effect took place before; this is the stored part of its result.
    Duplicate(Kept<R>),
    /// The effect waits for an operator.
    Held,
}

impl<R> Ran<R> {
    /// Returns the result that a handler returns for its record.
    pub fn handled(&self) -> Handled {
        match self {
            Self::Applied(_) => Handled::Applied,
            Self::Duplicate(_) => Handled::Duplicate,
            Self::Held => Handled::Held,
        }
    }

    /// Returns the result of this run, or the stored result of the first run.
    ///
    /// `None` if the effect is held, or no result is stored.
    pub fn result(self) -> Option<R> {
        match self {
            Self::Applied(result) | Self::Duplicate(Kept::Result(result)) => Some(result),
            Self::Duplicate(Kept::TooLarge { .. } | Kept::Unknown) | Self::Held => None,
        }
    }
}

/// Why an effect failed.
#[derive(Clone, Debug)]
pub enum EffectError {
    /// The effect certainly did not take place; it may be tried again.
    NotDone(Failure),
    /// The effect may have taken place: the answer was lost.
    Unknown(Failure),
}

impl EffectError {
    pub(super) fn into_failure(self) -> Failure {
        match self {
            Self::NotDone(failure) | Self::Unknown(failure) => failure,
        }
    }
}

/// An error of a client leaves open whether the effect took place, so `?` makes it
/// [`Unknown`](EffectError::Unknown). Return [`NotDone`](EffectError::NotDone) where you know
/// better.
impl<E: std::error::Error> From<E> for EffectError {
    fn from(error: E) -> Self {
        Self::Unknown(error.into())
    }
}
