//! The aggregate of a shipment.

use events::{
    DispatchOrder, HandOver, HandOverRejected, OrderId, RecordTracking, SHIPPING_SOURCE,
    ShipmentCancelled, ShipmentDefect, ShipmentDispatched, ShipmentHeld, ShipmentOnItsWay,
    ShipmentRefused, ShippingCommand, ShippingEvent, TrackingRecorded, TrackingRejected,
    TrackingStatus,
};
use jiff::Timestamp;
use tidegate::store::{Aggregate, Decision};

use crate::policy::Ruling;

/// A command to a shipment, with what the policy says about it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) command: ShippingCommand,
    /// What becomes of an order that the command asks to send.
    pub(crate) ruling: Ruling,
}

/// The shipment of an order.
#[derive(Debug, Default)]
pub(crate) enum Shipment {
    /// Nothing was asked yet.
    #[default]
    Unknown,
    /// It waits for a person.
    Held,
    /// The carrier has it. The newest report is what it is known by.
    Dispatched { tracking: String, newest: Option<(TrackingStatus, Timestamp)> },
    /// No carrier takes it.
    Refused { reason: String },
    /// It stays in the warehouse.
    Cancelled,
}

impl Aggregate for Shipment {
    type Command = Asked;
    type Event = ShippingEvent;
    const SOURCE: &'static str = SHIPPING_SOURCE;

    fn creates(asked: &Asked) -> bool {
        matches!(asked.command, ShippingCommand::DispatchOrder(_))
    }

    fn apply(&mut self, event: &ShippingEvent) {
        match event {
            ShippingEvent::ShipmentHeld(_) => *self = Self::Held,
            ShippingEvent::ShipmentDispatched(event) => {
                *self = Self::Dispatched { tracking: event.tracking.clone(), newest: None };
            }
            ShippingEvent::ShipmentRefused(event) => {
                *self = Self::Refused { reason: event.reason.clone() };
            }
            // A refused shipment stays in the warehouse anyway.
            ShippingEvent::ShipmentCancelled(_) => {
                if !matches!(self, Self::Refused { .. }) {
                    *self = Self::Cancelled;
                }
            }
            ShippingEvent::TrackingRecorded(event) => {
                if let Self::Dispatched { newest, .. } = self {
                    *newest = (*newest).max(Some((event.status, event.at)));
                }
            }
            ShippingEvent::ShipmentOnItsWay(_)
            | ShippingEvent::HandOverRejected(_)
            | ShippingEvent::TrackingRejected(_) => {}
        }
    }

    fn decide(&self, asked: &Asked) -> Decision<ShippingEvent> {
        match &asked.command {
            ShippingCommand::DispatchOrder(order) => self.dispatch(order, asked.ruling),
            ShippingCommand::CancelShipment(cancel) => self.cancel(&cancel.order_id),
            ShippingCommand::HandOver(command) => self.hand_over(command),
            ShippingCommand::RecordTracking(report) => self.record(report),
        }
    }
}

impl Shipment {
    fn dispatch(&self, order: &DispatchOrder, ruling: Ruling) -> Decision<ShippingEvent> {
        let order_id = order.order_id.clone();
        match (self, ruling) {
            (Self::Unknown, Ruling::Send) => dispatched(order_id),
            (Self::Unknown, Ruling::Hold) | (Self::Held, _) => {
                Decision::one(ShipmentHeld { order_id, units: order.units })
            }
            (Self::Unknown, Ruling::Refuse) => {
                let reason = format!("no carrier goes to {}", order.country);
                Decision::one(ShipmentRefused { order_id, reason })
            }
            (Self::Dispatched { tracking, .. }, _) => on_its_way(order_id, tracking),
            (Self::Refused { reason }, _) => {
                Decision::one(ShipmentRefused { order_id, reason: reason.clone() })
            }
            (Self::Cancelled, _) => Decision::one(ShipmentCancelled { order_id }),
        }
    }

    fn cancel(&self, order_id: &OrderId) -> Decision<ShippingEvent> {
        let order_id = order_id.clone();
        match self {
            Self::Dispatched { tracking, .. } => on_its_way(order_id, tracking),
            Self::Unknown | Self::Held | Self::Refused { .. } | Self::Cancelled => {
                Decision::one(ShipmentCancelled { order_id })
            }
        }
    }

    fn hand_over(&self, command: &HandOver) -> Decision<ShippingEvent> {
        let order_id = command.order_id.clone();
        let reason = match self {
            Self::Held => return dispatched(order_id),
            Self::Dispatched { tracking, .. } => return on_its_way(order_id, tracking),
            Self::Unknown => ShipmentDefect::Unknown,
            Self::Refused { .. } => ShipmentDefect::Refused,
            Self::Cancelled => ShipmentDefect::Cancelled,
        };
        Decision::one(HandOverRejected { order_id, reason })
    }

    /// Records what the carrier reports. Reports come in any order: the one that is furthest on the
    /// way counts, and of these the one that was seen last.
    fn record(&self, report: &RecordTracking) -> Decision<ShippingEvent> {
        let RecordTracking { order_id, status, at } = report.clone();
        let reason = match self {
            Self::Dispatched { newest, .. } => {
                let late = newest.is_some_and(|newest| newest > (status, at));
                return Decision::one(TrackingRecorded { order_id, status, at, late });
            }
            Self::Unknown => ShipmentDefect::Unknown,
            Self::Held => ShipmentDefect::Held,
            Self::Refused { .. } => ShipmentDefect::Refused,
            Self::Cancelled => ShipmentDefect::Cancelled,
        };
        Decision::one(TrackingRejected { order_id, status, reason })
    }
}

/// Gives an order to the carrier. The number follows from the order, so an order has one number.
fn dispatched(order_id: OrderId) -> Decision<ShippingEvent> {
    let tracking = format!("TG-{order_id}");
    Decision::one(ShipmentDispatched { order_id, tracking })
}

fn on_its_way(order_id: OrderId, tracking: &str) -> Decision<ShippingEvent> {
    Decision::one(ShipmentOnItsWay { order_id, tracking: tracking.to_owned() })
}

#[cfg(test)]
mod tests;
