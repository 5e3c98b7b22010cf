//! Opens the schedules, hands Scheduler's calls to the engine, and starts to fire.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::StartError;
use super::timing::Timing;
use crate::asynchronous::EventQueue;
use crate::clients::Clients;
use crate::emulator::Backend;
use crate::parts::Parts;
use crate::provision::{Provisioned, scheduler_role};
use crate::scheduler::api::SchedulerApi;
use crate::scheduler::definition::Definition;
use crate::scheduler::delivery::{self, Schedules, Targets};
use crate::scheduler::registry::Registry;
use crate::scheduler::{ScheduleTask, request};
use topology::{DECLARED_SCHEDULES, Schedule, Topology};

/// Opens the schedules of an earlier engine, with those that the topology declares.
///
/// An emulator that was started here is empty, so schedules that functions created in an earlier
/// one mean nothing in it and are deleted.
pub(super) fn open(
    topology: &Topology,
    provisioned: &Provisioned,
    state_dir: &Path,
    backend: &Backend,
) -> Result<Arc<Registry>, StartError> {
    let directory = state_dir.join("schedules");
    let failed = |path: PathBuf| move |source| StartError::State { path, source };
    if !matches!(backend, Backend::External(_)) {
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(directory)(error));
            }
            _ => {}
        }
    }
    let declared = topology.schedules.iter().map(|(name, schedule)| {
        let why = |why: String| StartError::Schedule { name: name.clone(), why };
        let target = provisioned.schedule_target(&schedule.target);
        let target = target.ok_or_else(|| why("its target was not created".to_owned()))?;
        let letters = schedule.dead_letter_queue.as_ref();
        let letters = letters.and_then(|name| Some(provisioned.queues.get(name)?.arn.clone()));
        let body = body(schedule, &target, letters).to_string();
        let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond());
        let now = now.map_err(|error| why(error.to_string()))?;
        let definition = request::definition(name, body.as_bytes(), now);
        let definition = definition.map_err(|error| why(error.to_string()))?;
        // The same after each start, so that what an earlier engine has left of it is known.
        Ok(Definition { identity: DECLARED_SCHEDULES.to_owned(), ..definition })
    });
    let declared: Result<Vec<Definition>, StartError> = declared.collect();
    let groups = topology.schedule_groups.keys().cloned();
    let registry = Registry::open(&directory, declared?, groups, DECLARED_SCHEDULES);
    Ok(Arc::new(registry.map_err(failed(directory))?))
}

/// Returns a declared schedule as the body of a request to create it.
fn body(schedule: &Schedule, target_arn: &str, letters: Option<String>) -> Value {
    let declared = &schedule.target;
    let mut target = json!({
        "Arn": target_arn,
        "RoleArn": scheduler_role(),
        "RetryPolicy": {
            "MaximumRetryAttempts": schedule.maximum_retry_attempts,
            "MaximumEventAgeInSeconds": schedule.maximum_event_age_seconds,
        },
    });
    let parameters = [
        ("Input", schedule.input.as_ref().map(|input| Value::from(input.to_string()))),
        ("DeadLetterConfig", letters.map(|arn| json!({ "Arn": arn }))),
        (
            "SqsParameters",
            declared.message_group_id.as_ref().map(|group| json!({ "MessageGroupId": group })),
        ),
        (
            "KinesisParameters",
            declared.partition_key.as_ref().map(|key| json!({ "PartitionKey": key })),
        ),
        (
            "EventBridgeParameters",
            declared.source.as_ref().zip(declared.detail_type.as_ref()).map(
                |(source, detail_type)| json!({ "Source": source, "DetailType": detail_type }),
            ),
        ),
    ];
    if let Some(fields) = target.as_object_mut() {
        let given = parameters.into_iter();
        fields.extend(given.filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    let seconds = |time: Option<Timestamp>| time.map(Timestamp::as_second);
    json!({
        "GroupName": DECLARED_SCHEDULES,
        "ScheduleExpression": schedule.expression,
        "ScheduleExpressionTimezone": schedule.time_zone,
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "StartDate": seconds(schedule.start),
        "EndDate": seconds(schedule.end),
        "State": if schedule.enabled { "ENABLED" } else { "DISABLED" },
        "Target": target,
    })
}

/// Hands Scheduler's calls to the engine.
pub(super) fn serve(parts: &Parts) {
    let api = SchedulerApi::new(Arc::clone(&parts.schedules));
    parts.proxy.hand_scheduler_to(Arc::new(api));
}

/// Starts to fire.
pub(super) fn start(
    parts: &Arc<Parts>,
    events: &Arc<dyn EventQueue>,
    timing: Timing,
) -> ScheduleTask {
    let targets = Targets {
        clients: Clients::new(&parts.proxy.programs_endpoint()),
        events: Arc::clone(events),
        functions: parts.topology.functions.keys().cloned().collect(),
    };
    delivery::start(Schedules {
        registry: Arc::clone(&parts.schedules),
        targets: Arc::new(targets),
        activity: Arc::clone(&parts.activity),
        time_scale: timing.time_scale,
    })
}
