//! The events of both sides: batches of a Kinesis stream, as Lambda delivers them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Batches to generate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batches {
    /// Total number of records.
    pub(crate) records: usize,
    /// Records of a batch.
    pub(crate) size: usize,
    /// Ordering keys: customers whose orders must stay in order.
    pub(crate) keys: usize,
    /// Number of the first order.
    pub(crate) from: usize,
    /// The command: `PlaceOrder` or `CancelOrder`.
    pub(crate) kind: &'static str,
    /// Whether all commands of a batch are for one order.
    pub(crate) one_order: bool,
}

impl Batches {
    /// Writes one event per line.
    pub(crate) fn lines(self) -> String {
        let orders: Vec<usize> = (self.from..self.from + self.records).collect();
        let batches = orders.chunks(self.size).map(|orders| {
            let records: Vec<Value> = orders.iter().map(|order| self.record(*order)).collect();
            format!("{}\n", json!({ "Records": records }))
        });
        batches.collect()
    }

    fn record(self, order: usize) -> Value {
        let sequence = format!("4954498525690743700570457185100189725{order:019}");
        json!({
            "eventID": format!("shardId-000000000000:{sequence}"),
            "eventName": "aws:kinesis:record",
            "eventSource": "aws:kinesis",
            "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/orders",
            "eventVersion": "1.0",
            "invokeIdentityArn": "arn:aws:iam::000000000000:role/orders",
            "awsRegion": "us-east-1",
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": format!("customer-{}", order % self.keys.max(1)),
                "sequenceNumber": sequence,
                "data": STANDARD.encode(self.envelope(order).to_string()),
                "approximateArrivalTimestamp": jiff::Timestamp::now().as_second(),
            },
        })
    }

    fn envelope(self, order: usize) -> Value {
        let kind = self.kind;
        let id = format!("c88fdccd-88ad-5e44-{kind:.4}-{order:012}");
        let subject = if self.one_order { order - order % self.size } else { order };
        json!({
            "specversion": "1.0", "id": id, "source": "shop.import", "type": kind,
            "subject": format!("order#{subject}"), "time": "2010-12-01T08:26:00Z",
            "dataschema": format!("urn:tidegate:schema:{kind}:1"), "correlationid": id,
            "data": {
                "order_id": order.to_string(), "customer_id": format!("customer-{}", order % self.keys.max(1)),
                "country": "United Kingdom", "currency": "GBP", "ordered_at": "2010-12-01T08:26:00Z",
                "lines": [
                    { "stock_code": "85123A", "description": "WHITE HANGING HEART T-LIGHT HOLDER", "quantity": 6, "unit_price": 255 },
                    { "stock_code": "71053", "description": "WHITE METAL LANTERN", "quantity": 8, "unit_price": 339 },
                ],
            },
        })
    }
}
