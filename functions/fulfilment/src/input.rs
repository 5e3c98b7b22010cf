//! What an order gets on its way.

use events::{
    CancellationRequested, CaptureRefused, DispatchOverdue, OrderId, OrderPlaced,
    PaymentAuthorised, PaymentCaptured, PaymentDeclined, PaymentOverdue, PaymentReleased,
    ShipmentCancelled, ShipmentDispatched, ShipmentOnItsWay, ShipmentRefused, StockRejected,
    StockReleased, StockReserved,
};

use crate::policy::Service;

tidegate::messages! {
    /// What an order gets on its way: its placement, wishes, answers, and passed deadlines.
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) enum Input {
        OrderPlaced,
        CancellationRequested,
        StockReserved,
        StockRejected,
        StockReleased,
        PaymentAuthorised,
        PaymentDeclined,
        PaymentCaptured,
        CaptureRefused,
        PaymentReleased,
        ShipmentDispatched,
        ShipmentRefused,
        ShipmentCancelled,
        ShipmentOnItsWay,
        PaymentOverdue,
        DispatchOverdue,
    }
}

impl Input {
    /// Returns whether this service says that it released what it kept.
    pub(crate) fn is_release_by(&self, service: Service) -> bool {
        match service {
            Service::Inventory => matches!(self, Self::StockReleased(_)),
            Service::Payment => matches!(self, Self::PaymentReleased(_)),
        }
    }

    /// Returns the order that the input is about. `None` for a passed deadline.
    pub(crate) fn order_id(&self) -> Option<&OrderId> {
        match self {
            Self::OrderPlaced(it) => Some(&it.order_id),
            Self::CancellationRequested(it) => Some(&it.order_id),
            Self::StockReserved(it) => Some(&it.order_id),
            Self::StockRejected(it) => Some(&it.order_id),
            Self::StockReleased(it) => Some(&it.order_id),
            Self::PaymentAuthorised(it) => Some(&it.order_id),
            Self::PaymentDeclined(it) => Some(&it.order_id),
            Self::PaymentCaptured(it) => Some(&it.order_id),
            Self::CaptureRefused(it) => Some(&it.order_id),
            Self::PaymentReleased(it) => Some(&it.order_id),
            Self::ShipmentDispatched(it) => Some(&it.order_id),
            Self::ShipmentRefused(it) => Some(&it.order_id),
            Self::ShipmentCancelled(it) => Some(&it.order_id),
            Self::ShipmentOnItsWay(it) => Some(&it.order_id),
            Self::PaymentOverdue(_) | Self::DispatchOverdue(_) => None,
        }
    }
}
