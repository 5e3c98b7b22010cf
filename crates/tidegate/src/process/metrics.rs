//! Counts what became of the inputs of a process.

use super::definition::Process;
use super::event::InstanceEvent;
use crate::message::MessageSet;
use crate::metrics::{CustomMetrics, Unit};

/// Counts events of an instance: one metric for each type, such as `ProcessMoved`, with the
/// dimension `process`.
pub(super) fn count<P: Process>(metrics: &CustomMetrics, events: &[InstanceEvent<P>]) {
    for event in events.iter().filter_map(InstanceEvent::stored) {
        metrics.add(event.schema().0, Unit::Count, 1.0, &[("process", P::KIND)]);
    }
}
