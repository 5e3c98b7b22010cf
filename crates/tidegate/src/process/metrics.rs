//! Counts what became of the inputs of a process.

use std::collections::BTreeMap;

use super::definition::Process;
use super::event::InstanceEvent;
use crate::message::MessageSet;
use crate::metrics::{CustomMetrics, Unit};

/// Counts events of an instance: one metric for each type, such as `ProcessMoved`, with the
/// dimension `process`.
pub(super) fn count<P: Process>(metrics: &CustomMetrics, events: &[InstanceEvent<P>]) {
    let mut counts: BTreeMap<&'static str, u32> = BTreeMap::new();
    for event in events.iter().filter_map(InstanceEvent::stored) {
        *counts.entry(event.schema().0).or_default() += 1;
    }
    for (name, count) in counts {
        metrics.add(name, Unit::Count, f64::from(count), &[("process", P::KIND)]);
    }
}
