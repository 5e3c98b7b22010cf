//! What AWS would bill for a call, by its documented rules.
//!
//! The quantities are computed from the request and the answer.
//!
//! Nothing is asked of the backend for it: emulators answer `ConsumedCapacity` differently, and a
//! request that asked for it would be another request than the one the function signed.

mod dynamodb;
mod item;
mod items;
mod messages;
mod meter;
mod quantities;
mod reply;
mod units;

pub use item::item_bytes;
pub(super) use items::Items;
pub use items::TableKeys;
pub(super) use meter::Quantity;
pub use meter::{
    EVENT_BYTES, EVENTS, FIFO_REQUESTS, GET_REQUESTS, MAILS, PUT_REQUESTS, PUT_UNITS, QUEUE_REQUESTS,
    READ_UNITS, WRITE_UNITS,
};
pub(super) use quantities::quantities;
pub(super) use reply::BilledReply;
