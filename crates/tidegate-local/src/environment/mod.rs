//! Execution environments: processes of unmodified function binaries.
//!
//! They are started on demand, reused, and killed at the timeout. [`Pool`] decides, as a pure state
//! machine; `host` carries out its decisions. [`Fleet`] holds the functions with their
//! environments. The rest of the engine sees [`Functions`], which [`Fleet`] implements.
//!
//! What Lambda documents about the life of an environment, and what the engine does:
//!
//! - Initialisation. Lambda allows 10 s. If it fails or takes longer, Lambda repeats it within the
//!   invocation, with the function's timeout. The engine does the same ([`INIT_LIMIT`]). After two
//!   failures the invocation fails. Between such pairs the engine pauses for 100 ms to 10 s.
//! - Freezing. Lambda freezes an environment once its runtime has asked for the next invocation.
//!   The engine stops the process group (SIGSTOP) after 5 ms at `/next` ([`FREEZE_AFTER`]), and
//!   continues it (SIGCONT) with its next invocation.
//! - Memory. A function has the memory that it declares. The engine kills a process that uses more,
//!   together with all that it started. It reads the memory every 2 to 100 ms, depending on how
//!   much is left. A process that takes 2 GB a second exceeds its limit by at most 4 MB; by more if
//!   the engine has to wait for the CPU.
//! - Failures. An invocation fails when it runs out of time or its process ends
//!   (`Sandbox.Timedout`, `Runtime.ExitError`). The next one gets a new environment. The engine
//!   does the same.
//! - Log lines. Lambda writes `INIT_START`, `INIT_REPORT`, `START`, `END` and `REPORT`. The engine
//!   does the same, in `logs/<function>.log`; see [`LogLine`]. The initialisation is billed.
//! - Log retention. Lambda keeps logs as long as declared. The engine keeps the last 32 to 64 MB of
//!   each function ([`LOG_LIMIT`]). A process that prints more than 40 MB a second has to wait.
//! - End. Lambda ends an environment that has an internal extension with SIGTERM and, 500 ms later,
//!   SIGKILL; any other environment with SIGKILL. The engine does the same.
//! - Extensions. A Lambda initialisation waits for the first `event/next` of each extension. The
//!   engine does not wait: an extension that never asks holds up nothing.
//! - Unused environments. Lambda ends them after some time. In the engine they stay, frozen.
//! - Reuse. An environment that has answered is free once it has asked again, which it must do
//!   within the timeout. The engine does the same. An invocation waits 2 s for such an environment
//!   and then goes to another one. So for a while there may be one environment more than declared.

pub(crate) mod application_id;
mod error;
pub(crate) mod error_object;
mod exit;
pub(crate) mod extensions;
mod fleet;
mod function_arn;
mod functions;
pub(crate) mod hand_off;
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
mod trace;

pub use error::EnvironmentError;
pub use exit::Exit;
pub(crate) use fleet::end_left_behind;
pub use fleet::{FREEZE_AFTER, Fleet, FleetError, FleetOptions, INIT_LIMIT, LOG_LIMIT};
pub use function_arn::function_arn;
pub use functions::Functions;
pub use log_line::LogLine;
pub use phase::{Change, EnvironmentId, Happening, Illegal, InvocationId, Limit, Phase};
pub use pool::{Action, Pool, Signal};
pub use spec::FunctionSpec;
pub use status::FunctionStatus;
