//! Builds events of an EventBridge bus.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{ACCOUNT, REGION, raw};
use crate::envelope::Envelope;
use crate::ids::content_uuid;

/// Builds an event of an EventBridge bus, as a rule sends it to a function.
///
/// ```
/// use serde_json::json;
/// use tidegate::source::Source;
/// use tidegate::test::EventBridgeEvent;
///
/// let event = EventBridgeEvent::new("shop.orders", "OrderPlaced", json!({ "id": 1 })).build();
/// assert_eq!(Source::EventBridge.split(&event).unwrap()[0].bytes().unwrap(), br#"{"id":1}"#);
/// ```
#[derive(Clone, Debug)]
pub struct EventBridgeEvent {
    id: String,
    source: String,
    detail_type: String,
    time: Timestamp,
    resources: Vec<String>,
    detail: Value,
}

impl EventBridgeEvent {
    /// Creates an event of this source and detail type. Its time is now.
    pub fn new(source: &str, detail_type: &str, detail: impl Into<Value>) -> Self {
        let detail = detail.into();
        Self {
            id: content_uuid(&["event", source, detail_type, &detail.to_string()]).to_string(),
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
            time: Timestamp::now(),
            resources: Vec::new(),
            detail,
        }
    }

    /// Creates the event for an envelope, as the event publisher puts it on the bus.
    ///
    /// # Errors
    /// The error of the serializer if the envelope cannot be written as JSON.
    pub fn from_envelope(envelope: &Envelope) -> Result<Self, serde_json::Error>
    where
        Envelope: Serialize,
    {
        Ok(Self::new(&envelope.source, &envelope.kind, serde_json::to_value(envelope)?))
    }

    /// Creates the event that EventBridge Scheduler sends for this schedule if its target declares
    /// no input. Its `detail` is a string.
    pub fn scheduled(schedule: &str) -> Self {
        let arn = format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{schedule}");
        let event = Self::new("aws.scheduler", "Scheduled Event", "{}");
        Self { resources: vec![arn], ..event }
    }

    /// Sets the id. EventBridge assigns another id whenever the event is published again.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// Sets the time of publication.
    #[must_use]
    pub fn time(mut self, time: Timestamp) -> Self {
        self.time = time;
        self
    }

    /// Returns the event as a JSON tree, which a test can change.
    pub fn value(self) -> Value {
        json!({
            "version": "0",
            "id": self.id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": ACCOUNT,
            // EventBridge writes whole seconds.
            "time": self.time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": REGION,
            "resources": self.resources,
            "detail": self.detail,
        })
    }

    /// Builds the event of the invocation.
    pub fn build(self) -> Box<RawValue> {
        raw(&self.value())
    }
}
