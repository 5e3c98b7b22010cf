//! Counts of a gateway, for the status.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;

/// Counts of an HTTP API or a function URL since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayStatus {
    /// `api` or `function-url`.
    pub kind: String,
    /// Declared name of the API, or of the function with the URL.
    pub name: String,
    /// URL at which it answers.
    pub url: String,
    /// Requests that have a response.
    pub requests: u64,
    /// Responses with a status of 400 to 499, whoever wrote them.
    pub client_errors: u64,
    /// Responses with a status of 500 and above, whoever wrote them.
    pub server_errors: u64,
    /// Requests that throttling of the stage refused.
    pub throttled: u64,
    /// Requests whose caller was not let through.
    pub denied: u64,
    /// Invocations by function.
    pub invocations: BTreeMap<String, u64>,
    /// Why the last request was refused without a response of a function.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<Timestamp>,
}

/// The counts while they grow.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<GatewayStatus>);

impl Counts {
    /// Counts an invocation of a function.
    pub(super) fn invoked(&self, function: &str) {
        *self.0.lock().invocations.entry(function.to_owned()).or_default() += 1;
    }

    /// Counts a response, and why the function did not write it.
    pub(super) fn answered(&self, request: &str, status: u16, refusal: Option<&Refusal>) {
        let mut counts = self.0.lock();
        counts.requests += 1;
        counts.client_errors += u64::from((400..500).contains(&status));
        counts.server_errors += u64::from(status >= 500);
        if let Some(refusal) = refusal {
            counts.throttled += u64::from(*refusal == Refusal::Throttled);
            counts.denied += u64::from(refusal.is_denial());
            counts.last_error = Some(format!("{request}: {status}, {}", refusal.reason()));
            counts.last_error_at = Some(Timestamp::now());
        }
    }

    /// Returns the counts so far.
    pub(super) fn status(&self) -> GatewayStatus {
        self.0.lock().clone()
    }
}
