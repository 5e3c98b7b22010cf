//! Runs an effect once: claims it, runs it and records its result.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::warn;
use uuid::Uuid;

use super::claiming::Decision;
use super::effects::Effects;
use super::lease::Lease;
use super::local::CompletedEffect;
use super::ownership::{give_back, keep};
use super::payload_hash::PayloadHash;
use super::record::{Claim, IdempotencyStore};
use super::run::{AfterCrash, EffectError, EffectRun, Ran};
use crate::failure::{Class, Failure};

impl Effects {
    /// Runs an effect unless it already took place.
    ///
    /// `fields` are the business fields that must be the same in every delivery of the effect.
    /// `lease` is a batch's or an invocation's context, or [`Lease::new`] a duration. Runs are
    /// independent of each other. [`EachRecord`](crate::batch::EachRecord) runs those of a batch
    /// concurrently; in other handlers use `futures::future::join_all`.
    ///
    /// # Errors
    /// The effect's own failure, a failure of the store, or:
    ///
    /// - `unencodable` (permanent): `fields` cannot be encoded as JSON.
    /// - `payload_mismatch` (permanent): the key was used with other fields.
    /// - `unreadable_result` (permanent): the stored result does not decode as `R`.
    /// - `twin_running` (busy): a twin was at work for the whole waiting time.
    /// - `out_of_time` (transient): the deadline had passed, and the effect was not started.
    /// - `claim_lost` (transient): the run outlived its lease.
    /// - `not_recorded` (transient): the effect took place, but the store could not record it.
    /// - `no_event` (transient): the effect is held without an event, so only its delivery can run
    ///   it again.
    pub async fn run<R, F>(
        &self,
        run: &EffectRun,
        fields: &impl Serialize,
        lease: impl Into<Lease>,
        effect: F,
    ) -> Result<Ran<R>, Failure>
    where
        R: Serialize + DeserializeOwned,
        F: Future<Output = Result<R, EffectError>>,
    {
        let (lease, key) = (lease.into(), &run.key);
        let payload_hash = PayloadHash::new(fields)?;
        let Some(store) = self.store.as_deref() else {
            warn!(key = key.as_str(), "idempotency is switched off: the effect runs");
            return effect.await.map(Ran::Applied).map_err(EffectError::into_failure);
        };
        if let Some(known) = self.known(store, key).await? {
            return self.replay(key, &payload_hash, known);
        }
        if Instant::now() >= lease.deadline {
            return Err(Failure::transient(
                "out_of_time",
                format!("{key}: not started: the deadline had passed"),
            ));
        }
        let mut claim = Claim {
            key: key.clone(),
            owner: Uuid::new_v4().to_string(),
            lease_until: lease.until,
            payload_hash,
            take_over: run.after_crash == AfterCrash::RunAgain,
        };
        match self.claim_or_give_back(store, &mut claim, run, lease.deadline).await? {
            Decision::Run { released } if !released && self.too_old(run.arrived_at) => {
                let reason = "the delivery is older than the retention, so the record of its first run may be gone";
                return self.hold(store, &claim, reason, &run.again).await;
            }
            Decision::Run { .. } => {}
            Decision::Done(stored) => {
                let known = CompletedEffect {
                    payload_hash: stored.payload_hash,
                    result: stored.result,
                    expires_at: stored.expires_at.unwrap_or_default(),
                };
                self.confirmed(key, known.clone());
                return self.replay(key, &claim.payload_hash, known);
            }
            Decision::Held => return Ok(Ran::Held),
        }
        match run_claimed(store, &claim, run.heartbeat, effect).await? {
            Ok(result) => self.complete(store, &claim, lease.deadline, result).await,
            Err(EffectError::Unknown(failure)) if run.after_crash == AfterCrash::Hold => {
                self.hold(store, &claim, failure.reason(), &run.again).await
            }
            Err(EffectError::NotDone(failure) | EffectError::Unknown(failure)) => {
                give_back(store, &claim).await;
                Err(failure)
            }
        }
    }

    /// Claims the effect, after waiting for a twin. Releases the claim if that fails.
    async fn claim_or_give_back(
        &self,
        store: &dyn IdempotencyStore,
        claim: &mut Claim,
        run: &EffectRun,
        deadline: Instant,
    ) -> Result<Decision, Failure> {
        let claimed = self.claim(store, claim, run, deadline).await;
        // The claim may be stored although its answer was lost. The effect has not run, so
        // the claim can be released. A twin's claim does not belong to this run.
        if claimed.as_ref().is_err_and(|failure| failure.class() != Class::Busy) {
            give_back(store, claim).await;
        }
        claimed
    }

    fn too_old(&self, arrived_at: Option<Timestamp>) -> bool {
        let oldest = Timestamp::now().saturating_sub(self.retention);
        arrived_at.zip(oldest.ok()).is_some_and(|(arrived_at, oldest)| arrived_at < oldest)
    }
}

/// Runs an effect whose claim this run owns. With a heartbeat, extends the claim meanwhile.
///
/// # Errors
/// `claim_lost` (transient): another run owns the claim, so the effect's future was dropped.
async fn run_claimed<R, F>(
    store: &dyn IdempotencyStore,
    claim: &Claim,
    heartbeat: Option<Duration>,
    effect: F,
) -> Result<Result<R, EffectError>, Failure>
where
    F: Future<Output = Result<R, EffectError>>,
{
    let Some(length) = heartbeat else { return Ok(effect.await) };
    match select(pin!(effect), pin!(keep(store, claim, length))).await {
        Either::Left((ended, _)) => Ok(ended),
        Either::Right((lost, _)) => Err(lost),
    }
}
