//! The events of an instance, with the states that its process knows.

use std::fmt;

use super::definition::Process;
use super::events::{ProcessForced, ProcessMoved, StoredEvent};
use super::recorded::{RecordedState, Waiting};
use super::state::State;
use super::step::{Fact, is_reserved};
use crate::failure::{Class, Failure};
use crate::message::{MessageSet, UNKNOWN_TYPE};

/// An event of an instance: one of the toolkit's, with the state in the process's own type, or a
/// fact that a step published.
pub struct InstanceEvent<P: Process> {
    pub(super) kind: Kind<P::State>,
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "an event is short-lived")]
pub(super) enum Kind<S> {
    /// An event that sets a state, and the state: or why it cannot be read.
    Set(StoredEvent, Result<S, Failure>),
    /// Any other event of the toolkit.
    Kept(StoredEvent),
    /// A fact of the process, as it is stored.
    Fact(Fact),
    /// A fact of the process, read again.
    ReadFact,
}

impl<P: Process> fmt::Debug for InstanceEvent<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InstanceEvent").field(&self.kind).finish()
    }
}

impl<P: Process> Clone for InstanceEvent<P> {
    fn clone(&self) -> Self {
        Self { kind: self.kind.clone() }
    }
}

impl<P: Process> InstanceEvent<P> {
    /// Returns the toolkit's event; `None` for a fact of the process.
    pub fn stored(&self) -> Option<&StoredEvent> {
        match &self.kind {
            Kind::Set(event, _) | Kind::Kept(event) => Some(event),
            Kind::Fact(_) | Kind::ReadFact => None,
        }
    }

    /// Notes what waits in the instance after the event.
    pub(super) fn note(&mut self, waiting: Waiting) {
        match &mut self.kind {
            Kind::Set(event, _) | Kind::Kept(event) => event.note(waiting),
            Kind::Fact(_) | Kind::ReadFact => {}
        }
    }

    pub(super) fn set(event: impl Into<StoredEvent>, state: P::State) -> Self {
        Self { kind: Kind::Set(event.into(), Ok(state)) }
    }

    pub(super) fn kept(event: impl Into<StoredEvent>) -> Self {
        Self { kind: Kind::Kept(event.into()) }
    }

    pub(super) fn fact(fact: Fact) -> Self {
        Self { kind: Kind::Fact(fact) }
    }
}

impl<P: Process> MessageSet for InstanceEvent<P> {
    fn schema(&self) -> (&'static str, u32) {
        match &self.kind {
            Kind::Set(event, _) | Kind::Kept(event) => event.schema(),
            Kind::Fact(fact) => (fact.kind, fact.version),
            Kind::ReadFact => ("", 0),
        }
    }

    fn encode(&self) -> Result<String, serde_json::Error> {
        match &self.kind {
            Kind::Set(event, _) | Kind::Kept(event) => event.encode(),
            Kind::Fact(fact) => Ok(fact.data.text().to_owned()),
            Kind::ReadFact => {
                Err(serde::ser::Error::custom("a fact that was read is not stored again"))
            }
        }
    }

    /// Decodes an event of the toolkit. Anything else is a fact of the process, which the state
    /// does not depend on.
    ///
    /// A state that a newer version wrote is a failure, so the input waits for that version. A
    /// state that cannot ever be read is not one: the instance becomes stuck with the reason.
    fn decode(kind: &str, version: u32, data: &str) -> Result<Self, Failure> {
        if !StoredEvent::knows(kind) {
            return if is_reserved(kind) {
                let reason = format!("`{kind}` is not an event of a process that is known here");
                Err(Failure::permanent(UNKNOWN_TYPE, reason))
            } else {
                Ok(Self { kind: Kind::ReadFact })
            };
        }
        let event = StoredEvent::decode(kind, version, data)?;
        let kind = match &event {
            StoredEvent::ProcessMoved(ProcessMoved { state, .. })
            | StoredEvent::ProcessForced(ProcessForced { state, .. }) => {
                let state = read::<P::State>(state)?;
                Kind::Set(event, state)
            }
            _ => Kind::Kept(event),
        };
        Ok(Self { kind })
    }

    fn newest(kind: &str) -> Option<u32> {
        StoredEvent::newest(kind)
    }
}

/// Reads a stored state. The outer failure may pass; the inner one is for good.
fn read<S: State>(state: &RecordedState) -> Result<Result<S, Failure>, Failure> {
    match S::decode(state.version, state.data.text()) {
        Err(failure) if failure.class() != Class::Permanent => Err(failure),
        read => Ok(read),
    }
}
