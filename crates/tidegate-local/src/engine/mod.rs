//! The engine: everything put together, from a topology file to a running system.
//!
//! [`Engine::start`] in `start.rs` is the assembly: each of its steps is a file here, in the order in
//! which one needs another. A step that fails ends what the steps before it have started.

mod announce;
mod asynchronous;
mod buses;
mod claim;
mod deliveries;
mod destinations;
mod files;
mod functions;
mod injection;
mod options;
mod programs;
mod runner;
mod sources;
mod specs;
mod start;
mod start_error;
mod system;
mod timing;

pub use injection::Injection;
pub use options::Options;
pub use start_error::StartError;
pub use system::Engine;
