//! Checks queues and their redrive policies.

use super::Check;
use super::names::{FIFO_QUEUE, QUEUE};
use super::retention::LEAST_FAILURE_RETENTION;
use crate::lookup::SourceKind;

impl Check<'_> {
    pub(super) fn queues(&mut self) {
        let topology = self.topology;
        for (name, queue) in &topology.queues {
            self.name(&["queues", name], name, if queue.fifo { &FIFO_QUEUE } else { &QUEUE });
            if name.starts_with("tidegate-") {
                self.mistake(
                    &["queues", name],
                    "begins with tidegate-, which is reserved for the engine's own queues",
                );
            }
            self.range(
                &["queues", name, "retention_seconds"],
                queue.retention_seconds,
                60..=1_209_600,
            );
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
        if moved.all(|redrive| redrive.queue != name)
            && topology.dead_letter_queues().contains(name)
        {
            let what = "is set on a dead-letter queue: listing its messages receives them, which would \
                 move them on";
            self.house_rule(&["queues", name, "redrive"], what);
        }
        let path = ["queues", name, "redrive", "queue"];
        let letters = redrive.queue.as_str();
        self.declared(&path, "queues", letters, &topology.queues);
        let receives = ["queues", name, "redrive", "maximum_receives"];
        self.range(&receives, redrive.maximum_receives, 1..=1_000);
        let mut sources = topology.sources();
        let is_read = sources.any(|(_, _, source)| source.queue.as_deref() == Some(name));
        if is_read && (1..5).contains(&redrive.maximum_receives) {
            let most = redrive.maximum_receives;
            let what = format!(
                "is {most}; AWS recommends at least 5, since a batch that is throttled uses up \
                 receives of its messages"
            );
            self.warning(&receives, what);
        }
        if letters == name {
            self.mistake(&path, format!("is {letters}, the queue itself; choose another queue"));
            return;
        }
        let Some(target) = topology.queues.get(letters) else { return };
        if target.fifo != queue.fifo {
            let kind = |fifo| if fifo { "a FIFO queue" } else { "a standard queue" };
            let (this, other) = (kind(queue.fifo), kind(target.fifo));
            self.mistake(&path, format!("is {letters}, {other}; {this} needs {this}"));
        }
        // The retention of a message that is moved to a FIFO queue begins anew (AWS docs:
        // "Understanding message retention periods for dead-letter queues").
        let age = if target.fifo { 0 } else { i64::from(queue.retention_seconds) };
        let (kept, path) =
            (i64::from(target.retention_seconds), ["queues", letters, "retention_seconds"]);
        let least = age.saturating_add(LEAST_FAILURE_RETENTION);
        if age > 0 && kept <= age {
            let what = format!(
                "is {kept}; must be more than the {age} of {name}: a message that is moved keeps \
                 its age, and may be \
                 deleted at once; with {least} it waits for four days at least"
            );
            self.warning(&path, what);
        } else if kept < least {
            let what = match age {
                0 => format!(
                    "is {kept}; must be at least {least}: a message from {name} waits for four \
                     days at least"
                ),
                _ => format!(
                    "is {kept}; must be at least {least}: a message from {name} keeps its age, up \
                     to that queue's {age} seconds, and \
                     waits for four days at least"
                ),
            };
            self.house_rule(&path, what);
        }
    }

    /// Checks a queue that a function reads.
    fn consumed(&mut self, name: &str, function: &str, source: &str) {
        let topology = self.topology;
        let (Some(queue), Some(reader)) =
            (topology.queues.get(name), topology.functions.get(function))
        else {
            return;
        };
        let window = reader.sources.get(source).map_or(0, |source| source.batching_window_seconds);
        let (hidden, timeout) = (queue.visibility_timeout_seconds, reader.timeout_seconds);
        let least = timeout.saturating_mul(6).saturating_add(window);
        let path = ["queues", name, "visibility_timeout_seconds"];
        if hidden < timeout {
            let what = format!(
                "is {hidden}; must be at least the timeout of {function}, which is {timeout}"
            );
            self.mistake(&path, what);
        } else if hidden <= window {
            let what = format!(
                "is {hidden}; must be more than the batching window of {function}, which is \
                 {window}, and AWS recommends {least}: a message that is gathered for longer than \
                 it is hidden may come again before it is delivered"
            );
            self.mistake(&path, what);
        } else if hidden < least {
            let what = format!(
                "is {hidden}; AWS recommends at least {least}: six times the timeout of \
                 {function} and its batching window, since a \
                 batch that is throttled is tried again while it is hidden"
            );
            self.warning(&path, what);
        }
        if queue.redrive.is_none() {
            self.warning(
                &["queues", name],
                format!(
                    "is read by {function} and has no redrive: a message that always fails is \
                     delivered again until its retention ends, and is then lost; add a dead-letter queue"
                ),
            );
        }
    }
}
