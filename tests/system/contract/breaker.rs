//! The rows of circuit breakers in DynamoDB keep the contract that every store of them keeps.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use jiff::Timestamp;
use tidegate::breaker::{
    BreakerChanged, BreakerState, BreakerStore, Changed, Count, DynamoDbBreakers, Operator,
    PARTITION_KEY, Phase,
};
use tidegate::ids::{StreamId, Version};
use tidegate::store::{DynamoDbEventStore, EventReader};
use tidegate::test::{MemoryBreakers, MemoryEventStore};

use super::operations::Operations;
use super::{Tables, unique};

const WINDOW: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn count(number: u64, failures: u64, successes: u64, seconds: i64) -> Count {
    Count { number, failures, successes, in_a_row: failures, at: at(seconds), window: WINDOW }
}

fn yes(changed: Changed) -> BreakerState {
    match changed {
        Changed::Yes(state) => state,
        Changed::No(state) => panic!("refused, there is {state:?}"),
    }
}

/// Returns the counts: beginning of the window, failures, successes, failures in a row.
fn counts(state: &BreakerState) -> (Option<Timestamp>, u64, u64, u64) {
    let counts = state.counts;
    (counts.begun, counts.failures, counts.successes, counts.in_a_row)
}

async fn counting(store: &dyn BreakerStore) {
    let name = unique("counted").replace('#', "-");
    assert_eq!(store.look(&name).await, Ok(BreakerState::default()));
    let state = store.count(&name, &count(0, 1, 0, 0)).await.unwrap();
    assert_eq!(counts(&state), (Some(at(0)), 1, 0, 1));
    let state = store.count(&name, &count(0, 2, 0, 10)).await.unwrap();
    assert_eq!(counts(&state), (Some(at(0)), 3, 0, 3));
    let state = store.count(&name, &count(0, 1, 7, 59)).await.unwrap();
    assert_eq!(counts(&state), (Some(at(0)), 4, 7, 1), "a success ends the row");
    assert_eq!(store.look(&name).await, Ok(state.clone()));
    let late = store.count(&name, &count(3, 9, 9, 59)).await.unwrap();
    assert_eq!(late, state, "a call of another state is not counted");
    let state = store.count(&name, &count(0, 1, 0, 60)).await.unwrap();
    assert_eq!(counts(&state), (Some(at(60)), 1, 0, 1), "the next window");
    let state = store.count(&name, &count(0, 1, 0, 30)).await.unwrap();
    assert_eq!(counts(&state), (Some(at(60)), 2, 0, 2), "a clock that is behind");
    let all = (0..20).map(|_| async { store.count(&name, &count(0, 1, 0, 61)).await.unwrap() });
    futures::future::join_all(all).await;
    assert_eq!(counts(&store.look(&name).await.unwrap()).1, 22, "no count is lost");
}

async fn changing(store: &dyn BreakerStore, keeps_events: bool) {
    let name = unique("changed").replace('#', "-");
    let closed = store.count(&name, &count(0, 5, 0, 0)).await.unwrap();
    let opening = closed.change(Phase::Open { until: at(60) }, at(0), "t1", "5 failures in a row");
    let open = yes(store.change(&name, &opening).await.unwrap());
    assert_eq!((open.number, open.phase), (1, Phase::Open { until: at(60) }));
    assert_eq!(open.reason, "5 failures in a row");
    assert_eq!(open.since, Some(at(0)));
    assert_eq!(counts(&open), (None, 0, 0, 0));
    assert_eq!(store.look(&name).await, Ok(open.clone()));
    assert_eq!(yes(store.change(&name, &opening).await.unwrap()), open, "its own, sent again");
    let other = closed.change(Phase::Open { until: at(90) }, at(1), "t2", "late");
    assert_eq!(store.change(&name, &other).await, Ok(Changed::No(open.clone())));
    assert_eq!(store.count(&name, &count(1, 1, 0, 1)).await, Ok(open.clone()), "it is open");

    let probe =
        |token: String| open.change(Phase::HalfOpen { lease_until: at(80) }, at(60), token, "");
    let probes = (0..8).map(|one| {
        let change = probe(format!("p{one}"));
        let name = name.as_str();
        async move {
            loop {
                // Several transactions at the same row refuse each other.
                match store.change(name, &change).await {
                    Ok(changed) => return changed,
                    Err(failure) if failure.is_passing() => {}
                    Err(failure) => panic!("{failure}"),
                }
            }
        }
    });
    let outcomes = futures::future::join_all(probes).await;
    let owners: Vec<_> =
        outcomes.iter().filter(|outcome| matches!(outcome, Changed::Yes(_))).collect();
    assert_eq!(owners.len(), 1, "one probe: {outcomes:#?}");
    let half_open = store.look(&name).await.unwrap();
    assert_eq!(owners, [&Changed::Yes(half_open.clone())]);

    let operator = Operator { name: "ann".to_owned(), note: "they are back".to_owned() };
    let closing = half_open.change(Phase::Closed, at(61), "t3", "an operator closed it");
    let closed = yes(store.change(&name, &closing.by(operator.clone())).await.unwrap());
    assert_eq!((closed.number, closed.operator.as_ref()), (3, Some(&operator)));
    assert_eq!(closed.events, if keeps_events { 3 } else { 0 });
    let reopening = closed.change(Phase::Open { until: at(99) }, at(62), "t4", "again");
    let open = yes(store.change(&name, &reopening).await.unwrap());
    assert_eq!(open.operator, None, "this change is not the operator's");
    assert_eq!(store.look(&name).await, Ok(open.clone()));
}

async fn events(store: &dyn BreakerStore, events: &dyn EventReader) {
    let name = unique("told").replace('#', "-");
    let mut state = BreakerState::default();
    let phases =
        [Phase::Open { until: at(60) }, Phase::HalfOpen { lease_until: at(80) }, Phase::Closed];
    for (number, phase) in phases.into_iter().enumerate() {
        let change = state.change(phase, at(0), format!("e{number}"), "because");
        state = yes(store.change(&name, &change).await.unwrap());
        yes(store.change(&name, &change).await.unwrap());
    }
    let stream: StreamId = format!("breaker#{name}").parse().unwrap();
    let commits = events.read(&stream, Version::NONE).await.unwrap();
    let seen: Vec<(u64, String)> = commits
        .iter()
        .flat_map(|commit| &commit.events)
        .map(|event| {
            let changed: BreakerChanged = serde_json::from_str(&event.data).unwrap();
            assert_eq!(changed.breaker, name);
            (event.version.number(), changed.phase)
        })
        .collect();
    let named = [(1, "open"), (2, "half-open"), (3, "closed")];
    assert_eq!(seen, named.map(|(version, phase)| (version, phase.to_owned())));

    // The place of the next event is taken, as after the restore of the row.
    let mut past = state.clone();
    past.events = 1;
    let change = past.change(Phase::Open { until: at(99) }, at(90), "after", "because");
    let open = yes(store.change(&name, &change).await.unwrap());
    assert_eq!((open.number, open.events), (4, 2), "it opens without its event");
    assert_eq!(events.read(&stream, Version::NONE).await.unwrap(), commits);
}

#[tokio::test]
async fn breakers_in_memory_keep_the_contract() {
    let plain = MemoryBreakers::default();
    counting(&plain).await;
    changing(&plain, false).await;
    let store = Arc::new(MemoryEventStore::default());
    let keeping = MemoryBreakers::default().events(Arc::<MemoryEventStore>::clone(&store));
    changing(&keeping, true).await;
    events(&keeping, &*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn breakers_in_dynamodb_keep_the_contract() {
    let tables = Tables::create().await;
    // No function of the reference system has a breaker, so the topology has no table of them.
    let table = unique("breakers").replace('#', "-");
    let client = &tables.clients.dynamodb;
    let string = AttributeDefinition::builder().attribute_name(PARTITION_KEY);
    let string = string.attribute_type(ScalarAttributeType::S).build().unwrap();
    let key = KeySchemaElement::builder().attribute_name(PARTITION_KEY).key_type(KeyType::Hash);
    let create = client.create_table().table_name(&table).attribute_definitions(string);
    create
        .key_schema(key.build().unwrap())
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
    let requests = Operations::default();
    let plain = DynamoDbBreakers::new(requests.of(client), table.as_str());
    let quiet = count(0, 1, 0, 0);
    plain.look("cost").await.unwrap();
    plain.count("cost", &quiet).await.unwrap();
    plain.count("cost", &quiet).await.unwrap();
    assert_eq!(requests.number("GetItem"), 1);
    assert_eq!(requests.number("UpdateItem"), 3, "the first one also begins the window");
    counting(&plain).await;
    changing(&plain, false).await;
    let store = DynamoDbEventStore::new(client.clone(), "event-store");
    let keeping = plain.events(store.clone());
    changing(&keeping, true).await;
    events(&keeping, &store).await;
    tables.end().await;
}
