//! Circuit breakers.

use serde::Deserialize;

/// A circuit breaker in front of a provider that a function calls.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Table with the breaker's row. Its partition key is `breaker`, a string.
    pub table: String,
    /// Function that calls the provider.
    pub function: String,
    /// Queue behind which the calls stand. The function reads it.
    pub queue: String,
    /// Seconds for which the breaker stays open before a probe, 1 to 42,300.
    pub cool_down_seconds: u32,
    /// Longest outage of the provider that the queue's messages must outlast, in seconds.
    pub longest_outage_seconds: u32,
    /// Failures in a row that open the breaker; 5 by default, if there is no `failure_percent`.
    pub failures_in_a_row: Option<u32>,
    /// Percent of the calls of a window that open the breaker if they failed, 1 to 100.
    pub failure_percent: Option<u32>,
    /// Calls of a window from which `failure_percent` counts; 20 by default.
    pub minimum_calls: Option<u32>,
    /// Seconds for which calls are counted together; 60 by default.
    #[serde(default = "default_window")]
    pub window_seconds: u32,
    /// Seconds for which an environment relies on what it knows of the breaker; 5 by default.
    #[serde(default = "default_freshness")]
    pub freshness_seconds: u32,
    /// Table of the event store in which changes of the breaker become events.
    pub events: Option<String>,
}

fn default_window() -> u32 {
    60
}

fn default_freshness() -> u32 {
    5
}
