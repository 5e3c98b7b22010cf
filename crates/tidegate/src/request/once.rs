//! Runs a handler once for each caller and key, and keeps its answer.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::call::Request;
use super::problem::Problem;
use super::route::Once;
use crate::failure::Failure;
use crate::idempotency::{EffectError, EffectKey, EffectRun, Effects, Lease, Ran};

/// Time after which a client may ask again for what an operator decides.
const LATER: Duration = Duration::from_secs(60);

/// What must be the same in every request with one key.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Same {
    /// A body of JSON: the order of names and white space do not matter.
    Json(Vec<(String, String)>, String, Box<RawValue>),
    /// Another body, by its hash.
    Bytes(Vec<(String, String)>, String, String),
}

impl Same {
    /// Returns what identifies the content of a request: path, query and body.
    pub(super) fn of(request: &Request) -> Self {
        let (path, query) = (request.parameters.clone(), request.query.clone());
        match serde_json::from_slice(&request.body) {
            Ok(json) => Self::Json(path, query, json),
            Err(_) => {
                let hash = Sha256::digest(&request.body);
                Self::Bytes(path, query, hash.iter().map(|byte| format!("{byte:02x}")).collect())
            }
        }
    }
}

/// Returns the key of the effect: route, caller and key.
pub(super) fn effect_key(
    effects: &Effects,
    request: &Request,
) -> Result<Option<EffectKey>, Problem> {
    let Some(key) = &request.key else { return Ok(None) };
    let identity = request.caller.identity().ok_or_else(|| {
        // Routes with a key refuse such a caller before.
        Problem::internal(Failure::permanent("no_caller", "a request with a key has no caller"))
    })?;
    Ok(Some(effects.key("request", &(&*request.route, identity, key.as_str()))?))
}

/// Runs the handler, or returns the answer of the first run.
pub(super) async fn run(
    once: &Once,
    key: &EffectKey,
    same: &Same,
    lease: Lease,
    work: impl Future<Output = Result<Answer, Problem>>,
) -> Result<Answer, Problem> {
    let run = EffectRun::for_request(key.clone(), once.after_crash);
    let mut refused = None;
    let effect = async {
        work.await.map_err(|problem| {
            let failure = problem.failure().cloned();
            let failure = failure.unwrap_or_else(|| Failure::permanent("refused", problem.code()));
            let unknown = problem.is_unknown();
            refused = Some(problem);
            if unknown { EffectError::Unknown(failure) } else { EffectError::NotDone(failure) }
        })
    };
    match once.effects.run(&run, same, lease, effect).await {
        Ok(Ran::Applied(answer)) => Ok(answer),
        Ok(Ran::Held) => Err(held()),
        Ok(duplicate) => {
            // Without a kept answer the client still learns that the effect took place.
            Ok(duplicate.result().unwrap_or_else(Answer::no_content).replayed())
        }
        Err(failure) => Err(refused.unwrap_or_else(|| Problem::from(failure))),
    }
}

fn held() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "outcome_unknown",
        "it is unknown whether the first request with this key took effect; an operator decides; \
         ask again with the same key, and do not send the request with a new one",
    )
    .retry_after(LATER)
}
