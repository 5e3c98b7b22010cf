//! Decodes deliveries into the records of a handler.

use tracing::Span;

use crate::failure::Failure;
use crate::source::Delivery;

/// Decodes deliveries into the records of a handler, one by one.
///
/// Implement it together with [`Handler`](super::Handler), [`BatchHandler`](super::BatchHandler) or
/// [`WindowHandler`](super::WindowHandler).
pub trait Decode: Send + Sync {
    /// Result of decoding a delivery.
    type Record: Send + Sync;

    /// Decodes a delivery. Must have no effects.
    ///
    /// # Errors
    /// A failure affects this delivery only. Return a *permanent* failure for a body that no
    /// redelivery can repair, as [`Delivery::json`] and
    /// [`Envelope::parse`](crate::envelope::Envelope::parse) do. Any other failure stops the lane.
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
