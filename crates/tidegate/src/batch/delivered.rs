//! The delivery of a record, in a form that outlives the invocation.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::dead_letter::event_of;
use crate::failure::Failure;
use crate::idempotency::Repeat;
use crate::source::{Delivery, Source, alone};

/// The delivery of a record, in a form that outlives the invocation.
///
/// A held effect keeps this event, so that the effect can run again.
/// [`EffectRun::new`](crate::idempotency::EffectRun::new) takes it from
/// [`BatchContext::delivered`](super::BatchContext). The deliveries of an invocation share its
/// event; [`Self::repeat`] builds the event of one delivery.
#[derive(Clone, Debug)]
pub struct Delivered(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    function: Arc<str>,
    source: Source,
    arrived_at: Option<Timestamp>,
    occasion: Option<String>,
    event: SharedEvent,
    /// Range of the record in the event, in bytes.
    record: Range<usize>,
    part: Option<Part>,
}

/// A user record that shares a record of the source with others.
#[derive(Debug)]
struct Part {
    position: String,
    ordering_key: String,
    data: Vec<u8>,
}

impl Delivered {
    /// Creates the delivery of `source` to `function`.
    pub fn new(function: impl Into<Arc<str>>, source: Source, delivery: &Delivery<'_>) -> Self {
        Self::within(
            &SharedEvent::new(delivery.record.to_owned()),
            function.into(),
            source,
            delivery,
        )
    }

    /// Creates a delivery whose record is a part of `event`.
    pub(super) fn within(
        event: &SharedEvent,
        function: Arc<str>,
        source: Source,
        delivery: &Delivery<'_>,
    ) -> Self {
        let (event, record) = match event.range_of(delivery.record) {
            Some(record) => (event.clone(), record),
            None => (SharedEvent::new(delivery.record.to_owned()), 0..delivery.record.get().len()),
        };
        let part = delivery.part().map(|data| Part {
            position: delivery.position.clone(),
            ordering_key: delivery.ordering_key.clone(),
            data: data.to_vec(),
        });
        Self(Arc::new(Parts {
            function,
            source,
            arrived_at: delivery.arrived_at,
            occasion: delivery.occasion.clone(),
            event,
            record,
            part,
        }))
    }

    /// Returns the time at which the transport accepted the delivery.
    pub fn arrived_at(&self) -> Option<Timestamp> {
        self.0.arrived_at
    }

    /// Returns the invocation that handles this record again, and no other record.
    ///
    /// # Errors
    /// The record is not JSON (transient).
    pub fn repeat(&self) -> Result<Repeat, Failure> {
        let Parts { function, source, occasion, event, record, part, .. } = &*self.0;
        let record: &RawValue =
            serde_json::from_str(event.get().get(record.clone()).unwrap_or_default())?;
        let alone = part
            .as_ref()
            .and_then(|part| alone(record, &part.position, &part.ordering_key, &part.data));
        let event = event_of(source.as_str(), alone.as_deref().unwrap_or(record))?;
        Ok(Repeat::new(&**function, event).of_occasion(occasion.clone()))
    }
}

/// The event of an invocation, which its deliveries share.
#[derive(Clone, Debug)]
pub(super) struct SharedEvent(Arc<Whole>);

#[derive(Debug)]
struct Whole(Box<RawValue>);

impl SharedEvent {
    pub(super) fn new(event: Box<RawValue>) -> Self {
        Self(Arc::new(Whole(event)))
    }

    pub(super) fn raw(&self) -> &RawValue {
        &self.0.0
    }

    fn get(&self) -> &str {
        self.raw().get()
    }

    /// Returns the place of `record` in this event, if the record is a slice of it.
    fn range_of(&self, record: &RawValue) -> Option<Range<usize>> {
        let (whole, record) = (self.get(), record.get());
        let start = record.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
        let range = start..start.checked_add(record.len())?;
        let found = whole.get(range.clone())?;
        std::ptr::eq(found, record).then_some(range)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;
    use crate::source::aggregated;
    use crate::test::{KinesisEvent, SqsEvent};

    fn shared(event: Box<RawValue>, source: Source) -> Vec<(Delivered, String)> {
        let event = SharedEvent::new(event);
        let deliveries = source.split(event.raw()).unwrap();
        let of = |delivery| Delivered::within(&event, "f".into(), source, delivery);
        deliveries
            .iter()
            .map(|delivery| (of(delivery), delivery.own_record().get().to_owned()))
            .collect()
    }

    #[test]
    fn the_deliveries_of_an_invocation_share_its_event_without_a_copy() {
        let mut event = KinesisEvent::new().record("a", "1").record("b", "2").value();
        let records: [(u64, &[u8]); 2] = [(0, b"3"), (0, b"4")];
        event["Records"][1]["kinesis"]["data"] =
            json!(STANDARD.encode(aggregated(&["k"], &records)));
        for (event, source) in [
            (RawValue::from_string(event.to_string()).unwrap(), Source::Kinesis),
            (SqsEvent::new().message("1").message("2").message("3").build(), Source::Sqs),
        ] {
            let text = event.get().as_ptr();
            let deliveries = shared(event, source);
            assert_eq!(deliveries.len(), 3);
            for (delivered, own) in deliveries {
                assert_eq!(delivered.0.event.get().as_ptr(), text);
                let repeat = delivered.repeat().unwrap();
                assert_eq!(repeat.inline().unwrap().get(), format!(r#"{{"Records":[{own}]}}"#));
            }
        }
    }

    #[test]
    fn the_repeat_of_an_event_without_an_id_is_the_same_delivery_also_from_a_record() {
        let event = RawValue::from_string("{}".to_owned()).unwrap();
        let delivery = Source::EventBridge.split_on(&event, "r1").unwrap().remove(0);
        let repeat = Delivered::new("f", Source::EventBridge, &delivery).repeat().unwrap();
        let stored = serde_json::to_string(&repeat).unwrap();
        let read: Repeat = serde_json::from_str(&stored).unwrap();
        let occasion = read.occasion.as_deref().unwrap();
        let again =
            Source::EventBridge.split_on(read.inline().unwrap(), occasion).unwrap().remove(0);
        assert_eq!(again.position, delivery.position);
        let old: Repeat = serde_json::from_str(r#"{"function":"f","event":{}}"#).unwrap();
        assert_eq!(old.occasion, None);
    }

    #[test]
    fn a_delivery_by_itself_keeps_its_record() {
        let event = SqsEvent::new().message("1").message("2").build();
        let deliveries = Source::Sqs.split(&event).unwrap();
        let repeat = Delivered::new("f", Source::Sqs, &deliveries[1]).repeat().unwrap();
        let own = deliveries[1].record.get();
        assert_eq!(repeat.inline().unwrap().get(), format!(r#"{{"Records":[{own}]}}"#));
    }
}
