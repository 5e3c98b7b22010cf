//! Lambda events for each function, as files.

mod table_change;

use std::collections::BTreeMap;
use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use events::PlaceOrder;
use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate::envelope::Envelope;
use tidegate::test::{EventBridgeEvent, HttpEvent, SqsEvent};

use super::contents::orders;
use super::described::{Address, Described};
pub use table_change::commit;
use table_change::table_change;

const REGION: &str = "us-east-1";
const ACCOUNT: &str = "000000000000";

/// Arrival time of the sample records: 2010-12-01T10:00:00Z.
const ARRIVED_AT: Timestamp = Timestamp::constant(1_291_197_600, 0);

/// Functions that read a queue of their name.
const QUEUE_READERS: [&str; 5] = ["fulfilment", "inventory", "ledger", "payment", "shipping"];

/// Returns a complete Lambda event for each function.
pub fn files(types: &[Described]) -> Result<BTreeMap<String, Value>, Box<dyn Error>> {
    let placed = sample(types, "OrderPlaced")?;
    let change = table_change(&commit(placed)?)?;
    let mut files = BTreeMap::from([
        ("order-processor", stream_batch(types)?),
        ("event-publisher", change.clone()),
        ("order-projection", change),
        ("notification", rule_event(placed)?),
        ("order-api", request(&orders::place_order())?),
        (
            "fulfilment-sweep",
            EventBridgeEvent::scheduled("fulfilment-sweep").time(ARRIVED_AT).value(),
        ),
    ]);
    for queue in QUEUE_READERS {
        files.insert(queue, queue_batch(types, queue)?);
    }
    Ok(files.into_iter().map(|(name, event)| (format!("lambda/{name}.json"), event)).collect())
}

fn sample<'a>(types: &'a [Described], kind: &str) -> Result<&'a Envelope, String> {
    let found = types.iter().find(|of| of.kind == kind);
    found.map(|of| &of.sample).ok_or_else(|| format!("no type is named {kind}"))
}

/// Returns an order, a return, and a record that is not JSON.
fn stream_batch(types: &[Described]) -> Result<Value, Box<dyn Error>> {
    let (place, record) = (sample(types, "PlaceOrder")?, sample(types, "RecordReturn")?);
    let bodies = [
        (place.subject.as_str(), serde_json::to_vec(place)?),
        (record.subject.as_str(), serde_json::to_vec(record)?),
        (
            "A563185",
            b"A563185,B,Adjust bad debt,1,2011-08-12T14:50:00Z,11062.06,,United Kingdom".to_vec(),
        ),
    ];
    let records: Vec<Value> =
        (1..).zip(bodies).map(|(number, (key, body))| kinesis_record(number, key, &body)).collect();
    Ok(json!({ "Records": records }))
}

fn kinesis_record(number: u32, partition_key: &str, body: &[u8]) -> Value {
    let sequence = format!("4954498525690743700570457185100189725{number:019}");
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": sequence,
            "data": STANDARD.encode(body),
            "approximateArrivalTimestamp": seconds(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("shardId-000000000000:{sequence}"),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": format!("arn:aws:iam::{ACCOUNT}:role/order-processor"),
        "awsRegion": REGION,
        "eventSourceARN": format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"),
    })
}

fn rule_event(envelope: &Envelope) -> Result<Value, Box<dyn Error>> {
    let event = EventBridgeEvent::from_envelope(envelope)?;
    Ok(event.id("53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa").time(ARRIVED_AT).value())
}

/// Returns one message of each type that goes to the queue.
fn queue_batch(types: &[Described], queue: &'static str) -> Result<Value, Box<dyn Error>> {
    let sent: Vec<&str> = events::routes::types_for(queue).collect();
    let mut batch = SqsEvent::new().queue(queue).sent_at(ARRIVED_AT);
    for of in types.iter().filter(|of| {
        sent.contains(&of.kind)
            || of.is_command() && of.way().is_some_and(|way| way.to == Address::Queue(queue))
    }) {
        batch = batch.message(&serde_json::to_string(&of.sample)?);
    }
    Ok(batch.value())
}

/// Returns an order of a customer who has signed in.
fn request(order: &PlaceOrder) -> Result<Value, Box<dyn Error>> {
    let mut event = HttpEvent::api("POST", "/orders")
        .jwt("https://login.shop.example.com/", "17850", &[])
        .key("6f1c6a3e-4c1b-4d55-9a0e-5f6a6a0f3c11")
        .json(order)
        .value();
    let context = event.get_mut("requestContext").and_then(Value::as_object_mut);
    let context = context.ok_or("a request has a context")?;
    let time = ARRIVED_AT.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
    context.insert("time".to_owned(), time.into());
    context.insert("timeEpoch".to_owned(), ARRIVED_AT.as_millisecond().into());
    Ok(event)
}

fn seconds() -> f64 {
    ARRIVED_AT.as_duration().as_secs_f64()
}
