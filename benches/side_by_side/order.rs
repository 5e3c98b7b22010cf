//! Decides about an order: as little as the writes need to be real.

use serde::{Deserialize, Serialize};
use tidegate::message::Message;
use tidegate::store::{Aggregate, Decision};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    stock_code: String,
    description: String,
    quantity: i64,
    unit_price: i64,
}

/// A command with all that an order has.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
pub(crate) struct PlaceOrder {
    pub(crate) order_id: String,
    customer_id: String,
    country: String,
    currency: String,
    ordered_at: String,
    lines: Vec<Line>,
}

#[derive(Debug, Clone, Serialize, Deserialize, Message)]
pub(crate) struct CancelOrder {
    pub(crate) order_id: String,
}

#[derive(Debug, Serialize, Deserialize, Message)]
pub(crate) struct OrderPlaced {
    #[serde(flatten)]
    order: PlaceOrder,
    total: i64,
}

#[derive(Debug, Serialize, Deserialize, Message)]
pub(crate) struct OrderCancelled {
    was_placed: bool,
}

tidegate::messages! {
    #[derive(Debug, Clone)]
    pub(crate) enum Command { PlaceOrder, CancelOrder }
}
tidegate::messages! {
    #[derive(Debug)]
    pub(crate) enum Event { OrderPlaced, OrderCancelled }
}

impl PlaceOrder {
    /// Returns the price of all lines, in pence.
    pub(crate) fn total(&self) -> i64 {
        self.lines.iter().map(|line| line.quantity * line.unit_price).sum()
    }
}

#[derive(Default)]
pub(crate) struct Order {
    placed: bool,
}

impl Aggregate for Order {
    type Command = Command;
    type Event = Event;
    const SOURCE: &'static str = "shop.orders";

    fn creates(command: &Command) -> bool {
        matches!(command, Command::PlaceOrder(_))
    }

    fn apply(&mut self, event: &Event) {
        self.placed = matches!(event, Event::OrderPlaced(_));
    }

    fn decide(&self, command: &Command) -> Decision<Event> {
        match command {
            Command::PlaceOrder(order) => {
                Decision::one(OrderPlaced { total: order.total(), order: order.clone() })
            }
            Command::CancelOrder(_) => Decision::one(OrderCancelled { was_placed: self.placed }),
        }
    }
}
