//! Records that an effect took place, and answers duplicates from the record.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::error;

use super::effects::Effects;
use super::key::EffectKey;
use super::local::{CompletedEffect, UnrecordedEffect};
use super::ownership::{claim_lost, from_now};
use super::pauses::{FIRST_PAUSE, LONGEST_PAUSE};
use super::payload_hash::{PayloadHash, same_payload};
use super::record::{Claim, IdempotencyStore, Kept};
use super::run::Ran;
use crate::failure::Failure;

/// Smallest number of attempts to record that an effect took place, even after the deadline.
const ATTEMPTS_TO_RECORD: u32 = 3;

impl Effects {
    /// Returns the effect, if this process knows that it took place.
    ///
    /// Records a completion that could not be recorded before.
    pub(super) async fn known(
        &self,
        store: &dyn IdempotencyStore,
        key: &EffectKey,
    ) -> Result<Option<CompletedEffect>, Failure> {
        if let Some(completed) = self.completed.as_ref().and_then(|completed| completed.get(key)) {
            return Ok(Some(completed));
        }
        let Some(UnrecordedEffect { owner, effect }) = self.unrecorded.get(key) else {
            return Ok(None);
        };
        let recorded = store.complete(key, &owner, &effect.result, effect.expires_at).await?;
        self.unrecorded.remove(key);
        // Otherwise the claim belongs to another run by now, and its record counts.
        Ok(recorded.then(|| {
            self.confirmed(key, effect.clone());
            effect
        }))
    }

    /// Remembers an effect that the store has confirmed as completed.
    pub(super) fn confirmed(&self, key: &EffectKey, effect: CompletedEffect) {
        if let Some(completed) = &self.completed {
            completed.insert(key, effect);
        }
    }

    /// Records that the effect took place.
    ///
    /// Never releases the claim of an effect that took place, whatever the store answers.
    pub(super) async fn complete<R: Serialize>(
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
            let failure = match store
                .complete(&claim.key, &claim.owner, &effect.result, effect.expires_at)
                .await
            {
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
                    "the completion of an effect could not be recorded"
                );
                self.unrecorded
                    .insert(&claim.key, UnrecordedEffect { owner: claim.owner.clone(), effect });
                let reason = format!(
                    "{}: the effect took place, but its completion could not be recorded: {}",
                    claim.key,
                    failure.reason()
                );
                return Err(Failure::transient("not_recorded", reason));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            attempt += 1;
        }
    }

    /// Answers a duplicate with the stored result of the first run.
    pub(super) fn replay<R: DeserializeOwned>(
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

/// Returns the part of a result that is stored.
fn kept(key: &EffectKey, result: &impl Serialize) -> Kept<String> {
    match serde_json::to_string(result) {
        Ok(json) if json.len() <= Effects::RESULT_LIMIT => Kept::Result(json),
        Ok(json) => Kept::TooLarge { bytes: json.len() },
        Err(error) => {
            error!(key = key.as_str(), %error, "the result of an effect cannot be encoded, so it is not stored");
            Kept::Unknown
        }
    }
}
