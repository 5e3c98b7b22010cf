//! Contracts of the reference system: the commands and events that travel between its functions.
//!
//! Every type has a version ([`Message`](tidegate::message::Message)). Its JSON Schema is generated
//! from the type into `events/schemas`. Within a version, only fields are added, and only optional
//! ones.

mod ids;
mod money;
mod order;
mod rejection;
mod returns;
pub mod view;

pub use ids::{CustomerId, OrderId, ReturnId, StockCode};
pub use money::{Currency, Money};
pub use order::{OrderLine, OrderPlaced, OrderRejected, PlaceOrder};
pub use rejection::{Defect, Rejection};
pub use returns::{RecordReturn, ReturnRecorded, ReturnRejected};

/// `source` of the events of orders and returns.
pub const ORDERS_SOURCE: &str = "shop.orders";

tidegate::messages! {
    /// Commands to the order aggregate.
    #[derive(Clone, Debug, PartialEq)]
    pub enum OrderCommand { PlaceOrder }
}

tidegate::messages! {
    /// Events of the order aggregate.
    #[derive(Clone, Debug, PartialEq)]
    pub enum OrderEvent { OrderPlaced, OrderRejected }
}

tidegate::messages! {
    /// Commands to the return aggregate.
    #[derive(Clone, Debug, PartialEq)]
    pub enum ReturnCommand { RecordReturn }
}

tidegate::messages! {
    /// Events of the return aggregate.
    #[derive(Clone, Debug, PartialEq)]
    pub enum ReturnEvent { ReturnRecorded, ReturnRejected }
}
