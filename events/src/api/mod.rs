//! The HTTP API of the shop: its operations, and what requests and answers contain.
//!
//! `order-api` answers by these types, clients send and read them, and the OpenAPI document is
//! generated from them.

mod operation;
mod order;
mod problem;
mod product;
mod rules;

pub use operation::{Access, KeyUse, OPERATIONS, Operation};
pub use order::{
    NewOrder, NewOrderLine, OrderAccepted, OrderCancellation, OrderDetails, OrderPage, OrderStep,
    OrderSummary,
};
pub use problem::{ProblemDocument, ProblemError};
pub use product::ProductStock;
