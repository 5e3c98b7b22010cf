//! What the pool is told.

use bytes::Bytes;

use crate::environment::exit::Exit;
use crate::environment::phase::{EnvironmentId, InvocationId, Limit};

/// What happens to the function.
#[derive(Clone, Debug)]
pub enum Signal {
    /// A caller invokes it and wants to know at once if no environment is free.
    Invoke(InvocationId),
    /// An event source invokes it and waits in line while no environment is free.
    Queue(InvocationId),
    /// A caller does not wait in line any longer.
    LeaveLine(InvocationId),
    /// Nobody waits in line from now on: the engine is about to stop.
    CloseLine,
    /// The process of an environment called `/next`.
    Polled(EnvironmentId),
    /// The waiter hung up before the invocation was written to it.
    Unheard(EnvironmentId, InvocationId),
    /// The process answered.
    Answered(EnvironmentId, InvocationId),
    /// The process answered, and its extensions are still at work on the invocation.
    Responded(EnvironmentId, InvocationId),
    /// The extensions of an environment are done with the last invocation.
    Finished(EnvironmentId),
    /// An extension reported that it failed, with this error object.
    Broke(EnvironmentId, Bytes),
    /// The process reported that its initialisation failed, with this error object.
    InitFailed(EnvironmentId, Bytes),
    /// A time limit passed.
    Limit(EnvironmentId, Limit),
    /// The process ended.
    Exited(EnvironmentId, Exit),
    /// The back-off after failed initialisations is over.
    BackOffOver,
    /// The engine stops: no environment may be left.
    Stop,
}
