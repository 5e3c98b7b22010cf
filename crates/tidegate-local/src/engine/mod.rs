//! The engine: starts a whole system from a topology file.
//!
//! Begin with [`Engine::start`] in `start.rs`, which is the list of the steps. Each step has a file
//! here. If a step fails, everything that earlier steps have started is ended.

mod announce;
mod asynchronous;
mod buses;
mod claim;
mod deliveries;
mod destinations;
mod files;
mod functions;
mod gateways;
mod injection;
mod options;
mod programs;
mod runner;
mod schedules;
mod sources;
mod specs;
mod start;
mod start_error;
mod system;
mod timing;
mod topics;

pub use injection::Injection;
pub use options::{Options, Variable};
pub use start_error::StartError;
pub use system::Engine;
