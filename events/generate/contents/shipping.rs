//! Contents of commands and events of shipments.

use events::{
    CancelShipment, DispatchOrder, HandOver, HandOverRejected, RecordTracking, ShipmentCancelled,
    ShipmentDefect, ShipmentDispatched, ShipmentHeld, ShipmentOnItsWay, ShipmentRefused,
    TrackingRecorded, TrackingRejected, TrackingStatus,
};
use jiff::Timestamp;

use super::{LOST_ORDER, ORDER, UNITS, country, customer, lost_order, order};

/// 2010-12-02T10:05:00Z.
pub const SEEN_AT: Timestamp = Timestamp::constant(1_291_284_300, 0);

pub fn dispatch_order() -> DispatchOrder {
    DispatchOrder { order_id: order(), customer_id: customer(), country: country(), units: UNITS }
}

pub fn cancel_shipment() -> CancelShipment {
    CancelShipment { order_id: lost_order() }
}

pub fn hand_over() -> HandOver {
    HandOver { order_id: lost_order() }
}

pub fn record_tracking() -> RecordTracking {
    RecordTracking { order_id: order(), status: TrackingStatus::InTransit, at: SEEN_AT }
}

pub fn shipment_held() -> ShipmentHeld {
    ShipmentHeld { order_id: lost_order(), units: 80_995 }
}

pub fn shipment_dispatched() -> ShipmentDispatched {
    ShipmentDispatched { order_id: order(), tracking: tracking(ORDER) }
}

pub fn shipment_refused() -> ShipmentRefused {
    ShipmentRefused { order_id: lost_order(), reason: "no carrier goes to Unspecified".to_owned() }
}

pub fn shipment_cancelled() -> ShipmentCancelled {
    ShipmentCancelled { order_id: lost_order() }
}

pub fn shipment_on_its_way() -> ShipmentOnItsWay {
    ShipmentOnItsWay { order_id: lost_order(), tracking: tracking(LOST_ORDER) }
}

pub fn tracking_recorded() -> TrackingRecorded {
    TrackingRecorded {
        order_id: order(),
        status: TrackingStatus::InTransit,
        at: SEEN_AT,
        late: false,
    }
}

pub fn hand_over_rejected() -> HandOverRejected {
    HandOverRejected { order_id: lost_order(), reason: ShipmentDefect::Cancelled }
}

pub fn tracking_rejected() -> TrackingRejected {
    TrackingRejected {
        order_id: order(),
        status: TrackingStatus::InTransit,
        reason: ShipmentDefect::Held,
    }
}

/// Returns the carrier's number of an order's shipment.
pub fn tracking(order: &str) -> String {
    format!("TG-{order}")
}
