//! Orders of the tests: their commands, and where they are.

use aws_sdk_kinesis::primitives::Blob;
use events::{
    CancelOrder, Currency, CustomerId, OrderId, OrderLine, OrderStatus, PlaceOrder, RecordReturn,
    ReturnId, stream_kind,
};
use serde_json::value::RawValue;
use tidegate::envelope::{Data, DataSchema, Envelope};
use tidegate::ids::{StreamId, Version, content_id};
use tidegate::message::Message;
use tidegate::store::{EventReader as _, RecordedEvent};

use super::system::Shop;

/// Units of the product of an ordinary order.
const UNITS: i64 = 2;
/// Price of a unit in pence.
const PRICE: i64 = 250;
/// Value of an ordinary order, in pence.
pub(crate) const VALUE: i64 = UNITS * PRICE;

/// Returns an order of one product.
pub(crate) fn order(id: &str) -> PlaceOrder {
    PlaceOrder {
        order_id: id.into(),
        customer_id: Some(CustomerId("17850".to_owned())),
        country: "France".to_owned(),
        currency: Currency::Gbp,
        ordered_at: "2026-01-02T09:00:00Z".parse().expect("a time"),
        lines: vec![line("85123A", UNITS)],
    }
}

/// Returns a line of an order or a return.
pub(crate) fn line(stock_code: &str, quantity: i64) -> OrderLine {
    OrderLine {
        stock_code: stock_code.into(),
        description: String::new(),
        quantity,
        unit_price: PRICE,
    }
}

impl Shop {
    /// Puts orders on the stream.
    pub(crate) async fn place(&self, orders: &[PlaceOrder]) {
        for order in orders {
            self.command(order.order_id.stream().expect("a stream"), order).await;
        }
    }

    /// Puts the cancellation of an order on the stream.
    pub(crate) async fn cancel(&self, id: &str) {
        let order_id = OrderId::from(id);
        self.command(order_id.stream().expect("a stream"), &CancelOrder { order_id }).await;
    }

    /// Puts a return of some units of the product of ordinary orders on the stream.
    pub(crate) async fn give_back(&self, id: &str, units: i64) {
        let return_id = ReturnId::from(id);
        let stream = return_id.stream().expect("a stream");
        let command = RecordReturn {
            return_id,
            customer_id: Some(CustomerId("17850".to_owned())),
            country: "France".to_owned(),
            currency: Currency::Gbp,
            returned_at: "2026-01-09T09:00:00Z".parse().expect("a time"),
            lines: vec![line("85123A", units)],
        };
        self.command(stream, &command).await;
    }

    async fn command<C: Message>(&self, stream: StreamId, command: &C) {
        let data = serde_json::to_string(command).expect("JSON");
        let id = content_id(&["test", stream.as_str(), C::TYPE, &data]);
        let data = Data::Inline(RawValue::from_string(data).expect("JSON"));
        let (now, schema) = (jiff::Timestamp::now(), DataSchema::new(C::TYPE, C::VERSION));
        let key = stream.as_str().to_owned();
        let envelope = Envelope::new(id, "shop.test", stream, now, schema, data);
        let bytes = serde_json::to_vec(&envelope).expect("JSON");
        let put = self.world.clients().kinesis.put_record().stream_name("orders");
        put.partition_key(key).data(Blob::new(bytes)).send().await.expect("a record");
    }

    /// Returns the events of a stream, from the first on.
    pub(crate) async fn events(&self, kind: &str, key: &str) -> Vec<RecordedEvent> {
        let stream = StreamId::new(kind, key).expect("a stream");
        let commits = self.store.read(&stream, Version::NONE).await.expect("the stream");
        commits.into_iter().flat_map(|commit| commit.events).collect()
    }

    /// Returns the types of the events of a stream, without those of the toolkit's processes.
    pub(crate) async fn types(&self, kind: &str, key: &str) -> Vec<String> {
        let events = self.events(kind, key).await.into_iter();
        events.map(|event| event.kind).filter(|kind| !kind.starts_with("Process")).collect()
    }

    /// Returns the status of an order.
    pub(crate) async fn status(&self, id: &str) -> OrderStatus {
        let stream = StreamId::new(stream_kind::FULFILMENT, id).expect("a stream");
        let commits = self.store.read(&stream, Version::NONE).await.expect("the stream");
        OrderStatus::of(&commits).expect("events of this version")
    }

    /// Waits until an order has this status.
    pub(crate) async fn until(&self, id: &str, status: OrderStatus) {
        self.until_that(&format!("{id} is {status}"), async || self.status(id).await == status)
            .await;
    }

    /// Waits until a stream has an event of this type.
    pub(crate) async fn until_event(&self, kind: &str, key: &str, event: &str) {
        let what = format!("{kind}#{key} has {event}");
        let has = async || self.events(kind, key).await.iter().any(|found| found.kind == event);
        self.until_that(&what, has).await;
    }
}
