//! The status of the whole system, as the control API returns it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName;
use futures::future::join_all;
use serde::Serialize;
use tokio::time::timeout;

use crate::archive::{ArchiveStatus, Replay};
use crate::asynchronous::AsynchronousStatus;
use crate::bus::BusStatus;
use crate::environment::FunctionStatus;
use crate::fault::FaultsStatus;
use crate::gateway::{Gateway, GatewayStatus};
use crate::history::GivenUp;
use crate::mapping::MappingStatus;
use crate::operator::Waits;
use crate::parts::Parts;
use crate::provision::Statements;
use crate::proxy::{CallCounts, StatementCounts};
use crate::scheduler::{ScheduleTask, SchedulesStatus};
use crate::topic::TopicStatus;
use crate::usage;

/// Time that a status waits for every source to be read, and then for the answers of queues. A long
/// poll of a queue takes a second.
const LOOK: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Prefix of function variables that name a dead-letter queue.
const DEAD_LETTER_VARIABLE: &str = "DEAD_LETTER";

/// The status of the whole system.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Invocations in flight.
    pub in_flight: usize,
    /// Records and events that were read and are not done. Once nothing is in flight, also messages
    /// that their queues still hold, including hidden and delayed ones.
    pub lag: u64,
    /// Whether the system is idle: nothing is in flight, every source was found empty after the
    /// last work was done, and no queue holds a message that will come back.
    pub idle: bool,
    /// Messages per dead-letter queue, and their `total`. A queue that did not answer is left out.
    pub dead_letters: BTreeMap<String, u64>,
    /// On-failure records that destinations of all kinds received, by function.
    pub given_up: Vec<GivenUp>,
    /// What waits for an operator, such as held effects. The counts may be some seconds old.
    pub waits_for_operator: Vec<Waits>,
    /// AWS calls by function and operation.
    pub calls: CallCounts,
    /// Statements of batches by function and outcome: `ok`, or the error code.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub statements: StatementCounts,
    /// Items whose sizes were forgotten. If there are any, the write units in `calls` may be too
    /// low.
    #[serde(skip_serializing_if = "is_zero")]
    pub sizes_forgotten: u64,
    /// Namespace that the topology declares for metrics. Without one, functions of the toolkit
    /// print no metrics.
    pub metrics_namespace: Option<String>,
    /// Functions by name.
    pub functions: BTreeMap<String, FunctionStatus>,
    /// Event source mappings.
    pub mappings: Vec<MappingStatus>,
    /// Asynchronous invocation by function.
    pub asynchronous: Vec<AsynchronousStatus>,
    /// Buses and their rules.
    pub buses: Vec<BusStatus>,
    /// Archives of buses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub archives: Vec<ArchiveStatus>,
    /// Replays from archives, of the last 90 days.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replays: Vec<Replay>,
    /// HTTP APIs and function URLs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<GatewayStatus>,
    /// Schedules: those that come next.
    pub schedules: SchedulesStatus,
    /// Topics and their subscriptions.
    pub topics: Vec<TopicStatus>,
    /// Faults injected since the start, if there is a fault plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faults: Option<FaultsStatus>,
    /// Status of the emulator.
    pub emulator: EmulatorStatus,
    /// Status of the engine itself.
    pub engine: EngineStatus,
}

/// The emulator's part of the status.
#[derive(Clone, Debug, Serialize)]
pub struct EmulatorStatus {
    /// Name of the emulator.
    pub name: String,
    /// URL of the emulator.
    pub endpoint: String,
    /// CPU time since its start, in seconds. `None` if it was not started here.
    pub cpu_seconds: Option<f64>,
    /// Seconds for which it has not answered. `None` while it answers.
    pub unanswered_seconds: Option<u64>,
    /// How functions send conditional writes to it. `None` if no function writes to a table.
    pub statements: Option<Statements>,
}

/// The engine's own part of the status.
#[derive(Clone, Debug, Serialize)]
pub struct EngineStatus {
    /// CPU time since the start, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
    /// Seconds since the engine was ready.
    pub uptime_seconds: f64,
}

/// How much work a status may cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Every source is read once more first, so that records written before the request count. An
    /// idle system answers when its pollers have read their sources, a busy one at once.
    Again,
    /// Only known state is returned, and no poller is woken: for clients that ask every second.
    AsItIs,
}

impl Status {
    /// Collects the status of every part.
    pub(crate) async fn ask(parts: &Parts, look: Look) -> Self {
        if look == Look::Again {
            parts.activity.bump();
        }
        let asked = Instant::now();
        let mut progress = loop {
            let progress = Progress::from_parts(parts);
            if look == Look::AsItIs
                || progress.idle
                || progress.lag > 0
                || progress.in_flight > 0
                || asked.elapsed() > LOOK
            {
                break progress;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        };
        if progress.idle {
            // A message of a failed batch, or of an engine that was killed, is hidden: no poll
            // finds it, but it will come back.
            let left = timeout(LOOK, left_in_queues(parts)).await.unwrap_or_default();
            progress.idle = left == Some(0);
            progress.lag += left.unwrap_or(0);
        }
        // The status answers even if the emulator hangs.
        let dead_letters = timeout(LOOK, dead_letters(parts)).await.unwrap_or_default();
        let own = usage::of_this_process();
        Self {
            in_flight: progress.in_flight,
            lag: progress.lag,
            idle: progress.idle,
            dead_letters,
            waits_for_operator: parts.operator.waits(&parts.clients, &parts.topology).await,
            given_up: parts.letters.given_up(),
            calls: parts.proxy.calls(),
            statements: parts.resource_calls.statements(),
            sizes_forgotten: parts.proxy.sizes_forgotten(),
            metrics_namespace: parts.topology.metrics_namespace.clone(),
            functions: parts.functions.status(),
            mappings: progress.mappings,
            asynchronous: progress.asynchronous,
            buses: progress.buses,
            archives: parts.archives.status(),
            replays: parts.archives.replays().all(),
            gateways: parts.pollers.lock().gateways.iter().map(Gateway::status).collect(),
            schedules: progress.schedules,
            topics: progress.topics,
            faults: parts.faults.as_ref().map(|faults| faults.status()),
            emulator: EmulatorStatus {
                name: parts.emulator.name().to_owned(),
                endpoint: parts.emulator.endpoint().to_owned(),
                cpu_seconds: parts.emulator.cpu_seconds(),
                unanswered_seconds: parts.clients.unanswered().map(|time| time.as_secs()),
                statements: parts.provisioned.statements.clone(),
            },
            engine: EngineStatus {
                cpu_seconds: own.cpu_seconds,
                rss_bytes: own.rss_bytes,
                uptime_seconds: parts.started.elapsed().as_secs_f64(),
            },
        }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Work of the system at one moment.
struct Progress {
    mappings: Vec<MappingStatus>,
    asynchronous: Vec<AsynchronousStatus>,
    buses: Vec<BusStatus>,
    schedules: SchedulesStatus,
    topics: Vec<TopicStatus>,
    in_flight: usize,
    lag: u64,
    idle: bool,
}

impl Progress {
    fn from_parts(parts: &Parts) -> Self {
        // The counter is read before and after everything that is compared with it. A change in
        // between counts as not idle.
        let before = parts.activity.now();
        let (mappings, asynchronous, buses, topics, schedules) = {
            let pollers = parts.pollers.lock();
            let mut mappings: Vec<_> =
                pollers.mappings.iter().map(crate::mapping::Mapping::status).collect();
            for mapping in &mut mappings {
                mapping.failures = parts.deliveries.failures(&mapping.name);
            }
            let asynchronous: Vec<_> = pollers
                .asynchronous
                .iter()
                .map(crate::asynchronous::AsynchronousQueue::status)
                .collect();
            let buses: Vec<_> = pollers.buses.iter().map(crate::bus::BusRouter::status).collect();
            let topics: Vec<_> =
                pollers.topics.iter().map(crate::topic::TopicFanout::status).collect();
            let schedules = pollers.schedules.as_ref().map(ScheduleTask::status);
            (mappings, asynchronous, buses, topics, schedules.unwrap_or_default())
        };
        let in_flight = parts.functions.in_flight();
        let since =
            mappings.iter().map(|m| m.idle_since).chain(asynchronous.iter().map(|a| a.idle_since));
        let since = since.chain(buses.iter().map(|bus| bus.idle_since));
        let mut since = since.chain(topics.iter().map(|topic| topic.idle_since));
        let idle = in_flight == 0
            && parts.archives.replays().active() == 0
            && schedules.waiting == 0
            && since.all(|since| since == Some(before))
            && parts.activity.now() == before;
        let waiting = buses.iter().map(|bus| bus.waiting);
        let waiting = waiting.chain(topics.iter().map(|topic| topic.waiting));
        let lag = lag(&mappings, &asynchronous) + waiting.sum::<u64>() + schedules.waiting;
        Self { mappings, asynchronous, buses, topics, schedules, in_flight, lag, idle }
    }
}

/// Returns the number of records and events that were read and are not done, including those in
/// flight.
fn lag(mappings: &[MappingStatus], asynchronous: &[AsynchronousStatus]) -> u64 {
    let events = asynchronous.iter().map(|events| events.waiting + events.in_flight);
    mappings.iter().map(|mapping| mapping.lag).chain(events).sum()
}

/// Returns the number of messages in all queues that are delivered from. `None` if one of them did
/// not answer.
async fn left_in_queues(parts: &Parts) -> Option<u64> {
    let declared = parts.topology.sources().filter_map(|(_, _, source)| source.queue.as_deref());
    let mut names: Vec<&str> = declared.collect();
    names.sort_unstable();
    names.dedup();
    let queues = &parts.provisioned.queues;
    let declared = names.into_iter().filter_map(|name| Some((name, &queues.get(name)?.url)));
    let own = parts.provisioned.bus_queues.iter().chain(&parts.provisioned.topic_queues);
    let own = own.map(|(of, queue)| (of.as_str(), &queue.url));
    let invoked = parts.pollers.lock().invoked.clone();
    let invoked = invoked.iter().map(|(function, url)| (function.as_str(), url));
    let counted =
        join_all(declared.chain(own).chain(invoked).map(|(name, url)| messages(parts, name, url)))
            .await;
    counted.into_iter().sum()
}

/// Returns the number of messages, visible or not, in every queue that dead letters go to.
async fn dead_letters(parts: &Parts) -> BTreeMap<String, u64> {
    let topology = &parts.topology;
    let functions = || topology.functions.values();
    let written = functions().flat_map(|function| &function.uses);
    let written = written
        .filter(|(name, _)| name.starts_with(DEAD_LETTER_VARIABLE))
        .filter_map(|(_, used)| used.queue.as_deref());
    let sources = functions().flat_map(|function| function.sources.values());
    let given_up = sources.filter_map(|source| source.on_failure.as_ref()?.queue.as_deref());
    let asynchronous = functions().filter_map(|function| function.on_failure()?.queue.as_deref());
    let rules = topology.rule_targets().filter_map(|rule| rule.target.dead_letter_queue.as_deref());
    let schedules = topology.schedules.values().map(|one| one.dead_letter_queue.as_deref());
    let groups = topology.schedule_groups.values().map(|one| one.dead_letter_queue.as_deref());
    let unfired = schedules.chain(groups).flatten();
    let subscribed = topology.subscriptions.values();
    let subscribed = subscribed.filter_map(|of| of.dead_letter_queue.as_deref());
    let redriven = topology
        .queues
        .values()
        .filter_map(|queue| queue.redrive.as_ref())
        .map(|redrive| redrive.queue.as_str());
    let mut names: Vec<&str> = written
        .chain(given_up)
        .chain(asynchronous)
        .chain(rules)
        .chain(subscribed)
        .chain(redriven)
        .chain(unfired)
        .collect();
    names.sort_unstable();
    names.dedup();
    let counted = join_all(names.into_iter().map(|name| async move {
        let url = &parts.provisioned.queues.get(name)?.url;
        Some((name.to_owned(), messages(parts, name, url).await?))
    }))
    .await;
    let mut counts: BTreeMap<String, u64> = counted.into_iter().flatten().collect();
    let total = counts.values().sum();
    counts.insert("total".to_owned(), total);
    counts
}

/// Returns the number of messages in a queue: visible, hidden and delayed.
async fn messages(parts: &Parts, queue: &str, url: &str) -> Option<u64> {
    use QueueAttributeName as Name;
    let asked = [
        Name::ApproximateNumberOfMessages,
        Name::ApproximateNumberOfMessagesNotVisible,
        Name::ApproximateNumberOfMessagesDelayed,
    ];
    let call = parts
        .clients
        .sqs
        .get_queue_attributes()
        .queue_url(url)
        .set_attribute_names(Some(asked.to_vec()));
    match call.send().await {
        Ok(answer) => {
            let attributes = answer.attributes?;
            Some(asked.iter().filter_map(|name| attributes.get(name)?.parse::<u64>().ok()).sum())
        }
        Err(error) => {
            tracing::warn!(queue, error = %aws_sdk_sqs::error::DisplayErrorContext(error), "cannot read the attributes of a queue");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asynchronous_event_in_flight_counts_as_lag() {
        let events =
            AsynchronousStatus { waiting: 2, in_flight: 1, ..AsynchronousStatus::default() };
        assert_eq!(lag(&[], &[events]), 3);
    }
}
