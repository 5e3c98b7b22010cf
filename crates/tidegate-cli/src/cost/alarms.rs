//! How many metrics an environment's alarms watch, by the rules of infra/alarms.tf and alarms_*.tf.
//! AWS bills each of them, and most alarms watch one.

use std::collections::BTreeSet;

use topology::{FilterPolicyScope, Function, Topology};

use crate::parked;

/// Watched metrics per entry of each group of alarms.
///
/// The groups are local values in `infra/alarms_*.tf`.
const PER_FUNCTION: usize = 6;
const PER_RESERVED_CONCURRENCY: usize = 1;
const PER_PROJECTION: usize = 1;
const PER_STREAM_READER: usize = 1;
/// Records written to the source, and invocations for them.
const PER_STREAM_SOURCE: usize = 2;
const PER_DETAILED_STREAM_SOURCE: usize = 1;
const PER_DETAILED_FUNCTION: usize = 1;
const PER_ASYNCHRONOUS: usize = 2;
const PER_DESTINATION: usize = 1;
/// Once, if any function sends e-mail.
const FOR_SENDERS: usize = 2;
/// Letters in the queue, and the visible and the hidden letters that are about to expire.
const PER_DEAD_LETTER_QUEUE: usize = 3;
const PER_WORK_QUEUE: usize = 1;
const PER_RULE: usize = 3;
/// What finally failed, became a dead letter, and was lost.
const PER_SUBSCRIBED_TOPIC: usize = 3;
/// Per topic and scope of its filter policies: what they cannot be compared with.
const PER_FILTERED_SCOPE: usize = 1;
const PER_TABLE: usize = 2;
const PER_STREAM: usize = 2;
const PER_API: usize = 3;
const PER_URL: usize = 1;
/// Declared schedules are one group.
const PER_SCHEDULE_GROUP: usize = 3;

const PER_PROCESS: usize = 1;
const PER_SWEPT_PROCESS: usize = 1;
const PER_BREAKER: usize = 1;

/// Returns the number of composite alarms: one per function.
///
/// They are billed as alarms and watch no metric.
pub(super) fn composite(topology: &Topology) -> u64 {
    topology.functions.len() as u64
}

/// Returns the number of metrics that the alarms of the whole system watch.
pub(super) fn count(topology: &Topology, reserve_concurrency: bool, detailed_metrics: bool) -> u64 {
    let functions = topology.functions.len();
    let reads_a_stream =
        |function: &&Function| function.sources.values().any(|source| source.queue.is_none());
    let projects = |function: &&Function| !parked::tables(topology, function).is_empty();
    let projections = topology.functions.values().filter(projects).count();
    let readers = topology.functions.values().filter(reads_a_stream).count();
    let stream_sources = topology.sources().filter(|(_, _, source)| source.queue.is_none()).count();
    let asynchronous =
        topology.functions.values().filter(|function| function.asynchronous.is_some()).count();
    let destinations = topology
        .functions
        .values()
        .filter(|function| function.asynchronous.is_some() || reads_a_stream(function))
        .count();
    let schedule_groups =
        topology.schedule_groups.len() + usize::from(!topology.schedules.is_empty());
    let swept = topology.processes.values().filter(|process| process.sweep.is_some()).count();
    let letters = topology.dead_letter_queues().len();
    let urls = topology.functions.values().filter(|function| function.url.is_some()).count();
    let count = functions * PER_FUNCTION
        + if reserve_concurrency { functions * PER_RESERVED_CONCURRENCY } else { 0 }
        + if detailed_metrics {
            stream_sources * PER_DETAILED_STREAM_SOURCE + functions * PER_DETAILED_FUNCTION
        } else {
            0
        }
        + projections * PER_PROJECTION
        + readers * PER_STREAM_READER
        + stream_sources * PER_STREAM_SOURCE
        + asynchronous * PER_ASYNCHRONOUS
        + destinations * PER_DESTINATION
        + if topology.sender_addresses().is_empty() { 0 } else { FOR_SENDERS }
        + letters * PER_DEAD_LETTER_QUEUE
        + topology.queues.len().saturating_sub(letters) * PER_WORK_QUEUE
        + topology.rules.len() * PER_RULE
        + topology.subscribed_topics().len() * PER_SUBSCRIBED_TOPIC
        + filtered_scopes(topology) * PER_FILTERED_SCOPE
        + topology.tables.len() * PER_TABLE
        + topology.streams.len() * PER_STREAM
        + topology.apis.len() * PER_API
        + urls * PER_URL
        + schedule_groups * PER_SCHEDULE_GROUP
        + topology.processes.len() * PER_PROCESS
        + swept * PER_SWEPT_PROCESS
        + topology.breakers.len() * PER_BREAKER;
    count as u64
}

/// Returns how many pairs of a topic and a scope of its filter policies there are.
fn filtered_scopes(topology: &Topology) -> usize {
    let filtered = topology.subscriptions.values().filter(|of| of.filter_policy.is_some());
    let scopes = filtered
        .map(|of| (of.topic.as_str(), of.filter_policy_scope == FilterPolicyScope::Body))
        .collect::<BTreeSet<_>>();
    scopes.len()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn infra(file: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra").join(file)
    }

    /// The text of alarms.tf and of its parts.
    fn alarms() -> String {
        let parts = [
            "",
            "_apis",
            "_breakers",
            "_functions",
            "_processes",
            "_queues",
            "_schedules",
            "_services",
            "_sources",
            "_subscriptions",
        ];
        parts.map(|part| fs::read_to_string(infra(&format!("alarms{part}.tf"))).unwrap()).concat()
    }

    /// Returns the groups of alarms in Terraform, and how many metrics each entry of a group
    /// watches. A table's entry stands for reads and writes.
    fn groups(text: &str) -> Vec<(String, usize)> {
        let merged = text.split_once("  alarms = merge(").unwrap().1.split_once(')').unwrap().0;
        let names = merged.split(',').map(str::trim).filter_map(|name| name.strip_prefix("local."));
        let groups = names.map(|name| {
            let definition = text.split_once(&format!("  {name} = ")).unwrap().1;
            let definition = definition.split("\n\n").next().unwrap();
            // The metric of what is written to a source is in a separate list.
            let metrics = definition.matches(" metric = ").count()
                + definition.matches("local.written[").count();
            let ways = if definition.contains("for way in [\"Read\", \"Write\"]") { 2 } else { 1 };
            (name.to_owned(), metrics * ways)
        });
        groups.collect()
    }

    #[test]
    fn every_group_of_alarms_in_terraform_is_counted_with_its_metrics() {
        let text = alarms();
        let counted = [
            ("function_alarms", PER_FUNCTION),
            ("concurrency_alarms", PER_RESERVED_CONCURRENCY),
            ("parked_alarms", PER_PROJECTION),
            ("stream_reader_alarms", PER_STREAM_READER),
            ("stalled_alarms", PER_STREAM_SOURCE),
            ("given_up_alarms", PER_DETAILED_STREAM_SOURCE),
            ("memory_alarms", PER_DETAILED_FUNCTION),
            ("asynchronous_alarms", PER_ASYNCHRONOUS),
            ("destination_alarms", PER_DESTINATION),
            ("sender_alarms", FOR_SENDERS),
            ("dead_letter_alarms", PER_DEAD_LETTER_QUEUE),
            ("work_queue_alarms", PER_WORK_QUEUE),
            ("rule_alarms", PER_RULE),
            ("table_alarms", PER_TABLE),
            ("stream_alarms", PER_STREAM),
            ("api_alarms", PER_API),
            ("url_alarms", PER_URL),
            ("schedule_alarms", PER_SCHEDULE_GROUP),
            ("subscription_alarms", PER_SUBSCRIBED_TOPIC + PER_FILTERED_SCOPE),
            ("process_alarms", PER_PROCESS),
            ("sweep_alarms", PER_SWEPT_PROCESS),
            ("breaker_alarms", PER_BREAKER),
        ];
        assert_eq!(groups(&text), counted.map(|(name, number)| (name.to_owned(), number)));
        assert_eq!(text.matches("resource \"aws_cloudwatch_metric_alarm\"").count(), 1);
        let topics = fs::read_to_string(infra("alarm_topics.tf")).unwrap();
        let composite = topics.split_once("resource \"aws_cloudwatch_composite_alarm\"").unwrap().1;
        assert!(
            composite.contains("for_each = var.functions"),
            "composite() counts one for each function"
        );
        let dashboards: usize = fs::read_dir(infra(""))
            .unwrap()
            .filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok())
            .map(|text| text.matches("resource \"aws_cloudwatch_dashboard\"").count())
            .sum();
        assert_eq!(dashboards, 1, "fixed.rs counts one");
    }

    #[test]
    fn each_declared_thing_has_its_alarms() {
        let mut topology = topology::load(&infra("topology.auto.tfvars")).unwrap();
        let before = count(&topology, false, false);
        assert_eq!(count(&topology, true, false), before + topology.functions.len() as u64);
        let streams = topology.sources().filter(|(_, _, source)| source.queue.is_none()).count();
        let detailed = topology.functions.len() + streams;
        assert_eq!(count(&topology, false, true), before + detailed as u64);
        let queue = topology.queues["dead-letters"].clone();
        topology.queues.insert("work".to_owned(), queue);
        assert_eq!(count(&topology, false, false), before + 1);
        let mut without = topology.clone();
        without.functions.get_mut("order-projection").unwrap().uses.clear();
        assert_eq!(count(&without, false, false), before + 1 - 1);
        topology.tables.remove("sales");
        assert_eq!(count(&topology, false, false), before + 1 - 2);
        let rules = topology.rules.len() as u64;
        topology.rules.clear();
        // With the rules, the queue for events that they could not hand over becomes a work queue.
        let before = before + 1 - 2 - 3 * rules - 2;
        assert_eq!(count(&topology, false, false), before);
        for function in topology.functions.values_mut() {
            function.uses.retain(|_, used| used.email.is_none());
        }
        assert_eq!(count(&topology, false, false), before - 2);
        // A stream source counts four metrics: the age of its records, writes, invocations, and
        // losses at its destination.
        topology.functions.get_mut("order-processor").unwrap().sources.clear();
        assert_eq!(count(&topology, false, false), before - 2 - 4);
    }

    #[test]
    fn a_topic_has_alarms_if_something_subscribes_to_it() {
        let counted = |subscriptions: &str| {
            let text = format!(
                "topics = {{ alerts = {{}}, quiet = {{}} }}\nqueues = {{ work = {{}}, other = {{}}, dead = {{}} }}\n\
                 subscriptions = {{\n{subscriptions}}}\nfunctions = {{ f = {{}} }}\n"
            );
            count(&topology::parse(&text).unwrap(), false, false)
        };
        let without = counted("");
        let one = "a = { topic = \"alerts\", queue = \"work\", dead_letter_queue = \"dead\" }\n";
        // The dead-letter queue has one metric more than a queue that somebody reads.
        let letters = (PER_DEAD_LETTER_QUEUE - PER_WORK_QUEUE) as u64;
        assert_eq!(counted(one), without + 3 + letters);
        let filtered = "b = { topic = \"alerts\", queue = \"other\", dead_letter_queue = \"dead\", \
                        filter_policy = { a = [1] } }\n";
        assert_eq!(counted(&format!("{one}{filtered}")), without + 3 + letters + 1);
    }
}
