//! Holds an effect for an operator.
//!
//! A delivery may be acknowledged as held only if something else can run its effect again: the
//! event that is kept with the record, or a client that repeats its request. Otherwise the run
//! fails, and the delivery comes again.

use std::borrow::Cow;

use tracing::warn;

use super::attempt::Again;
use super::effects::Effects;
use super::ownership::claim_lost;
use super::payload_hash::same_payload;
use super::record::{Claim, IdempotencyStore, Stored};
use super::repeat::Repeat;
use super::run::Ran;
use crate::failure::Failure;

/// Longest reason in a record, in characters. A reason may quote input of any length.
const REASON_LIMIT: usize = 2000;

impl Effects {
    /// Holds the claim of this run.
    pub(super) async fn hold<R>(
        &self,
        store: &dyn IdempotencyStore,
        claim: &Claim,
        reason: &str,
        again: &Again,
    ) -> Result<Ran<R>, Failure> {
        warn!(key = claim.key.as_str(), reason, "effect held");
        let (repeat, missing) = self.kept(claim, again).await;
        if !store.hold(&claim.key, &claim.owner, &shortened(reason), repeat.as_ref()).await? {
            return Err(claim_lost(&claim.key));
        }
        missing.map_or(Ok(Ran::Held), Err)
    }

    /// Holds the claim of an owner that is gone.
    ///
    /// Returns false if the claim no longer belongs to that owner, or its lease was extended.
    pub(super) async fn hold_orphan(
        &self,
        store: &dyn IdempotencyStore,
        claim: &Claim,
        stored: &Stored,
        again: &Again,
    ) -> Result<bool, Failure> {
        // The kept event must belong to the held effect. The delivery of another effect was not
        // acknowledged, and comes again itself.
        same_payload(&claim.key, &claim.payload_hash, &stored.payload_hash)?;
        let reason = "its run ended without an answer";
        let (repeat, missing) = self.kept(claim, again).await;
        if !store.hold_orphan(&claim.key, &stored.owner, reason, repeat.as_ref()).await? {
            return Ok(false);
        }
        warn!(key = claim.key.as_str(), owner = stored.owner, "effect held: {reason}");
        missing.map_or(Ok(true), Err)
    }

    /// Leaves an effect that is already held to the operator, and adds the event if it has none.
    ///
    /// Returns false if the effect is no longer held.
    pub(super) async fn leave_held(
        &self,
        store: &dyn IdempotencyStore,
        claim: &Claim,
        stored: &Stored,
        again: &Again,
    ) -> Result<bool, Failure> {
        same_payload(&claim.key, &claim.payload_hash, &stored.payload_hash)?;
        if stored.repeat {
            return Ok(true);
        }
        let (repeat, missing) = self.kept(claim, again).await;
        if repeat.is_some() {
            let reason = "its run ended without an answer";
            return store.hold_orphan(&claim.key, &stored.owner, reason, repeat.as_ref()).await;
        }
        missing.map_or(Ok(true), Err)
    }

    /// Returns the event to keep with a held effect, or the failure that makes its delivery come
    /// again.
    async fn kept(&self, claim: &Claim, again: &Again) -> (Option<Repeat>, Option<Failure>) {
        let missing = |reason: &str| {
            let reason = format!(
                "{}: the effect is held without an event, so its delivery must come again: {reason}",
                claim.key
            );
            (None, Some(Failure::transient("no_event", reason)))
        };
        match again.repeat() {
            Ok(Some(repeat)) => match repeat.stored(&claim.key, self.large.as_deref()).await {
                Ok(Some(repeat)) => (Some(repeat), None),
                Ok(None) => missing(
                    "its event is too large for the record, and no bucket is configured (`Effects::large_events`)",
                ),
                Err(failure) => missing(failure.reason()),
            },
            Ok(None) if matches!(again, Again::Client) => (None, None),
            Ok(None) => {
                missing("the context has no delivery; create it with `BatchContext::for_item`")
            }
            Err(failure) => missing(failure.reason()),
        }
    }
}

fn shortened(reason: &str) -> Cow<'_, str> {
    match reason.char_indices().nth(REASON_LIMIT) {
        Some((end, _)) => Cow::Owned(format!("{}…", reason.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(reason),
    }
}
