use std::io::Write;

use jiff::Timestamp;
use serde_json::json;

use super::outcome::{Effect, Outcome};

/// How the deliveries of one invocation ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Their effect took place.
    pub applied: u64,
    /// Their effect was already there.
    pub duplicate: u64,
    /// Without effect here, on purpose.
    pub filtered: u64,
    /// Held for an operator.
    pub held: u64,
    /// Failed and reported for redelivery.
    pub failed: u64,
    /// Not started and reported for redelivery.
    pub not_run: u64,
    /// Dead-lettered by the function, and acknowledged.
    pub dead_lettered: u64,
}

impl Counts {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Done(Effect::Applied) => &mut self.applied,
            Outcome::Done(Effect::Duplicate) => &mut self.duplicate,
            Outcome::Done(Effect::Filtered) => &mut self.filtered,
            Outcome::Done(Effect::Held) => &mut self.held,
            Outcome::Done(Effect::DeadLettered) => &mut self.dead_lettered,
            Outcome::Failed(_) => &mut self.failed,
            Outcome::NotRun(_) => &mut self.not_run,
        };
        *counter += 1;
    }

    /// Writes the counts to standard output in CloudWatch's embedded metric format: one line, from which CloudWatch makes
    /// metrics without a request.
    pub(crate) fn emit(&self, function: &str) {
        let metrics = [
            ("Applied", self.applied),
            ("Duplicate", self.duplicate),
            ("Filtered", self.filtered),
            ("Held", self.held),
            ("Failed", self.failed),
            ("NotRun", self.not_run),
            ("DeadLettered", self.dead_lettered),
        ];
        let declared: Vec<_> =
            metrics.iter().map(|(name, _)| json!({ "Name": name, "Unit": "Count" })).collect();
        let mut line = json!({
            "_aws": {
                "Timestamp": Timestamp::now().as_millisecond(),
                "CloudWatchMetrics": [
                    { "Namespace": "Tidegate", "Dimensions": [["function"]], "Metrics": declared }
                ],
            },
            "function": function,
        });
        if let Some(object) = line.as_object_mut() {
            object.extend(metrics.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
        }
        // Metrics are no reason to fail an invocation.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}
