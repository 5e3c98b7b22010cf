//! Checks circuit breakers, and that the messages behind them outlast an outage.

use super::Check;
use super::names::BREAKER;
use crate::lookup::SourceKind;
use crate::model::{Breaker, KeyType};

/// Partition key of a table of breakers.
const KEY: &str = "breaker";
/// Most receives of a redrive policy (AWS docs: `RedrivePolicy`).
const MOST_RECEIVES: u32 = 1_000;
/// Longest time for which an invocation can hide a message.
const LONGEST_COOL_DOWN: i64 = 12 * 3_600 - 15 * 60;

impl Check<'_> {
    pub(super) fn breakers(&mut self) {
        let topology = self.topology;
        for (name, breaker) in &topology.breakers {
            let path = ["breakers", name.as_str()];
            self.name(&path, name, &BREAKER);
            let at = |field: &'static str| [path[0], path[1], field];
            self.range(&at("cool_down_seconds"), breaker.cool_down_seconds, 1..=LONGEST_COOL_DOWN);
            let outage = breaker.longest_outage_seconds;
            self.range(&at("longest_outage_seconds"), outage, 1..=1_209_600);
            self.range(&at("window_seconds"), breaker.window_seconds, 1..=3_600);
            self.range(&at("freshness_seconds"), breaker.freshness_seconds, 0..=300);
            let optional = [
                ("failures_in_a_row", breaker.failures_in_a_row, 1_000),
                ("failure_percent", breaker.failure_percent, 100),
                ("minimum_calls", breaker.minimum_calls, 100_000),
            ];
            for (field, value, most) in optional {
                if let Some(value) = value {
                    self.range(&at(field), value, 1..=most);
                }
            }
            if breaker.minimum_calls.is_some() && breaker.failure_percent.is_none() {
                let what = "is for failure_percent, which is not set";
                self.mistake(&at("minimum_calls"), what);
            }
            self.breaker_tables(&path, breaker);
            self.breaker_variable(&path, name, breaker);
            self.guarded(&path, breaker);
        }
    }

    fn breaker_tables(&mut self, path: &[&str; 2], breaker: &Breaker) {
        let topology = self.topology;
        let at = |field: &'static str| [path[0], path[1], field];
        self.declared(&at("table"), "tables", &breaker.table, &topology.tables);
        if let Some(table) = topology.tables.get(&breaker.table) {
            let key = &table.partition_key;
            let fits = key.name == KEY && key.kind == KeyType::S && table.sort_key.is_none();
            if !fits {
                let what = format!(
                    "is {}, whose key is another one; a table of breakers has the partition key \
                     {KEY} of type S and no sort key",
                    breaker.table
                );
                self.mistake(&at("table"), what);
            }
        }
        let Some(events) = &breaker.events else { return };
        self.declared(&at("events"), "tables", events, &topology.tables);
        if let Some(table) = topology.tables.get(events) {
            let sort = table.sort_key.as_ref();
            let fits = table.partition_key.name == "stream"
                && sort.is_some_and(|key| key.name == "version" && key.kind == KeyType::N);
            if !fits {
                let what = format!(
                    "is {events}, which is not an event store; its keys are stream (S) and \
                     version (N)"
                );
                self.mistake(&at("events"), what);
            }
        }
    }

    /// Checks that the breaker's variable hides no other one.
    fn breaker_variable(&mut self, path: &[&str; 2], name: &str, breaker: &Breaker) {
        let variable = Breaker::variable(name);
        let Some(function) = self.topology.functions.get(&breaker.function) else { return };
        let mut others = self.topology.breakers_of(&breaker.function);
        let is_taken = others
            .any(|(other, _)| other != name && Breaker::variable(other) == variable)
            || function.uses.contains_key(&variable)
            || function.environment.contains_key(&variable);
        if is_taken {
            let what = format!(
                "needs the variable {variable} in {}, and another one has that name; rename one \
                 of them",
                breaker.function
            );
            self.mistake(path, what);
        }
    }

    /// Checks how the guarded function gets its work.
    fn guarded(&mut self, path: &[&str; 2], breaker: &Breaker) {
        let topology = self.topology;
        let at = |field: &'static str| [path[0], path[1], field];
        let (function, queue) = (breaker.function.as_str(), breaker.queue.as_str());
        self.declared(&at("function"), "functions", function, &topology.functions);
        self.declared(&at("queue"), "queues", queue, &topology.queues);
        let Some(declared) = topology.functions.get(function) else { return };
        if let Some(by) = self.asynchronous_invoker(function) {
            let what = format!(
                "is {function}, which {by} invokes asynchronously: Lambda tries a refused event \
                 again twice within three minutes, and then gives it up; let {by} write to a \
                 queue that {function} reads"
            );
            self.mistake(&at("function"), what);
        }
        let reads = |source: &&String| {
            let source = declared.sources.get(*source);
            source.and_then(|source| source.kind()) == Some(SourceKind::Queue(queue))
        };
        for (name, source) in &declared.sources {
            if matches!(source.kind(), Some(SourceKind::Stream(_) | SourceKind::Table(_))) {
                let what = format!(
                    "feeds {function}, which has a breaker: a refused record blocks its shard \
                     until the breaker closes, or until the record is given up; put a queue \
                     between"
                );
                self.warning(&["functions", function, "sources", name], what);
            }
        }
        match declared.sources.keys().find(reads) {
            None if topology.queues.contains_key(queue) => {
                let what = format!(
                    "is {queue}, which {function} does not read; guarded calls stand behind a \
                     queue, in which messages wait for the end of an outage"
                );
                self.mistake(&at("queue"), what);
            }
            None => {}
            Some(source) => self.outlasts(path, breaker, source),
        }
    }

    /// Returns what invokes a function asynchronously.
    fn asynchronous_invoker(&self, function: &str) -> Option<String> {
        let topology = self.topology;
        let mut rules = topology.function_rules().filter(|(_, name)| *name == function);
        let mut topics = topology.function_subscriptions().filter(|(_, name)| *name == function);
        let is_scheduled =
            topology.schedule_targets().any(|target| target.function.as_deref() == Some(function));
        let rule = rules.next().map(|(rule, _)| format!("the rule {rule}"));
        let topic = topics.next().map(|(name, _)| format!("the subscription {name}"));
        rule.or(topic).or_else(|| is_scheduled.then(|| "a schedule".to_owned()))
    }

    /// Checks that a message of the queue outlasts the longest outage.
    fn outlasts(&mut self, path: &[&str; 2], breaker: &Breaker, source: &str) {
        let topology = self.topology;
        let (name, queue) = (path[1], breaker.queue.as_str());
        let (outage, cool_down) = (breaker.longest_outage_seconds, breaker.cool_down_seconds);
        let Some(declared) = topology.queues.get(queue) else { return };
        if declared.retention_seconds <= outage {
            let what = format!(
                "is {}; must be more than {outage}, the longest outage that the breaker {name} \
                 declares: a message that is older is deleted",
                declared.retention_seconds
            );
            self.warning(&["queues", queue, "retention_seconds"], what);
        }
        let source_of = topology
            .functions
            .get(&breaker.function)
            .and_then(|function| function.sources.get(source)?.dead_letter_after_seconds);
        if let Some(after) = source_of.filter(|after| *after <= outage) {
            let what = format!(
                "is {after}; must be more than {outage}, the longest outage that the breaker \
                 {name} declares: a probe that fails would make a dead letter of its message"
            );
            let function = breaker.function.as_str();
            self.warning(
                &["functions", function, "sources", source, "dead_letter_after_seconds"],
                what,
            );
        }
        let Some(redrive) = &declared.redrive else { return };
        let (receives, needed) = (redrive.maximum_receives, breaker.receives());
        if needed > MOST_RECEIVES {
            let least = breaker.cool_down_for(MOST_RECEIVES).unwrap_or(outage);
            let what = format!(
                "is {cool_down}; must be at least {least}: an outage of {outage} seconds needs \
                 {needed} receives, and a queue moves a message after {MOST_RECEIVES} at most"
            );
            self.warning(&[path[0], path[1], "cool_down_seconds"], what);
        } else if receives < needed {
            let or = breaker.cool_down_for(receives).map_or(String::new(), |least| {
                format!(", or the cool-down at least {least} seconds")
            });
            let what = format!(
                "is {receives}; must be at least {needed}{or}: while the breaker {name} is open, \
                 each message is received once in {cool_down} seconds, for {outage} seconds at \
                 most, and 5 receives remain for the rest"
            );
            self.warning(&["queues", queue, "redrive", "maximum_receives"], what);
        }
    }
}
