//! EventBridge buses and rules.

use aws_sdk_eventbridge::types::{DeadLetterConfig, RetryPolicy, Target};

use super::error::ProvisionError;
use super::{Arn, ProvisionedQueue};
use crate::clients::Clients;
use crate::topology::Rule;

pub(super) async fn bus(clients: &Clients, name: &str) -> Result<(String, Arn), ProvisionError> {
    let resource = format!("bus {name}");
    if let Err(error) = clients.events.create_event_bus().name(name).send().await
        && !error.as_service_error().is_some_and(|error| error.is_resource_already_exists_exception())
    {
        return Err(ProvisionError::of(&resource, "CreateEventBus")(error));
    }
    let answer = clients.events.describe_event_bus().name(name).send().await;
    let answer = answer.map_err(ProvisionError::of(&resource, "DescribeEventBus"))?;
    let arn = answer
        .arn
        .ok_or_else(|| ProvisionError::new(&resource, "DescribeEventBus", "the answer has no Arn"))?;
    Ok((name.to_owned(), arn))
}

/// The rule with its one target, a queue.
pub(super) async fn rule(
    clients: &Clients,
    name: &str,
    declared: &Rule,
    target: &ProvisionedQueue,
    dead_letters: Option<&ProvisionedQueue>,
) -> Result<(), ProvisionError> {
    let resource = format!("rule {name}");
    let call = clients.events.put_rule().name(name).event_bus_name(&declared.bus);
    let call = call.event_pattern(declared.pattern.to_string());
    call.send().await.map_err(ProvisionError::of(&resource, "PutRule"))?;
    let limit = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let retries = RetryPolicy::builder()
        .maximum_retry_attempts(limit(declared.target.maximum_retry_attempts))
        .maximum_event_age_in_seconds(limit(declared.target.maximum_event_age_seconds));
    let target = Target::builder()
        .id("target")
        .arn(&target.arn)
        .retry_policy(retries.build())
        .set_dead_letter_config(
            dead_letters.map(|letters| DeadLetterConfig::builder().arn(&letters.arn).build()),
        )
        .build()
        .map_err(ProvisionError::of(&resource, "PutTargets"))?;
    let call = clients.events.put_targets().rule(name).event_bus_name(&declared.bus).targets(target);
    let answer = call.send().await.map_err(ProvisionError::of(&resource, "PutTargets"))?;
    match answer.failed_entries.unwrap_or_default().first() {
        None => Ok(()),
        Some(failed) => {
            let reason = failed.error_message.as_deref().or(failed.error_code.as_deref());
            Err(ProvisionError::new(&resource, "PutTargets", reason.unwrap_or("the target was refused")))
        }
    }
}
