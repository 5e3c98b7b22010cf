//! Queues and their redrive.

use super::Check;
use super::retention::LEAST_FAILURE_RETENTION;
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
        let mut moved = topology.queues.values().filter_map(|queue| queue.redrive.as_ref());
        if moved.all(|redrive| redrive.queue != name) && topology.dead_letter_queues().contains(name) {
            let what = "is set, and this is a dead-letter queue: whoever lists its messages receives them, which would move them on";
            self.warning(&["queues", name, "redrive"], what);
        }
        let path = ["queues", name, "redrive", "queue"];
        let letters = redrive.queue.as_str();
        self.declared(&path, "queues", letters, &topology.queues);
        let receives = ["queues", name, "redrive", "maximum_receives"];
        self.range(&receives, redrive.maximum_receives, 1..=1_000);
        if (1..5).contains(&redrive.maximum_receives) {
            let most = redrive.maximum_receives;
            let what = format!(
                "is {most}; 5 and more are better, since a function that is throttled uses up receives"
            );
            self.warning(&receives, what);
        }
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
        let kept = i64::from(target.retention_seconds);
        let least = i64::from(queue.retention_seconds).saturating_add(LEAST_FAILURE_RETENTION);
        if kept < least {
            self.warning(
                &["queues", letters, "retention_seconds"],
                format!(
                    "is {kept}; allowed are {least} and more: a message from {name} keeps its age, up to that queue's {} seconds, and waits \
                     for four days at least",
                    queue.retention_seconds
                ),
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
        let (hidden, timeout) = (queue.visibility_timeout_seconds, reader.timeout_seconds);
        let least = timeout.saturating_mul(6).saturating_add(window);
        let path = ["queues", name, "visibility_timeout_seconds"];
        if hidden < timeout {
            let what = format!(
                "is {hidden}; Lambda takes no less than the timeout of {function}, which is {timeout}"
            );
            self.mistake(&path, what);
        } else if hidden < least {
            let what = format!(
                "is {hidden}; allowed are {least} and more: six times the timeout of {function} and its batching window"
            );
            self.warning(&path, what);
        }
        if queue.redrive.is_none() {
            self.warning(
                &["queues", name],
                format!("is read by {function} and has no redrive; a message that always fails needs a dead-letter queue"),
            );
        }
    }
}
