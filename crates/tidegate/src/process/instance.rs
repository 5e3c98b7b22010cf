//! An instance of a process: the fold over its events.

use std::fmt;

use super::definition::Process;
use super::event::{InstanceEvent, Kind};
use super::outline::{OpenDeadline, Outline, Stuck};
use super::recorded::RecordedInput;
use super::state::State;
use crate::failure::Failure;
use crate::ids::Version;

/// An instance of a process, as its events left it.
pub struct Instance<P: Process> {
    pub(super) state: Result<P::State, Failure>,
    pub(super) outline: Outline,
}

impl<P: Process> Default for Instance<P> {
    fn default() -> Self {
        let state = P::State::default();
        let (name, ended) = (state.name().to_owned(), state.is_end());
        Self { state: Ok(state), outline: Outline { state: name, ended, ..Outline::default() } }
    }
}

impl<P: Process> fmt::Debug for Instance<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, outline } = self;
        f.debug_struct("Instance").field("state", state).field("outline", outline).finish()
    }
}

impl<P: Process> Clone for Instance<P> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), outline: self.outline.clone() }
    }
}

impl<P: Process> Instance<P> {
    /// Returns the state.
    ///
    /// # Errors
    /// Why the stored state cannot be read. An operator can set another one.
    pub fn state(&self) -> Result<&P::State, &Failure> {
        self.state.as_ref()
    }

    /// Returns everything but the state itself.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// Returns the name of the state.
    pub fn state_name(&self) -> &str {
        &self.outline.state
    }

    /// Returns whether the instance is in an end state.
    pub fn has_ended(&self) -> bool {
        self.outline.ended
    }

    /// Returns the version of the stream.
    pub fn version(&self) -> Version {
        self.outline.version
    }

    /// Returns the open deadlines.
    pub fn deadlines(&self) -> &[OpenDeadline] {
        &self.outline.deadlines
    }

    /// Returns what the instance waits for, if it is stuck.
    pub fn stuck(&self) -> Option<&Stuck> {
        self.outline.stuck.as_ref()
    }

    /// Returns the inputs that wait behind the stuck one, in order.
    pub fn held(&self) -> impl ExactSizeIterator<Item = &RecordedInput> {
        self.outline.held.iter()
    }

    /// Applies an event.
    pub(super) fn fold(&mut self, event: &InstanceEvent<P>) {
        if let Kind::Set(_, state) = &event.kind {
            self.state = state.clone();
        }
        self.outline.apply(event.stored());
    }
}
