//! Counts what became of the inputs of a process.

use std::collections::BTreeMap;

use super::definition::Process;
use super::event::InstanceEvent;
use crate::message::MessageSet;
use crate::metrics::CustomMetrics;

/// Deadlines that only the sweep found.
const SWEPT: &str = "DeadlinesSwept";

/// Counts events of an instance: one metric for each type, such as `ProcessMoved`, with the
/// dimensions `function` and `process`.
pub(super) fn count<P: Process>(metrics: &CustomMetrics, events: &[InstanceEvent<P>]) {
    let mut counts: BTreeMap<&'static str, u32> = BTreeMap::new();
    for event in events.iter().filter_map(InstanceEvent::stored) {
        *counts.entry(event.schema().0).or_default() += 1;
    }
    for (name, count) in counts {
        metrics.count_of_process(name, f64::from(count), P::KIND);
    }
}

/// Counts deadlines of a process that the sweep sent.
pub(super) fn swept(metrics: &CustomMetrics, process: &str, count: usize) {
    if let Some(count) = u32::try_from(count).ok().filter(|count| *count > 0) {
        metrics.count_of_process(SWEPT, f64::from(count), process);
    }
}
