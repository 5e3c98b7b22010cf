//! Runs effects once.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::warn;
use uuid::Uuid;

use super::claiming::Decision;
use super::key::EffectKey;
use super::lease::Lease;
use super::local::{Completed, CompletedEffect, Unrecorded};
use super::ownership::{give_back, keep};
use super::payload_hash::PayloadHash;
use super::record::{Claim, IdempotencyStore, Kept};
use super::repeat::LargeEvents;
use super::run::{AfterCrash, EffectError, EffectRun, Ran};
use crate::failure::{Class, Failure};

/// Is called when a duplicate is answered from a record.
pub(super) type ReplayHook = dyn Fn(&EffectKey, &Kept<String>) + Send + Sync;

/// Runs effects once, each under a key of its own.
///
/// Everything that can be set belongs to the value: two of them over one store do not know of each other, and share records exactly if they have the same
/// namespace. Clones share what the process remembers.
#[derive(Clone)]
pub struct Effects {
    /// None: switched off.
    store: Option<Arc<dyn IdempotencyStore>>,
    namespace: Arc<str>,
    pub(super) retention: Duration,
    pub(super) wait: Option<Duration>,
    pub(super) completed: Option<Arc<Completed>>,
    pub(super) unrecorded: Arc<Unrecorded>,
    pub(super) on_replay: Option<Arc<ReplayHook>>,
    pub(super) large: Option<Arc<dyn LargeEvents>>,
}

impl Effects {
    /// Largest result that is kept, in bytes of JSON. DynamoDB bills each failed claim of a
    /// duplicate by the size of the record.
    pub const RESULT_LIMIT: usize = 64 * 1024;

    /// Effects of this namespace, recorded in `store`.
    ///
    /// The namespace keeps the keys of different parts of a system apart. It must outlive names of functions: a new one forgets all history. Results are
    /// kept for `retention`, which must be longer than the longest replay (at least 15 days: a dead-letter queue keeps 14).
    pub fn new(
        store: Arc<dyn IdempotencyStore>,
        namespace: impl Into<Arc<str>>,
        retention: Duration,
    ) -> Self {
        Effects { store: Some(store), retention, ..Effects::without_store(namespace.into()) }
    }

    /// Effects that run whenever they are asked for, for tests of what surrounds them. Each run says so in the logs.
    pub fn disabled() -> Self {
        warn!("idempotency is switched off: every effect runs, as often as it is delivered");
        Effects::without_store("disabled".into())
    }

    fn without_store(namespace: Arc<str>) -> Self {
        Effects {
            store: None,
            namespace,
            retention: Duration::ZERO,
            wait: None,
            completed: None,
            unrecorded: Arc::default(),
            on_replay: None,
            large: None,
        }
    }

    /// Waits at most this long for a twin at work; by default until the deadline.
    #[must_use]
    pub fn wait_at_most(mut self, limit: Duration) -> Self {
        self.wait = Some(limit);
        self
    }

    /// Keeps large events of held effects in `large`, such as an
    /// [`EventBucket`](super::EventBucket).
    ///
    /// An event is large above [`Repeat::INLINE_LIMIT`](super::Repeat). Without this setting, a run
    /// with a large event fails when it would be held, so that its delivery comes again.
    #[must_use]
    pub fn large_events(mut self, large: Arc<dyn LargeEvents>) -> Self {
        self.large = Some(large);
        self
    }

    /// Remembers up to `number` completed effects in this process, each for at most `age`: a duplicate of one of them costs no request. Only what
    /// the store has confirmed as completed is remembered, with its payload's hash and its expiry.
    #[must_use]
    pub fn remember(mut self, number: usize, age: Duration) -> Self {
        self.completed = Some(Arc::new(Completed::new(number, age)));
        self
    }

    /// Calls `hook` whenever a duplicate is answered from a record, with what is kept of the first run's result, as JSON.
    #[must_use]
    pub fn on_replay(mut self, hook: impl Fn(&EffectKey, &Kept<String>) + Send + Sync + 'static) -> Self {
        self.on_replay = Some(Arc::new(hook));
        self
    }

    /// The key of `effect` for this business key in the namespace; see [`EffectKey::new`].
    ///
    /// # Errors
    /// As [`EffectKey::new`].
    pub fn key(&self, effect: &str, business_key: &(impl Serialize + ?Sized)) -> Result<EffectKey, Failure> {
        EffectKey::new(&self.namespace, effect, business_key)
    }

    /// The key of `effect` whose business key is found in a payload at these JSON pointers, in the namespace; see [`EffectKey::at`].
    ///
    /// # Errors
    /// As [`EffectKey::at`].
    pub fn key_at(
        &self,
        effect: &str,
        payload: &impl Serialize,
        pointers: &[&str],
    ) -> Result<EffectKey, Failure> {
        EffectKey::at(&self.namespace, effect, payload, pointers)
    }

    /// Runs an effect unless it took place before.
    ///
    /// `fields` are the business fields that must be the same in every delivery of the effect. `lease` is a batch's or an invocation's context, or
    /// [`Lease::new`] a duration. Runs are independent of each other: those of a batch are driven together by
    /// [`EachRecord`](crate::batch::EachRecord), or in other handlers by `futures::future::join_all`.
    ///
    /// # Errors
    /// `payload_mismatch` (permanent): the key was used with other fields. `unreadable_result` (permanent): what is kept is no `R`. `twin_running` (busy): a twin was at
    /// work for as long as was waited. `out_of_time` (transient): nothing was begun. `claim_lost` (transient): the run outlived its lease. `not_recorded`
    /// (transient): the effect took place, and the store could not be told. `no_event` (transient):
    /// the effect is held, and nothing was there to run it again but its delivery. Or the effect's
    /// own failure.
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
            return Err(Failure::transient("out_of_time", format!("{key}: no time was left to begin it")));
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
                let reason = "it is older than the records of first runs are kept";
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

    /// Claims the effect, waiting for a twin. If that fails, the claim is given back.
    async fn claim_or_give_back(
        &self,
        store: &dyn IdempotencyStore,
        claim: &mut Claim,
        run: &EffectRun,
        deadline: Instant,
    ) -> Result<Decision, Failure> {
        let claimed = self.claim(store, claim, run, deadline).await;
        // The claim may have been stored and its answer lost. Nothing has run, so it can be given back.
        // A twin's claim is none of ours.
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

/// Runs an effect whose claim is this run's. With a heartbeat the claim is kept meanwhile.
///
/// # Errors
/// `claim_lost` (transient): the effect's future was dropped.
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

impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effects")
            .field("enabled", &self.store.is_some())
            .field("namespace", &self.namespace)
            .field("retention", &self.retention)
            .finish_non_exhaustive()
    }
}
