//! The store of snapshots in DynamoDB keeps the contract that every store of snapshots keeps.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use jiff::Timestamp;
use tidegate::ids::{Cause, StreamId, Version};
use tidegate::store::{
    Causes, Content, DynamoDbSnapshots, SNAPSHOT_PARTITION_KEY, SNAPSHOT_SORT_KEY, Snapshot,
    SnapshotStore,
};
use tidegate::test::MemorySnapshots;

use super::{Tables, unique};

fn snapshot(stream: &StreamId, shape: &str, version: u64, causes: usize) -> Snapshot {
    let mut kept = Causes::none();
    for number in 0..causes {
        let cause = Cause::new("test", number.to_string());
        let content = Content::new("Count", 1, &number.to_string()).unwrap();
        let digest = content.digest(stream, &cause).filter(|_| number % 2 == 1);
        kept.push(
            &cause,
            Timestamp::UNIX_EPOCH + Duration::from_secs(number as u64),
            digest.as_ref(),
        );
    }
    kept.forget_before(Timestamp::UNIX_EPOCH + Duration::from_secs(1));
    Snapshot {
        stream: stream.clone(),
        shape: shape.to_owned(),
        version: Version::new(version),
        event_id: format!("e{version}"),
        state: r#"{"sum":1.50,"name":"ä€𝄞"}"#.to_owned(),
        causes: kept,
    }
}

async fn contract(store: &dyn SnapshotStore) {
    let stream: StreamId = unique("account").parse().unwrap();
    assert_eq!(store.load(&stream, "account/1").await, Ok(None));
    // No remembered cause, one, and as many as fit.
    for (version, causes) in [(3, 0), (5, 2), (u64::MAX, 10_000)] {
        let written = snapshot(&stream, "account/1", version, causes);
        store.save(&written).await.unwrap();
        assert!(store.load(&stream, "account/1").await == Ok(Some(written)), "version {version}");
    }
    store.save(&snapshot(&stream, "account/1", 4, 2)).await.unwrap();
    let newest = store.load(&stream, "account/1").await.unwrap().unwrap();
    assert_eq!(newest.version, Version::new(u64::MAX), "a late one does not replace it");
    // In a rolling deployment, each shape has its own snapshot.
    assert_eq!(store.load(&stream, "account/2").await, Ok(None));
    store.save(&snapshot(&stream, "account/2", 4, 2)).await.unwrap();
    assert_eq!(store.load(&stream, "account/2").await.unwrap().unwrap().version, Version::new(4));
    assert_eq!(store.load(&stream, "account/1").await, Ok(Some(newest)));
}

#[tokio::test]
async fn snapshots_in_memory_keep_the_contract() {
    contract(&MemorySnapshots::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_in_dynamodb_keep_the_contract() {
    let tables = Tables::create().await;
    // No function of the reference system takes snapshots, so the topology has no table of them.
    let table = unique("snapshots").replace('#', "-");
    let client = &tables.clients.dynamodb;
    let mut create =
        client.create_table().table_name(&table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in
        [(SNAPSHOT_PARTITION_KEY, KeyType::Hash), (SNAPSHOT_SORT_KEY, KeyType::Range)]
    {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        let attribute = attribute.attribute_type(ScalarAttributeType::S).build().unwrap();
        let key = KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
        create = create.attribute_definitions(attribute).key_schema(key);
    }
    create.send().await.unwrap();
    contract(&DynamoDbSnapshots::new(client.clone(), table)).await;
    tables.end().await;
}
