//! The services of the shop, and how their commands travel.

use super::described::{Address, Service, Way};

pub const ORDERS: Service = Service {
    name: "orders",
    about: "Takes orders, cancellations and returns, and decides whether they are acceptable.",
    source: events::ORDERS_SOURCE,
    writers: &["order-processor", "order-api"],
};
/// Returns come over the stream alone.
pub const RETURNS: Service = Service { writers: &["order-processor"], ..ORDERS };
pub const FULFILMENT: Service = Service {
    name: "fulfilment",
    about: "Leads an order from its placement to its delivery, or back.",
    source: events::FULFILMENT_SOURCE,
    writers: &["fulfilment"],
};
pub const INVENTORY: Service = Service {
    name: "inventory",
    about: "Reserves, releases and ships stock, and orders more of it.",
    source: events::INVENTORY_SOURCE,
    writers: &["inventory"],
};
pub const PAYMENT: Service = Service {
    name: "payment",
    about: "Authorises, captures, releases and refunds money through a provider.",
    source: events::PAYMENT_SOURCE,
    writers: &["payment"],
};
pub const SHIPPING: Service = Service {
    name: "shipping",
    about: "Hands orders to a carrier and records what becomes of them.",
    source: events::SHIPPING_SOURCE,
    writers: &["shipping"],
};

/// All services, in the order of an order's way.
pub const SERVICES: [Service; 5] = [ORDERS, FULFILMENT, INVENTORY, PAYMENT, SHIPPING];

/// Commands of customers. The API decides them where it takes them.
pub const FROM_CUSTOMERS: Way =
    Way { to: Address::Stream("orders"), senders: &[], outside: &["customers", "shop import"] };
/// Returns of a file.
pub const FROM_IMPORT: Way =
    Way { to: Address::Stream("orders"), senders: &[], outside: &["shop import"] };
pub const TO_INVENTORY: Way = from_process("inventory");
pub const TO_PAYMENT: Way = from_process("payment");
pub const TO_SHIPPING: Way = from_process("shipping");
/// What people of the warehouse and the carrier say about a shipment.
pub const FROM_WAREHOUSE: Way = Way { outside: &["warehouse"], senders: &[], ..TO_SHIPPING };
pub const FROM_CARRIER: Way = Way { outside: &["carrier"], senders: &[], ..TO_SHIPPING };
/// Deadlines come back to the process that set them.
pub const TO_FULFILMENT: Way = from_process("fulfilment");

const fn from_process(queue: &'static str) -> Way {
    Way { to: Address::Queue(queue), senders: &["fulfilment"], outside: &[] }
}
