//! The life of one execution environment, as a total function.

use std::fmt;

/// Number of an execution environment, unique within its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentId(pub u64);

/// Number of an invocation, unique within its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InvocationId(pub u64);

/// Point in the life of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The process was started and has not asked for an invocation yet.
    Starting,
    /// The process waits at `/next`.
    Idle,
    /// The process has answered and has not come back to `/next` yet.
    Between,
    /// An invocation is kept for the next call of `/next`. The process has not seen it.
    Assigned(InvocationId),
    /// The process has taken this invocation and has not answered.
    Busy(InvocationId),
    /// The process has answered this invocation, and its extensions still work on it.
    Finishing(InvocationId),
    /// The process did not come back for this invocation in time, so another environment got it.
    /// The process may still come, within the function's timeout.
    Overdue(InvocationId),
    /// The process is being killed.
    Stopping,
    /// The process has ended.
    Gone,
}

/// What happens to an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The process called `/next`.
    Polled,
    /// The pool assigns an invocation to the environment.
    Assign(InvocationId),
    /// The waiter at `/next` hung up before this invocation was written to it.
    Unheard(InvocationId),
    /// The process answered this invocation, with a response or an error.
    Answered(InvocationId),
    /// The process answered this invocation, and its extensions still work on it.
    Responded(InvocationId),
    /// The extensions are done with the last invocation, and the process has not called `/next`.
    Finished,
    /// The process reported that its initialisation failed.
    InitFailed,
    /// A time limit passed.
    Limit(Limit),
    /// An extension reported a failure, which ends the environment.
    Broke,
    /// The process ended.
    Exited,
    /// The engine stops.
    Stop,
}

/// Time limit of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// From the start to the first `/next`.
    Init,
    /// From keeping an invocation for the environment until the process takes it.
    Take(InvocationId),
    /// The function's timeout, from handing this invocation to another environment until this one
    /// comes back.
    Return(InvocationId),
    /// The function's timeout, from `/next` to the answer.
    Invocation(InvocationId),
    /// The rest of the function's timeout after the answer, until the extensions are done.
    Extensions(InvocationId),
}

/// What a step means for the rest of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// No effect.
    Nothing,
    /// The environment is free, and a waiter is there.
    Free,
    /// Write the invocation to the waiter.
    Deliver(InvocationId),
    /// Keep the invocation for the environment and watch [`Limit::Take`].
    Hold(InvocationId),
    /// The invocation was answered.
    Complete(InvocationId),
    /// The invocation was answered, but the environment is not free: watch [`Limit::Extensions`].
    Respond(InvocationId),
    /// The environment can be given an invocation, but no waiter is there.
    Vacant,
    /// The initialisation failed. Kill the process if `kill` is set.
    InitFailed {
        /// The process still runs.
        kill: bool,
    },
    /// The invocation failed, because it ran out of time or an extension failed. Kill the process.
    Abort(InvocationId),
    /// Kill the process, which has not seen the invocation. Hand the invocation to another
    /// environment.
    Replace(InvocationId),
    /// The process ended while it worked on the invocation.
    Lost(InvocationId),
    /// The process ended and has not seen the invocation. Hand the invocation to another
    /// environment.
    Return(InvocationId),
    /// The process does not come for the invocation that is kept for it. Hand the invocation to
    /// another environment and watch [`Limit::Return`].
    Overdue(InvocationId),
    /// Kill the process: the engine stops, or the process does not come back. Fail the invocation,
    /// if there is one.
    Kill(Option<InvocationId>),
}

/// Something happened that is impossible in the phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{happening} is not possible while the environment is {phase}")]
pub struct Illegal {
    /// Phase of the environment.
    pub phase: Phase,
    /// The impossible happening.
    pub happening: Happening,
}

impl Phase {
    /// Returns the next phase, and what the step means for the function.
    ///
    /// Limits and hang-ups can arrive late. They change nothing if they concern an invocation that
    /// the environment no longer has. For example, `Busy(1)` stays `Busy(1)` when the limit of
    /// invocation 0 passes.
    ///
    /// # Errors
    /// Returns [`Illegal`] for every combination that is not listed.
    pub fn next(self, happening: Happening) -> Result<(Self, Change), Illegal> {
        use Happening as H;
        let step = match (self, happening) {
            (
                Self::Starting | Self::Between | Self::Idle | Self::Finishing(_) | Self::Overdue(_),
                H::Polled,
            ) => (Self::Idle, Change::Free),
            (Self::Starting, H::InitFailed | H::Broke | H::Limit(Limit::Init)) => {
                (Self::Stopping, Change::InitFailed { kill: true })
            }
            (Self::Starting, H::Exited) => (Self::Gone, Change::InitFailed { kill: false }),

            (Self::Idle, H::Assign(id)) => (Self::Busy(id), Change::Deliver(id)),
            (Self::Between, H::Assign(id)) => (Self::Assigned(id), Change::Hold(id)),

            (Self::Assigned(id), H::Polled) => (Self::Busy(id), Change::Deliver(id)),
            (Self::Assigned(id), H::Limit(Limit::Take(late))) if late == id => {
                (Self::Overdue(id), Change::Overdue(id))
            }
            (Self::Overdue(id), H::Limit(Limit::Return(late))) if late == id => {
                (Self::Stopping, Change::Kill(None))
            }
            (Self::Assigned(id), H::Exited) => (Self::Gone, Change::Return(id)),

            // The process asks again without an answer: its connection broke while the invocation
            // was written.
            (Self::Busy(id), H::Polled) => (Self::Busy(id), Change::Deliver(id)),
            (Self::Busy(id), H::Unheard(unheard)) if unheard == id => {
                (Self::Assigned(id), Change::Hold(id))
            }
            (Self::Busy(id), H::Answered(answered)) if answered == id => {
                (Self::Between, Change::Complete(id))
            }
            (Self::Busy(id), H::Responded(answered)) if answered == id => {
                (Self::Finishing(id), Change::Respond(id))
            }
            (Self::Finishing(_), H::Finished) => (Self::Between, Change::Vacant),
            (Self::Finishing(id), H::Limit(Limit::Extensions(late))) if late == id => {
                (Self::Stopping, Change::Kill(None))
            }
            (Self::Busy(id), H::Limit(Limit::Invocation(late))) if late == id => {
                (Self::Stopping, Change::Abort(id))
            }
            (Self::Busy(id), H::Broke) => (Self::Stopping, Change::Abort(id)),
            (Self::Assigned(id), H::Broke) => (Self::Stopping, Change::Replace(id)),
            (Self::Busy(id), H::Exited) => (Self::Gone, Change::Lost(id)),

            (
                Self::Idle | Self::Between | Self::Finishing(_) | Self::Overdue(_) | Self::Stopping,
                H::Exited,
            ) => (Self::Gone, Change::Nothing),
            (
                Self::Idle | Self::Between | Self::Finishing(_) | Self::Overdue(_),
                H::Stop | H::Broke,
            )
            | (Self::Starting, H::Stop) => (Self::Stopping, Change::Kill(None)),
            (Self::Assigned(id) | Self::Busy(id), H::Stop) => {
                (Self::Stopping, Change::Kill(Some(id)))
            }
            (Self::Stopping | Self::Gone, H::Stop | H::Broke) => (self, Change::Nothing),

            (_, H::Limit(_) | H::Unheard(_)) => (self, Change::Nothing),
            (phase, happening) => return Err(Illegal { phase, happening }),
        };
        Ok(step)
    }

    /// Returns the invocation that the environment has, taken or not.
    pub fn invocation(self) -> Option<InvocationId> {
        match self {
            Self::Assigned(id) | Self::Busy(id) => Some(id),
            Self::Starting
            | Self::Idle
            | Self::Between
            | Self::Finishing(_)
            | Self::Overdue(_)
            | Self::Stopping
            | Self::Gone => None,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Idle => f.write_str("idle"),
            Self::Between => f.write_str("between invocations"),
            Self::Assigned(id) => write!(f, "assigned invocation {}", id.0),
            Self::Busy(id) => write!(f, "busy with invocation {}", id.0),
            Self::Finishing(id) => {
                write!(f, "waiting for extensions at work on invocation {}", id.0)
            }
            Self::Overdue(id) => write!(f, "overdue since invocation {}", id.0),
            Self::Stopping => f.write_str("stopping"),
            Self::Gone => f.write_str("gone"),
        }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Polled => f.write_str("asking for the next invocation"),
            Self::Assign(id) => write!(f, "assigning invocation {}", id.0),
            Self::Unheard(id) => write!(f, "losing the waiter for invocation {}", id.0),
            Self::Answered(id) => write!(f, "answering invocation {}", id.0),
            Self::Responded(id) => {
                write!(f, "answering invocation {} before its extensions are done", id.0)
            }
            Self::Finished => f.write_str("the end of its extensions' work"),
            Self::Broke => f.write_str("the failure of an extension"),
            Self::InitFailed => f.write_str("reporting a failed initialisation"),
            Self::Limit(limit) => write!(f, "a time limit ({limit:?})"),
            Self::Exited => f.write_str("the end of the process"),
            Self::Stop => f.write_str("stopping"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: InvocationId = InvocationId(1);
    const B: InvocationId = InvocationId(2);

    #[test]
    fn a_life_without_trouble() {
        let mut phase = Phase::Starting;
        for (happening, change) in [
            (Happening::Polled, Change::Free),
            (Happening::Assign(A), Change::Deliver(A)),
            (Happening::Answered(A), Change::Complete(A)),
            (Happening::Assign(B), Change::Hold(B)),
            (Happening::Polled, Change::Deliver(B)),
            (Happening::Answered(B), Change::Complete(B)),
            (Happening::Polled, Change::Free),
            (Happening::Exited, Change::Nothing),
        ] {
            let (next, seen) = phase.next(happening).unwrap();
            assert_eq!(seen, change, "{happening} while {phase}");
            phase = next;
        }
        assert_eq!(phase, Phase::Gone);
    }

    #[test]
    fn an_invocation_nobody_heard_is_kept_and_returned_at_the_end_of_the_process() {
        let (phase, change) = Phase::Busy(A).next(Happening::Unheard(A)).unwrap();
        assert_eq!((phase, change), (Phase::Assigned(A), Change::Hold(A)));
        let end = phase.next(Happening::Exited).unwrap();
        assert_eq!(end, (Phase::Gone, Change::Return(A)));
    }

    #[test]
    fn a_process_that_comes_late_is_free_and_one_that_never_comes_is_killed() {
        let overdue = Phase::Assigned(A).next(Happening::Limit(Limit::Take(A)));
        assert_eq!(overdue, Ok((Phase::Overdue(A), Change::Overdue(A))));
        assert_eq!(Phase::Overdue(A).next(Happening::Polled), Ok((Phase::Idle, Change::Free)));
        let never = Phase::Overdue(A).next(Happening::Limit(Limit::Return(A)));
        assert_eq!(never, Ok((Phase::Stopping, Change::Kill(None))));
        let other = Phase::Overdue(B).next(Happening::Limit(Limit::Return(A)));
        assert_eq!(other, Ok((Phase::Overdue(B), Change::Nothing)));
    }

    #[test]
    fn an_environment_is_occupied_until_its_extensions_are_done_or_out_of_time() {
        let finishing = Phase::Busy(A).next(Happening::Responded(A));
        assert_eq!(finishing, Ok((Phase::Finishing(A), Change::Respond(A))));
        let finishing = Phase::Finishing(A);
        assert_eq!(finishing.next(Happening::Finished), Ok((Phase::Between, Change::Vacant)));
        assert_eq!(finishing.next(Happening::Polled), Ok((Phase::Idle, Change::Free)));
        let late = |id| finishing.next(Happening::Limit(Limit::Extensions(id)));
        assert_eq!(late(A), Ok((Phase::Stopping, Change::Kill(None))));
        assert_eq!(late(B), Ok((finishing, Change::Nothing)));
        assert_eq!(finishing.next(Happening::Exited), Ok((Phase::Gone, Change::Nothing)));
    }

    #[test]
    fn an_extension_that_fails_ends_its_environment_and_the_invocation_it_has() {
        for (phase, change) in [
            (Phase::Starting, Change::InitFailed { kill: true }),
            (Phase::Idle, Change::Kill(None)),
            (Phase::Between, Change::Kill(None)),
            (Phase::Finishing(A), Change::Kill(None)),
            (Phase::Overdue(A), Change::Kill(None)),
            (Phase::Busy(A), Change::Abort(A)),
            (Phase::Assigned(A), Change::Replace(A)),
        ] {
            assert_eq!(phase.next(Happening::Broke), Ok((Phase::Stopping, change)), "{phase}");
        }
        for phase in [Phase::Stopping, Phase::Gone] {
            assert_eq!(phase.next(Happening::Broke), Ok((phase, Change::Nothing)));
        }
    }

    #[test]
    fn an_invocation_that_was_taken_is_lost_with_its_process() {
        assert_eq!(Phase::Busy(A).next(Happening::Exited), Ok((Phase::Gone, Change::Lost(A))));
    }

    #[test]
    fn limits_of_invocations_that_are_over_change_nothing() {
        for phase in [
            Phase::Idle,
            Phase::Between,
            Phase::Busy(B),
            Phase::Assigned(B),
            Phase::Stopping,
            Phase::Gone,
        ] {
            for limit in [Limit::Invocation(A), Limit::Take(A), Limit::Extensions(A), Limit::Init] {
                assert_eq!(phase.next(Happening::Limit(limit)), Ok((phase, Change::Nothing)));
            }
        }
    }

    #[test]
    fn answering_what_one_does_not_have_is_illegal_and_names_both_sides() {
        for phase in [
            Phase::Starting,
            Phase::Idle,
            Phase::Between,
            Phase::Assigned(A),
            Phase::Finishing(A),
            Phase::Overdue(A),
            Phase::Busy(B),
            Phase::Stopping,
            Phase::Gone,
        ] {
            assert!(phase.next(Happening::Answered(A)).is_err(), "{phase}");
        }
        let error = Phase::Busy(B).next(Happening::Answered(A)).unwrap_err().to_string();
        assert_eq!(
            error,
            "answering invocation 1 is not possible while the environment is busy with invocation 2"
        );
    }

    #[test]
    fn nobody_gets_a_second_invocation() {
        for phase in [
            Phase::Starting,
            Phase::Assigned(A),
            Phase::Finishing(A),
            Phase::Overdue(A),
            Phase::Busy(A),
            Phase::Stopping,
            Phase::Gone,
        ] {
            assert!(phase.next(Happening::Assign(B)).is_err(), "{phase}");
        }
    }
}
