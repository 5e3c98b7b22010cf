//! Effects of a namespace, with their settings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tracing::warn;

use super::key::EffectKey;
use super::local::{Completed, Unrecorded};
use super::record::{IdempotencyStore, Kept};
use super::repeat::LargeEvents;
use crate::failure::Failure;

/// Called when a duplicate is answered from a record.
pub(super) type ReplayHook = dyn Fn(&EffectKey, &Kept<String>) + Send + Sync;

/// Runs effects once, each under its own key.
///
/// All settings belong to the value. Two values over one store share records only if they have the
/// same namespace. Clones share the effects that the process remembers.
#[derive(Clone)]
pub struct Effects {
    /// `None`: switched off.
    pub(super) store: Option<Arc<dyn IdempotencyStore>>,
    namespace: Arc<str>,
    pub(super) retention: Duration,
    pub(super) wait: Option<Duration>,
    pub(super) completed: Option<Arc<Completed>>,
    pub(super) unrecorded: Arc<Unrecorded>,
    pub(super) on_replay: Option<Arc<ReplayHook>>,
    pub(super) large: Option<Arc<dyn LargeEvents>>,
}

impl Effects {
    /// Largest result that is kept, in bytes of JSON.
    ///
    /// DynamoDB bills each failed claim of a duplicate by the size of the record.
    pub const RESULT_LIMIT: usize = 64 * 1024;

    /// Creates effects of this namespace, recorded in `store`.
    ///
    /// The namespace separates the keys of different parts of a system. Do not change it: a new
    /// namespace loses all history. Results are kept for `retention`, which must be longer than the
    /// oldest possible replay (at least 15 days: a dead-letter queue keeps messages for 14).
    pub fn new(
        store: Arc<dyn IdempotencyStore>,
        namespace: impl Into<Arc<str>>,
        retention: Duration,
    ) -> Self {
        Self { store: Some(store), retention, ..Self::without_store(namespace.into()) }
    }

    /// Creates effects that run on every call, for tests of the surrounding code.
    ///
    /// Each run logs a warning.
    pub fn disabled() -> Self {
        warn!("idempotency is switched off: every effect runs, as often as it is delivered");
        Self::without_store("disabled".into())
    }

    fn without_store(namespace: Arc<str>) -> Self {
        Self {
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

    /// Limits the time that a run waits for a twin at work; by default it waits until the deadline.
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

    /// Remembers up to `number` completed effects in this process, each for at most `age`.
    ///
    /// A duplicate of a remembered effect costs no request. Only effects that the store has
    /// confirmed as completed are remembered, with their payload's hash and their expiry.
    #[must_use]
    pub fn remember(mut self, number: usize, age: Duration) -> Self {
        self.completed = Some(Arc::new(Completed::new(number, age)));
        self
    }

    /// Calls `hook` for each duplicate that is answered from a record, with the stored part of the
    /// first run's result, as JSON.
    #[must_use]
    pub fn on_replay(
        mut self,
        hook: impl Fn(&EffectKey, &Kept<String>) + Send + Sync + 'static,
    ) -> Self {
        self.on_replay = Some(Arc::new(hook));
        self
    }

    /// Creates the key of `effect` for this business key in the namespace; see [`EffectKey::new`].
    ///
    /// # Errors
    /// As [`EffectKey::new`].
    pub fn key(
        &self,
        effect: &str,
        business_key: &(impl Serialize + ?Sized),
    ) -> Result<EffectKey, Failure> {
        EffectKey::new(&self.namespace, effect, business_key)
    }

    /// Creates the key of `effect`, in the namespace, from the values in a payload at these JSON
    /// pointers; see [`EffectKey::at`].
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
