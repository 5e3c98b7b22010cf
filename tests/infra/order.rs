//! Records that the tests send into the system, besides the sample.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_kinesis::primitives::Blob;
use serde_json::{Value, json};

use crate::deployment::Deployment;

/// Returns the command that places an order with this many lines.
pub(crate) fn place_order(order: &str, lines: usize) -> Value {
    let line = json!({ "stock_code": "A", "quantity": 2, "unit_price": 100 });
    json!({
        "specversion": "1.0", "id": format!("c-{order}"), "source": "test", "type": "PlaceOrder",
        "subject": format!("order#{order}"), "time": "2026-01-01T00:00:00Z",
        "dataschema": "urn:tidegate:schema:PlaceOrder:1", "correlationid": format!("c-{order}"),
        "data": {
            "order_id": order, "customer_id": "1", "country": "France", "currency": "GBP",
            "ordered_at": "2026-01-01T00:00:00Z", "lines": vec![line; lines],
        },
    })
}

/// Puts a record on the stream of orders.
pub(crate) async fn put_record(system: &Deployment, key: &str, data: String) {
    let put = system.clients.kinesis.put_record().stream_name("orders").partition_key(key);
    put.data(Blob::new(data)).send().await.expect("a put record");
}

/// Puts an event on the bus as if an order had been placed. Returns EventBridge's id of the event.
pub(crate) async fn put_event(system: &Deployment, detail: Value) -> String {
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name("shop")
        .source("shop.orders")
        .detail_type("OrderPlaced");
    let entry = entry.detail(detail.to_string()).build();
    let answer =
        system.clients.events.put_events().entries(entry).send().await.expect("a put event");
    answer.entries.unwrap_or_default().remove(0).event_id.expect("an id")
}
