//! Actions of a pool.

use std::time::Duration;

use crate::environment::error::EnvironmentError;
use crate::environment::phase::{EnvironmentId, InvocationId};

/// Something that the host of the pool must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a process.
    ///
    /// The limit of its initialisation is [`Limit::Init`](super::super::Limit::Init). An
    /// initialisation that is repeated within an invocation has the function's timeout instead,
    /// which begins now and includes the invocation.
    Start {
        /// The new environment.
        environment: EnvironmentId,
        /// The invocation for which an initialisation failed before, if any.
        within: Option<InvocationId>,
    },
    /// Write the invocation to the waiter of the environment, and watch
    /// [`Limit::Invocation`](super::super::Limit::Invocation).
    Deliver(EnvironmentId, InvocationId),
    /// Keep the invocation for the environment, and watch
    /// [`Limit::Take`](super::super::Limit::Take).
    Hold(EnvironmentId, InvocationId),
    /// Pass the invocation to another environment, and watch
    /// [`Limit::Return`](super::super::Limit::Return).
    Overdue(EnvironmentId, InvocationId),
    /// Answer the invocation while its extensions still work, and watch
    /// [`Limit::Extensions`](super::super::Limit::Extensions).
    Finish(EnvironmentId, InvocationId),
    /// Complete the invocation, which has its answer.
    Complete(InvocationId),
    /// Fail the invocation, which has no answer.
    Fail(InvocationId, EnvironmentError),
    /// Refuse the invocation.
    Throttle(InvocationId),
    /// Let the invocation wait in line. Send [`Signal::LeaveLine`](super::Signal::LeaveLine) when
    /// its caller has waited long enough.
    StandInLine(InvocationId),
    /// Kill the environment's process.
    Kill(EnvironmentId),
    /// Remove the environment: its process has ended.
    Forget(EnvironmentId),
    /// Send [`Signal::BackOffOver`](super::Signal::BackOffOver) after this time.
    BackOff(Duration),
}
