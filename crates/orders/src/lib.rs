//! The rules of orders and returns: what their commands lead to.
//!
//! `order-processor` takes the commands from a stream, `order-api` from HTTP requests. Both decide
//! by these aggregates, so an order is the same whichever way it came.

mod lines;
mod order;
mod returns;

pub use order::Order;
pub use returns::Return;
