//! Checks the rules that the types of a topology cannot express.
//!
//! Every violation is reported with its own line.

mod apis;
mod breakers;
mod causes;
mod concurrency;
mod destinations;
mod functions;
mod indexes;
mod names;
mod patterns;
mod processes;
mod projections;
mod queues;
mod resources;
mod retention;
mod rules;
mod schedules;
mod sharing;
mod sources;
mod subscriptions;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;

use super::document::Document;
use super::error::{Mistake, Severity};
use super::lookup::DEFAULT_BUS;
use super::model::{Profile, Topology};

/// Checks all rules and returns the mistakes.
///
/// Without errors, the engine can use the topology. Without any mistakes, Terraform can use it too.
pub(super) fn check(topology: &Topology, document: &Document) -> Vec<Mistake> {
    let mut check = Check { topology, document, mistakes: Vec::new() };
    check.something();
    check.resources();
    check.queues();
    check.rules();
    check.apis();
    check.schedules();
    check.schedule_groups();
    check.processes();
    check.subscriptions();
    check.projections();
    check.functions();
    check.sources();
    check.breakers();
    check.concurrency();
    check.retention();
    check.sharing();
    check.mistakes
}

struct Check<'a> {
    topology: &'a Topology,
    document: &'a Document,
    mistakes: Vec<Mistake>,
}

impl Check<'_> {
    /// Checks that at least one function is declared.
    ///
    /// An empty file is an error. A file without functions is a warning, because nothing is
    /// delivered.
    fn something(&mut self) {
        let example = "functions = { NAME = { … } }";
        if self.document.value().is_empty() {
            self.mistake(&[], format!("nothing is declared; a function is needed: {example}"));
        } else if self.topology.functions.is_empty() {
            self.warning(&["functions"], format!("is empty, so nothing is delivered: {example}"));
        }
    }

    /// Reports an error at a path. The message begins with the path.
    fn mistake(&mut self, path: &[&str], what: impl Display) {
        self.found(Severity::Error, path, what);
    }

    /// Reports a warning at a path. The message begins with the path.
    ///
    /// AWS and the engine accept the value, but it may lose events.
    fn warning(&mut self, path: &[&str], what: impl Display) {
        self.found(Severity::Warning, path, what);
    }

    /// Reports a violation of a rule that this project's toolkit, commands or Terraform need and
    /// AWS does not.
    ///
    /// Reports nothing if the profile is not `tidegate`. The message begins with the path.
    fn house_rule(&mut self, path: &[&str], what: impl Display) {
        if self.topology.profile() == Profile::Tidegate {
            self.warning(path, what);
        }
    }

    fn found(&mut self, severity: Severity, path: &[&str], what: impl Display) {
        let name = path.join(".");
        let message = if name.is_empty() { what.to_string() } else { format!("{name} {what}") };
        self.mistakes.push(Mistake { position: self.document.position(path), severity, message });
    }

    fn range(&mut self, path: &[&str], value: impl Into<i64>, allowed: RangeInclusive<i64>) {
        let value = value.into();
        if !allowed.contains(&value) {
            let (low, high) = (allowed.start(), allowed.end());
            self.mistake(path, format!("is {value}; must be {low} to {high}"));
        }
    }

    /// Checks that a name refers to an entry of a section.
    fn declared<T>(
        &mut self,
        path: &[&str],
        section: &str,
        name: &str,
        entries: &BTreeMap<String, T>,
    ) {
        if entries.contains_key(name) {
            return;
        }
        let names: Vec<&str> = entries.keys().map(String::as_str).collect();
        let declared = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        self.mistake(
            path,
            format!("is {name}, which is not declared; declared {section}: {declared}"),
        );
    }

    /// Checks that a bus is declared, or is the default bus of every account.
    fn bus(&mut self, path: &[&str], name: &str) {
        let topology = self.topology;
        if name != DEFAULT_BUS {
            self.declared(path, "buses", name, &topology.buses);
        }
    }

    /// Checks a queue to which AWS itself writes failures: it is declared and is not a FIFO queue.
    fn failure_queue(&mut self, path: &[&str], name: &str) {
        let topology = self.topology;
        self.declared(path, "queues", name, &topology.queues);
        self.not_fifo(path, name);
    }

    /// Checks that a queue is not a FIFO queue.
    ///
    /// AWS writes its failures without a message group, and a FIFO queue needs one.
    fn not_fifo(&mut self, path: &[&str], name: &str) {
        if self.is_fifo(name) {
            self.mistake(path, format!("is {name}, a FIFO queue; use a standard queue"));
        }
    }

    /// Checks a topic to which AWS itself publishes: it is declared and is not a FIFO topic.
    ///
    /// AWS publishes without a message group, and a FIFO topic needs one.
    fn standard_topic(&mut self, path: &[&str], name: &str) {
        let topology = self.topology;
        self.declared(path, "topics", name, &topology.topics);
        if topology.topics.get(name).is_some_and(|topic| topic.fifo) {
            self.mistake(path, format!("is {name}, a FIFO topic; use a standard topic"));
        }
    }

    fn is_fifo(&self, queue: &str) -> bool {
        self.topology.queues.get(queue).is_some_and(|queue| queue.fifo)
    }
}
