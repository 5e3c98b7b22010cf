use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::{error, warn};
use uuid::Uuid;

use super::EffectKey;
use super::key::payload_hash;
use super::record::{Claim, Claimed, IdempotencyStore, Repeat, Status, Stored};
use crate::batch::BatchContext;
use crate::failure::Failure;

/// Largest result that is kept, in bytes of JSON: an item of DynamoDB holds 400 KB, and the event to repeat is in it too.
const RESULT_LIMIT: usize = 64 * 1024;
/// Pauses between looks at a twin's claim.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Runs effects once.
#[derive(Clone)]
pub struct Effects {
    store: Arc<dyn IdempotencyStore>,
    retention: Duration,
}

/// What is done with a claim whose owner died: nobody knows whether the effect took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterCrash {
    /// Run the effect again: it may take place twice. For remote parties that dedup by an idempotency key.
    RunAgain,
    /// Hold it for an operator.
    Hold,
}

/// One effect of one delivery.
#[derive(Clone, Debug)]
pub struct EffectRun {
    /// The effect; also to be passed on as the remote party's idempotency key, where it has one.
    pub key: EffectKey,
    /// What is done when its owner dies.
    pub after_crash: AfterCrash,
    /// What runs it again, should it be held.
    pub repeat: Repeat,
    /// When the transport took the delivery. One older than the retention is held, not run: the record of its first run may be gone.
    pub arrived_at: Option<Timestamp>,
}

/// How a run ended that did not fail.
#[derive(Clone, Debug, PartialEq)]
pub enum Ran<R> {
    /// The effect took place in this run.
    Applied(R),
    /// It took place before; its result, if it was small enough to keep.
    Duplicate(Option<R>),
    /// It waits for an operator.
    Held,
}

/// Why an effect failed.
#[derive(Clone, Debug)]
pub enum EffectError {
    /// It certainly did not take place; it may be tried again.
    NotDone(Failure),
    /// It may have taken place: the answer was lost.
    Unknown(Failure),
}

impl Effects {
    /// Effects recorded in `store`; results are kept for `retention`, which must be longer than the longest replay (at least 15 days: a dead-letter queue keeps 14).
    pub fn new(store: Arc<dyn IdempotencyStore>, retention: Duration) -> Self {
        Effects { store, retention }
    }

    /// Runs an effect unless it took place before.
    ///
    /// `fields` are the business fields that must be the same in every delivery of the effect.
    ///
    /// # Errors
    /// `payload_mismatch` (permanent): the key was used with other fields. `twin_running` (busy): a twin was at work until the deadline.
    /// `claim_lost` (transient): the run outlived its lease. Or the effect's own failure.
    pub async fn run<R, F>(
        &self,
        run: &EffectRun,
        fields: &impl Serialize,
        context: &BatchContext,
        effect: F,
    ) -> Result<Ran<R>, Failure>
    where
        R: Serialize + DeserializeOwned,
        F: Future<Output = Result<R, EffectError>>,
    {
        let claim = Claim {
            key: run.key.clone(),
            owner: Uuid::new_v4().to_string(),
            lease_until: context.lease_until,
            payload_hash: payload_hash(fields)?,
            repeat: run.repeat.clone(),
            take_over: run.after_crash == AfterCrash::RunAgain,
        };
        let decision = match self.claim(&claim, context.deadline).await {
            Ok(decision) => decision,
            Err(failure) => {
                // The claim may have been stored and its answer lost. Nothing has run, so it can be given back.
                self.give_back(&claim).await;
                return Err(failure);
            }
        };
        match decision {
            Decision::Run { released } => {
                if !released && self.too_old(run.arrived_at) {
                    return self.hold(&claim, "it is older than the records of first runs are kept").await;
                }
            }
            Decision::Done(stored) => return replay(&claim, &stored),
            Decision::Held => return Ok(Ran::Held),
        }
        match effect.await {
            Ok(result) => self.complete(&claim, result).await,
            Err(EffectError::Unknown(failure)) if run.after_crash == AfterCrash::Hold => {
                self.hold(&claim, failure.reason()).await
            }
            Err(EffectError::NotDone(failure) | EffectError::Unknown(failure)) => {
                self.give_back(&claim).await;
                Err(failure)
            }
        }
    }

    /// A claim that cannot be given back ends with its lease.
    async fn give_back(&self, claim: &Claim) {
        if let Err(failure) = self.store.release(&claim.key, &claim.owner).await {
            error!(key = claim.key.as_str(), reason = failure.reason(), "the claim could not be released");
        }
    }

    fn too_old(&self, arrived_at: Option<Timestamp>) -> bool {
        let oldest = Timestamp::now().saturating_sub(self.retention);
        arrived_at.zip(oldest.ok()).is_some_and(|(arrived_at, oldest)| arrived_at < oldest)
    }

    async fn hold<R>(&self, claim: &Claim, reason: &str) -> Result<Ran<R>, Failure> {
        warn!(key = claim.key.as_str(), reason, "effect held");
        match self.store.hold(&claim.key, &claim.owner, reason).await? {
            true => Ok(Ran::Held),
            false => Err(claim_lost(&claim.key)),
        }
    }

    /// Claims the effect, waiting for a twin until the deadline.
    async fn claim(&self, claim: &Claim, deadline: Instant) -> Result<Decision, Failure> {
        let mut pause = FIRST_LOOK;
        loop {
            let stored = match self.store.claim(claim).await? {
                Claimed::Yes => return Ok(Decision::Run { released: false }),
                Claimed::AfterRelease => return Ok(Decision::Run { released: true }),
                Claimed::No(stored) => stored,
            };
            match stored.status {
                Status::Completed => return Ok(Decision::Done(stored)),
                Status::Held => return Ok(Decision::Held),
                Status::InProgress if stored.lease_until <= Timestamp::now() && !claim.take_over => {
                    if self.store.hold(&claim.key, &stored.owner, "its run ended without an answer").await? {
                        warn!(
                            key = claim.key.as_str(),
                            owner = stored.owner,
                            "effect held: its run ended without an answer"
                        );
                        return Ok(Decision::Held);
                    }
                }
                Status::InProgress | Status::Released => {}
            }
            if Instant::now() + pause >= deadline {
                return Err(Failure::busy("twin_running", format!("{}: a twin is at work on it", claim.key)));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn complete<R: Serialize>(&self, claim: &Claim, result: R) -> Result<Ran<R>, Failure> {
        let json = serde_json::to_string(&result).ok().filter(|json| json.len() <= RESULT_LIMIT);
        let expires_at = Timestamp::now().saturating_add(self.retention)?;
        match self.store.complete(&claim.key, &claim.owner, json.as_deref(), expires_at).await? {
            true => Ok(Ran::Applied(result)),
            false => Err(claim_lost(&claim.key)),
        }
    }
}

enum Decision {
    Run { released: bool },
    Done(Stored),
    Held,
}

fn replay<R: DeserializeOwned>(claim: &Claim, stored: &Stored) -> Result<Ran<R>, Failure> {
    let key = &claim.key;
    if stored.payload_hash != claim.payload_hash {
        return Err(Failure::permanent(
            "payload_mismatch",
            format!("{key}: it took place before, with another payload"),
        ));
    }
    let result = stored.result.as_deref().map(serde_json::from_str).transpose();
    result.map(Ran::Duplicate).map_err(|error| {
        Failure::permanent(
            "unreadable_result",
            format!("{key}: the result kept from the first run cannot be read: {error}"),
        )
    })
}

fn claim_lost(key: &EffectKey) -> Failure {
    Failure::transient("claim_lost", format!("{key}: the run outlived its lease, and the claim is another's"))
}
