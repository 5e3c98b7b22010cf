//! Commands and events of cancellations that customers ask for.

use serde::{Deserialize, Serialize};
use tidegate::message::Message;

use crate::OrderId;

/// Asks to cancel an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CancelOrder {
    /// The order.
    pub order_id: OrderId,
}

/// A customer asked to cancel a placed order. Fulfilment decides whether it is still possible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CancellationRequested {
    /// The order.
    pub order_id: OrderId,
}

/// A cancellation was rejected: the order was never placed, or its cancellation was requested
/// before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CancellationRejected {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: CancellationDefect,
}

/// Why a cancellation is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CancellationDefect {
    /// No such order was placed.
    NotPlaced,
    /// The cancellation was requested before.
    AlreadyRequested,
}
