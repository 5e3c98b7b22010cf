//! Commits with rows in DynamoDB keep the contract that every store of them keeps.

use futures::future::join_all;
use jiff::Timestamp;
use serde::Deserialize;
use tidegate::envelope::DataSchema;
use tidegate::ids::{Cause, StreamId, Version};
use tidegate::projection::RowUpdate;
use tidegate::store::{
    Commit, DynamoDbEventStore, DynamoDbRowStore, RecordedCommit, RecordedEvent, Retry, RowChange,
    RowOutcome, RowStore,
};
use uuid::Uuid;

use self::suite::contract;
use super::operations::Operations;
use super::{Tables, unique};

#[path = "../../../crates/tidegate/src/store/rows/tests/contract.rs"]
mod suite;

#[tokio::test(flavor = "multi_thread")]
async fn commits_with_rows_in_dynamodb_keep_the_contract() {
    let tables = Tables::create().await;
    let operations = Operations::default();
    let client = operations.of(&tables.clients.dynamodb);
    let events = DynamoDbEventStore::new(client, "event-store");
    let store = DynamoDbRowStore::new(events, "stock", "stock_code");
    // Several at the same moment, so that their reads share requests.
    join_all((0..3).map(|_| contract(&store, "stock_code"))).await;
    assert!(operations.number("BatchGetItem") > 10, "{operations:?}");
    tables.end().await;
}

/// Environments that reserve one product at a time.
const WRITERS: usize = 8;
/// Reservations of each of them.
const RESERVATIONS: u64 = 25;

/// Reserves a unit of a product. Returns how often the transaction was tried.
async fn reserve(store: &DynamoDbRowStore, product: &str) -> u64 {
    let (stream, time): (StreamId, _) = (unique("order").parse().unwrap(), Timestamp::UNIX_EPOCH);
    let schema = DataSchema::new("Reserved", 1);
    let event = RecordedEvent::new("e", Version::new(1), schema, time, "1");
    let record = RecordedCommit::new(stream, "test", Cause::new("test", "c"), time, vec![event]);
    let update = RowUpdate::default().add("on_hand", -1).add("reserved", 1);
    let changes = [RowChange::new(product, update).if_at_least("on_hand", 1)];
    let retry = Retry::default();
    let mut attempt = 0;
    loop {
        let commit = Commit::new(record.clone(), Uuid::new_v4().to_string());
        match store.commit_with_rows(&commit, &changes).await.unwrap() {
            RowOutcome::Stored => return u64::from(attempt) + 1,
            RowOutcome::Busy => tokio::time::sleep(retry.pause_after(attempt)).await,
            outcome => panic!("{outcome:?}"),
        }
        attempt += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_environments_reserve_one_product_to_its_last_unit() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Product {
        on_hand: i64,
        reserved: i64,
    }
    let tables = Tables::create().await;
    let environment = || {
        let events = DynamoDbEventStore::new(tables.clients.dynamodb.clone(), "event-store");
        DynamoDbRowStore::new(events, "stock", "stock_code")
    };
    let product = unique("product");
    let all = WRITERS as u64 * RESERVATIONS;
    let stores: Vec<DynamoDbRowStore> = (0..WRITERS).map(|_| environment()).collect();
    let opening = RowUpdate::default().set("on_hand", all as i64).set("reserved", 0);
    let (stream, time): (StreamId, _) = (unique("order").parse().unwrap(), Timestamp::UNIX_EPOCH);
    let event = RecordedEvent::new("e", Version::new(1), DataSchema::new("Opened", 1), time, "1");
    let record = RecordedCommit::new(stream, "test", Cause::new("test", "c"), time, vec![event]);
    let opened = [RowChange::new(&product, opening).if_absent()];
    let commit = Commit::new(record, "attempt");
    assert_eq!(stores[0].commit_with_rows(&commit, &opened).await, Ok(RowOutcome::Stored));
    let attempts = join_all(stores.iter().map(async |store| {
        let mut attempts = 0;
        for _ in 0..RESERVATIONS {
            attempts += reserve(store, &product).await;
        }
        attempts
    }));
    let attempts: u64 = attempts.await.iter().sum();
    let conflicts = attempts - all;
    println!("{WRITERS} environments, {all} reservations of one product: {conflicts} conflicts");
    // Each waits longer after every conflict, so it cannot meet all the others each time.
    assert!(conflicts < all * WRITERS as u64, "{conflicts} conflicts in {all} reservations");
    let row = stores[0].rows(&[product]).await.unwrap().remove(0).unwrap();
    let row: Product = serde_dynamo::from_item(row).unwrap();
    assert_eq!(row, Product { on_hand: 0, reserved: all as i64 });
    tables.end().await;
}
