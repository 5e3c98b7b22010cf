//! Tests that the page about styles of events has the costs of the price file and the measurement.

use serde_json::Value;

use crate::generate::catalog::repository;

fn document(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(repository().join(path)).unwrap()).unwrap()
}

/// Returns the price of one unit in USD.
fn price(name: &str) -> f64 {
    let price = &document("infra/prices.json")["prices"][name];
    price["usd"].as_f64().unwrap() / price["per"].as_f64().unwrap()
}

fn at(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {pointer}"))
}

/// Returns an amount with two decimals, halves away from zero.
fn usd(amount: f64) -> String {
    format!("{:.2}", (amount * 100.0 + 1e-6).round() / 100.0)
}

const ORDERS: f64 = 1_000_000.0;
/// Bytes that DynamoDB adds to an item for its index (AWS docs: on-demand pricing).
const ITEM: f64 = 100.0;
const GB: f64 = 1_073_741_824.0;

#[test]
fn the_costs_of_the_styles_follow_from_prices_and_measurement() {
    let measured = document("infra/measurement.json");
    let published = "/functions/event-publisher/calls/EventBridge.PutEvents";
    let events = at(&measured, &format!("{published}/eventbridge_events"));
    let bytes = (at(&measured, &format!("{published}/eventbridge_event_bytes")) / events).ceil();
    let chunks = (bytes / 65_536.0).ceil();
    let publish = ORDERS * chunks * price("eventbridge_events");
    let copy = ORDERS * (bytes / 1_024.0).ceil() * price("dynamodb_write_units");
    let counted = at(&measured, "/unit/count");
    let stored = "/functions/order-processor/calls/DynamoDB.PutItem/dynamodb_write_units";
    let store = ORDERS * at(&measured, stored) / counted * price("dynamodb_write_units");
    let read = ORDERS * (bytes / 4_096.0).ceil() * price("dynamodb_read_units");
    let ask = read + ORDERS * (price("api_gateway_requests") + price("lambda_requests"));
    let month = price("dynamodb_stored_gb_months");
    let keep_copy = ORDERS * (bytes + ITEM) / GB * month;
    let item =
        at(&measured, "/tables/event-store/bytes") / at(&measured, "/tables/event-store/items");
    let keep = ORDERS * (item + ITEM) / GB * month;

    let page = std::fs::read_to_string(repository().join("docs/concepts/event-styles.md")).unwrap();
    // From which read a copy pays off, against a table and against an API.
    let pays_off = [read, ask].map(|question| (copy / question - 1e-6).ceil() as u32);
    assert_eq!(pays_off, [10, 1], "the page has these in words");
    let [publish, copy, store, read, ask, keep_copy, keep] =
        [publish, copy, store, read, ask, keep_copy, keep].map(usd);
    let has = |line: String| assert!(page.contains(&line), "the page does not have: {line}");
    has(format!(
        "An event of the bus has {},{:03} bytes",
        bytes as u64 / 1_000,
        bytes as u64 % 1_000
    ));
    has(format!("| publish on a bus | {publish} | {publish} | 0.00 |"));
    has(format!("| write the content | 0.00 | {copy} | {store} |"));
    has(format!("| read the content once from a table | {read} | {read} | {read} |"));
    has(format!("| read the content once over an HTTP API | {ask} | not needed | not needed |"));
    has(format!("| keep the content, a month | 0.00 | {keep_copy} | {keep} |"));
}
