//! The Lambda Runtime API (version 2018-06-01) and the Extensions API.
//!
//! Each execution environment has a port of its own, because not every runtime keeps a path prefix.

mod answer;
mod body;
mod client_context;
mod extension;
mod route;
mod server;

pub(crate) use server::serve;
