//! Checks rules and their targets.

use super::Check;
use super::names::RULE;
use crate::model::Target;

impl Check<'_> {
    pub(super) fn rules(&mut self) {
        let topology = self.topology;
        for (name, rule) in &topology.rules {
            self.name(&["rules", name], name, &RULE);
            if name.starts_with("tidegate-") {
                self.mistake(
                    &["rules", name],
                    "begins with tidegate-, which is reserved for the engine's own rules",
                );
            }
            self.bus(&["rules", name, "bus"], &rule.bus);
            self.pattern(&["rules", name, "pattern"], &rule.pattern);
            let target = &rule.target;
            if !target.is_one() {
                self.mistake(&["rules", name, "target"], "needs exactly one of function and queue");
            }
            if let Some(function) = &target.function {
                let path = ["rules", name, "target", "function"];
                self.declared(&path, "functions", function, &topology.functions);
                if topology
                    .functions
                    .get(function)
                    .is_some_and(|function| function.asynchronous.is_none())
                {
                    self.warning(
                        &path,
                        format!(
                            "is {function}, which declares no asynchronous with an on_failure: an \
                             event that fails three times is lost"
                        ),
                    );
                }
            }
            if let Some(queue) = &target.queue {
                let path = ["rules", name, "target", "queue"];
                self.declared(&path, "queues", queue, &topology.queues);
            }
            self.message_group(name, target);
            let path = ["rules", name, "target", "dead_letter_queue"];
            match target.dead_letter_queue.as_deref() {
                None => self.warning(
                    &path,
                    "is not set; events that EventBridge cannot deliver would be lost",
                ),
                Some(letters) => self.failure_queue(&path, letters),
            }
            if target.queue.is_some() && target.queue == target.dead_letter_queue {
                let what = "is the target itself, which would refuse the dead letter as it \
                    refused the event; use another queue";
                self.warning(&path, what);
            }
            let path = ["rules", name, "target", "maximum_retry_attempts"];
            self.range(&path, target.maximum_retry_attempts, 0..=185);
            let path = ["rules", name, "target", "maximum_event_age_seconds"];
            self.range(&path, target.maximum_event_age_seconds, 60..=86_400);
        }
    }
    /// Checks the message group of a target.
    ///
    /// EventBridge sends to a FIFO queue with a message group. A standard queue may have one, for
    /// fair sharing.
    fn message_group(&mut self, rule: &str, target: &Target) {
        let path = ["rules", rule, "target", "message_group_id"];
        match (&target.queue, &target.message_group_id) {
            (Some(queue), None) if self.is_fifo(queue) => self.mistake(
                &["rules", rule, "target", "queue"],
                format!(
                    "is {queue}, a FIFO queue, which rejects messages without a group; add \
                     message_group_id"
                ),
            ),
            (None, Some(_)) => self.mistake(&path, "is for a queue, and the target is not a queue"),
            (_, Some(group)) => {
                let allowed = |c: char| c.is_ascii_graphic();
                if !(1..=100).contains(&group.len()) || !group.chars().all(allowed) {
                    let what = "is not a valid message group; use 1 to 100 letters, digits and \
                        punctuation characters of ASCII";
                    self.mistake(&path, what);
                }
            }
            (_, None) => {}
        }
    }
}
