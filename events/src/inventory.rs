//! Commands and events of stock and its reservations.
//!
//! What a reservation holds follows from its events in order: `StockPartReserved` adds its lines,
//! `StockReserved` has all of them, `StockPartReleased` and `StockShipped` take theirs away, and
//! after `StockReleased` and `StockRejected` it holds nothing.

use serde::{Deserialize, Serialize};
use tidegate::message::Message;

use crate::{Currency, Money, OrderId, ReturnId, StockCode};

/// Units of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockLine {
    /// The product.
    pub stock_code: StockCode,
    /// Units; above zero.
    pub units: i64,
}

/// A line of an order that is to be reserved. A product may have several lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReservationLine {
    /// The product.
    pub stock_code: StockCode,
    /// Units; above zero.
    pub units: i64,
    /// Price of one unit in minor units.
    pub unit_price: i64,
}

/// A product of which less is available than an order needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Shortage {
    /// The product.
    pub stock_code: StockCode,
    /// Units that the order needs.
    pub wanted: i64,
    /// Units that were available.
    pub available: i64,
}

/// Asks to reserve all products of an order, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReserveStock {
    /// The order.
    pub order_id: OrderId,
    /// Currency of all prices.
    pub currency: Currency,
    /// What is to be reserved.
    pub lines: Vec<ReservationLine>,
}

/// Asks to give back what an order reserved. It may overtake `ReserveStock`, which then reserves
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReleaseStock {
    /// The order.
    pub order_id: OrderId,
}

/// Asks to take what an order reserved out of the stock, because it left the warehouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShipStock {
    /// The order.
    pub order_id: OrderId,
}

/// A product got its opening stock when it was first touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockOpened {
    /// Products and their opening stock.
    pub lines: Vec<StockLine>,
}

/// A part of a large order is reserved. `StockReserved` follows, or `StockRejected` once everything
/// is given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockPartReserved {
    /// The order.
    pub order_id: OrderId,
    /// What this part reserved.
    pub lines: Vec<StockLine>,
    /// What is missing in this part. Empty unless the policy for partial stock is `available`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Shortage>,
}

/// A part of what a large order reserved is available again. `StockReleased` or `StockRejected`
/// follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockPartReleased {
    /// The order.
    pub order_id: OrderId,
    /// What this part released.
    pub lines: Vec<StockLine>,
    /// What is missing, if the order is rejected for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Shortage>,
}

/// An order's products are reserved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockReserved {
    /// The order.
    pub order_id: OrderId,
    /// What is reserved; each product once. Includes the parts that were reserved before.
    pub lines: Vec<StockLine>,
    /// Value of what is reserved.
    pub value: Money,
    /// What is missing. Empty unless the policy for partial stock is `available`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Shortage>,
}

/// An order's products are not reserved, and none of them is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockRejected {
    /// The order.
    pub order_id: OrderId,
    /// What is missing. Empty if the reservation was released before it was made.
    pub missing: Vec<Shortage>,
}

/// What an order reserved is available again. Nothing of it is reserved any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockReleased {
    /// The order.
    pub order_id: OrderId,
    /// What was released, including the parts before. Empty if nothing was reserved.
    pub lines: Vec<StockLine>,
}

/// What an order reserved left the warehouse. A large order has several of these events, each with
/// other products.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockShipped {
    /// The order.
    pub order_id: OrderId,
    /// What left.
    pub lines: Vec<StockLine>,
}

/// A product ran low, and more of it was ordered from the supplier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockReordered {
    /// Products that were ordered, and how many units of each.
    pub lines: Vec<StockLine>,
}

/// The supplier delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockReceived {
    /// What was delivered.
    pub lines: Vec<StockLine>,
}

/// Goods of a return are back in the stock. A large return has several of these events, each with
/// other products.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockReturned {
    /// The return.
    pub return_id: ReturnId,
    /// What came back.
    pub lines: Vec<StockLine>,
}
