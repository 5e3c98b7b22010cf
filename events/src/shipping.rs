//! Commands and events of shipments.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidegate::message::Message;

use crate::{CustomerId, OrderId};

/// Asks to send an order to its customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DispatchOrder {
    /// The order.
    pub order_id: OrderId,
    /// Customer; absent for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// Country, by its English name.
    pub country: String,
    /// Units of the whole order.
    pub units: i64,
}

/// Asks to keep an order in the warehouse. It may overtake `DispatchOrder`, which then sends
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CancelShipment {
    /// The order.
    pub order_id: OrderId,
}

/// Says that a person gave a shipment that waited to the carrier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HandOver {
    /// The order.
    pub order_id: OrderId,
}

/// Says what the carrier reports of a shipment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordTracking {
    /// The order.
    pub order_id: OrderId,
    /// Where the shipment is on its way.
    pub status: TrackingStatus,
    /// When the carrier saw it, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: Timestamp,
}

/// Where a shipment is on its way, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TrackingStatus {
    /// The carrier has it.
    InTransit,
    /// It is on its last mile.
    OutForDelivery,
    /// The customer has it.
    Delivered,
}

/// A shipment waits for a person, because it is larger than what is sent by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShipmentHeld {
    /// The order.
    pub order_id: OrderId,
    /// Its units.
    pub units: i64,
}

/// The carrier has the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShipmentDispatched {
    /// The order.
    pub order_id: OrderId,
    /// The carrier's number of the shipment.
    pub tracking: String,
}

/// No carrier takes the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShipmentRefused {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: String,
}

/// The order stays in the warehouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShipmentCancelled {
    /// The order.
    pub order_id: OrderId,
}

/// A shipment cannot be cancelled: the carrier has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShipmentOnItsWay {
    /// The order.
    pub order_id: OrderId,
    /// The carrier's number of the shipment.
    pub tracking: String,
}

/// The carrier reported a shipment, or reported it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrackingRecorded {
    /// The order.
    pub order_id: OrderId,
    /// Where the shipment is on its way.
    pub status: TrackingStatus,
    /// When the carrier saw it, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: Timestamp,
    /// Whether a later report came before this one, so that the shipment's status stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

/// A shipment cannot be given to the carrier, because none waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HandOverRejected {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: ShipmentDefect,
}

/// A report of a carrier is rejected, because the carrier does not have the shipment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrackingRejected {
    /// The order.
    pub order_id: OrderId,
    /// What the carrier reported.
    pub status: TrackingStatus,
    /// Why.
    pub reason: ShipmentDefect,
}

/// Why a shipment does not allow what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ShipmentDefect {
    /// There is no shipment of this order.
    Unknown,
    /// It waits for a person.
    Held,
    /// No carrier takes it.
    Refused,
    /// It stays in the warehouse.
    Cancelled,
}
