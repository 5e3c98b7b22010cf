//! Creates Kinesis streams.

use aws_sdk_kinesis::types::StreamStatus;

use super::error::ProvisionError;
use super::provisioned::Arn;
use super::wait;
use crate::clients::Clients;
use topology::Stream;

pub(super) async fn stream(
    clients: &Clients,
    name: &str,
    declared: &Stream,
) -> Result<(String, Arn), ProvisionError> {
    let resource = format!("stream {name}");
    let kinesis = &clients.kinesis;
    let shards = i32::try_from(declared.shards).unwrap_or(i32::MAX);
    if let Err(error) = kinesis.create_stream().stream_name(name).shard_count(shards).send().await
        && !error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception())
    {
        return Err(ProvisionError::from_call(&resource, "CreateStream")(error));
    }
    let (arn, retention) = active(clients, &resource, name).await?;
    let wanted = i32::try_from(declared.retention_hours).unwrap_or(i32::MAX);
    if retention < wanted {
        let call = kinesis
            .increase_stream_retention_period()
            .stream_name(name)
            .retention_period_hours(wanted);
        call.send()
            .await
            .map_err(ProvisionError::from_call(&resource, "IncreaseStreamRetentionPeriod"))?;
        active(clients, &resource, name).await?;
    } else if retention > wanted {
        let call = kinesis
            .decrease_stream_retention_period()
            .stream_name(name)
            .retention_period_hours(wanted);
        call.send()
            .await
            .map_err(ProvisionError::from_call(&resource, "DecreaseStreamRetentionPeriod"))?;
        active(clients, &resource, name).await?;
    }
    Ok((name.to_owned(), arn))
}

/// Returns the stream's ARN and its retention in hours, once it can be used.
async fn active(
    clients: &Clients,
    resource: &str,
    name: &str,
) -> Result<(Arn, i32), ProvisionError> {
    const CALL: &str = "DescribeStreamSummary";
    wait::until_some(resource, CALL, || async {
        let answer = clients.kinesis.describe_stream_summary().stream_name(name).send().await;
        let answer = answer.map_err(ProvisionError::from_call(resource, CALL))?;
        Ok(answer
            .stream_description_summary
            .filter(|summary| summary.stream_status == StreamStatus::Active)
            .map(|summary| (summary.stream_arn, summary.retention_period_hours)))
    })
    .await
}
