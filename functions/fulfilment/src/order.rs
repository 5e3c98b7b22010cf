//! What the process remembers of an order.

use events::{CustomerId, Money, OrderId, OrderPlaced, StockReserved};
use serde::{Deserialize, Serialize};

/// What the process remembers of an order: what later steps need, and not its lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) order_id: OrderId,
    /// Absent for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) customer_id: Option<CustomerId>,
    pub(crate) country: String,
    /// Units that are sent: what was ordered, and later what was reserved.
    pub(crate) units: i64,
    /// What the customer pays for them.
    pub(crate) total: Money,
}

impl Order {
    /// Creates the order as it was placed.
    pub(crate) fn new(placed: &OrderPlaced) -> Self {
        Self {
            order_id: placed.order_id.clone(),
            customer_id: placed.customer_id.clone(),
            country: placed.country.clone(),
            units: placed.units,
            total: placed.total,
        }
    }

    /// Returns the order as far as it is reserved: less than was ordered if inventory's policy for
    /// partial stock allows that.
    pub(crate) fn reserved(&self, reserved: &StockReserved) -> Self {
        let units = reserved.lines.iter().map(|line| line.units);
        let units = units.fold(0, i64::saturating_add);
        Self { units, total: reserved.value, ..self.clone() }
    }

    /// Returns the stream of this kind that belongs to the order, such as `payment#536365`.
    pub(crate) fn stream(&self, kind: &str) -> String {
        format!("{kind}#{}", self.order_id)
    }
}
