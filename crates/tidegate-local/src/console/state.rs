//! The JSON answers that the console's page shows.

use std::collections::BTreeMap;

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::MessageSystemAttributeName as Attribute;
use serde_json::{Value, json};

use super::graph::{Edge, EdgeKind, Graph, NodeKind};
use super::layout::layout;
use super::subscribed;
use crate::asynchronous::AsynchronousStatus;
use crate::history::{Ending, Letter, PastInvocation};
use crate::parts::Parts;
use crate::scheduler::{FiringCounts, ScheduleStatus};
use crate::status::{Look, Status};
use topology::{DECLARED_SCHEDULES, Target, TargetKind};

/// Number of deliveries in the list.
const LISTED: usize = 50;
/// Number of records of a delivery that are shown in full.
const RECORDS: usize = 100;
/// Largest number of characters that are shown of a text.
const LONGEST: usize = 4000;

/// Returns the picture of the system. It stays the same while the engine runs.
pub(super) fn topology(parts: &Parts) -> Value {
    let graph = Graph::from_topology(&parts.topology);
    let picture = layout(&graph);
    let nodes = graph.nodes.iter().zip(&picture.boxes);
    let nodes =
        nodes.map(|(node, place)| json!({ "kind": node.kind, "name": node.name, "box": place }));
    let edges = graph.edges.iter().zip(&picture.lines).map(|(edge, points)| {
        json!({ "id": graph.id(edge), "from": edge.from, "to": edge.to, "kind": edge.kind, "points": points })
    });
    json!({
        "width": picture.width,
        "height": picture.height,
        "nodes": nodes.collect::<Vec<_>>(),
        "edges": edges.collect::<Vec<_>>(),
    })
}

/// Returns the status, and the counts of each edge.
pub(super) async fn counts(parts: &Parts) -> Value {
    let status = Status::ask(parts, Look::AsItIs).await;
    let graph = Graph::from_topology(&parts.topology);
    let edges: BTreeMap<String, Value> = graph
        .edges
        .iter()
        .map(|edge| (graph.id(edge), counts_of(parts, &status, &graph, edge)))
        .collect();
    json!({ "status": status, "edges": edges, "newest": parts.deliveries.newest() })
}

fn counts_of(parts: &Parts, status: &Status, graph: &Graph, edge: &Edge) -> Value {
    let name = |place: usize| graph.nodes.get(place).map_or("", |node| node.name.as_str());
    let (from, to) = (name(edge.from), name(edge.to));
    if graph.nodes.get(edge.from).is_some_and(|node| node.kind == NodeKind::Topic) {
        return subscribed::counts(parts, status, (from, to), edge.kind);
    }
    match edge.kind {
        EdgeKind::Mapping => mapped(status, from, to),
        EdgeKind::Events => {
            let routed =
                routed(parts, status, from, |target| target.function.as_deref() == Some(to));
            // Events behind the bus wait in the function's single queue, with those of other buses
            // and of Invoke.
            let queue = status.asynchronous.iter().find(|queue| queue.function == to);
            let queued = |number: fn(&AsynchronousStatus) -> u64| queue.map_or(0, number);
            json!({
                "count": routed.handed_over,
                "waiting": routed.waiting + queued(|queue| queue.waiting),
                "in_flight": queued(|queue| queue.in_flight),
                "failures": routed.failures() + queued(|queue| queue.retries + queue.failed),
            })
        }
        EdgeKind::Calls | EdgeKind::Reads => {
            json!({ "count": parts.resource_calls.calls(from, to) })
        }
        EdgeKind::GivesUp => {
            let kind = graph.nodes.get(edge.to).and_then(|node| node.kind.destination());
            let counts = status.given_up.iter().filter(|given_up| {
                given_up.function == from
                    && given_up.to.name == to
                    && Some(given_up.to.kind) == kind
            });
            json!({ "count": counts.map(|given_up| given_up.count).sum::<u64>() })
        }
        EdgeKind::Succeeds => {
            let queue = status.asynchronous.iter().find(|queue| queue.function == from);
            queue.map_or(Value::Null, |queue| json!({ "count": queue.told }))
        }
        EdgeKind::Requests => {
            let kind = match graph.nodes.get(edge.from).map(|node| node.kind) {
                Some(NodeKind::Api) => "api",
                _ => "function-url",
            };
            let gateway = status.gateways.iter().find(|one| one.kind == kind && one.name == from);
            let count = gateway.map(|one| one.invocations.get(to).copied().unwrap_or(0));
            json!({ "count": count })
        }
        EdgeKind::Redrive => json!({ "count": status.dead_letters.get(to) }),
        EdgeKind::Undelivered => {
            let routed = routed(parts, status, from, |target| {
                target.dead_letter_queue.as_deref() == Some(to)
            });
            json!({ "count": routed.failed })
        }
        EdgeKind::Fires => {
            let fired = scheduled(status, from);
            json!({
                "count": fired.handed_over,
                "waiting": fired.fired.saturating_sub(fired.handed_over + fired.failed),
                "failures": fired.retries + fired.failed,
            })
        }
        EdgeKind::Unfired => json!({ "count": scheduled(status, from).failed }),
        EdgeKind::Sends => {
            let kind = graph.nodes.get(edge.to).map(|node| node.kind);
            let routed = routed(parts, status, from, |target| is_to(target, kind, to));
            json!({ "count": routed.handed_over, "waiting": routed.waiting, "failures": routed.failures() })
        }
    }
}

/// Returns the counts of the mapping from a source to a function.
fn mapped(status: &Status, source: &str, function: &str) -> Value {
    let mut mappings = status.mappings.iter();
    let mapping = mappings.find(|mapping| mapping.source == source && mapping.function == function);
    mapping.map_or(Value::Null, |mapping| {
        json!({
            "count": mapping.records_delivered,
            "waiting": mapping.lag,
            "in_flight": mapping.in_flight,
            "failures": mapping.failures,
        })
    })
}

/// Returns whether a target is this queue, stream, topic or bus.
fn is_to(target: &Target, kind: Option<NodeKind>, name: &str) -> bool {
    target.kind().is_some_and(|to| match to {
        TargetKind::Function(_) => false,
        TargetKind::Queue(queue) => {
            queue == name && matches!(kind, Some(NodeKind::Queue | NodeKind::DeadLetters))
        }
        TargetKind::Stream(stream) => stream == name && kind == Some(NodeKind::Stream),
        TargetKind::Topic(topic) => topic == name && kind == Some(NodeKind::Topic),
        TargetKind::Bus(bus) => bus == name && kind == Some(NodeKind::Bus),
    })
}

/// Returns the counts of a declared schedule, or of a group with all of its schedules.
fn scheduled(status: &Status, name: &str) -> FiringCounts {
    let declared = |one: &&ScheduleStatus| one.group == DECLARED_SCHEDULES && one.name == name;
    match status.schedules.next.iter().find(declared) {
        Some(one) => one.counts.clone(),
        None => status.schedules.groups.get(name).cloned().unwrap_or_default(),
    }
}

/// Summed counts of several rules of a bus.
#[derive(Debug, Default, PartialEq, Eq)]
struct Routed {
    waiting: u64,
    handed_over: u64,
    retries: u64,
    failed: u64,
}

impl Routed {
    fn failures(&self) -> u64 {
        self.retries + self.failed
    }
}

/// Sums the counts of those rules of a bus whose target matches.
fn routed(parts: &Parts, status: &Status, bus: &str, is_meant: impl Fn(&Target) -> bool) -> Routed {
    let of_bus = status.buses.iter().find(|status| status.bus == bus);
    let targets = parts.topology.rule_targets().filter(|rule| is_meant(rule.target));
    let meant = targets.filter_map(|rule| {
        let name = rule.full_name();
        of_bus?.rules.get_key_value(&*name)
    });
    meant.fold(Routed::default(), |sum, (_, rule)| Routed {
        waiting: sum.waiting + rule.waiting,
        handed_over: sum.handed_over + rule.handed_over,
        retries: sum.retries + rule.retries,
        failed: sum.failed + rule.failed,
    })
}

/// Returns the newest deliveries, newest first.
pub(super) fn deliveries(parts: &Parts) -> Value {
    let kept = parts.deliveries.kept();
    Value::Array(kept.iter().rev().take(LISTED).map(|delivery| summary(delivery)).collect())
}

/// Returns a delivery in one line.
pub(super) fn summary(delivery: &PastInvocation) -> Value {
    let answer = || shortened(&String::from_utf8_lossy(&delivery.answer));
    let (outcome, failed, error) = match delivery.ending {
        Ending::Succeeded => ("ok", 0, None),
        Ending::Reported(failed) => ("reported", failed, Some(answer())),
        Ending::Ignored { failed, why } => ("ignored", failed, Some(why.into())),
        Ending::Failed => ("failed", 0, Some(answer())),
    };
    json!({
        "number": delivery.number,
        "at": delivery.at.to_string(),
        "function": &*delivery.function,
        "way": &*delivery.way,
        "records": delivery.content().records.len(),
        "outcome": outcome,
        "failed": failed,
        "took_ms": delivery.took.as_secs_f64() * 1000.0,
        "request_id": delivery.request_id,
        "error": error,
    })
}

/// Returns all that is kept of a delivery.
pub(super) fn delivery(parts: &Parts, number: u64) -> Option<Value> {
    let kept = parts.deliveries.kept();
    let delivery = kept.iter().find(|delivery| delivery.number == number)?;
    let mut value = summary(delivery);
    let records = delivery.content().records.iter().take(RECORDS);
    let records = records
        .map(|record| json!({ "positions": record.positions, "text": shortened(&record.text) }));
    let object = value.as_object_mut()?;
    object.insert("content".to_owned(), Value::Array(records.collect()));
    object.insert("answer".to_owned(), shortened(&String::from_utf8_lossy(&delivery.answer)));
    Some(value)
}

/// Returns the newest records that the engine sent to destinations, newest first. It receives no
/// message for this.
pub(super) fn dead_letters(parts: &Parts) -> Value {
    Value::Array(parts.letters.kept().iter().rev().take(LISTED).map(|one| letter(one)).collect())
}

/// Returns a record that was given up.
pub(super) fn letter(letter: &Letter) -> Value {
    json!({
        "kind": "letter",
        "at": letter.at.to_string(),
        "function": letter.function,
        "to": letter.to.to_string(),
        "text": shortened(&letter.body),
    })
}

/// Receives some messages of a dead-letter queue. Returns `None` for any other queue.
///
/// The messages stay in the queue, but their receive counts go up by one.
pub(super) async fn peek(parts: &Parts, queue: &str) -> Option<Result<Value, String>> {
    let graph = Graph::from_topology(&parts.topology);
    graph.nodes.iter().find(|node| node.kind == NodeKind::DeadLetters && node.name == queue)?;
    let url = &parts.provisioned.queues.get(queue)?.url;
    let receive = parts.clients.sqs.receive_message().queue_url(url).max_number_of_messages(10);
    let receive = receive.visibility_timeout(0).message_system_attribute_names(Attribute::All);
    let received = match receive.send().await {
        Ok(received) => received.messages.unwrap_or_default(),
        Err(error) => return Some(Err(format!("{queue}: {}\n", DisplayErrorContext(error)))),
    };
    let messages = received.iter().map(|message| {
        let attribute = |name| message.attributes.as_ref()?.get(&name)?.parse::<i64>().ok();
        let sent = attribute(Attribute::SentTimestamp)
            .and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
        json!({
            "id": message.message_id,
            "sent": sent.map(|at| at.to_string()),
            "receives": attribute(Attribute::ApproximateReceiveCount),
            "text": shortened(message.body.as_deref().unwrap_or_default()),
        })
    });
    Some(Ok(Value::Array(messages.collect())))
}

/// Returns a text, cut to a length that a page can show.
pub(super) fn shortened(text: &str) -> Value {
    if text.chars().count() <= LONGEST {
        return Value::String(text.to_owned());
    }
    Value::String(text.chars().take(LONGEST).chain(['…']).collect())
}
