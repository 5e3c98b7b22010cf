//! EventBridge Scheduler: keeps schedules, fires them, and answers Scheduler's API.
//!
//! No emulator fires as Scheduler does: LocalStack never, and MiniStack by rules of its own. So the
//! engine answers the calls itself, and an emulator never learns of a schedule.
//!
//! | part | what it does |
//! |---|---|
//! | [`api`] | answers the calls of Scheduler's API at the proxy |
//! | [`registry`] | all schedules and groups, each in a file |
//! | [`machine`] | decides what fires when: a state machine without clock and I/O |
//! | [`delivery`] | runs the machine; `hand_over` calls targets, `letter` writes dead letters |
//!
//! A firing that began is on disk before its target is called, and leaves it when the target or the
//! dead-letter queue has it. So an end of the engine at any moment loses nothing; as on AWS, a
//! target may be called twice.

pub mod api;
pub mod definition;
pub mod delivery;
mod hand_over;
mod invalid;
mod key;
mod letter;
pub mod machine;
mod payload;
mod progress;
mod refusal;
pub mod registry;
pub mod request;
pub mod spec;
mod status;
pub mod step;
mod store;
mod target;
#[cfg(test)]
mod tests;

pub use invalid::Invalid;
pub use key::Key;
pub use progress::{Owed, Progress};
pub use refusal::{GivenUp, Refusal};
pub use status::{FiringCounts, ScheduleStatus, ScheduleTask, SchedulesStatus};
pub use target::{Kind, Retries, Target};
