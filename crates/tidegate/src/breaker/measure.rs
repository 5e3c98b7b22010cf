//! The metrics of a breaker.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::phase::Phase;

/// Returns the line about a change of the phase, in CloudWatch's embedded metric format.
pub(super) fn line(namespace: &str, function: &str, breaker: &str, phase: &Phase) -> Value {
    let metric = match phase {
        Phase::Closed => "BreakerClosed",
        Phase::Open { .. } => "BreakerOpened",
        Phase::HalfOpen { .. } => "BreakerProbed",
    };
    json!({
        "_aws": {
            "Timestamp": Timestamp::now().as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [["function", "breaker"]],
                "Metrics": [{ "Name": metric, "Unit": "Count" }],
            }],
        },
        "function": function,
        "breaker": breaker,
        metric: 1,
    })
}
