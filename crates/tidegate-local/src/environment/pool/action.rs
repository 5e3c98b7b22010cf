//! What the pool has done.

use std::time::Duration;

use crate::environment::error::EnvironmentError;
use crate::environment::phase::{EnvironmentId, InvocationId};

/// What the driver of the pool must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a process.
    ///
    /// The limit of its initialisation is [`Limit::Init`]. An initialisation that is repeated
    /// within an invocation has the function's timeout instead, which begins now and includes the
    /// invocation.
    Start {
        /// The new environment.
        environment: EnvironmentId,
        /// The invocation for which an initialisation failed before, if any.
        within: Option<InvocationId>,
    },
    /// Write the invocation to the waiter of the environment, and watch [`Limit::Invocation`].
    Deliver(EnvironmentId, InvocationId),
    /// Keep the invocation for the environment, and watch [`Limit::Take`].
    Hold(EnvironmentId, InvocationId),
    /// The invocation goes to another environment; watch [`Limit::Return`].
    Overdue(EnvironmentId, InvocationId),
    /// The invocation is about to complete before the extensions are done; watch
    /// [`Limit::Extensions`].
    Finish(EnvironmentId, InvocationId),
    /// The invocation has its answer.
    Complete(InvocationId),
    /// The invocation failed without an answer.
    Fail(InvocationId, EnvironmentError),
    /// The invocation is refused.
    Throttle(InvocationId),
    /// The invocation waits in line. Send [`Event::LeaveLine`] when its caller has waited long
    /// enough.
    StandInLine(InvocationId),
    /// Kill the environment's process.
    Kill(EnvironmentId),
    /// Remove the environment: its process has ended.
    Forget(EnvironmentId),
    /// Send [`Event::BackOffOver`] after this time.
    BackOff(Duration),
}
