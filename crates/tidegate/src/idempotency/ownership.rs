//! Extends or releases a claim, or reports that it is lost.

use std::time::Duration;

use jiff::Timestamp;
use tracing::{error, warn};

use super::key::EffectKey;
use super::record::{Claim, IdempotencyStore};
use crate::failure::Failure;

/// Extensions of a claim with a heartbeat within its lease, so that it survives a failed extension.
const BEATS: u32 = 3;

/// Releases a claim, so that the effect can run again.
///
/// A claim that cannot be released ends with its lease. With `AfterCrash::Hold` the effect is then
/// held, although it did not run.
pub(super) async fn give_back(store: &dyn IdempotencyStore, claim: &Claim) {
    if let Err(failure) = store.release(&claim.key, &claim.owner).await {
        error!(
            key = claim.key.as_str(),
            reason = failure.reason(),
            "the claim could not be released"
        );
    }
}

/// Extends the claim repeatedly. Returns only when the claim is lost.
pub(super) async fn keep(store: &dyn IdempotencyStore, claim: &Claim, length: Duration) -> Failure {
    loop {
        tokio::time::sleep(length / BEATS).await;
        match store.extend(&claim.key, &claim.owner, from_now(length)).await {
            Ok(true) => {}
            Ok(false) => return claim_lost(&claim.key),
            Err(failure) => {
                warn!(
                    key = claim.key.as_str(),
                    reason = failure.reason(),
                    "the claim could not be extended"
                );
            }
        }
    }
}

/// Returns the time that lies this far in the future.
pub(super) fn from_now(time: Duration) -> Timestamp {
    Timestamp::now().saturating_add(time).unwrap_or(Timestamp::MAX)
}

/// Creates the failure for a claim that another run owns.
pub(super) fn claim_lost(key: &EffectKey) -> Failure {
    Failure::transient(
        "claim_lost",
        format!("{key}: the run outlived its lease, and another run owns the claim"),
    )
}
