//! What happened to an order, as its customer sees it.

use events::api::OrderStep;
use events::{
    FulfilmentEvent, OrderEvent, PaymentEvent, ShipmentCancelled, ShipmentDispatched, ShipmentHeld,
    ShipmentOnItsWay, ShipmentRefused, StockRejected, StockReleased, StockReserved, StockShipped,
    TrackingRecorded, stream_kind,
};
use tidegate::message::{Message, MessageSet};
use tidegate::store::RecordedCommit;

/// Events of a reservation that concern the order. Its stream has what concerns the stock, too.
const OF_RESERVATIONS: [&str; 4] =
    [StockReserved::TYPE, StockRejected::TYPE, StockReleased::TYPE, StockShipped::TYPE];

/// Events of a shipment, without those that only say that a message of the carrier was refused.
const OF_SHIPMENTS: [&str; 6] = [
    ShipmentHeld::TYPE,
    ShipmentDispatched::TYPE,
    ShipmentRefused::TYPE,
    ShipmentCancelled::TYPE,
    ShipmentOnItsWay::TYPE,
    TrackingRecorded::TYPE,
];

/// Returns the events of an order's streams in the order in which they were stored.
///
/// What the process decides for itself, and types that only a newer version knows, are not for
/// customers.
pub(crate) fn steps<'a>(commits: impl Iterator<Item = &'a RecordedCommit>) -> Vec<OrderStep> {
    let mut steps: Vec<OrderStep> = commits
        .flat_map(|commit| commit.events.iter().map(move |event| (commit, event)))
        .filter(|(commit, event)| is_shown(commit.stream.kind(), &event.kind))
        .map(|(commit, event)| OrderStep { at: commit.written_at, event: event.kind.clone() })
        .collect();
    // Steps of one commit stay in their order.
    steps.sort_by_key(|step| step.at);
    steps
}

fn is_shown(stream: &str, event: &str) -> bool {
    let known: &[&str] = match stream {
        stream_kind::RESERVATION => &OF_RESERVATIONS,
        stream_kind::PAYMENT => PaymentEvent::types(),
        stream_kind::SHIPMENT => &OF_SHIPMENTS,
        stream_kind::FULFILMENT => FulfilmentEvent::types(),
        _ => OrderEvent::types(),
    };
    known.contains(&event)
}
