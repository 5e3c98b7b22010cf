//! What a delivery is before it is handled: a record of a type, in a lane.

use tracing::Span;

use crate::failure::Failure;
use crate::source::Delivery;

/// Decodes deliveries into the records of a handler, one by one.
///
/// Every handler implements it, and [`Handler`](super::Handler),
/// [`BatchHandler`](super::BatchHandler) or [`WindowHandler`](super::WindowHandler) for the records.
pub trait Decode: Send + Sync {
    /// Result of decoding a delivery.
    type Record: Send + Sync;

    /// Decodes a delivery. Synchronous and without effects.
    ///
    /// # Errors
    /// A failure costs this delivery only. If no redelivery mends the body, the failure must be
    /// *permanent*, as those of [`Delivery::json`] and
    /// [`Envelope::parse`](crate::envelope::Envelope::parse) are. Other failures are transient and
    /// stop the lane.
    fn decode(&self, delivery: &Delivery<'_>) -> Result<Self::Record, Failure>;

    /// Returns the lane of a delivery, even if it cannot be decoded; by default its ordering key.
    fn lane(&self, delivery: &Delivery<'_>) -> String {
        delivery.ordering_key.clone()
    }

    /// Returns the span in which the record is handled, with its correlation and causation ids.
    ///
    /// See [`Envelope::span`](crate::envelope::Envelope::span).
    fn span(&self, _record: &Self::Record) -> Span {
        Span::none()
    }
}
