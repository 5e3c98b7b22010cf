//! What an input needs next.

use tidegate::batch::Handled;
use tidegate::failure::Failure;

use super::input::Input;
use crate::provider::{Answer, Operation};

/// What an input needs next, by the events that are stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Next {
    /// An answer of the provider, which is then recorded.
    Provider(Operation),
    /// An event, without the provider.
    Record,
    /// Nothing: the money already is where the input wants it.
    Done(Handled),
}

/// An input, and what the provider answered to its operation.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) input: Input,
    /// `None`: no operation was needed.
    pub(crate) answer: Option<Answer>,
}

/// Returns the failure of an answer to a question that the stored events have settled meanwhile.
/// The next delivery finds them.
pub(super) fn moved() -> Failure {
    let reason = "another command for the same money was faster; it is looked at again";
    Failure::transient("version_conflict", reason)
}
