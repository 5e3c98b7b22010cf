//! Signals to a pool.

use bytes::Bytes;

use crate::environment::exit::Exit;
use crate::environment::phase::{EnvironmentId, InvocationId, Limit};

/// Something that happened to a function or to one of its environments.
#[derive(Clone, Debug)]
pub enum Signal {
    /// A caller invokes the function. If no environment is free, the invocation is throttled at
    /// once.
    Invoke(InvocationId),
    /// An event source invokes the function. If no environment is free, the invocation waits in
    /// line.
    Queue(InvocationId),
    /// A caller no longer waits in line.
    LeaveLine(InvocationId),
    /// The engine is about to stop: from now on no invocation waits in line.
    CloseLine,
    /// The process of an environment called `/next`.
    Polled(EnvironmentId),
    /// The waiter hung up before the invocation was written to it.
    Unheard(EnvironmentId, InvocationId),
    /// The process answered.
    Answered(EnvironmentId, InvocationId),
    /// The process answered, and its extensions still work on the invocation.
    Responded(EnvironmentId, InvocationId),
    /// The extensions of an environment are done with the last invocation.
    Finished(EnvironmentId),
    /// An extension reported a failure, with this error object.
    Broke(EnvironmentId, Bytes),
    /// The process reported that its initialisation failed, with this error object.
    InitFailed(EnvironmentId, Bytes),
    /// A time limit passed.
    Limit(EnvironmentId, Limit),
    /// The process ended.
    Exited(EnvironmentId, Exit),
    /// The pause after failed initialisations is over.
    BackOffOver,
    /// The engine stops: no environment may be left.
    Stop,
}
