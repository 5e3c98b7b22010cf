//! Commands and events of payments.

use serde::{Deserialize, Serialize};
use tidegate::message::Message;

use crate::{Money, OrderId, ReturnId};

/// Asks to authorise the amount of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthorisePayment {
    /// The order.
    pub order_id: OrderId,
    /// Amount; above zero.
    pub amount: Money,
}

/// Asks to take the authorised amount of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CapturePayment {
    /// The order.
    pub order_id: OrderId,
}

/// Asks to give up the authorisation of an order. It may overtake `AuthorisePayment`, which then
/// authorises nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReleasePayment {
    /// The order.
    pub order_id: OrderId,
}

/// The amount of an order is authorised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentAuthorised {
    /// The order.
    pub order_id: OrderId,
    /// Authorised amount.
    pub amount: Money,
    /// The provider's number of the payment.
    pub reference: String,
}

/// The provider declined the amount of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentDeclined {
    /// The order.
    pub order_id: OrderId,
    /// The provider's reason.
    pub reason: String,
}

/// The authorised amount was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentCaptured {
    /// The order.
    pub order_id: OrderId,
    /// Captured amount.
    pub amount: Money,
}

/// The provider refused to take the authorised amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaptureRefused {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: String,
}

/// The authorisation of an order was given up, or there was none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentReleased {
    /// The order.
    pub order_id: OrderId,
    /// Amount that had been authorised; absent if nothing had been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
}

/// The value of a return was paid back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentRefunded {
    /// The return.
    pub return_id: ReturnId,
    /// Amount paid back.
    pub amount: Money,
}

/// The provider refused to pay the value of a return back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefundRefused {
    /// The return.
    pub return_id: ReturnId,
    /// Why.
    pub reason: String,
}
