//! Orders as clients of the API send and see them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Currency, CustomerId, Money, OrderId, OrderLine, OrderStatus, StockCode};

/// An order that a customer places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Country of delivery, by its English name.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 60)))]
    pub country: String,
    /// Currency of all prices.
    pub currency: Currency,
    /// Ordered products.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 2000)))]
    pub lines: Vec<NewOrderLine>,
}

impl NewOrder {
    /// Most characters of a country.
    pub const COUNTRY_CHARACTERS: usize = 60;
    /// Most lines. The largest order of the shop's data has 1,110.
    pub const LINES: usize = 2000;
}

/// A line of an order that a customer places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewOrderLine {
    /// The product.
    #[cfg_attr(feature = "schema", schemars(with = "String", length(min = 1, max = 40)))]
    pub stock_code: StockCode,
    /// Name of the product in the shop.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 200)))]
    pub description: String,
    /// Units.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub quantity: i64,
    /// Price of one unit in minor units, as the customer saw it.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub unit_price: i64,
}

impl NewOrderLine {
    /// Most characters of a stock code.
    pub const STOCK_CODE_CHARACTERS: usize = 40;
    /// Most characters of a description.
    pub const DESCRIPTION_CHARACTERS: usize = 200;
}

/// An order that the shop has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderAccepted {
    /// The order.
    pub order_id: OrderId,
    /// Its status at that moment.
    pub status: OrderStatus,
    /// Units of all lines.
    pub units: i64,
    /// Value of all lines.
    pub total: Money,
}

/// A cancellation that was requested. Fulfilment decides whether it is still possible: see the
/// status of the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderCancellation {
    /// The order.
    pub order_id: OrderId,
}

/// An order with everything that a customer may see of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderDetails {
    /// The order.
    pub order_id: OrderId,
    /// Customer.
    pub customer_id: CustomerId,
    /// Status.
    pub status: OrderStatus,
    /// Time of the order, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub ordered_at: Timestamp,
    /// Country of delivery, by its English name.
    pub country: String,
    /// Units of all lines.
    pub units: i64,
    /// Value of all lines.
    pub total: Money,
    /// Ordered products.
    pub lines: Vec<OrderLine>,
    /// What happened to the order, in the order in which it was stored.
    pub timeline: Vec<OrderStep>,
}

/// Something that happened to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderStep {
    /// When it was stored.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: Timestamp,
    /// Type of the event.
    pub event: String,
}

/// An order in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderSummary {
    /// The order.
    pub order_id: OrderId,
    /// Status.
    pub status: OrderStatus,
    /// Time of the order, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub ordered_at: Timestamp,
    /// Number of lines.
    pub lines: u64,
    /// Units of all lines.
    pub units: i64,
    /// Value of all lines.
    pub total: Money,
}

/// A page of a customer's orders, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderPage {
    /// The orders; maybe fewer than the limit, and none on a page that is not the last.
    pub orders: Vec<OrderSummary>,
    /// The parameter `page` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
