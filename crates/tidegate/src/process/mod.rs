//! Process managers: coordinators per business key, with deadlines and compensation (feature
//! `process`).
//!
//! A [`Process`] decides what an input means in a state. Its instance is a stream of the event
//! store, such as `booking#42`. Each input leads to one decision, which is stored by one
//! conditional write: the state after it, the commands and deadlines that leave, and the cause.
//! Nothing is computed again from old events, so a deployment may come at any moment.
//!
//! - [`ProcessHandler`] takes the inputs of a queue and stores what they lead to.
//! - [`messages()`] gives a [`Publisher`](crate::publish::Publisher) the commands and deadlines of
//!   all processes.
//! - A deadline comes back as the command [`PassDeadline`].
//! - Operators answer stuck instances with [`ResumeProcess`], [`SkipInput`] and [`ForceState`].
//!
//! The page `docs/concepts/processes.md` of the repository has guarantees, costs and limits.

mod aggregate;
mod deadline;
mod definition;
mod event;
mod events;
mod handler;
mod instance;
mod json;
mod messages;
mod metrics;
mod moving;
mod outline;
mod process_row;
mod processes;
mod reaction;
mod received;
mod recorded;
mod sent;
mod state;
mod step;
mod sweep;
mod taken;
mod total;
mod turn;
mod words;

pub use deadline::{DEADLINES_SOURCE, deadline_id, deadline_message};
pub use definition::{Process, stream};
pub use event::InstanceEvent;
pub use events::{
    ProcessForced, ProcessHeld, ProcessIgnored, ProcessMoved, ProcessRefused, ProcessResumed,
    ProcessSkipped, ProcessStuck, StoredEvent,
};
pub use handler::{PAUSED_BEFORE, ProcessHandler, ProcessInput};
pub use instance::Instance;
pub use json::Json;
pub use messages::messages;
pub use outline::{OpenDeadline, Outline, Stuck};
pub use process_row::{DueDeadline, ProcessRow};
pub use processes::Processes;
pub use reaction::{Reaction, Reason, refuse, stuck};
pub use received::{PANICS, Received};
pub use recorded::{
    RecordedCommand, RecordedDeadline, RecordedInput, RecordedState, Waiting, WaitingDeadline,
};
pub use state::State;
#[doc(hidden)]
pub use state::decode_from;
pub use step::{NewDeadline, Step};
pub use sweep::Sweep;
pub use taken::Taken;
pub use tidegate_derive::{State, total};
pub use total::Total;
pub use words::{ForceState, ForcedState, PassDeadline, ResumeProcess, SkipInput, Word};

#[cfg(test)]
mod tests;
