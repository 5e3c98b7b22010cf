//! Starts a router for each bus that has rules.

use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use super::timing::Timing;
use crate::archive::{BusParts, archive_arn};
use crate::asynchronous::{EventQueue, HIDDEN_SECONDS};
use crate::bus::{self, BusQueue, BusRouter, OtherBus, Retries, Rule, Target};
use crate::environment::function_arn;
use crate::pace::scale::scale_age;
use crate::parts::Parts;
use crate::wake::Polled;
use engine_client::local::{ACCOUNT, REGION};
use serde_json::json;
use topology::input::{Input, JsonPath};
use topology::pattern::Pattern;
use topology::{DEFAULT_BUS, RuleTarget, TargetKind};

/// Starts the routers.
pub(super) fn start(
    parts: &Parts,
    events: &Arc<dyn EventQueue>,
    timing: Timing,
) -> Result<Vec<BusRouter>, StartError> {
    let queues = parts.provisioned.bus_queues.iter();
    let routers = queues.map(|(name, queue)| {
        let rules = parts.topology.rule_targets().filter(|rule| rule.declared.bus == *name);
        let rules = rules.map(|rule| compiled(parts, &rule, timing));
        let rules: Result<Vec<Rule>, StartError> =
            rules.chain(archiving(parts, name).map(Ok)).collect();
        Ok(bus::start(BusQueue {
            bus: name.clone(),
            queue_url: queue.url.clone(),
            rules: rules?,
            clients: parts.clients.clone(),
            events: Arc::clone(events),
            replays: Arc::clone(parts.archives.replays()),
            activity: Arc::clone(&parts.activity),
            wake: parts.wakes.of(Polled::Bus, name),
            pace: timing.pace,
            hidden: Duration::from_secs(HIDDEN_SECONDS.into()),
            time_scale: timing.time_scale,
        }))
    });
    routers.collect()
}

/// Returns a rule with one of its targets in the form that its router needs. The topology's check
/// has already parsed its pattern and its input.
fn compiled(parts: &Parts, rule: &RuleTarget<'_>, timing: Timing) -> Result<Rule, StartError> {
    let missing = || StartError::Target(rule.full_name().into_owned());
    let (name, to) = (rule.rule, rule.target);
    let (target, target_arn) = target(parts, to).ok_or_else(missing)?;
    let queues = &parts.provisioned.queues;
    let letters = to.dead_letter_queue.as_ref();
    let letters = letters.map(|letters| queues.get(letters).ok_or_else(missing)).transpose()?;
    Ok(Rule {
        name: rule.full_name().into_owned(),
        rule: name.to_owned(),
        arn: rule_arn(&rule.declared.bus, name),
        pattern: Pattern::parse(&rule.declared.pattern).map_err(StartError::Filter)?,
        input: Input::parse(to).map_err(|_| missing())?,
        target,
        target_arn,
        dead_letters: letters.map(|letters| letters.url.clone()),
        retries: Retries {
            maximum_attempts: to.maximum_retry_attempts,
            maximum_age: scale_age(
                Duration::from_secs(to.maximum_event_age_seconds.into()),
                timing.time_scale,
            ),
        },
    })
}

/// Returns the rule by which a bus sends its events to its archive, with the name and the pattern
/// of EventBridge's own: replayed events are not archived again.
fn archiving(parts: &Parts, bus: &str) -> Option<Rule> {
    let archive = Arc::clone(parts.archives.get(bus)?);
    let name = format!("Events-Archive-{bus}");
    let pattern = Pattern::parse(&json!({ "replay-name": [{ "exists": false }] })).ok()?;
    Some(Rule {
        arn: rule_arn(bus, &name),
        target_arn: archive_arn(bus),
        rule: name.clone(),
        name,
        pattern,
        input: Input::Event,
        target: Target::Archive(archive),
        dead_letters: None,
        // A full disk is no reason to forget an event, so it is tried as long as any.
        retries: Retries { maximum_attempts: u32::MAX, maximum_age: Duration::from_secs(86_400) },
    })
}

/// Lets replays put events on the archived buses.
pub(super) fn begin_replays(parts: &Parts, timing: Timing) {
    let queues = parts.provisioned.bus_queues.iter();
    parts.archives.begin(queues.map(|(name, queue)| {
        let bus = BusParts {
            queue_url: queue.url.clone(),
            wake: parts.wakes.of(Polled::Bus, name),
            sqs: parts.clients.sqs.clone(),
            activity: Arc::clone(&parts.activity),
            time_scale: timing.time_scale,
        };
        (name.clone(), bus)
    }));
}

/// Returns the ARN of a rule.
pub(super) fn rule_arn(bus: &str, name: &str) -> String {
    match bus {
        DEFAULT_BUS => format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"),
        bus => format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{bus}/{name}"),
    }
}

/// Returns the target of a rule with its ARN. `None` if it was not created.
fn target(parts: &Parts, to: &topology::Target) -> Option<(Target, String)> {
    let provisioned = &parts.provisioned;
    Some(match to.kind()? {
        TargetKind::Function(name) => {
            (Target::Function(name.to_owned()), function_arn(REGION, name))
        }
        TargetKind::Queue(name) => {
            let queue = provisioned.queues.get(name)?;
            let group = to.message_group_id.clone();
            (Target::Queue { url: queue.url.clone(), group }, queue.arn.clone())
        }
        TargetKind::Stream(name) => {
            let arn = provisioned.streams.get(name)?.clone();
            let path = to.partition_key_path.as_deref();
            let partition_key = path.map(JsonPath::parse).transpose().ok()?;
            (Target::Stream { arn: arn.clone(), partition_key }, arn)
        }
        TargetKind::Topic(name) => {
            let arn = provisioned.topics.get(name)?.clone();
            (Target::Topic(arn.clone()), arn)
        }
        TargetKind::Bus(name) => {
            let arn = provisioned.buses.get(name)?.clone();
            let bus = OtherBus {
                name: name.to_owned(),
                queue_url: provisioned.bus_queues.get(name).map(|queue| queue.url.clone()),
                wake: parts.wakes.of(Polled::Bus, name),
            };
            (Target::Bus(bus), arn)
        }
    })
}
