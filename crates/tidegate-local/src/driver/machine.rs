//! What every state machine has in common.

use std::fmt;

use lambda_shapes::moment::Moment;

/// A state machine without clock and I/O.
///
/// Whatever happens comes in as an input with its time, and what is to be done goes out as actions.
/// The actions of a step are begun in their order. The machine does not wait for them: work that it
/// has to know the end of comes back as another input.
pub trait Machine {
    /// What happened.
    type Input: fmt::Display + Send + 'static;
    /// What is to be done.
    type Action: Send;

    /// The input for a moment that an action waited for.
    fn timer_due() -> Self::Input;

    /// The input after which nothing new may be begun.
    fn stop() -> Self::Input;

    /// Applies one input and returns the actions that follow from it; the only transition.
    ///
    /// # Errors
    /// The state does not allow the input. The state is then unchanged.
    fn handle(&mut self, input: Self::Input, now: Moment) -> Result<Vec<Self::Action>, IllegalInput>;
}

/// An input that the state does not allow.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{machine}: {state} does not allow {input}")]
pub struct IllegalInput {
    /// Which machine it is.
    pub machine: String,
    /// State that refused the input: of the machine, or of its batch or event.
    pub state: String,
    /// The refused input.
    pub input: String,
}
