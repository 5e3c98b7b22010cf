//! Lambda events for each function, as files.

use std::collections::BTreeMap;
use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tidegate::envelope::{Data, Envelope};
use tidegate::ids::Cause;
use tidegate::store::{CommitFormat, RecordedCommit, RecordedEvent};

use super::samples::Samples;

const REGION: &str = "us-east-1";
const ACCOUNT: &str = "000000000000";

/// Arrival time of the sample records: 2010-12-01T10:00:00Z.
const ARRIVED_AT: Timestamp = Timestamp::constant(1_291_197_600, 0);

/// Returns a complete Lambda event for each function.
pub fn files(samples: &Samples) -> Result<BTreeMap<String, Value>, Box<dyn Error>> {
    let change = table_change(&commit(&samples.order_placed)?)?;
    Ok(BTreeMap::from([
        ("lambda/order-processor.json".to_owned(), stream_batch(samples)?),
        ("lambda/event-publisher.json".to_owned(), change.clone()),
        ("lambda/order-projection.json".to_owned(), change),
        ("lambda/notification.json".to_owned(), rule_event(&samples.order_placed)?),
    ]))
}

/// Returns an order, a return, and a record that is not JSON.
fn stream_batch(samples: &Samples) -> Result<Value, Box<dyn Error>> {
    let bodies = [
        (samples.place_order.subject.as_str(), serde_json::to_vec(&samples.place_order)?),
        (samples.record_return.subject.as_str(), serde_json::to_vec(&samples.record_return)?),
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

/// Creates the commit that contains an event, from the event's envelope.
pub fn commit(envelope: &Envelope) -> Result<RecordedCommit, Box<dyn Error>> {
    let Data::Inline(data) = &envelope.data else {
        return Err("a sample holds its data by value".into());
    };
    let version = envelope.sequence.unwrap_or_default();
    let event = RecordedEvent::new(
        &envelope.id,
        version,
        envelope.schema.clone(),
        envelope.time,
        data.get(),
    );
    let cause = Cause::new("shop.import", envelope.causation_id.clone().unwrap_or_default());
    let (stream, source) = (envelope.subject.clone(), envelope.source.clone());
    let mut commit = RecordedCommit::new(stream, source, cause, ARRIVED_AT, vec![event]);
    for decision in &mut commit.decisions {
        decision.correlation_id = envelope.correlation_id.clone();
        decision.arrived_at = Some(ARRIVED_AT);
    }
    Ok(commit)
}

/// Creates the stream record of the insertion of a commit's item.
///
/// The toolkit owns the item's layout, so a test reads the record back with the toolkit.
fn table_change(commit: &RecordedCommit) -> Result<Value, Box<dyn Error>> {
    let event = |event: &RecordedEvent| {
        json!({
            "id": event.id,
            "type": event.kind,
            "dataversion": event.data_version,
            "time": event.time,
            "data": event.data,
        })
    };
    let decisions = commit.parts().map(|(decision, events)| {
        json!({
            "cause": decision.cause,
            "correlation": decision.correlation_id,
            "arrived_at": decision.arrived_at,
            "events": events.iter().map(event).collect::<Vec<_>>(),
        })
    });
    let item = json!({
        "stream": commit.stream,
        "version": commit.first_version(),
        "format": CommitFormat::NEWEST.number(),
        "source": commit.source,
        "decisions": decisions.collect::<Vec<_>>(),
        "written_at": commit.written_at,
        "attempt": "00000000-0000-4000-8000-000000000000",
    });
    let image = attributes(item.as_object().ok_or("an item is an object")?);
    let key = |name: &str| image.get(name).cloned().unwrap_or(Value::Null);
    Ok(json!({
        "Records": [{
            "eventID": "c9fbe7d0261a5163fcb6940593e41797",
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": {
                "ApproximateCreationDateTime": seconds(),
                "Keys": { "stream": key("stream"), "version": key("version") },
                "NewImage": image,
                "SequenceNumber": "800000000003126276362",
                "SizeBytes": Value::Object(image.clone()).to_string().len(),
                "StreamViewType": "NEW_IMAGE",
            },
            "eventSourceARN": format!(
                "arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/event-store/stream/2010-12-01T00:00:00.000"
            ),
        }]
    }))
}

fn rule_event(envelope: &Envelope) -> Result<Value, Box<dyn Error>> {
    Ok(json!({
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": envelope.kind,
        "source": envelope.source,
        "account": ACCOUNT,
        "time": ARRIVED_AT,
        "region": REGION,
        "resources": [],
        "detail": serde_json::to_value(envelope)?,
    }))
}

fn seconds() -> f64 {
    ARRIVED_AT.as_duration().as_secs_f64()
}

fn attributes(item: &Map<String, Value>) -> Map<String, Value> {
    item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// Returns a value as DynamoDB writes it in JSON.
fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(list) => json!({ "L": list.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(map) => json!({ "M": attributes(map) }),
    }
}
