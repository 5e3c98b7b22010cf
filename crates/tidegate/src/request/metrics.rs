//! Writes the metrics of each request in CloudWatch's embedded metric format.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

/// Value of the dimension `route` for requests that no route fits: one, so that strangers cannot
/// create metrics.
pub(super) const UNMATCHED: &str = "unmatched";

/// Returns the line of a request.
///
/// The counts are written even if they are zero, so that an alarm sees quiet and good times alike.
pub(super) fn line(
    namespace: &str,
    function: &str,
    route: &str,
    status: u16,
    replayed: bool,
    took: Duration,
) -> Value {
    let names = ["Requests", "ClientErrors", "ServerErrors", "Replayed"];
    let counts = names.map(|name| json!({ "Name": name, "Unit": "Count" }));
    let mut definitions = counts.to_vec();
    definitions.push(json!({ "Name": "Duration", "Unit": "Milliseconds" }));
    let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
    json!({
        "_aws": {
            "Timestamp": Timestamp::now().as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [["function", "route"]],
                "Metrics": definitions,
            }],
        },
        "function": function,
        "route": route,
        "Requests": 1,
        "ClientErrors": u8::from((400..500).contains(&status)),
        "ServerErrors": u8::from(status >= 500),
        "Replayed": u8::from(replayed),
        "Duration": f64::from(micros) / 1000.0,
    })
}
