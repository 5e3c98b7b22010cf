//! Deliveries of effects over a store with prepared failures.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tidegate::failure::Failure;
use tidegate::idempotency::{
    AfterCrash, Claim, Claimed, EffectError, EffectKey, EffectRun, Effects, HeldEffect, HeldPage,
    IdempotencyStore, Kept, Lease, Ran, Repeat, Stored,
};
use tokio::sync::Notify;
use uuid::Uuid;

pub(super) const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

pub(super) type Store = Arc<dyn IdempotencyStore>;
pub(super) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// Effect of an injected fault on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The request does not reach the store.
    Unreached,
    /// The request takes effect, and its answer is lost.
    AnswerLost,
    /// The request takes effect, its answer is lost on the way, and the client sends it again.
    #[allow(dead_code, reason = "DynamoDB's own client does it, where this file is included")]
    SentAgain,
}

/// A store that counts its requests and fails as instructed.
pub(crate) struct Watched {
    pub(super) inner: Store,
    pub(super) calls: Mutex<Vec<&'static str>>,
    pub(super) faults: Mutex<VecDeque<(&'static str, Fault)>>,
}

impl Watched {
    pub(crate) fn new(inner: Store) -> Arc<Self> {
        Arc::new(Self { inner, calls: Mutex::default(), faults: Mutex::default() })
    }

    /// Lets the next `times` requests of this name fail.
    pub(crate) fn will(&self, name: &'static str, fault: Fault, times: usize) {
        self.faults.lock().unwrap().extend(std::iter::repeat_n((name, fault), times));
    }

    /// Returns the number of requests of this name.
    pub(crate) fn calls(&self, name: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| **call == name).count()
    }

    fn pass<'a, T: Send + 'a>(
        &'a self,
        name: &'static str,
        request: impl Fn() -> Answer<'a, T> + Send + 'a,
    ) -> Answer<'a, T> {
        self.calls.lock().unwrap().push(name);
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            let found = faults.iter().position(|(of, _)| *of == name);
            found.and_then(|place| faults.remove(place)).map(|(_, fault)| fault)
        };
        Box::pin(async move {
            match fault {
                None => request().await,
                Some(Fault::Unreached) => Err(Failure::transient("injected", name)),
                Some(Fault::AnswerLost) => {
                    request().await?;
                    Err(Failure::transient("injected", name))
                }
                Some(Fault::SentAgain) => {
                    request().await?;
                    request().await
                }
            }
        })
    }
}

impl IdempotencyStore for Watched {
    fn claim<'a>(&'a self, claim: &'a Claim) -> Answer<'a, Claimed> {
        self.pass("claim", move || self.inner.claim(claim))
    }

    fn complete<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        result: &'a Kept<String>,
        expires_at: Timestamp,
    ) -> Answer<'a, bool> {
        self.pass("complete", move || self.inner.complete(key, owner, result, expires_at))
    }

    fn release<'a>(&'a self, key: &'a EffectKey, owner: &'a str) -> Answer<'a, bool> {
        self.pass("release", move || self.inner.release(key, owner))
    }

    fn extend<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        lease_until: Timestamp,
    ) -> Answer<'a, bool> {
        self.pass("extend", move || self.inner.extend(key, owner, lease_until))
    }

    fn look<'a>(&'a self, key: &'a EffectKey) -> Answer<'a, Option<Stored>> {
        self.pass("look", move || self.inner.look(key))
    }

    fn hold<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
        repeat: Option<&'a Repeat>,
    ) -> Answer<'a, bool> {
        self.pass("hold", move || self.inner.hold(key, owner, reason, repeat))
    }

    fn hold_orphan<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
        repeat: Option<&'a Repeat>,
    ) -> Answer<'a, bool> {
        self.pass("hold_orphan", move || self.inner.hold_orphan(key, owner, reason, repeat))
    }

    fn held<'a>(&'a self, from: Option<&'a str>) -> Answer<'a, HeldPage> {
        self.pass("held", move || self.inner.held(from))
    }

    fn waiting<'a>(&'a self, key: &'a str) -> Answer<'a, Option<HeldEffect>> {
        self.pass("waiting", move || self.inner.waiting(key))
    }

    fn complete_held<'a>(
        &'a self,
        key: &'a str,
        operator: &'a str,
        result: &'a Kept<String>,
        expires_at: Timestamp,
    ) -> Answer<'a, bool> {
        self.pass("complete_held", move || {
            self.inner.complete_held(key, operator, result, expires_at)
        })
    }

    fn release_held<'a>(&'a self, key: &'a str) -> Answer<'a, bool> {
        self.pass("release_held", move || self.inner.release_held(key))
    }
}

/// Deliveries of effects under a namespace of their own, so that tests may share a store.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) effects: Effects,
    pub(super) run: EffectRun,
    pub(super) runs: AtomicU32,
}

impl World {
    pub(super) fn new(store: Store, after_crash: AfterCrash) -> Self {
        let effects = Effects::new(Arc::clone(&store), Uuid::new_v4().to_string(), RETENTION);
        let run = EffectRun::for_request(effects.key("mail", "7").unwrap(), after_crash);
        Self { store, effects, run, runs: AtomicU32::new(0) }
    }

    pub(super) fn key(&self) -> &EffectKey {
        &self.run.key
    }

    /// Delivers the effect, which ends as `end`.
    pub(super) async fn send(
        &self,
        fields: &str,
        end: Result<&str, EffectError>,
    ) -> Result<Ran<String>, Failure> {
        self.send_with(&self.effects, fields, end).await
    }

    pub(super) async fn send_with(
        &self,
        effects: &Effects,
        fields: &str,
        end: Result<&str, EffectError>,
    ) -> Result<Ran<String>, Failure> {
        let effect = async {
            self.runs.fetch_add(1, Ordering::Relaxed);
            end.map(str::to_owned)
        };
        effects.run(&self.run, &fields, Lease::new(PATIENCE), effect).await
    }

    /// Runs the effect of `x`, at work until its twin with these fields has looked twice.
    ///
    /// Returns both results.
    pub(super) async fn twins(
        &self,
        watched: &Watched,
        fields: &str,
    ) -> (Result<Ran<String>, Failure>, Result<Ran<String>, Failure>) {
        let begun = Notify::new();
        let slow = async {
            begun.notify_one();
            until(|| async { watched.calls("look") >= 2 }).await;
            Ok("m".to_owned())
        };
        let twin = async {
            begun.notified().await;
            self.send(fields, Ok("twin")).await
        };
        tokio::join!(self.effects.run(&self.run, &"x", Lease::new(PATIENCE), slow), twin)
    }

    /// Creates a claim of this owner, whose lease ends this many milliseconds from now.
    pub(super) fn claim(&self, owner: &str, lease: i64) -> Claim {
        Claim {
            key: self.key().clone(),
            owner: owner.to_owned(),
            lease_until: from_now(lease),
            payload_hash: "h".into(),
            take_over: self.run.after_crash == AfterCrash::RunAgain,
        }
    }

    pub(super) async fn claimed(&self, owner: &str, lease: i64) -> Claimed {
        self.store.claim(&self.claim(owner, lease)).await.unwrap()
    }

    /// Returns the record as a rejected claim receives it.
    pub(super) async fn stored(&self) -> Stored {
        let look = Claim { take_over: false, ..self.claim("look", 0) };
        match self.store.claim(&look).await.unwrap() {
            Claimed::No(stored) => stored,
            other => panic!("there is no record: {other:?}"),
        }
    }

    pub(super) fn runs(&self) -> u32 {
        self.runs.load(Ordering::Relaxed)
    }
}

pub(super) fn from_now(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(Timestamp::now().as_millisecond() + milliseconds).unwrap()
}

pub(super) fn applied(result: &str) -> Result<Ran<String>, Failure> {
    Ok(Ran::Applied(result.to_owned()))
}

pub(super) fn duplicate(result: &str) -> Result<Ran<String>, Failure> {
    Ok(Ran::Duplicate(Kept::Result(result.to_owned())))
}

pub(super) fn not_done() -> Result<&'static str, EffectError> {
    Err(EffectError::NotDone(Failure::transient("throttled", "slow down")))
}

pub(super) fn unknown() -> Result<&'static str, EffectError> {
    Err(EffectError::Unknown(Failure::transient("timeout", "no answer")))
}

/// Waits until a condition is true.
pub(super) async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    let waited = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("it never came true");
}

pub(super) async fn until_past(time: Timestamp) {
    until(|| async { Timestamp::now() > time }).await;
}
