//! Tests of process managers: instances in memory, with a clock and a scheduler.

mod block_on;
mod delivery;
mod explained;
mod orders;
mod outbox;
mod process_test;
mod repeat;
mod step;
mod table;
mod trace;

pub use outbox::SentCommand;
pub use process_test::ProcessTest;
pub use repeat::{interrupted, repeated};
pub use step::ProcessStep;
pub use table::ProcessTable;

#[cfg(test)]
mod tests;
