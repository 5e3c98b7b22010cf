//! Creates DynamoDB tables.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType as KeyRole,
    Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
    TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};

use super::error::ProvisionError;
use super::provisioned::ProvisionedTable;
use super::wait;
use crate::clients::Clients;
use topology::{Index, IndexProjection, Key, KeyType, StreamView, Table};

pub(super) async fn table(
    clients: &Clients,
    name: &str,
    declared: &Table,
) -> Result<(String, ProvisionedTable), ProvisionError> {
    let resource = format!("table {name}");
    create(clients, &resource, name, declared).await?;
    let description = active(clients, &resource, name).await?;
    if let Some(attribute) = &declared.ttl_attribute {
        time_to_live(clients, &resource, name, attribute).await?;
    }
    let arn = description.table_arn.ok_or_else(|| {
        ProvisionError::new(&resource, "DescribeTable", "the answer has no TableArn")
    })?;
    let stream_arn = description.latest_stream_arn.filter(|_| declared.stream_view.is_some());
    if declared.stream_view.is_some() && stream_arn.is_none() {
        let reason = "the table exists without a stream; delete it, or start on an empty backend";
        return Err(ProvisionError::new(&resource, "DescribeTable", reason));
    }
    Ok((name.to_owned(), ProvisionedTable { arn, stream_arn }))
}

async fn create(
    clients: &Clients,
    resource: &str,
    name: &str,
    declared: &Table,
) -> Result<(), ProvisionError> {
    let fail = ProvisionError::from_call(resource, "CreateTable");
    let mut call =
        clients.dynamodb.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for key in attributes(declared) {
        let definition =
            AttributeDefinition::builder().attribute_name(&key.name).attribute_type(kind(key));
        call = call.attribute_definitions(
            definition.build().map_err(ProvisionError::from_call(resource, "CreateTable"))?,
        );
    }
    for element in schema(resource, &declared.partition_key, declared.sort_key.as_ref())? {
        call = call.key_schema(element);
    }
    for (name, index) in &declared.indexes {
        call = call.global_secondary_indexes(secondary(resource, name, index)?);
    }
    if let Some(view) = declared.stream_view {
        let stream =
            StreamSpecification::builder().stream_enabled(true).stream_view_type(view_type(view));
        let stream = stream.build().map_err(ProvisionError::from_call(resource, "CreateTable"))?;
        call = call.stream_specification(stream);
    }
    match call.send().await {
        Err(error)
            if !error
                .as_service_error()
                .is_some_and(|error| error.is_resource_in_use_exception()) =>
        {
            Err(fail(error))
        }
        _ => Ok(()),
    }
}

/// Returns the keys of a table and of its indexes, each attribute once.
fn attributes(declared: &Table) -> Vec<&Key> {
    let of_table = [Some(&declared.partition_key), declared.sort_key.as_ref()];
    let of_indexes = declared
        .indexes
        .values()
        .flat_map(|index| [Some(&index.partition_key), index.sort_key.as_ref()]);
    let mut keys: Vec<&Key> = Vec::new();
    for key in of_table.into_iter().chain(of_indexes).flatten() {
        if keys.iter().all(|known| known.name != key.name) {
            keys.push(key);
        }
    }
    keys
}

fn schema(
    resource: &str,
    partition: &Key,
    sort: Option<&Key>,
) -> Result<Vec<KeySchemaElement>, ProvisionError> {
    let keys = [(Some(partition), KeyRole::Hash), (sort, KeyRole::Range)];
    let elements = keys.into_iter().filter_map(|(key, role)| {
        Some(KeySchemaElement::builder().attribute_name(&key?.name).key_type(role).build())
    });
    elements.collect::<Result<_, _>>().map_err(ProvisionError::from_call(resource, "CreateTable"))
}

fn secondary(
    resource: &str,
    name: &str,
    index: &Index,
) -> Result<GlobalSecondaryIndex, ProvisionError> {
    let kind = match index.projection {
        IndexProjection::All => ProjectionType::All,
        IndexProjection::KeysOnly => ProjectionType::KeysOnly,
        IndexProjection::Include => ProjectionType::Include,
    };
    let attributes = (!index.attributes.is_empty()).then(|| index.attributes.clone());
    let projection =
        Projection::builder().projection_type(kind).set_non_key_attributes(attributes).build();
    let keys = schema(resource, &index.partition_key, index.sort_key.as_ref())?;
    let built = GlobalSecondaryIndex::builder()
        .index_name(name)
        .set_key_schema(Some(keys))
        .projection(projection);
    built.build().map_err(ProvisionError::from_call(resource, "CreateTable"))
}

async fn active(
    clients: &Clients,
    resource: &str,
    name: &str,
) -> Result<TableDescription, ProvisionError> {
    const CALL: &str = "DescribeTable";
    wait::until_some(resource, CALL, || async {
        let answer = clients.dynamodb.describe_table().table_name(name).send().await;
        let answer = answer.map_err(ProvisionError::from_call(resource, CALL))?;
        Ok(answer.table.filter(|table| table.table_status == Some(TableStatus::Active)))
    })
    .await
}

/// Switches on the time to live. AWS refuses to switch it on twice, so its state is read first.
async fn time_to_live(
    clients: &Clients,
    resource: &str,
    name: &str,
    attribute: &str,
) -> Result<(), ProvisionError> {
    let answer = clients.dynamodb.describe_time_to_live().table_name(name).send().await;
    let answer = answer.map_err(ProvisionError::from_call(resource, "DescribeTimeToLive"))?;
    let is_on = answer.time_to_live_description.is_some_and(|found| {
        matches!(
            found.time_to_live_status,
            Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
        ) && found.attribute_name.as_deref() == Some(attribute)
    });
    if is_on {
        return Ok(());
    }
    let specification =
        TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build();
    let specification =
        specification.map_err(ProvisionError::from_call(resource, "UpdateTimeToLive"))?;
    let call = clients
        .dynamodb
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(specification);
    call.send().await.map(drop).map_err(ProvisionError::from_call(resource, "UpdateTimeToLive"))
}

fn kind(key: &Key) -> ScalarAttributeType {
    match key.kind {
        KeyType::S => ScalarAttributeType::S,
        KeyType::N => ScalarAttributeType::N,
        KeyType::B => ScalarAttributeType::B,
    }
}

fn view_type(view: StreamView) -> StreamViewType {
    match view {
        StreamView::KeysOnly => StreamViewType::KeysOnly,
        StreamView::NewImage => StreamViewType::NewImage,
        StreamView::OldImage => StreamViewType::OldImage,
        StreamView::NewAndOldImages => StreamViewType::NewAndOldImages,
    }
}
