//! One operation at the provider, whose outcome may be unknown.

use tidegate::failure::{Class, Failure};
use tidegate::idempotency::EffectError;
use tokio::time::Instant;
use tracing::info;

use crate::provider::{Answer, Operation, Provider};

/// Returns the provider's answer to an operation.
///
/// `may_be_known`: the operation may have been asked for before. The provider is then asked first
/// what became of it. A request whose answer is lost is not repeated: the provider is asked what
/// became of it. If it does not know the operation, the request may still be on its way, and the
/// next delivery asks again.
pub(crate) async fn answer(
    provider: &impl Provider,
    operation: &Operation,
    may_be_known: bool,
    deadline: Instant,
) -> Result<Answer, Failure> {
    if may_be_known {
        let known = provider.look_up(operation, halfway(deadline)).await?;
        info!(key = operation.key(), known = known.is_some(), "looked up an earlier operation");
        if let Some(answer) = known {
            return Ok(answer);
        }
    }
    let failure = match provider.request(operation, halfway(deadline)).await {
        Ok(answer) => return Ok(answer),
        Err(EffectError::NotDone(failure)) => return Err(failure),
        Err(EffectError::Unknown(failure)) if failure.class() == Class::Permanent => {
            return Err(failure);
        }
        Err(EffectError::Unknown(failure)) => failure,
    };
    let key = operation.key();
    info!(key, reason = failure.reason(), "looking up an operation of unknown outcome");
    match provider.look_up(operation, halfway(deadline)).await {
        Ok(Some(answer)) => Ok(answer),
        Err(found) if found.class() == Class::Permanent => Err(found),
        Ok(None) | Err(_) => Err(failure),
    }
}

/// Returns the middle of the time that is left, so that there is time for what follows.
fn halfway(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / 2
}
