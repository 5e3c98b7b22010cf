//! Execution environments: processes of unmodified function binaries, started on demand, reused, and killed at the timeout.
//!
//! [`Pool`] decides, as a pure state machine; `host` carries out; [`Fleet`] is what the rest of the engine sees.

pub(crate) mod delivery;
pub(crate) mod failure;
mod fleet;
pub(crate) mod host;
mod log_file;
mod log_line;
mod output;
mod phase;
mod pipes;
mod pool;
pub(crate) mod process;
mod report;
mod spec;
mod status;

pub use fleet::{FREEZE_AFTER, Fleet, FleetError, FleetOptions, INIT_LIMIT, LOG_LIMIT, function_arn};
pub use log_line::LogLine;
pub use phase::{Effect, EnvironmentId, Happening, Illegal, InvocationId, Limit, Phase};
pub use pool::{Action, Event, Exit, Failure, Pool};
pub use spec::FunctionSpec;
pub use status::FunctionStatus;
