//! Execution environments: processes of unmodified function binaries.
//!
//! They are started on demand, reused, and killed at the timeout.
//!
//! [`Pool`] decides, as a pure state machine; `host` carries out; [`Fleet`] is all of them. The rest
//! of the engine sees [`Functions`], which [`Fleet`] implements.
//!
//! What Lambda documents of the life of an environment, and what holds here:
//!
//! | Lambda | here |
//! |---|---|
//! | an initialisation has 10 s; one that fails or takes longer is made again within the invocation, with the function's timeout | the same, [`INIT_LIMIT`]; after two failures the invocation fails, and pauses of 100 ms to 10 s lie between such pairs |
//! | the environment is frozen once the runtime has asked for the next invocation | its process group is stopped (SIGSTOP) after 5 ms at `/next`, [`FREEZE_AFTER`], and goes on (SIGCONT) with its next invocation |
//! | memory is what the function declares | a process that uses more, with all it started, is killed. It is looked at every 2 to 100 ms, by what it has left: the limit is passed by 4 MB at most if it takes 2 GB a second, and by more if the engine has to wait for the CPU |
//! | an invocation that is out of time, or whose process ends, fails (`Sandbox.Timedout`, `Runtime.ExitError`) and the next one has a new environment | the same |
//! | `INIT_START`, `INIT_REPORT`, `START`, `END` and `REPORT` in the log | the same, in `logs/<function>.log`, see [`LogLine`]; the initialisation is billed |
//! | logs are kept as long as declared | the last 32 to 64 MB of each function, [`LOG_LIMIT`]; a process that prints more than 40 MB a second waits |
//! | an environment with an internal extension is ended by SIGTERM and, 500 ms later, SIGKILL; one without any by SIGKILL | the same, whenever the engine ends one |
//! | an initialisation waits for each extension's first `event/next` | it does not: an extension that never comes holds nothing up |
//! | environments end after some time without work | they stay, frozen |
//! | an environment that has answered is free once it has asked again, which it must within the timeout | the same; an invocation waits 2 s for it and then goes to another one, so that for a while there may be one more than declared |

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
