//! The proxy between functions and AWS.
//!
//! It has one port per caller, so that it knows the caller of every call. It streams bytes
//! unchanged and counts calls. It passes calls of Lambda's Invoke to the engine, so that a function
//! reaches every service at one address.

pub mod billed;
mod body;
mod counts;
mod error;
mod forward;
mod hook;
mod line;
mod operation;
mod ports;
mod resource_calls;
mod server;
mod service;

pub use body::Body;
pub use counts::{CallCount, CallCounts, OTHERS};
pub use error::ProxyError;
pub use hook::{Call, Change, Hook, Reply};
pub(crate) use ports::Ports;
pub(crate) use resource_calls::ResourceCalls;
pub use server::Proxy;
pub(crate) use service::Service;
