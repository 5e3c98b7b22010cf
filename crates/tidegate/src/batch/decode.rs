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

/// Implements [`Decode`] for a wrapper `$wrapper { handler, .. }`: it decodes as its handler does.
macro_rules! decode_as_its_handler {
    ($wrapper:ident<H: $handler:ident>) => {
        impl<H: $handler> $crate::batch::Decode for $wrapper<H> {
            type Record = H::Record;

            fn decode(
                &self,
                delivery: &$crate::source::Delivery<'_>,
            ) -> Result<H::Record, $crate::failure::Failure> {
                self.handler.decode(delivery)
            }

            fn lane(&self, delivery: &$crate::source::Delivery<'_>) -> String {
                self.handler.lane(delivery)
            }

            fn span(&self, record: &H::Record) -> tracing::Span {
                self.handler.span(record)
            }
        }
    };
}

pub(super) use decode_as_its_handler;
