//! Contracts of the reference system: the commands and events that travel between its functions.
//!
//! Every type has a version ([`Message`](tidegate::message::Message)). Its JSON Schema is generated
//! from the type into `events/schemas`. Within a version, only fields are added, and only optional
//! ones.

pub mod api;
mod cancellation;
mod fulfilment;
mod ids;
mod inventory;
pub mod ledger;
pub mod limits;
mod money;
mod order;
mod payment;
mod rejection;
mod returns;
pub mod routes;
mod rules;
mod shipping;
mod status;
mod subject;
pub mod view;

pub use cancellation::{
    CancelOrder, CancellationDefect, CancellationRejected, CancellationRequested,
};
pub use fulfilment::{
    CancellationCause, DispatchOverdue, OrderCancelled, OrderCompleted, OrderConfirmed,
    OrderDispatched, PaymentOverdue,
};
pub use ids::{CustomerId, OrderId, ReturnId, StockCode, stream_kind};
pub use inventory::{
    ReleaseStock, ReservationLine, ReserveStock, ShipStock, Shortage, StockLine, StockOpened,
    StockPartReleased, StockPartReserved, StockReceived, StockRejected, StockReleased,
    StockReordered, StockReserved, StockReturned, StockShipped,
};
pub use money::{Currency, Money};
pub use order::{OrderLine, OrderPlaced, OrderRejected, PlaceOrder};
pub use payment::{
    AuthorisePayment, CapturePayment, CaptureRefused, PaymentAuthorised, PaymentCaptured,
    PaymentDeclined, PaymentRefunded, PaymentReleased, RefundRefused, ReleasePayment,
};
pub use rejection::{Defect, Rejection};
pub use returns::{RecordReturn, ReturnRecorded, ReturnRejected};
pub use shipping::{
    CancelShipment, DispatchOrder, HandOver, HandOverRejected, RecordTracking, ShipmentCancelled,
    ShipmentDefect, ShipmentDispatched, ShipmentHeld, ShipmentOnItsWay, ShipmentRefused,
    TrackingRecorded, TrackingRejected, TrackingStatus,
};
pub use status::{OrderProgress, OrderStatus};
pub use subject::{stream_of, subject_of};

/// `source` of the events of orders and returns.
pub const ORDERS_SOURCE: &str = "shop.orders";
/// `source` of the events of stock and reservations.
pub const INVENTORY_SOURCE: &str = "shop.inventory";
/// `source` of the events of payments.
pub const PAYMENT_SOURCE: &str = "shop.payment";
/// `source` of the events of shipments.
pub const SHIPPING_SOURCE: &str = "shop.shipping";
/// `source` of the events of the process that fulfils orders.
pub const FULFILMENT_SOURCE: &str = "shop.fulfilment";

tidegate::messages! {
    /// Commands to the order aggregate.
    #[derive(Clone, Debug, PartialEq)]
    pub enum OrderCommand { PlaceOrder, CancelOrder }
}

tidegate::messages! {
    /// Events of the order aggregate.
    #[derive(Clone, Debug, PartialEq)]
    pub enum OrderEvent {
        OrderPlaced,
        OrderRejected,
        CancellationRequested,
        CancellationRejected,
    }
}

tidegate::messages! {
    /// Commands to the return aggregate.
    #[derive(Clone, Debug, PartialEq)]
    pub enum ReturnCommand { RecordReturn }
}

tidegate::messages! {
    /// Events of the return aggregate.
    #[derive(Clone, Debug, PartialEq)]
    pub enum ReturnEvent { ReturnRecorded, ReturnRejected }
}

tidegate::messages! {
    /// Events of stock: of reservations, of returns, and of what the supplier delivers.
    #[derive(Clone, Debug, PartialEq)]
    pub enum InventoryEvent {
        StockOpened,
        StockPartReserved,
        StockReserved,
        StockRejected,
        StockPartReleased,
        StockReleased,
        StockShipped,
        StockReordered,
        StockReceived,
        StockReturned,
    }
}

tidegate::messages! {
    /// Events of payments.
    #[derive(Clone, Debug, PartialEq)]
    pub enum PaymentEvent {
        PaymentAuthorised,
        PaymentDeclined,
        PaymentCaptured,
        CaptureRefused,
        PaymentReleased,
        PaymentRefunded,
        RefundRefused,
    }
}

tidegate::messages! {
    /// Commands to a shipment.
    #[derive(Clone, Debug, PartialEq)]
    pub enum ShippingCommand { DispatchOrder, CancelShipment, HandOver, RecordTracking }
}

tidegate::messages! {
    /// Events of shipments.
    #[derive(Clone, Debug, PartialEq)]
    pub enum ShippingEvent {
        ShipmentHeld,
        ShipmentDispatched,
        ShipmentRefused,
        ShipmentCancelled,
        ShipmentOnItsWay,
        HandOverRejected,
        TrackingRecorded,
        TrackingRejected,
    }
}

tidegate::messages! {
    /// Events that the process publishes.
    #[derive(Clone, Debug, PartialEq)]
    pub enum FulfilmentEvent { OrderConfirmed, OrderDispatched, OrderCompleted, OrderCancelled }
}
