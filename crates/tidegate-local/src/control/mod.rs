//! The engine's own API on 127.0.0.1: its status, its end, and a part of Lambda's API.
//!
//! That part is what it takes to find and invoke functions. Signatures are not looked at, but where
//! a request comes from is: a page in a browser of the same machine must not reach it.

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
