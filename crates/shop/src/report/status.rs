//! The status of the local system, as far as the report reads it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The part of `tidegate local status --json` that the report needs.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) dead_letters: DeadLetters,
    /// By function and operation (`DynamoDB.PutItem`).
    pub(super) calls: BTreeMap<String, BTreeMap<String, CallCounts>>,
    /// Statements of batches, by function and outcome (`ok`, or the error code).
    #[serde(default)]
    pub(super) statements: BTreeMap<String, BTreeMap<String, u64>>,
    pub(super) functions: BTreeMap<String, Function>,
    #[serde(default)]
    pub(super) emulator: Process,
    #[serde(default)]
    pub(super) engine: Process,
}

#[derive(Debug, Deserialize)]
pub(super) struct DeadLetters {
    pub(super) total: u64,
    /// By queue.
    #[serde(flatten)]
    pub(super) queues: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CallCounts {
    pub(super) calls: u64,
    pub(super) ok: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Function {
    #[serde(default)]
    pub(super) invocations: u64,
    #[serde(default)]
    pub(super) cpu_seconds: f64,
    #[serde(default)]
    pub(super) peak_rss_bytes: u64,
    /// Sums of metrics by name.
    #[serde(default)]
    pub(super) metrics: BTreeMap<String, f64>,
}

impl Function {
    /// The sum of a metric; 0 when it never occurred, none when the function ran and printed no
    /// metrics.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of records, rounded and not below 0"
    )]
    pub(super) fn count(&self, metric: &str) -> Option<u64> {
        let printed = self.invocations == 0 || !self.metrics.is_empty();
        printed.then(|| self.metrics.get(metric).map_or(0, |sum| sum.max(0.0).round() as u64))
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Process {
    #[serde(default)]
    pub(super) name: Option<String>,
    /// `None` for an emulator that runs elsewhere.
    #[serde(default)]
    pub(super) cpu_seconds: Option<f64>,
}
