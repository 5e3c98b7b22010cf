//! The change of the event store's table that a commit makes, as DynamoDB's stream has it.

use std::error::Error;

use serde_json::{Map, Value, json};
use tidegate::envelope::{Data, Envelope};
use tidegate::ids::Cause;
use tidegate::store::{CommitFormat, RecordedCommit, RecordedEvent};

use super::{ACCOUNT, ARRIVED_AT, REGION, seconds};

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
pub fn table_change(commit: &RecordedCommit) -> Result<Value, Box<dyn Error>> {
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
