//! Reads events of an EventBridge rule or schedule.

use serde_json::value::RawValue;

use super::body::Body;
use super::delivery::Delivery;
use super::event_name::EventName;
use super::fields::{Fields, string};
use crate::ids::content_id;

/// The `source` of the event that EventBridge Scheduler sends if its target declares no input. The
/// `detail` of that event is a string that contains JSON.
const SCHEDULER: &str = "aws.scheduler";

/// Creates the delivery of an event of a rule or a schedule, or of their constant input.
///
/// It is an event if it has a `detail`, and an `id` or a `detail-type`. Everything else is a
/// constant input, or the output of an input transformer, and is a message as a whole.
pub(super) fn delivery<'a>(event: &'a RawValue, occasion: &str) -> Delivery<'a> {
    let fields = Fields::parse(event).unwrap_or_default();
    let id = fields.get("id").and_then(string).filter(|id| !id.is_empty());
    let detail_type = fields.get("detail-type").and_then(string);
    let detail = fields.get("detail").filter(|_| id.is_some() || detail_type.is_some());
    let Some(detail) = detail else { return unnamed(event, occasion, event.get().as_bytes()) };
    let source = fields.get("source").and_then(string);
    let detail = content(detail, source.as_deref());
    let delivery = match &id {
        Some(id) => Delivery { body: Ok(Body::Bytes(detail)), ..Delivery::at(event, id.clone()) },
        None => unnamed(event, occasion, &detail),
    };
    Delivery {
        event: source.zip(detail_type).map(|(source, kind)| EventName::new(source, kind)),
        event_id: id,
        arrived_at: fields.instant("time"),
        ..delivery
    }
}

/// Creates the delivery of an event without an id. Two such events with the same content are two
/// deliveries.
fn unnamed<'a>(event: &'a RawValue, occasion: &str, body: &[u8]) -> Delivery<'a> {
    Delivery {
        occasion: (!occasion.is_empty()).then(|| occasion.to_owned()),
        body: Ok(Body::Bytes(body.to_vec())),
        ..Delivery::at(event, content_id(&["event", event.get(), occasion]))
    }
}

/// Returns the bytes of a `detail` as they were written, including the notation of numbers.
fn content(detail: &RawValue, source: Option<&str>) -> Vec<u8> {
    let inner = (source == Some(SCHEDULER))
        .then(|| string(detail))
        .flatten()
        .filter(|text| serde_json::from_str::<&RawValue>(text).is_ok());
    inner.map_or_else(|| detail.get().as_bytes().to_vec(), String::into_bytes)
}

/// An EventBridge event in the body of a message, as a rule sends it to a queue or a topic.
pub(super) struct Wrapped {
    pub(super) name: EventName,
    pub(super) id: String,
    pub(super) detail: Vec<u8>,
}

/// Reads the event in a body. It must have every field that EventBridge writes, each once and in
/// its form. A body without one of them is an ordinary message.
pub(super) fn wrapped(fields: &Fields<'_>) -> Option<Wrapped> {
    let detail = fields.once("detail")?;
    let name = EventName::new(fields.strict("source")?, fields.strict("detail-type")?);
    let as_written = fields.strict("version")? == "0"
        && fields.strict("account").is_some()
        && fields.strict("region").is_some()
        && fields.strict("time").is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok())
        && fields.once("resources")?.get().starts_with('[')
        && (detail.get().starts_with('{') || name.source == SCHEDULER && string(detail).is_some());
    let id = fields.strict("id").filter(|_| as_written)?;
    let detail = content(detail, Some(&name.source));
    Some(Wrapped { name, id, detail })
}
