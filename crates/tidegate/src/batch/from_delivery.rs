//! Decodes a delivery by the type of its record alone.

use serde::de::DeserializeOwned;
use tracing::Span;

use super::router::{Routed, envelope_of};
use crate::failure::Failure;
use crate::message::{Message, inline_data};
use crate::source::Delivery;

/// A record that a delivery is decoded into, by its type alone: what a closure of
/// [`each!`](crate::each) takes.
///
/// | record | content of the delivery |
/// |---|---|
/// | any type that derives `serde::Deserialize` | JSON; else `invalid_body` (permanent) |
/// | [`Routed<M>`](Routed) | the message `M` in an [`Envelope`](crate::envelope::Envelope) |
/// | [`Valid<R>`](crate::validation::Valid) | one of these, checked by its rules |
///
/// Implement it for a record that needs its delivery, such as a change of a table. If decoding
/// needs settings, implement [`Decode`](super::Decode) instead.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a record that a delivery can be decoded into",
    label = "this record has no way from a delivery",
    note = "derive `serde::Deserialize` for `{Self}` if the delivery is plain JSON",
    note = "take `&Routed<M>` if the delivery is a message `M` in an envelope"
)]
pub trait FromDelivery: Send + Sync + Sized {
    /// Decodes a delivery. Must have no effects.
    ///
    /// # Errors
    /// As [`Decode::decode`](super::Decode::decode).
    fn from_delivery(delivery: &Delivery<'_>) -> Result<Self, Failure>;

    /// Returns the span in which the record is handled; by default none.
    fn span(&self) -> Span {
        Span::none()
    }
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + Send + Sync> FromDelivery for T {
    fn from_delivery(delivery: &Delivery<'_>) -> Result<Self, Failure> {
        delivery.json()
    }
}

/// The content of another type fails permanently (`wrong_type`). Content that is too large for the
/// transport fails permanently (`data_by_reference`); a [`Router`](super::Router) can read it.
impl<M: Message + Send + Sync> FromDelivery for Routed<M> {
    fn from_delivery(delivery: &Delivery<'_>) -> Result<Self, Failure> {
        let envelope = envelope_of::<M>(delivery)?;
        let message = M::decode(envelope.schema.version, inline_data(&envelope)?)?;
        Ok(Self { envelope, message, arrived_at: delivery.arrived_at })
    }

    fn span(&self) -> Span {
        self.envelope.span()
    }
}
