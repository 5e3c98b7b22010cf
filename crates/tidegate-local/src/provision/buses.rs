//! Creates EventBridge buses and rules.

use aws_sdk_eventbridge::types::Target;

use super::error::ProvisionError;
use super::provisioned::{Arn, ProvisionedQueue};
use crate::clients::Clients;
use topology::Rule;

/// The engine's own rule of each bus.
const EVERY_EVENT: &str = "tidegate-every-event";
/// Matches every event: each has a source.
const ANY_SOURCE: &str = r#"{"source":[{"prefix":""}]}"#;

pub(super) async fn bus(clients: &Clients, name: &str) -> Result<(String, Arn), ProvisionError> {
    let resource = format!("bus {name}");
    if let Err(error) = clients.events.create_event_bus().name(name).send().await
        && !error
            .as_service_error()
            .is_some_and(|error| error.is_resource_already_exists_exception())
    {
        return Err(ProvisionError::from_call(&resource, "CreateEventBus")(error));
    }
    let answer = clients.events.describe_event_bus().name(name).send().await;
    let answer = answer.map_err(ProvisionError::from_call(&resource, "DescribeEventBus"))?;
    let arn = answer.arn.ok_or_else(|| {
        ProvisionError::new(&resource, "DescribeEventBus", "the answer has no Arn")
    })?;
    Ok((name.to_owned(), arn))
}

/// Creates the rule without a target: the engine itself matches events and hands them over.
pub(super) async fn rule(
    clients: &Clients,
    name: &str,
    declared: &Rule,
) -> Result<(), ProvisionError> {
    put_rule(clients, &declared.bus, name, &declared.pattern.to_string()).await
}

/// Sends every event of a bus to the engine's own queue.
pub(super) async fn every_event(
    clients: &Clients,
    bus: &str,
    queue: &ProvisionedQueue,
) -> Result<(), ProvisionError> {
    put_rule(clients, bus, EVERY_EVENT, ANY_SOURCE).await?;
    let resource = format!("rule {EVERY_EVENT} of bus {bus}");
    let target = Target::builder().id("tidegate").arn(&queue.arn).build();
    let target = target.map_err(ProvisionError::from_call(&resource, "PutTargets"))?;
    let call = clients.events.put_targets().rule(EVERY_EVENT).event_bus_name(bus).targets(target);
    let answer = call.send().await.map_err(ProvisionError::from_call(&resource, "PutTargets"))?;
    match answer.failed_entries.unwrap_or_default().first() {
        None => Ok(()),
        Some(failed) => {
            let reason = failed.error_message.as_deref().or(failed.error_code.as_deref());
            Err(ProvisionError::new(
                &resource,
                "PutTargets",
                reason.unwrap_or("the target was refused"),
            ))
        }
    }
}

async fn put_rule(
    clients: &Clients,
    bus: &str,
    name: &str,
    pattern: &str,
) -> Result<(), ProvisionError> {
    let call = clients.events.put_rule().name(name).event_bus_name(bus).event_pattern(pattern);
    call.send()
        .await
        .map(drop)
        .map_err(ProvisionError::from_call(&format!("rule {name}"), "PutRule"))
}
