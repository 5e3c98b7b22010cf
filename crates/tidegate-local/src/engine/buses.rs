//! Starts a router for each bus that has rules.

use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use super::timing::Timing;
use crate::asynchronous::{EventQueue, HIDDEN_SECONDS};
use crate::bus::{self, BusQueue, BusRouter, Retries, Rule, Target};
use crate::environment::function_arn;
use crate::pace::scale::scale_age;
use crate::parts::Parts;
use crate::wake::Polled;
use engine_client::local::{ACCOUNT, REGION};
use topology::DEFAULT_BUS;
use topology::pattern::Pattern;

/// Starts the routers.
pub(super) fn start(
    parts: &Parts,
    events: &Arc<dyn EventQueue>,
    timing: Timing,
) -> Result<Vec<BusRouter>, StartError> {
    let queues = parts.provisioned.bus_queues.iter();
    let routers = queues.map(|(name, queue)| {
        let rules = parts.topology.rules.iter().filter(|(_, declared)| declared.bus == *name);
        let rules: Result<Vec<Rule>, StartError> =
            rules.map(|(rule, declared)| compiled(parts, rule, declared, timing)).collect();
        Ok(bus::start(BusQueue {
            bus: name.clone(),
            queue_url: queue.url.clone(),
            rules: rules?,
            sqs: parts.clients.sqs.clone(),
            events: Arc::clone(events),
            activity: Arc::clone(&parts.activity),
            wake: parts.wakes.of(Polled::Bus, name),
            pace: timing.pace,
            hidden: Duration::from_secs(HIDDEN_SECONDS.into()),
            time_scale: timing.time_scale,
        }))
    });
    routers.collect()
}

/// Returns a rule in the form that its router needs. The topology's check has already parsed its
/// pattern.
fn compiled(
    parts: &Parts,
    name: &str,
    declared: &topology::Rule,
    timing: Timing,
) -> Result<Rule, StartError> {
    let queues = &parts.provisioned.queues;
    let missing = || StartError::Target(name.to_owned());
    let to = &declared.target;
    let (target, target_arn) = match (&to.function, &to.queue) {
        (Some(function), _) => (Target::Function(function.clone()), function_arn(REGION, function)),
        (None, Some(queue)) => {
            let queue = queues.get(queue).ok_or_else(missing)?;
            (Target::Queue(queue.url.clone()), queue.arn.clone())
        }
        (None, None) => return Err(missing()),
    };
    let letters = to.dead_letter_queue.as_ref();
    let letters = letters.map(|letters| queues.get(letters).ok_or_else(missing)).transpose()?;
    Ok(Rule {
        name: name.to_owned(),
        arn: match declared.bus.as_str() {
            DEFAULT_BUS => format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"),
            bus => format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{bus}/{name}"),
        },
        pattern: Pattern::parse(&declared.pattern).map_err(StartError::Filter)?,
        target,
        message_group_id: to.message_group_id.clone(),
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
