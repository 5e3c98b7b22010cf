//! Queues and their redrive.

use super::Check;
use crate::topology::lookup::SourceKind;

impl Check<'_> {
    pub(super) fn queues(&mut self) {
        let topology = self.topology;
        for (name, queue) in &topology.queues {
            self.name(&["queues", name], name);
            if name.starts_with("tidegate-") {
                self.mistake(
                    &["queues", name],
                    "begins with tidegate-, which is kept for the engine's own queues",
                );
            }
            self.range(&["queues", name, "retention_seconds"], queue.retention_seconds, 60..=1_209_600);
            let path = ["queues", name, "visibility_timeout_seconds"];
            self.range(&path, queue.visibility_timeout_seconds, 0..=43_200);
            self.redrive(name);
        }
        for (function, source, declared) in topology.sources() {
            if let Some(SourceKind::Queue(queue)) = declared.kind() {
                self.consumed(queue, function, source);
            }
        }
    }

    fn redrive(&mut self, name: &str) {
        let topology = self.topology;
        let Some((queue, redrive)) =
            topology.queues.get(name).and_then(|queue| Some((queue, queue.redrive.as_ref()?)))
        else {
            return;
        };
        let path = ["queues", name, "redrive", "queue"];
        let letters = redrive.queue.as_str();
        self.declared(&path, "queues", letters, &topology.queues);
        // A message that is moved keeps its age in a standard queue, and a function that is throttled uses up receives.
        self.range(&["queues", name, "redrive", "maximum_receives"], redrive.maximum_receives, 5..=1_000);
        if letters == name {
            self.mistake(&path, format!("is {letters}, the queue itself; another queue is allowed"));
            return;
        }
        let Some(target) = topology.queues.get(letters) else { return };
        if target.fifo != queue.fifo {
            let kind = |fifo| if fifo { "a FIFO queue" } else { "a standard queue" };
            let (this, other) = (kind(queue.fifo), kind(target.fifo));
            self.mistake(&path, format!("is {letters}, {other}; {this} needs {this}"));
        }
        let (least, kept) = (queue.retention_seconds, target.retention_seconds);
        if kept <= least {
            self.mistake(
                &["queues", letters, "retention_seconds"],
                format!("is {kept}; as dead-letter queue of {name} it must be above that queue's, {least}"),
            );
        }
    }

    /// A queue that a function reads.
    fn consumed(&mut self, name: &str, function: &str, source: &str) {
        let topology = self.topology;
        let (Some(queue), Some(reader)) = (topology.queues.get(name), topology.functions.get(function))
        else {
            return;
        };
        let window = reader.sources.get(source).map_or(0, |source| source.batching_window_seconds);
        let least = reader.timeout_seconds.saturating_mul(6).saturating_add(window);
        if queue.visibility_timeout_seconds < least {
            self.mistake(
                &["queues", name, "visibility_timeout_seconds"],
                format!(
                    "is {}; allowed are {least} and more: six times the timeout of {function} and its batching window",
                    queue.visibility_timeout_seconds
                ),
            );
        }
        if queue.redrive.is_none() {
            self.mistake(
                &["queues", name],
                format!("is read by {function} and has no redrive; a message that always fails needs a dead-letter queue"),
            );
        }
    }
}
