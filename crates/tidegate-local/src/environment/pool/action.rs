//! What the pool has done.

use std::time::Duration;

use crate::environment::error::EnvironmentError;
use crate::environment::phase::{EnvironmentId, InvocationId};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a process. Its initialisation has [`Limit::Init`]; one that is made again within an invocation has the function's timeout, which
    /// begins now and which the invocation shares.
    Start {
        /// The new environment.
        environment: EnvironmentId,
        /// The invocation that an initialisation failed before.
        within: Option<InvocationId>,
    },
    /// Write the invocation to the waiter of the environment, and watch [`Limit::Invocation`].
    Deliver(EnvironmentId, InvocationId),
    /// Keep the invocation for the environment, and watch [`Limit::Take`].
    Hold(EnvironmentId, InvocationId),
    /// The invocation is for another environment now; watch [`Limit::Return`].
    Overdue(EnvironmentId, InvocationId),
    /// The invocation is about to be complete before the extensions are done; watch [`Limit::Extensions`].
    Finish(EnvironmentId, InvocationId),
    /// The invocation has its answer.
    Complete(InvocationId),
    /// The invocation failed without an answer.
    Fail(InvocationId, EnvironmentError),
    /// The invocation is refused.
    Throttle(InvocationId),
    /// The invocation waits in line. Send [`Event::LeaveLine`] when its caller has waited long enough.
    StandInLine(InvocationId),
    /// Kill the environment's process.
    Kill(EnvironmentId),
    /// The environment's process has ended; forget it.
    Forget(EnvironmentId),
    /// Send [`Event::BackOffOver`] after this time.
    BackOff(Duration),
}
