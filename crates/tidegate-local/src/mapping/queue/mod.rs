//! Queue mappings: one state machine and one port per queue and function.
//! Queue mappings: delivers the messages of SQS queues to functions.

mod answered;
mod batch;
mod delivery;
mod held;
mod illegal;
mod machine;
mod mapping;
mod port;
mod returned;
mod settings;
mod step;

#[cfg(test)]
mod tests;

pub use delivery::start;
pub use machine::Queue;
pub use mapping::QueueMapping;
pub use settings::QueueSettings;
pub use step::{Action, Input};
