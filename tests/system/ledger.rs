//! Tests the books: balanced at every moment, and equal to a replay of all payment events.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use events::{
    Money, PaymentAuthorised, PaymentCaptured, PaymentEvent, PaymentRefunded, PaymentReleased,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidegate::envelope::DataSchema;
use tidegate::ids::{Cause, StreamId, Version};
use tidegate::message::MessageSet;
use tidegate::query::{Consistency, View};
use tidegate::store::{Commit, DynamoDbEventStore, EventStore, RecordedCommit, RecordedEvent};
use tidegate_local::engine::Injection;
use tidegate_local::fault::FaultPlan;

use crate::programs::shown;
use crate::world::{Part, Setup, World};

/// Orders with a payment. Every third is released; the others are captured.
const ORDERS: i64 = 60;
/// Returns with a refund.
const RETURNS: i64 = 20;

const ACCOUNTS: [&str; 5] = ["receivable", "cash", "liabilities", "revenue", "refunds"];

/// Kills the function before and after its calls, and throttles them, in the first three attempts.
const FAULTS: &str = r#"
[[fault]]
fault = "kill"
when = "before"
function = "ledger"
operation = "*"
attempts = 3
rate = 0.04

[[fault]]
fault = "kill"
when = "after"
function = "ledger"
operation = "*"
attempts = 3
rate = 0.04

[[fault]]
fault = "throttle"
function = "ledger"
operation = "*"
attempts = 3
rate = 0.04
"#;

/// A payment event, and what it adds to the accounts.
struct Payment {
    stream: String,
    version: u64,
    at: Timestamp,
    event: PaymentEvent,
    added: [i64; 5],
}

/// Returns payments of three days, in the order of their times.
fn payments() -> Vec<Payment> {
    let first: Timestamp = "2026-03-01T20:00:00Z".parse().unwrap();
    let at = |minutes: i64| first + SignedDuration::from_mins(minutes);
    let mut payments = Vec::new();
    for number in 0..ORDERS {
        let (stream, amount) = (format!("payment#{number}"), 100 * number + 1);
        let (order_id, money) = (number.to_string().as_str().into(), Money::pence(amount));
        let reference = "p".to_owned();
        let event = PaymentAuthorised { order_id, amount: money, reference }.into();
        let added = [amount, 0, -amount, 0, 0];
        payments.push(Payment { stream: stream.clone(), version: 1, at: at(number), event, added });
        let order_id = number.to_string().as_str().into();
        let (event, added) = match number % 3 {
            0 => (
                PaymentReleased { order_id, amount: Some(money) }.into(),
                [-amount, 0, amount, 0, 0],
            ),
            _ => (
                PaymentCaptured { order_id, amount: money }.into(),
                [-amount, amount, amount, -amount, 0],
            ),
        };
        // Half of them after midnight.
        payments.push(Payment { stream, version: 2, at: at(210 + number), event, added });
    }
    for number in 0..RETURNS {
        let (stream, amount) = (format!("payment#C{number}"), 10 * number + 3);
        let (return_id, amount_back) = (format!("C{number}"), Money::pence(amount));
        let return_id = return_id.as_str().into();
        let event = PaymentRefunded { return_id, amount: amount_back }.into();
        let (at, added) = (at(60 * 30 + number), [0, -amount, 0, 0, amount]);
        payments.push(Payment { stream, version: 1, at, event, added });
    }
    payments.sort_by_key(|payment| payment.at);
    payments
}

/// Stores the payments as the function `payment` does.
async fn store(world: &World, payments: &[Payment]) {
    let store = DynamoDbEventStore::new(world.clients().dynamodb.clone(), "event-store");
    for Payment { stream, version, at, event, .. } in payments {
        let (kind, data_version) = event.schema();
        let id = format!("{stream}/{version}");
        let schema = DataSchema::new(kind, data_version);
        let data = event.encode().unwrap();
        let recorded = RecordedEvent::new(&id, Version::new(*version), schema, *at, data);
        let (stream, cause): (StreamId, _) = (stream.parse().unwrap(), Cause::new("test", &id));
        let record = RecordedCommit::new(stream, "shop.payment", cause, *at, vec![recorded]);
        store.commit(&Commit::new(record, &id)).await.unwrap();
    }
}

/// Reads the books over and over until the system is idle. They balance at every moment.
async fn watch(world: &World) -> u32 {
    let view = View::from_dynamodb(world.clients().dynamodb.clone(), "ledger", "balances");
    for reads in 1.. {
        let counters = view.every_counter(Consistency::Strong).await.unwrap();
        for (key, counter) in &counters.counters {
            let sum: i128 = ACCOUNTS.iter().map(|account| counter.amount(account)).sum();
            assert_eq!(sum, 0, "{key} after {reads} reads: {counter:?}");
        }
        if world.status().await["idle"] == true {
            return reads;
        }
    }
    0
}

/// Returns the balances that a statement shows.
async fn statement(world: &World, at: &str) -> BTreeMap<String, i64> {
    let shown = world.shop_json(&["ledger", "statement", "--at", at, "--json"]).await;
    assert_eq!(shown[0]["trial_balance"], 0);
    serde_json::from_value(shown[0]["accounts"].clone()).unwrap()
}

/// Returns the balances after all payments up to this time.
fn balances(payments: &[Payment], at: Timestamp) -> BTreeMap<String, i64> {
    let until = payments.iter().filter(|payment| payment.at <= at);
    let sums = until.fold([0; 5], |sums: [i64; 5], payment| {
        std::array::from_fn(|account| sums[account] + payment.added[account])
    });
    ACCOUNTS.map(str::to_owned).into_iter().zip(sums).collect()
}

async fn audit(world: &World) -> (bool, Value) {
    // In an account the event store is read in segments.
    let output = world.shop(&["ledger", "audit", "--segments", "4", "--json"]).await;
    let audit = serde_json::from_slice(&output.stdout);
    (output.status.success(), audit.unwrap_or_else(|error| panic!("{error}: {}", shown(&output))))
}

#[tokio::test(flavor = "multi_thread")]
async fn books_balance_at_every_moment_whatever_is_killed_and_equal_a_replay_as_of_any_time() {
    let plan = FaultPlan::parse(FAULTS).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let faults = Some(Injection { plan, again: None });
    let world = World::start_as(Setup { part: Part::Ledger, faults, ..Setup::default() }).await;
    let payments = payments();
    let (reads, ()) = tokio::join!(watch(&world), store(&world, &payments));
    world.settle().await;
    let status = world.status().await;
    let kills = status["faults"]["injected"].as_object().expect("counts").keys();
    assert!(kills.clone().any(|name| name.starts_with("kill")), "{:#}", status["faults"]);
    println!("{reads} reads of books that balance, {:#}", status["faults"]["injected"]);

    let (equal, audited) = audit(&world).await;
    assert!(equal, "{audited:#}");
    assert_eq!(audited["events"], payments.len());
    for part in audited["parts"].as_array().unwrap() {
        assert!(part["compared"].as_u64().unwrap() > 0, "{part}");
    }

    // As of any time: between two events of a day, at the end of a day, and after all of them.
    for at in ["2026-03-01T19:59:59Z", "2026-03-01T20:10:00Z", "2026-03-01T23:45:30Z"] {
        assert_eq!(statement(&world, at).await, balances(&payments, at.parse().unwrap()), "{at}");
    }
    let midnight = "2026-03-02T00:00:00Z".parse::<Timestamp>().unwrap();
    let end = midnight - SignedDuration::from_micros(1);
    assert_eq!(statement(&world, "2026-03-01").await, balances(&payments, end));
    assert_eq!(statement(&world, "2027-01-01").await, balances(&payments, Timestamp::MAX));
    let cash = ["ledger", "statement", "--of", "cash", "--json"];
    let days = world.shop_json(&cash).await[0]["account"]["days"].clone();
    assert_eq!(days.as_array().unwrap().len(), 3, "{days}");
    let all = balances(&payments, Timestamp::MAX);
    assert_eq!(days[2]["balance"], all["cash"]);

    forge(&world).await;
    world.end().await;
}

/// Changes a value of the books, from the last that the audit compares to the first. It names each.
async fn forge(world: &World) {
    let forged = |table: &str, key: [(&str, AttributeValue); 2], name: &str, amount: i64| {
        let mut update = world.clients().dynamodb.update_item().table_name(table);
        for (name, value) in key.into_iter().filter(|(name, _)| !name.is_empty()) {
            update = update.key(name, value);
        }
        let forged = AttributeValue::N(amount.to_string());
        update
            .update_expression("ADD #name :amount")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":amount", forged)
            .send()
    };
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let slice = |key: &str| [("key", text(key)), ("slice", AttributeValue::N("9".to_owned()))];
    let entry = "2026-03-01T20:00:00.000000Z#payment#0/1";
    let posting = [("list", text("GBP#2026-03-01")), ("entry", text(entry))];
    let journal = format!("GBP#2026-03-01 {entry}");
    let payment = [("stream", text("payment#1")), ("", text(""))];
    for (table, key, name, of) in [
        ("journal", posting, "receivable", journal.as_str()),
        ("balances", slice("GBP#2026-03-01"), "cash", "GBP#2026-03-01"),
        ("balances", slice("GBP#running"), "revenue", "GBP#running"),
        ("ledger", payment, "captured", "payment#1"),
    ] {
        forged(table, key, name, 1).await.unwrap();
        let (equal, audited) = audit(world).await;
        let parts = audited["parts"].as_array().unwrap();
        let first = parts.iter().find_map(|part| part["shown"].get(0)).unwrap();
        assert!(!equal && first["of"] == of && first["field"] == name, "{table}: {first}");
    }
    let output = world.shop(&["ledger", "statement"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("trial balance is off by"));
}
