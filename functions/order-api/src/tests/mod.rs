//! Tests of the API in memory: ownership, repeats, refusals, pages, hostile input.

mod document;
mod hostile;
mod list;
mod orders;

use std::sync::Arc;

use events::api::OrderAccepted;
use events::{FULFILMENT_SOURCE, FulfilmentEvent, Money, OrderConfirmed, stream_kind};
use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate::envelope::DataSchema;
use tidegate::ids::{Cause, StreamId, Version};
use tidegate::message::MessageSet;
use tidegate::query::Table;
use tidegate::store::{Commit, EventReader, EventStore, RecordedCommit, RecordedEvent};
use tidegate::test::{ApiClient, HttpAnswer, HttpEvent, MemoryEventStore, MemoryTables};

use crate::shop::Shop;

/// An API over stores in memory, and the stores.
struct World {
    client: ApiClient<Shop>,
    events: Arc<MemoryEventStore>,
    tables: MemoryTables,
}

impl World {
    fn new() -> Self {
        let events = Arc::new(MemoryEventStore::default());
        let tables = MemoryTables::default();
        let port = Arc::clone(&events) as Arc<dyn EventStore>;
        let shop = Shop::new(port, Arc::new(tables.clone()), "order-view", "stock");
        Self { client: ApiClient::new(crate::routes::api(shop)), events, tables }
    }

    /// Sends a request and checks its status.
    async fn send(&self, request: HttpEvent, status: u16) -> HttpAnswer {
        let answer = self.client.send(request).await;
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, status, "{text}");
        answer
    }

    /// Places an order of this customer, and returns what was answered.
    async fn place(&self, who: &str, key: &str) -> OrderAccepted {
        let answer = self.send(placing(who, key, &new_order()), 202).await;
        serde_json::from_value(answer.json()).unwrap()
    }

    /// Stores what fulfilment published, or decided for itself, about an order.
    async fn fulfil(&self, order: &str, kind: &str, data: &Value) {
        let stream = StreamId::new(stream_kind::FULFILMENT, order).unwrap();
        let after = self.events.read(&stream, Version::NONE).await.unwrap();
        let next = after.last().map_or(Version::NONE, RecordedCommit::last_version).next();
        let (now, schema) = (Timestamp::now(), DataSchema::new(kind, 1));
        let event = RecordedEvent::new(format!("e{next}"), next, schema, now, data.to_string());
        let cause = Cause::new("test", next.to_string());
        let record = RecordedCommit::new(stream, FULFILMENT_SOURCE, cause, now, vec![event]);
        let commit = Commit::new(record, next.to_string());
        self.events.commit(&commit).await.unwrap();
    }

    async fn confirm(&self, order: &str) {
        let confirmed = FulfilmentEvent::from(OrderConfirmed {
            order_id: order.into(),
            customer_id: None,
            total: Money::pence(1),
        });
        let data: Value = serde_json::from_str(&confirmed.encode().unwrap()).unwrap();
        self.fulfil(order, "OrderConfirmed", &data).await;
    }

    /// Puts an order into the read model, as its projection does.
    fn list(&self, stream: &str, customer: &str, at: &str) {
        let row = json!({
            "stream": stream, "customer": customer, "at": at, "status": "placed",
            "lines": 1, "units": 2, "total": 300, "currency": "GBP", "version": 1,
        });
        self.tables.put(&Table::new("order-view", "stream"), row).unwrap();
    }
}

fn new_order() -> Value {
    let line = json!({ "stock_code": "85123A", "quantity": 6, "unit_price": 255 });
    json!({ "country": "France", "currency": "GBP", "lines": [line] })
}

fn by(who: &str, method: &str, path: &str) -> HttpEvent {
    HttpEvent::api(method, path).jwt("https://login.shop.example.com/", who, &[])
}

fn placing(who: &str, key: &str, order: &Value) -> HttpEvent {
    by(who, "POST", "/orders").key(key).json(order)
}

fn reading(who: &str, order: &str) -> HttpEvent {
    by(who, "GET", &format!("/orders/{order}"))
}

fn cancelling(who: &str, key: &str, order: &str) -> HttpEvent {
    by(who, "POST", &format!("/orders/{order}/cancel")).key(key)
}

/// Returns the places that a problem names.
fn pointers(answer: &HttpAnswer) -> Vec<String> {
    let errors = answer.json()["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().filter_map(|error| Some(error["pointer"].as_str()?.to_owned())).collect()
}
