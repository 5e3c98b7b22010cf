//! Checks rules and their targets.

use std::collections::BTreeMap;

use super::Check;
use super::names::{RULE, TARGET};
use crate::input::{Input, JsonPath};
use crate::model::{Rule, Target};
use crate::targets::TargetKind;

/// Most targets of a rule. The quota cannot be raised.
const MOST_TARGETS: usize = 5;
/// Most rules of a bus in an account that did not ask for more.
const MOST_RULES: usize = 300;

impl Check<'_> {
    pub(super) fn rules(&mut self) {
        let topology = self.topology;
        let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, rule) in &topology.rules {
            *rules.entry(&rule.bus).or_default() += 1;
            self.name(&["rules", name], name, &RULE);
            if name.starts_with("tidegate-") {
                self.mistake(
                    &["rules", name],
                    "begins with tidegate-, which is reserved for the engine's own rules",
                );
            }
            self.bus(&["rules", name, "bus"], &rule.bus);
            self.pattern(&["rules", name, "pattern"], &rule.pattern);
            self.targets(name, rule);
        }
        for (bus, count) in rules.into_iter().filter(|(_, count)| *count > MOST_RULES) {
            let what = format!(
                "has {count} rules; an AWS account has {MOST_RULES} a bus unless its quota is raised"
            );
            self.warning(&["buses", bus], what);
        }
    }

    fn targets(&mut self, name: &str, rule: &Rule) {
        let path = ["rules", name];
        match (&rule.target, rule.targets.len()) {
            (None, 0) => {
                self.mistake(&path, "needs a target: target = { … } or targets = { NAME = { … } }");
            }
            (Some(_), 1..) => self.mistake(
                &["rules", name, "targets"],
                "stands beside target; move that one into targets, with a name",
            ),
            (None, count) if count > MOST_TARGETS => {
                let what = format!(
                    "has {count} targets; EventBridge takes {MOST_TARGETS}: use a second rule with \
                     the same pattern"
                );
                self.mistake(&["rules", name, "targets"], what);
            }
            _ => {}
        }
        for (target_name, target) in rule.targets() {
            let path: Vec<&str> = match target_name {
                None => vec!["rules", name, "target"],
                Some(target) => vec!["rules", name, "targets", target],
            };
            if let Some(target) = target_name {
                self.name(&path, target, &TARGET);
            }
            self.target(&path, &rule.bus, target);
        }
    }

    fn target(&mut self, path: &[&str], bus: &str, target: &Target) {
        let topology = self.topology;
        let at = |field: &'static str| [path, &[field]].concat();
        match target.kind() {
            None => {
                self.mistake(path, "needs exactly one of function, queue, stream, topic and bus")
            }
            Some(TargetKind::Function(function)) => self.function_target(&at("function"), function),
            Some(TargetKind::Queue(queue)) => {
                self.declared(&at("queue"), "queues", queue, &topology.queues);
            }
            Some(TargetKind::Stream(stream)) => {
                self.declared(&at("stream"), "streams", stream, &topology.streams);
            }
            Some(TargetKind::Topic(topic)) => self.standard_topic(&at("topic"), topic),
            Some(TargetKind::Bus(to)) => self.bus_target(path, bus, to),
        }
        self.message_group(path, target);
        self.partition_key(&at("partition_key_path"), target);
        self.input(path, target);
        match target.dead_letter_queue.as_deref() {
            None => self.warning(
                &at("dead_letter_queue"),
                "is not set; events that EventBridge cannot deliver would be lost",
            ),
            Some(letters) => self.failure_queue(&at("dead_letter_queue"), letters),
        }
        if target.queue.is_some() && target.queue == target.dead_letter_queue {
            let what = "is the target itself, which would refuse the dead letter as it \
                refused the event; use another queue";
            self.warning(&at("dead_letter_queue"), what);
        }
        self.range(&at("maximum_retry_attempts"), target.maximum_retry_attempts, 0..=185);
        let path = at("maximum_event_age_seconds");
        self.range(&path, target.maximum_event_age_seconds, 60..=86_400);
    }

    fn function_target(&mut self, path: &[&str], function: &str) {
        let topology = self.topology;
        self.declared(path, "functions", function, &topology.functions);
        let declared = topology.functions.get(function);
        if declared.is_some_and(|function| function.asynchronous.is_none()) {
            self.warning(
                path,
                format!(
                    "is {function}, which declares no asynchronous with an on_failure: an \
                     event that fails three times is lost"
                ),
            );
        }
    }

    /// Checks a bus that is a target.
    ///
    /// EventBridge does not route an event to a third bus (User Guide: "Sending events between
    /// event buses in the same account and Region").
    fn bus_target(&mut self, path: &[&str], from: &str, to: &str) {
        let topology = self.topology;
        let at = [path, &["bus"]].concat();
        self.bus(&at, to);
        if from == to {
            self.mistake(&at, format!("is {to}, the bus of the rule itself; choose another bus"));
        }
        let mut targets = topology.rule_targets();
        let sender = targets
            .find(|other| other.declared.bus != from && other.target.bus.as_deref() == Some(from));
        if let Some(sender) = sender {
            let what = format!(
                "is {to}; EventBridge sends no event on to a third bus, so events that bus {from} \
                 gets from bus {} by rule {} stop here",
                sender.declared.bus,
                sender.full_name()
            );
            self.warning(&at, what);
        }
    }

    /// Checks what the target gets. Another bus gets the event as it is, so that its own rules can
    /// match it.
    fn input(&mut self, path: &[&str], target: &Target) {
        match Input::parse(target) {
            Ok(Input::Event) => {}
            Ok(_) if target.bus.is_some() => {
                let what = "has an input, but a bus gets the event itself; remove the input, or \
                    give it to the targets of the other bus";
                self.mistake(path, what);
            }
            Ok(input) => {
                if let Some(fault) = input.warning() {
                    let inside = fault.path.iter().map(String::as_str);
                    let path: Vec<&str> = path.iter().copied().chain(inside).collect();
                    self.warning(&path, fault.reason);
                }
            }
            Err(faults) => {
                for fault in faults {
                    let inside = fault.path.iter().map(String::as_str);
                    let path: Vec<&str> = path.iter().copied().chain(inside).collect();
                    self.mistake(&path, fault.reason);
                }
            }
        }
    }

    fn partition_key(&mut self, path: &[&str], target: &Target) {
        let Some(key) = &target.partition_key_path else { return };
        if target.stream.is_none() {
            self.mistake(path, "is for a stream, and the target is not a stream");
        } else if let Err(reason) = JsonPath::parse(key) {
            self.mistake(path, reason);
        }
    }

    /// Checks the message group of a target.
    ///
    /// EventBridge sends to a FIFO queue with a message group. A standard queue may have one, for
    /// fair sharing.
    fn message_group(&mut self, path: &[&str], target: &Target) {
        let at = [path, &["message_group_id"]].concat();
        match (&target.queue, &target.message_group_id) {
            (Some(queue), None) if self.is_fifo(queue) => self.mistake(
                &[path, &["queue"]].concat(),
                format!(
                    "is {queue}, a FIFO queue, which rejects messages without a group; add \
                     message_group_id"
                ),
            ),
            (None, Some(_)) => self.mistake(&at, "is for a queue, and the target is not a queue"),
            (_, Some(group)) => {
                let allowed = |c: char| c.is_ascii_graphic();
                if !(1..=100).contains(&group.len()) || !group.chars().all(allowed) {
                    let what = "is not a valid message group; use 1 to 100 letters, digits and \
                        punctuation characters of ASCII";
                    self.mistake(&at, what);
                }
            }
            (_, None) => {}
        }
    }
}
