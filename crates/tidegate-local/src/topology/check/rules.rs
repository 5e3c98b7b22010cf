//! Rules and their targets.

use super::Check;

impl Check<'_> {
    pub(super) fn rules(&mut self) {
        let topology = self.topology;
        for (name, rule) in &topology.rules {
            self.name(&["rules", name], name);
            if name.starts_with("tidegate-") {
                self.mistake(
                    &["rules", name],
                    "begins with tidegate-, which is kept for the engine's own rules",
                );
            }
            self.declared(&["rules", name, "bus"], "buses", &rule.bus, &topology.buses);
            self.pattern(&["rules", name, "pattern"], &rule.pattern);
            let target = &rule.target;
            if !target.is_one() {
                self.mistake(&["rules", name, "target"], "needs exactly one of function and queue");
            }
            if let Some(function) = &target.function {
                let path = ["rules", name, "target", "function"];
                self.declared(&path, "functions", function, &topology.functions);
                if topology.functions.get(function).is_some_and(|function| function.asynchronous.is_none()) {
                    self.warning(
                        &path,
                        format!("is {function}, which declares no asynchronous; what it cannot handle needs a destination"),
                    );
                }
            }
            if let Some(queue) = &target.queue {
                let path = ["rules", name, "target", "queue"];
                self.declared(&path, "queues", queue, &topology.queues);
                if topology.queues.get(queue).is_some_and(|queue| queue.fifo) {
                    self.mistake(
                        &path,
                        format!("is {queue}, a FIFO queue; a bus has no order, a standard queue is allowed"),
                    );
                }
            }
            let path = ["rules", name, "target", "dead_letter_queue"];
            match target.dead_letter_queue.as_deref() {
                None => self.warning(&path, "is not set; what EventBridge cannot hand over would be lost"),
                Some(letters) => self.failure_queue(&path, letters),
            }
            if target.queue.is_some() && target.queue == target.dead_letter_queue {
                self.mistake(&path, "is the target itself; another queue is allowed");
            }
            let path = ["rules", name, "target", "maximum_retry_attempts"];
            self.range(&path, target.maximum_retry_attempts, 0..=185);
            let path = ["rules", name, "target", "maximum_event_age_seconds"];
            self.range(&path, target.maximum_event_age_seconds, 60..=86_400);
        }
    }
}
