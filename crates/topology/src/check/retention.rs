//! Checks how long failures wait for an operator, and how long effects are remembered.

use std::collections::BTreeMap;

use super::Check;
use crate::lookup::{LARGE_LETTERS, LETTERS};
use crate::model::{Function, Target};

/// Shortest retention of a queue of failures, in seconds: a long weekend.
///
/// An operator need not look at the queue sooner.
pub(super) const LEAST_FAILURE_RETENTION: i64 = 4 * 86_400;

/// Fewest days for which idempotency records and causes must be kept.
///
/// SQS keeps a message for 14 days at most, so a replay can come that late. One more day covers the
/// delivery before it.
pub(super) const LEAST_RECORD_RETENTION_DAYS: i64 = 15;

/// Name of the environment variable for the table of a function's idempotency records.
///
/// `tidegate effects` uses the same name.
pub(super) const EFFECTS: &str = "IDEMPOTENCY_TABLE";

/// Writer to a queue of failures: its name, and the largest age in seconds of what it writes.
struct Writer {
    who: String,
    age: i64,
}

impl<'a> Check<'a> {
    pub(super) fn retention(&mut self) {
        self.failure_queues();
        self.large_letters();
        self.idempotency_records();
        self.snapshots();
    }

    fn failure_queues(&mut self) {
        for (queue, writer) in self.writers() {
            let Some(declared) = self.topology.queues.get(queue) else { continue };
            let least = LEAST_FAILURE_RETENTION.max(writer.age);
            let kept = i64::from(declared.retention_seconds);
            // A value below a minute is out of range, and another check reports that.
            if (60..least).contains(&kept) {
                let who = writer.who;
                self.house_rule(
                    &["queues", queue, "retention_seconds"],
                    format!(
                        "is {kept}; must be at least {least}: it holds the failures of {who}, for \
                         at least four days and for as long as they are retried"
                    ),
                );
            }
        }
    }

    /// Returns, for each queue of failures, the writer that retries longest before it writes there.
    fn writers(&self) -> BTreeMap<&'a str, Writer> {
        let topology = self.topology;
        let mut writers: BTreeMap<&'a str, Writer> = BTreeMap::new();
        let mut add = |queue: &'a str, who: String, age: i64| {
            let longest = writers.get(queue).is_none_or(|writer| writer.age < age);
            if longest {
                writers.insert(queue, Writer { who, age });
            }
        };
        for (function, name, source) in topology.sources() {
            if let Some(queue) =
                source.on_failure.as_ref().and_then(|destination| destination.queue.as_ref())
            {
                let age = source.maximum_record_age_seconds.map_or(0, i64::from);
                add(queue, format!("source {name} of {function}"), age);
            }
        }
        for (name, function) in &topology.functions {
            if let Some(declared) = &function.asynchronous
                && let Some(queue) =
                    function.on_failure().and_then(|destination| destination.queue.as_ref())
            {
                let who = format!("the asynchronous invocation of {name}");
                add(queue, who, i64::from(declared.maximum_event_age_seconds));
            }
            if let Some(queue) = letters_of(function) {
                add(queue, name.clone(), function.dead_letter_after_seconds().map_or(0, i64::from));
            }
        }
        for rule in topology.rule_targets() {
            if let Some(queue) = &rule.target.dead_letter_queue {
                let age = i64::from(rule.target.maximum_event_age_seconds);
                add(queue, format!("rule {}", rule.full_name()), age);
            }
        }
        for (name, subscription) in &topology.subscriptions {
            if let Some(queue) = &subscription.dead_letter_queue {
                add(queue, format!("subscription {name}"), 0);
            }
        }
        writers
    }

    /// Checks that the payload of a large dead letter is kept as long as the dead letter itself.
    ///
    /// A dead letter that outlives its payload can be read, but not replayed.
    fn large_letters(&mut self) {
        let topology = self.topology;
        for (name, bucket) in &topology.buckets {
            let functions = topology.functions.values().filter(|function| {
                function.uses.get(LARGE_LETTERS).and_then(|used| used.bucket.as_ref()) == Some(name)
            });
            let queues = functions.filter_map(letters_of);
            let longest = queues
                .filter_map(|queue| Some((topology.queues.get(queue)?.retention_seconds, queue)))
                .max_by_key(|(kept, _)| *kept);
            let Some((kept, queue)) = longest else { continue };
            let (days, least) = (bucket.expiration_days, kept.div_ceil(86_400));
            if days > 0 && days < least {
                self.house_rule(
                    &["buckets", name, "expiration_days"],
                    format!(
                        "is {days}; must be at least {least}: dead letters in {queue} are kept \
                         for {kept} seconds and name \
                         objects in it"
                    ),
                );
            }
        }
    }

    fn idempotency_records(&mut self) {
        let topology = self.topology;
        for (name, table) in &topology.tables {
            let Some(days) = table.record_retention_days.map(i64::from) else { continue };
            let path = ["tables", name, "record_retention_days"];
            if !(LEAST_RECORD_RETENTION_DAYS..=3_650).contains(&days) {
                self.house_rule(
                    &path,
                    format!(
                        "is {days}; must be {LEAST_RECORD_RETENTION_DAYS} to 3650: a dead letter \
                         may be replayed for 14 days, and \
                         without its record the effect would run again"
                    ),
                );
            } else if let Some((bus, archive)) =
                self.archive_before(name).filter(|(_, archive)| days <= *archive)
            {
                let what = format!(
                    "is {days}; must be above {archive}: the archive of bus {bus} can be replayed \
                     for {archive} days, and without its record an effect would run again"
                );
                self.house_rule(&path, what);
            }
            if table.ttl_attribute.is_none() {
                self.house_rule(
                    &path,
                    "needs ttl_attribute too: without it the records are kept for ever",
                );
            }
        }
        self.one_table_of_records();
    }

    /// Returns the bus with the longest archive among those that reach a function with this table,
    /// and the archive's length in days.
    ///
    /// A rule of the bus reaches the function directly, through a queue, or through another bus.
    pub(super) fn archive_before(&self, table: &str) -> Option<(&'a str, i64)> {
        let topology = self.topology;
        let uses = |function: &Function| {
            function.uses.values().any(|used| used.table.as_deref() == Some(table))
        };
        let reads = |function: &Function, queue: &Option<String>| {
            queue.is_some() && function.sources.values().any(|source| source.queue == *queue)
        };
        let reached = |target: &Target| {
            topology.functions.iter().any(|(name, function)| {
                let is_reached =
                    target.function.as_ref() == Some(name) || reads(function, &target.queue);
                is_reached && uses(function)
            })
        };
        // A replayed event goes on to the rules of another bus, and no further.
        let behind = |target: &Target| {
            let mut targets = topology.rule_targets();
            target.bus.is_some()
                && targets.any(|next| {
                    Some(&next.declared.bus) == target.bus.as_ref() && reached(next.target)
                })
        };
        let buses = topology.rule_targets().filter_map(|rule| {
            let days = topology.buses.get(&rule.declared.bus)?.archive_days;
            (reached(rule.target) || behind(rule.target))
                .then_some((rule.declared.bus.as_str(), i64::from(days)))
        });
        buses.max_by_key(|(_, days)| *days)
    }

    fn one_table_of_records(&mut self) {
        let topology = self.topology;
        for (name, function) in &topology.functions {
            let mut kept = 0;
            for (variable, used) in &function.uses {
                let Some(table) = &used.table else { continue };
                let Some(declared) = topology.tables.get(table) else { continue };
                let path = ["functions", name, "uses", variable, "table"];
                if declared.record_retention_days.is_some() {
                    kept += 1;
                    if kept > 1 {
                        let what = format!(
                            "is {table}, a second table with record_retention_days; a function \
                             may use one"
                        );
                        self.house_rule(&path, what);
                    }
                } else if variable == EFFECTS {
                    let what = format!(
                        "is {table}, which must declare record_retention_days, {LEAST_RECORD_RETENTION_DAYS} or more"
                    );
                    self.house_rule(&path, what);
                }
            }
        }
    }
}

/// Returns the queue for a function's own dead letters.
fn letters_of(function: &Function) -> Option<&str> {
    function.uses.get(LETTERS)?.queue.as_deref()
}
