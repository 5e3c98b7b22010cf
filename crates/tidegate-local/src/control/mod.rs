//! The engine's own API on 127.0.0.1: status, shutdown, and the part of Lambda's API that finds and
//! invokes functions.
//!
//! It does not check signatures. It does check where a request comes from: a page in a browser on
//! the same machine must not reach it.

mod functions;
mod invoke;
mod lambda;
mod limits;
mod refusal;
mod response;
mod server;
mod state;
mod target;

pub use server::ControlApi;
pub use state::{Control, StatusSource};
