//! A payment provider for tests and demos.
//!
//! It keeps everything in memory, and does what its [`Script`] says: it declines, is slow, is down,
//! or carries out a call and drops the answer. Its [`Report`] says what it did, and whether it
//! charged twice. No deployed environment has it.

mod account;
mod api;
mod chance;
mod operation;
mod report;
mod script;
mod server;
mod simulator;

pub use report::{Report, Sums};
pub use script::{Outage, Script};
pub use simulator::Simulator;
