//! The proxy between AWS and everything that calls it.
//!
//! It has one port per function, so that it knows the caller of every call, and one for all other
//! programs: the endpoint. It streams bytes unchanged. It passes calls of Lambda's Invoke to the
//! engine, so that a caller reaches every service at one address, and it wakes the pollers of what
//! a call has written to. It counts and prices the calls of functions.

pub mod billed;
mod body;
mod counts;
mod error;
mod forward;
mod hook;
mod ledger;
mod line;
mod operation;
mod ports;
mod resource_calls;
mod server;
mod service;
mod statement_counts;
mod unanswered;
mod waking;
mod written;

pub use body::Body;
pub use counts::{CallCount, CallCounts, OTHERS};
pub use error::ProxyError;
pub use hook::{Call, Change, Hook, Reply};
pub(crate) use ports::Ports;
pub(crate) use resource_calls::ResourceCalls;
pub use server::Proxy;
pub(crate) use service::Service;
pub use statement_counts::{DONE, StatementCounts};
