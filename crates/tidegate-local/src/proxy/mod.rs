//! The proxy between functions and AWS.
//!
//! Each caller has a port, so that every call is known by who made it. The proxy forwards bytes
//! unchanged, as they come, and counts. Calls of Lambda's Invoke it hands to the engine, so that a
//! function reaches every service at one address.

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
pub use hook::{Call, Hook, Reply};
pub(crate) use ports::Ports;
pub(crate) use resource_calls::ResourceCalls;
pub use server::Proxy;
pub(crate) use service::Service;
