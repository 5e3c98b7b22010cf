//! Queue mappings: one state machine and one driver per queue and function.

mod batch;
mod delivery;
mod held;
mod machine;
mod returned;
mod settings;
mod step;

#[cfg(test)]
mod tests;

pub use delivery::{QueueMapping, start};
pub use machine::Queue;
pub use settings::QueueSettings;
pub use step::{Action, IllegalInput, Input};
