//! Commands and events of returns.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidegate::message::Message;

use crate::{Currency, CustomerId, Money, OrderLine, Rejection, ReturnId};

/// Asks to record goods that came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordReturn {
    /// The return.
    pub return_id: ReturnId,
    /// Customer; absent for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// Country, by its English name.
    pub country: String,
    /// Currency of all prices.
    pub currency: Currency,
    /// Time of the return, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub returned_at: Timestamp,
    /// Returned products, with positive quantities.
    pub lines: Vec<OrderLine>,
}

/// Goods came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReturnRecorded {
    /// The return.
    pub return_id: ReturnId,
    /// Customer; absent for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// Country, by its English name.
    pub country: String,
    /// Time of the return, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub returned_at: Timestamp,
    /// Units of all lines.
    pub units: i64,
    /// Value of all lines, to be refunded; its currency is that of all prices.
    pub refund: Money,
    /// Returned products.
    pub lines: Vec<OrderLine>,
}

/// A return was rejected. The same return may be recorded again by a corrected command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReturnRejected {
    /// The return.
    pub return_id: ReturnId,
    /// The first reasons, in the order of the lines.
    pub reasons: Vec<Rejection>,
    /// Number of further reasons; absent if `reasons` has all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<u32>,
}
