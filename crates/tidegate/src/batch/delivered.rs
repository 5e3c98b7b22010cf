use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::dead_letter::event_of;
use crate::failure::Failure;
use crate::idempotency::Repeat;
use crate::source::{Delivery, Source};

/// The delivery of a record, in a form that outlives the invocation.
///
/// An effect that is held keeps this event, so that it can be run again.
/// [`EffectRun::of`](crate::idempotency::EffectRun::of) takes it from
/// [`BatchContext::delivered`](super::BatchContext).
#[derive(Clone, Debug)]
pub struct Delivered(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    function: Arc<str>,
    source: Source,
    arrived_at: Option<Timestamp>,
    record: Box<RawValue>,
}

impl Delivered {
    /// This delivery of `source` to `function`.
    pub fn new(function: impl Into<Arc<str>>, source: Source, delivery: &Delivery<'_>) -> Self {
        Delivered(Arc::new(Parts {
            function: function.into(),
            source,
            arrived_at: delivery.arrived_at,
            record: delivery.own_record().into_owned(),
        }))
    }

    /// When the transport took the delivery.
    pub fn arrived_at(&self) -> Option<Timestamp> {
        self.0.arrived_at
    }

    /// The invocation that handles this record again, and no other record.
    ///
    /// # Errors
    /// The record is not JSON (transient).
    pub fn repeat(&self) -> Result<Repeat, Failure> {
        Ok(Repeat::new(&*self.0.function, event_of(self.0.source.as_str(), &self.0.record)?))
    }
}
