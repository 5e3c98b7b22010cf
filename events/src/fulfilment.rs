//! Events and deadlines of the process that fulfils an order.

use serde::{Deserialize, Serialize};
use tidegate::message::Message;

use crate::{CustomerId, Money, OrderId};

/// An order is reserved and its payment authorised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderConfirmed {
    /// The order.
    pub order_id: OrderId,
    /// Customer; absent for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// What the customer pays.
    pub total: Money,
}

/// An order is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderDispatched {
    /// The order.
    pub order_id: OrderId,
    /// Customer; absent for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// The carrier's number of the shipment.
    pub tracking: String,
}

/// An order is dispatched and paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderCompleted {
    /// The order.
    pub order_id: OrderId,
    /// What the customer paid.
    pub total: Money,
}

/// An order ended without delivery. Nothing is reserved or authorised any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderCancelled {
    /// The order.
    pub order_id: OrderId,
    /// Customer; absent for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// Why.
    pub cause: CancellationCause,
}

/// Why an order ended without delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CancellationCause {
    /// A product is not in stock: the shop rejects the order.
    OutOfStock,
    /// The provider declined the payment: the shop rejects the order.
    PaymentDeclined,
    /// No carrier goes to the customer: the shop rejects the order.
    NotDeliverable,
    /// The customer asked for it.
    Requested,
    /// The payment was not authorised in time.
    PaymentOverdue,
    /// The order did not leave the warehouse in time.
    DispatchOverdue,
}

impl CancellationCause {
    /// Returns whether the shop rejected the order. Otherwise the order was cancelled.
    pub fn is_rejection(self) -> bool {
        matches!(self, Self::OutOfStock | Self::PaymentDeclined | Self::NotDeliverable)
    }
}

/// The payment of an order was not authorised in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentOverdue {}

/// An order did not leave the warehouse in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DispatchOverdue {}
