//! Where the events go that the event store holds.

/// Name of the bus among the targets of [`ROUTES`]. The other targets are queues.
pub const BUS: &str = "bus";

/// An event type and the targets that get its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Type of the events.
    pub kind: &'static str,
    /// `source` of the events.
    pub source: &'static str,
    /// [`BUS`], and names of queues.
    pub to: &'static [&'static str],
}

const fn route(kind: &'static str, source: &'static str, to: &'static [&'static str]) -> Route {
    Route { kind, source, to }
}

/// All events that leave the event store. The publisher and the catalog read this table.
///
/// The bus has what others may build on. Answers to the process go straight to its queue, which
/// costs a tenth of the way over the bus. Other events stay in the store. A service reports what a
/// person must know itself, as `payment` does with `RefundRefused`.
pub const ROUTES: &[Route] = &[
    route("OrderPlaced", crate::ORDERS_SOURCE, &[BUS, "fulfilment"]),
    route("OrderRejected", crate::ORDERS_SOURCE, &[BUS]),
    route("CancellationRequested", crate::ORDERS_SOURCE, &["fulfilment"]),
    route("ReturnRecorded", crate::ORDERS_SOURCE, &[BUS, "inventory", "payment"]),
    route("ReturnRejected", crate::ORDERS_SOURCE, &[BUS]),
    route("StockReserved", crate::INVENTORY_SOURCE, &["fulfilment"]),
    route("StockRejected", crate::INVENTORY_SOURCE, &["fulfilment"]),
    route("StockReleased", crate::INVENTORY_SOURCE, &["fulfilment"]),
    route("StockReordered", crate::INVENTORY_SOURCE, &["inventory"]),
    route("PaymentAuthorised", crate::PAYMENT_SOURCE, &["fulfilment", "ledger"]),
    route("PaymentDeclined", crate::PAYMENT_SOURCE, &["fulfilment"]),
    route("PaymentCaptured", crate::PAYMENT_SOURCE, &["fulfilment", "ledger"]),
    route("CaptureRefused", crate::PAYMENT_SOURCE, &["fulfilment"]),
    route("PaymentReleased", crate::PAYMENT_SOURCE, &["fulfilment", "ledger"]),
    route("PaymentRefunded", crate::PAYMENT_SOURCE, &["ledger"]),
    route("ShipmentDispatched", crate::SHIPPING_SOURCE, &["fulfilment"]),
    route("ShipmentRefused", crate::SHIPPING_SOURCE, &["fulfilment"]),
    route("ShipmentCancelled", crate::SHIPPING_SOURCE, &["fulfilment"]),
    route("ShipmentOnItsWay", crate::SHIPPING_SOURCE, &["fulfilment"]),
    route("OrderConfirmed", crate::FULFILMENT_SOURCE, &[BUS]),
    route("OrderDispatched", crate::FULFILMENT_SOURCE, &[BUS]),
    route("OrderCompleted", crate::FULFILMENT_SOURCE, &[BUS]),
    route("OrderCancelled", crate::FULFILMENT_SOURCE, &[BUS]),
];

/// Returns the types whose events go to this target.
pub fn types_for(target: &str) -> impl Iterator<Item = &'static str> {
    let to = target.to_owned();
    ROUTES.iter().filter(move |route| route.to.contains(&to.as_str())).map(|route| route.kind)
}
