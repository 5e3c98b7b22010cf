//! Commands and events of orders.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidegate::message::Message;

use crate::{Currency, CustomerId, Money, OrderId, Rejection, StockCode};

/// One line of an order or a return.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderLine {
    /// The product.
    pub stock_code: StockCode,
    /// Name of the product in the shop.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Units.
    pub quantity: i64,
    /// Price of one unit in minor units of the order's currency.
    pub unit_price: i64,
}

impl OrderLine {
    /// Returns quantity × price in minor units. `None` if it is out of the range of `i64`.
    pub fn value(&self) -> Option<i64> {
        self.quantity.checked_mul(self.unit_price)
    }
}

/// Asks to place an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlaceOrder {
    /// The order.
    pub order_id: OrderId,
    /// Customer; absent for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// Country, by its English name.
    pub country: String,
    /// Currency of all prices.
    pub currency: Currency,
    /// Time of the order, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub ordered_at: Timestamp,
    /// Ordered products.
    pub lines: Vec<OrderLine>,
}

/// An order was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderPlaced {
    /// The order.
    pub order_id: OrderId,
    /// Customer; absent for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// Country, by its English name.
    pub country: String,
    /// Time of the order, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub ordered_at: Timestamp,
    /// Units of all lines.
    pub units: i64,
    /// Value of all lines; its currency is that of all prices.
    pub total: Money,
    /// Ordered products.
    pub lines: Vec<OrderLine>,
}

/// An order was rejected. The same order may be placed again by a corrected command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderRejected {
    /// The order.
    pub order_id: OrderId,
    /// The first reasons, in the order of the lines.
    pub reasons: Vec<Rejection>,
    /// Number of further reasons; absent if `reasons` has all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<u32>,
}
