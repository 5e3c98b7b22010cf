//! An aggregate: the entity that decides commands.

use crate::failure::Failure;
use crate::message::MessageSet;

/// An entity with a consistency boundary: a fold over its events.
///
/// All methods are pure and synchronous.
pub trait Aggregate: Default + Send {
    /// Commands of the aggregate.
    type Command: Sync;
    /// Events of the aggregate.
    type Event: MessageSet;
    /// Value of the attribute `source` in the envelopes of the events.
    const SOURCE: &'static str;

    /// Returns whether the command creates the aggregate.
    ///
    /// [`execute`](super::execute()) then tries the write first, because there is usually nothing
    /// to load. It loads the stream only if its first version is taken.
    fn creates(command: &Self::Command) -> bool;

    /// Applies an event to the state.
    fn apply(&mut self, event: &Self::Event);

    /// Decides which events a command leads to.
    fn decide(&self, command: &Self::Command) -> Decision<Self::Event>;

    /// Decides as [`Self::decide`] does, or returns why the command cannot be decided now.
    ///
    /// [`execute`](super::execute()) calls it. The default implementation always decides.
    ///
    /// # Errors
    /// A transient failure if another version of the function must decide the command. A refusal is
    /// not a failure but an event.
    fn try_decide(&self, command: &Self::Command) -> Result<Decision<Self::Event>, Failure> {
        Ok(self.decide(command))
    }
}

/// The events of one decision; at least one.
///
/// Return a refusal as an event too. A redelivered command then finds that event and is not decided
/// again.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<E>(Vec<E>);

impl<E> Decision<E> {
    /// Creates a decision that leads to one event.
    pub fn one(event: impl Into<E>) -> Self {
        Self(vec![event.into()])
    }

    /// Creates the decision that led to these stored events; at least one.
    pub(super) fn from_events(events: Vec<E>) -> Self {
        Self(events)
    }

    /// Adds another event.
    #[must_use]
    pub fn and(mut self, event: impl Into<E>) -> Self {
        self.0.push(event.into());
        self
    }

    /// Returns the events in order.
    pub fn events(&self) -> &[E] {
        &self.0
    }
}
