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
use tracing::{error, warn};
use uuid::Uuid;

use super::local::{Completed, CompletedEffect, Unrecorded, UnrecordedEffect};
use super::payload_hash::PayloadHash;
use super::protocol::{InTheWay, in_the_way};
use super::record::{Claim, Claimed, IdempotencyStore, Kept, Stored};
use super::repeat::LargeEvents;
use super::run::{AfterCrash, EffectError, EffectRun, Ran};
use super::{EffectKey, Lease};
use crate::failure::{Class, Failure};

/// Pauses between looks at a twin's claim, and between attempts to record that an effect took place.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How often it is tried at least to record that an effect took place, however late it is.
const ATTEMPTS_TO_RECORD: u32 = 3;
/// A claim with a heartbeat is extended this many times within its lease, so that it survives a failed extension.
const BEATS: u32 = 3;

type ReplayHook = dyn Fn(&EffectKey, &Kept<String>) + Send + Sync;

/// Runs effects once, each under a key of its own.
///
/// Everything that can be set belongs to the value: two of them over one store do not know of each other, and share records exactly if they have the same
/// namespace. Clones share what the process remembers.
#[derive(Clone)]
pub struct Effects {
    /// None: switched off.
    store: Option<Arc<dyn IdempotencyStore>>,
    namespace: Arc<str>,
    retention: Duration,
    wait: Option<Duration>,
    completed: Option<Arc<Completed>>,
    unrecorded: Arc<Unrecorded>,
    on_replay: Option<Arc<ReplayHook>>,
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
        let decision = match self.claim(store, &mut claim, run, lease.deadline).await {
            Ok(decision) => decision,
            Err(failure) => {
                // The claim may have been stored and its answer lost. Nothing has run, so it can be given back. A twin's claim is none of ours.
                if failure.class() != Class::Busy {
                    give_back(store, &claim).await;
                }
                return Err(failure);
            }
        };
        match decision {
            Decision::Run { released } => {
                if !released && self.too_old(run.arrived_at) {
                    let reason = "it is older than the records of first runs are kept";
                    return self.hold(store, &claim, reason, &run.again).await;
                }
            }
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
        let ended = match run.heartbeat {
            None => effect.await,
            Some(length) => match select(pin!(effect), pin!(keep(store, &claim, length))).await {
                Either::Left((ended, _)) => ended,
                Either::Right((lost, _)) => return Err(lost),
            },
        };
        match ended {
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

    /// The effect, if this process knows that it took place. What could not be recorded before is recorded now.
    async fn known(
        &self,
        store: &dyn IdempotencyStore,
        key: &EffectKey,
    ) -> Result<Option<CompletedEffect>, Failure> {
        if let Some(completed) = self.completed.as_ref().and_then(|completed| completed.get(key)) {
            return Ok(Some(completed));
        }
        let Some(UnrecordedEffect { owner, effect }) = self.unrecorded.get(key) else { return Ok(None) };
        let recorded = store.complete(key, &owner, &effect.result, effect.expires_at).await?;
        self.unrecorded.remove(key);
        // Otherwise the claim is another's by now: what its record says counts.
        Ok(recorded.then(|| {
            self.confirmed(key, effect.clone());
            effect
        }))
    }

    /// Remembers what the store has confirmed.
    fn confirmed(&self, key: &EffectKey, effect: CompletedEffect) {
        if let Some(completed) = &self.completed {
            completed.insert(key, effect);
        }
    }

    fn too_old(&self, arrived_at: Option<Timestamp>) -> bool {
        let oldest = Timestamp::now().saturating_sub(self.retention);
        arrived_at.zip(oldest.ok()).is_some_and(|(arrived_at, oldest)| arrived_at < oldest)
    }

    /// Claims the effect, waiting for a twin.
    async fn claim(
        &self,
        store: &dyn IdempotencyStore,
        claim: &mut Claim,
        run: &EffectRun,
        deadline: Instant,
    ) -> Result<Decision, Failure> {
        let limit = self.wait.and_then(|wait| Instant::now().checked_add(wait));
        let give_up = limit.map_or(deadline, |limit| limit.min(deadline));
        let mut pause = FIRST_PAUSE;
        let mut there = None;
        loop {
            let stored = match there.take() {
                Some(stored) => stored,
                None => {
                    if let Some(length) = run.heartbeat {
                        // The lease begins with the claim that succeeds, after any wait for a twin.
                        claim.lease_until = from_now(length);
                    }
                    match store.claim(claim).await? {
                        Claimed::Yes => return Ok(Decision::Run { released: false }),
                        Claimed::AfterRelease => return Ok(Decision::Run { released: true }),
                        Claimed::No(stored) => stored,
                    }
                }
            };
            match in_the_way(&stored, claim.take_over, Timestamp::now()) {
                InTheWay::Replay => return Ok(Decision::Done(stored)),
                InTheWay::LeaveHeld => {
                    if self.leave_held(store, claim, &stored, &run.again).await? {
                        return Ok(Decision::Held);
                    }
                }
                InTheWay::HoldOrphan => {
                    if self.hold_orphan(store, claim, &stored, &run.again).await? {
                        return Ok(Decision::Held);
                    }
                }
                InTheWay::Wait | InTheWay::Claim => {}
            }
            // A claim writes the whole record, and a look is a small read. So the run claims again
            // only when a look says that it can succeed.
            there = loop {
                if Instant::now() + pause >= give_up {
                    let reason = format!("{}: a twin is at work on it", claim.key);
                    return Err(Failure::busy("twin_running", reason));
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                let Some(stored) = store.look(&claim.key).await? else { break None };
                match in_the_way(&stored, claim.take_over, Timestamp::now()) {
                    _ if stored.owner == claim.owner => break None,
                    InTheWay::Wait => {}
                    InTheWay::Claim => break None,
                    InTheWay::Replay | InTheWay::LeaveHeld | InTheWay::HoldOrphan => break Some(stored),
                }
            };
        }
    }

    /// Records that the effect took place. A claim whose effect took place is never given back, whatever the store answers.
    async fn complete<R: Serialize>(
        &self,
        store: &dyn IdempotencyStore,
        claim: &Claim,
        deadline: Instant,
        result: R,
    ) -> Result<Ran<R>, Failure> {
        let effect = CompletedEffect {
            payload_hash: claim.payload_hash.clone(),
            result: kept(&claim.key, &result),
            expires_at: from_now(self.retention),
        };
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let failure =
                match store.complete(&claim.key, &claim.owner, &effect.result, effect.expires_at).await {
                    Ok(true) => {
                        self.confirmed(&claim.key, effect);
                        return Ok(Ran::Applied(result));
                    }
                    Ok(false) => return Err(claim_lost(&claim.key)),
                    Err(failure) => failure,
                };
            if attempt >= ATTEMPTS_TO_RECORD && Instant::now() + pause >= deadline {
                error!(
                    key = claim.key.as_str(),
                    reason = failure.reason(),
                    "an effect could not be recorded"
                );
                self.unrecorded.insert(&claim.key, UnrecordedEffect { owner: claim.owner.clone(), effect });
                let reason =
                    format!("{}: it took place, but that was not recorded: {}", claim.key, failure.reason());
                return Err(Failure::transient("not_recorded", reason));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            attempt += 1;
        }
    }

    fn replay<R: DeserializeOwned>(
        &self,
        key: &EffectKey,
        payload_hash: &PayloadHash,
        known: CompletedEffect,
    ) -> Result<Ran<R>, Failure> {
        same_payload(key, payload_hash, &known.payload_hash)?;
        let result = match &known.result {
            Kept::Result(json) => Kept::Result(serde_json::from_str(json).map_err(|error| {
                Failure::permanent(
                    "unreadable_result",
                    format!("{key}: the result kept from the first run cannot be read: {error}"),
                )
            })?),
            Kept::TooLarge { bytes } => Kept::TooLarge { bytes: *bytes },
            Kept::Unknown => Kept::Unknown,
        };
        if let Some(hook) = &self.on_replay {
            hook(key, &known.result);
        }
        Ok(Ran::Duplicate(result))
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

enum Decision {
    Run { released: bool },
    Done(Stored),
    Held,
}

pub(super) fn same_payload(
    key: &EffectKey,
    expected: &PayloadHash,
    found: &PayloadHash,
) -> Result<(), Failure> {
    if expected.matches(found) {
        return Ok(());
    }
    Err(Failure::permanent("payload_mismatch", format!("{key}: it was used before, with another payload")))
}

/// A claim that cannot be given back ends with its lease.
async fn give_back(store: &dyn IdempotencyStore, claim: &Claim) {
    if let Err(failure) = store.release(&claim.key, &claim.owner).await {
        error!(key = claim.key.as_str(), reason = failure.reason(), "the claim could not be released");
    }
}

/// Extends the claim again and again; ends only when it is lost.
async fn keep(store: &dyn IdempotencyStore, claim: &Claim, length: Duration) -> Failure {
    loop {
        tokio::time::sleep(length / BEATS).await;
        match store.extend(&claim.key, &claim.owner, from_now(length)).await {
            Ok(true) => {}
            Ok(false) => return claim_lost(&claim.key),
            Err(failure) => {
                warn!(key = claim.key.as_str(), reason = failure.reason(), "the claim could not be extended");
            }
        }
    }
}

/// What is kept of a result.
fn kept(key: &EffectKey, result: &impl Serialize) -> Kept<String> {
    match serde_json::to_string(result) {
        Ok(json) if json.len() <= Effects::RESULT_LIMIT => Kept::Result(json),
        Ok(json) => Kept::TooLarge { bytes: json.len() },
        Err(error) => {
            error!(key = key.as_str(), %error, "the result of an effect cannot be encoded, and is not kept");
            Kept::Unknown
        }
    }
}

fn from_now(time: Duration) -> Timestamp {
    Timestamp::now().saturating_add(time).unwrap_or(Timestamp::MAX)
}

pub(super) fn claim_lost(key: &EffectKey) -> Failure {
    Failure::transient("claim_lost", format!("{key}: the run outlived its lease, and the claim is another's"))
}
