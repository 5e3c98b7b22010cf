//! Tests the books in every order of events, and with environments that die at every call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use events::ledger::Account;
use events::{
    PaymentAuthorised, PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentReleased,
};
use jiff::Timestamp;
use tidegate::batch::{BatchContext, BatchHandler, Item, Outcome};
use tidegate::envelope::DataSchema;
use tidegate::ids::{Cause, Version};
use tidegate::projection::{Projector, Value};
use tidegate::query::{Consistency, View};
use tidegate::store::{Commit, CommitChange, EventStore};
use tidegate::test::{Call, Fault, Faults, Faulty, MemoryEventStore, MemoryReadModel, projected};

use super::*;

fn authorised(minor: i64) -> PaymentEvent {
    let (amount, reference) = (Money::pence(minor), "p".to_owned());
    PaymentEvent::PaymentAuthorised(PaymentAuthorised { order_id: "1".into(), amount, reference })
}

fn captured(minor: i64) -> PaymentEvent {
    let amount = Money::pence(minor);
    PaymentEvent::PaymentCaptured(PaymentCaptured { order_id: "1".into(), amount })
}

fn released(minor: i64) -> PaymentEvent {
    let amount = Some(Money::pence(minor));
    PaymentEvent::PaymentReleased(PaymentReleased { order_id: "1".into(), amount })
}

fn refunded(minor: i64) -> PaymentEvent {
    let amount = Money::pence(minor);
    PaymentEvent::PaymentRefunded(PaymentRefunded { return_id: "C1".into(), amount })
}

fn declined() -> PaymentEvent {
    let reason = "no funds".to_owned();
    PaymentEvent::PaymentDeclined(PaymentDeclined { order_id: "1".into(), reason })
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// Two orders that are paid, one that is released, one that is declined, and a refund, on two days.
fn history() -> Vec<(&'static str, Timestamp, PaymentEvent)> {
    let (first, second) = (at("2026-11-30T23:59:59.999999Z"), at("2026-12-01T00:00:00Z"));
    vec![
        ("payment#1", first, authorised(1_000)),
        ("payment#2", first, authorised(200)),
        ("payment#3", first, declined()),
        ("payment#4", first, authorised(30)),
        ("payment#1", first, captured(1_000)),
        ("payment#4", second, released(30)),
        ("payment#2", second, captured(200)),
        ("payment#C1", second, refunded(50)),
    ]
}

#[tokio::test]
async fn balances_days_and_journal_are_the_same_in_every_order_of_events() {
    let mut test = projected(Books);
    for (stream, time, event) in history() {
        test = test.at(time).event(stream, &event);
    }
    let model = test.run().await;
    let counters = model.counters();
    let shown = |key: &str| {
        let amount = |account: Account| counters[key].get(account.as_str()).copied().unwrap_or(0);
        Account::ALL.map(amount)
    };
    // Receivable, cash, liabilities, revenue, refunds.
    assert_eq!(shown("GBP#2026-11-30"), [230, 1_000, -230, -1_000, 0]);
    assert_eq!(shown("GBP#2026-12-01"), [-230, 150, 230, -200, 50]);
    assert_eq!(shown("GBP#running"), [0, 1_150, 0, -1_200, 50]);
    assert_eq!(counters.len(), 3);

    let journal = model.entries();
    let places: Vec<String> =
        journal.keys().map(|key| format!("{}/{}", key.list, key.entry)).collect();
    assert_eq!(places.len(), 7, "a declined payment posts nothing: {places:?}");
    assert!(places.contains(&"GBP#2026-11-30/2026-11-30T23:59:59.999999Z#payment#1/2".to_owned()));
    let stream = "payment#1".parse().unwrap();
    assert_eq!(model.attribute(&stream, row::STATUS), Some(Value::from("PaymentCaptured")));
    assert_eq!(model.attribute(&stream, row::CAPTURED), Some(Value::from(1_000)));
}

/// An event store with the history, and the hints that a queue brings, in batches of two.
async fn stored() -> (Arc<MemoryEventStore>, Vec<Vec<CommitChange>>) {
    let store = MemoryEventStore::default();
    let mut versions: BTreeMap<&str, Version> = BTreeMap::new();
    let mut hints = Vec::new();
    for (stream, time, event) in history() {
        let version = versions.entry(stream).or_insert(Version::NONE);
        *version = version.next();
        let (kind, data_version) = event.schema();
        let id = format!("{stream}/{version}");
        let schema = DataSchema::new(kind, data_version);
        let recorded = RecordedEvent::new(&id, *version, schema, time, event.encode().unwrap());
        let stream: StreamId = stream.parse().unwrap();
        let cause = Cause::new("test", &id);
        let record =
            RecordedCommit::new(stream.clone(), "shop.payment", cause, time, vec![recorded]);
        store.commit(&Commit::new(record, &id)).await.unwrap();
        hints.push(CommitChange::Hint { stream, version: *version, event_id: id });
    }
    (Arc::new(store), hints.chunks(2).map(<[CommitChange]>::to_vec).collect())
}

/// Invokes an environment with a batch. It has a second, which passes at once if it hangs.
async fn invoke(
    model: &MemoryReadModel,
    faults: &Faults,
    store: &Arc<MemoryEventStore>,
    batch: &[CommitChange],
) -> bool {
    let model = Arc::new(Faulty::new(Arc::new(model.clone()), faults.clone()));
    let projector = Projector::new(Books, model, Arc::<MemoryEventStore>::clone(store));
    let item = |change: &CommitChange| {
        Item::new(change.stream().map(ToString::to_string).unwrap_or_default(), change.clone())
    };
    let items: Vec<_> = batch.iter().map(item).collect();
    let context = BatchContext::new(Duration::from_secs(1));
    let outcomes = projector.handle_batch(&items, &context).await;
    outcomes.iter().all(|outcome| matches!(outcome, Outcome::Done(_)))
}

/// Checks that every reader sees books that balance: with a view, and without what a view adds.
async fn balances(model: &MemoryReadModel, when: &str) {
    for (number, slice) in model.slices() {
        for (key, (_, amounts)) in &slice.counters {
            let sum: i64 = amounts.values().sum();
            assert_eq!(sum, 0, "{when}: {key} in slice {number}: {amounts:?}");
        }
    }
    let counters = View::from_memory(model).every_counter(Consistency::Strong).await.unwrap();
    for (key, counter) in &counters.counters {
        let sum: i128 = Account::ALL.iter().map(|account| counter.amount(account.as_str())).sum();
        assert_eq!(sum, 0, "{when}: {key}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_trial_balance_is_zero_after_every_batch_and_every_kill() {
    let (store, batches) = stored().await;
    let whole = MemoryReadModel::default();
    for batch in &batches {
        assert!(invoke(&whole, &Faults::none(), &store, batch).await);
        balances(&whole, "after a batch").await;
    }
    let expected = whole.counters();
    assert_eq!(expected["GBP#running"].len(), Account::ALL.len());

    let calls = [Call::Guards, Call::Head, Call::Apply, Call::Add, Call::Confirm];
    let mut kills = 0;
    for call in calls {
        for number in 1..=16 {
            for applied in [false, true] {
                let faults = Faults::none().at(call, number, Fault::Hangs { applied });
                let model = MemoryReadModel::default();
                let when = format!("killed at {call:?} {number}, applied: {applied}");
                // Environments count in two slices in turn.
                for (turn, batch) in batches.iter().enumerate() {
                    let slice = |turn: usize| model.in_slice(u32::try_from(turn % 2).unwrap());
                    // The message comes again to another environment until it is acknowledged.
                    for attempt in turn.. {
                        let done = invoke(&slice(attempt), &faults, &store, batch).await;
                        balances(&model, &when).await;
                        if done {
                            break;
                        }
                    }
                }
                kills += faults.injected().len();
                assert_eq!(model.counters(), expected, "{when}");
                assert_eq!(model.entries(), whole.entries(), "{when}");
            }
        }
    }
    assert!(kills > 20, "{kills} kills");
}

#[tokio::test]
async fn what_moves_nothing_posts_nothing() {
    let model = projected(Books)
        .event("payment#1", &authorised(0))
        .event("payment#2", &declined())
        .event("order#1", &declined())
        .run()
        .await;
    assert!(model.counters().is_empty() && model.entries().is_empty());
    let row = |stream: &str| model.attribute(&stream.parse().unwrap(), row::STATUS);
    assert_eq!(row("payment#1"), Some(Value::from("PaymentAuthorised")));
    assert_eq!(row("order#1"), None);
}
