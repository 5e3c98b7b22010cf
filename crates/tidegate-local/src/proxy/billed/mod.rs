//! Quantities that AWS would bill for a call, computed from request and answer by AWS's documented
//! rules.
//!
//! The proxy does not request `ConsumedCapacity` for this. Emulators answer it differently, and it
//! would change the request that the function signed.

mod change;
mod dynamodb;
mod index;
mod item;
mod items;
mod messages;
mod meter;
mod quantities;
mod recent;
mod reply;
mod topics;
mod units;

pub use item::item_bytes;
pub(super) use items::Items;
pub use items::TableKeys;
pub(super) use meter::Quantity;
pub use meter::{
    EVENT_BYTES, EVENTS, FIFO_PUBLISHED_BYTES, FIFO_PUBLISHES, FIFO_REQUESTS, GET_REQUESTS, MAILS,
    PUBLISHES, PUT_REQUESTS, PUT_UNITS, QUEUE_REQUESTS, READ_UNITS, SCHEDULED, WRITE_UNITS,
};
pub(super) use quantities::quantities;
pub(super) use reply::BilledReply;
