//! An effect of one kind: its name, and what happens after a crash.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::attempt::Attempt;
use super::effects::Effects;
use super::key::EffectKey;
use super::run::{AfterCrash, EffectError, EffectRun, Ran};
use crate::failure::Failure;

/// Runs any async function once for each business key: the smallest way to run an effect.
///
/// Declare one value for each kind of effect, and share it between records. For a run with settings
/// of its own, such as an event that repeats it, use [`Effects::run`].
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// use tidegate::batch::{BatchContext, Handled};
/// use tidegate::failure::Failure;
/// use tidegate::idempotency::{AfterCrash, Effect, EffectError, Effects};
///
/// # async fn send(_to: &str, _idempotency_key: &str) -> Result<String, EffectError> {
/// #     Ok("message 1".to_owned())
/// # }
/// // If a run dies, the provider recognises our key, so the mail is sent again.
/// fn mail(effects: Effects) -> Effect {
///     Effect::new(effects, "send-mail", AfterCrash::RunAgain)
/// }
///
/// async fn greet(mail: &Effect, to: &str, context: &BatchContext) -> Result<Handled, Failure> {
///     let sent = mail.run(to, &to, context, async |key| send(to, key.as_str()).await).await?;
///     Ok(sent.handled())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let store = Arc::new(tidegate::test::MemoryIdempotency::default());
/// # let mail = mail(Effects::new(store, "shop", Duration::from_secs(30 * 24 * 3600)));
/// # let context = BatchContext::new(Duration::from_secs(10));
/// # for handled in [Handled::Applied, Handled::Duplicate] {
/// #     assert_eq!(greet(&mail, "a@example.com", &context).await, Ok(handled));
/// # }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Effect {
    effects: Effects,
    name: Arc<str>,
    after_crash: AfterCrash,
    heartbeat: Option<Duration>,
}

impl Effect {
    /// Declares an effect of this name, which is a part of its keys. `after_crash` decides what
    /// follows if it is unknown whether the effect took place.
    ///
    /// Do not change the name: a new name loses all history.
    pub fn new(effects: Effects, name: impl Into<Arc<str>>, after_crash: AfterCrash) -> Self {
        Self { effects, name: name.into(), after_crash, heartbeat: None }
    }

    /// Keeps the claim of an effect that may run longer than its lease; see
    /// [`EffectRun::heartbeat`].
    #[must_use]
    pub fn heartbeat(mut self, length: Duration) -> Self {
        self.heartbeat = Some(length);
        self
    }

    /// Runs `effect` unless it already took place for this business key.
    ///
    /// `fields` are the business fields that must be the same in every delivery of the effect.
    /// `attempt` is the context of the record that is handled, or that of a request's invocation.
    /// `effect` gets its key, which is the idempotency key for the remote party.
    ///
    /// # Errors
    /// As [`EffectKey::new`] and [`Effects::run`].
    pub async fn run<R: Serialize + DeserializeOwned>(
        &self,
        business_key: &(impl Serialize + ?Sized),
        fields: &impl Serialize,
        attempt: impl Into<Attempt>,
        effect: impl AsyncFnOnce(&EffectKey) -> Result<R, EffectError>,
    ) -> Result<Ran<R>, Failure> {
        let Attempt { lease, arrived_at, again } = attempt.into();
        let key = self.effects.key(&self.name, business_key)?;
        let after_crash = self.after_crash;
        let mut run = EffectRun { key, after_crash, arrived_at, heartbeat: None, again };
        if let Some(length) = self.heartbeat {
            run = run.heartbeat(length);
        }
        self.effects.run(&run, fields, lease, effect(&run.key)).await
    }
}
