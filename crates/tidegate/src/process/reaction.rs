//! What a process answers to an input.

use std::borrow::Cow;

use super::step::Step;

/// What a process answers to an input in a state.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "almost every reaction is a step")]
pub enum Reaction<S> {
    /// The instance takes this step.
    Move(Step<S>),
    /// The input is not allowed in this state. The state stays, and the event `ProcessRefused`
    /// says why.
    Refuse(Reason),
    /// The process does not know what to do: an operator decides. Until then inputs are held.
    Stuck(Reason),
}

/// Why an input was refused, or why an instance is stuck.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reason {
    /// Stable code, for programs.
    pub code: Cow<'static, str>,
    /// Reason, for people.
    pub text: String,
}

impl Reason {
    /// Creates the reason with this code.
    pub fn new(code: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Self {
        Self { code: code.into(), text: text.into() }
    }
}

/// Returns the answer that an input is not allowed in this state.
pub fn refuse<S>(code: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Reaction<S> {
    Reaction::Refuse(Reason::new(code, reason))
}

/// Returns the answer that an operator must decide.
pub fn stuck<S>(code: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Reaction<S> {
    Reaction::Stuck(Reason::new(code, reason))
}

impl<S> From<Step<S>> for Reaction<S> {
    fn from(step: Step<S>) -> Self {
        Self::Move(step)
    }
}
