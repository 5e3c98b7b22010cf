//! The interface of the state machines that the driver runs.

use std::fmt;

use lambda_shapes::moment::Moment;

/// A state machine without clock and I/O.
///
/// An input tells the machine that something happened, and at what time. The machine answers with
/// actions, which the driver begins in their order. The machine never waits for an action. If it
/// needs the result, the result arrives later as another input.
///
/// For example, a queue's machine answers the input "messages received" with the action "invoke the
/// function". Once the function has ended, the driver passes the input "answered".
pub trait Machine {
    /// Something that happened.
    type Input: fmt::Display + Send + 'static;
    /// Something that the driver must do.
    type Action: Send;

    /// Returns the input for a timer: the moment that an action asked to wait for has come.
    fn timer_due() -> Self::Input;

    /// Returns the input for a stop: the machine begins nothing new and ends what is in flight.
    fn stop() -> Self::Input;

    /// Applies one input and returns the actions that follow from it.
    ///
    /// No other method changes the state.
    ///
    /// # Errors
    /// The state does not allow the input. The state is then unchanged.
    fn handle(
        &mut self,
        input: Self::Input,
        now: Moment,
    ) -> Result<Vec<Self::Action>, IllegalInput>;
}

/// An input that the state of a machine does not allow.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{machine}: {state} does not allow {input}")]
pub struct IllegalInput {
    /// Name of the machine.
    pub machine: String,
    /// State that refused the input: of the machine, or of its batch or event.
    pub state: String,
    /// The refused input.
    pub input: String,
}
