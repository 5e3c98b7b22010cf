//! A step of an instance: its next state, and what leaves.

use std::fmt::Display;

use jiff::{SignedDuration, Timestamp};

use super::json::Json;
use super::recorded::RecordedCommand;
use super::state::State;
use crate::ids::StreamId;
use crate::message::Message;

/// A step of an instance: its next state, and what leaves because of it.
///
/// A mistake, such as a subject that is not a stream id, does not panic: the instance is stuck
/// with the code `invalid_step`, and the reason names the mistake.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<S> {
    state: S,
    commands: Vec<RecordedCommand>,
    facts: Vec<Fact>,
    deadlines: Vec<NewDeadline>,
    cancelled: Vec<String>,
    mistake: Option<String>,
}

/// An event of its own type, stored beside the step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fact {
    /// Type of the event.
    pub(super) kind: &'static str,
    /// Version of the type.
    pub(super) version: u32,
    /// Content.
    pub(super) data: Json,
}

/// A deadline that a step sets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NewDeadline {
    /// Name within the instance.
    pub name: String,
    /// Time at which it passes.
    pub due: Timestamp,
    /// Whether it stays when the state is left, until an end state.
    pub lasting: bool,
    /// Type of the message that the process gets when it passes.
    pub kind: String,
    /// Version of the type.
    pub version: u32,
    /// Content of the message.
    pub data: Json,
}

impl<S> Step<S> {
    /// Creates a step to this state, which may be the one that the instance has.
    pub fn to(state: S) -> Self {
        Self {
            state,
            commands: Vec::new(),
            facts: Vec::new(),
            deadlines: Vec::new(),
            cancelled: Vec::new(),
            mistake: None,
        }
    }

    /// Sends a command to the target with the name `to`.
    ///
    /// `subject` is the stream that the command is for, as a [`StreamId`] or as text such as
    /// `hotel#7`.
    #[must_use]
    pub fn send<M: Message>(
        mut self,
        to: impl Into<String>,
        subject: impl TryInto<StreamId, Error: Display>,
        command: M,
    ) -> Self {
        let subject = subject.try_into().map_err(|error| format!("{}: {error}", M::TYPE));
        match (subject, encoded(&command)) {
            (Ok(subject), Ok(data)) => {
                let (kind, version) = (M::TYPE.to_owned(), M::VERSION);
                self.commands.push(RecordedCommand { to: to.into(), subject, kind, version, data });
            }
            (Err(mistake), _) | (_, Err(mistake)) => self.note(mistake),
        }
        self
    }

    /// Stores an event of its own type beside the step, for readers of the bus.
    ///
    /// Its type must not begin with `Process` and another upper-case letter: such types are the
    /// toolkit's own.
    #[must_use]
    pub fn publish<M: Message>(mut self, fact: M) -> Self {
        const { assert!(!is_reserved(M::TYPE), "`Process…` is a type of the toolkit") }
        match encoded(&fact) {
            Ok(data) => self.facts.push(Fact { kind: M::TYPE, version: M::VERSION, data }),
            Err(mistake) => self.note(mistake),
        }
        self
    }

    /// Sets a deadline of the new state, at this time rounded up to a millisecond. It is cancelled
    /// when a step leaves the variant of that state.
    ///
    /// An open deadline of this name with the same due time and content stays as it is. With
    /// another due time or content it moves.
    #[must_use]
    pub fn deadline<M: Message>(self, name: &str, due: Timestamp, message: M) -> Self {
        self.set(name, due, false, &message)
    }

    /// Sets a deadline that stays until an end state, or until it is cancelled.
    #[must_use]
    pub fn overall_deadline<M: Message>(self, name: &str, due: Timestamp, message: M) -> Self {
        self.set(name, due, true, &message)
    }

    /// Cancels the open deadline of this name, if there is one.
    #[must_use]
    pub fn cancel(mut self, name: &str) -> Self {
        self.cancelled.push(name.to_owned());
        self
    }

    /// Returns the next state.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// Returns the commands in order.
    pub fn commands(&self) -> &[RecordedCommand] {
        &self.commands
    }

    /// Returns the types of the events that are stored beside the step.
    pub fn facts(&self) -> impl Iterator<Item = &'static str> {
        self.facts.iter().map(|fact| fact.kind)
    }

    /// Returns the deadlines that the step sets.
    pub fn deadlines(&self) -> &[NewDeadline] {
        &self.deadlines
    }

    /// Returns the names of the deadlines that the step cancels by name.
    pub fn cancelled(&self) -> &[String] {
        &self.cancelled
    }

    /// Returns the first mistake in the step.
    pub fn mistake(&self) -> Option<&str> {
        self.mistake.as_deref()
    }

    /// Returns the mistake in the step if the instance is in this state before it.
    pub fn mistake_after(&self, from: &S) -> Option<String>
    where
        S: State,
    {
        self.mistake_from(from.name(), from.is_end())
    }

    /// Returns the mistake in the step from the state with this name, which may be an end state.
    pub(super) fn mistake_from(&self, from: &str, ended: bool) -> Option<String>
    where
        S: State,
    {
        let to = &self.state;
        if let Some(mistake) = &self.mistake {
            return Some(mistake.clone());
        }
        if ended && !to.is_end() {
            let to = to.name();
            return Some(format!(
                "the step leads from the end state {from} to {to}, which is not one"
            ));
        }
        match self.deadlines.first() {
            Some(new) if to.is_end() => {
                let (name, to) = (&new.name, to.name());
                Some(format!("the step sets the deadline `{name}` in the end state {to}"))
            }
            _ => None,
        }
    }

    /// Returns the events that are stored beside the step.
    pub(super) fn stored_facts(&self) -> &[Fact] {
        &self.facts
    }

    /// Returns the next state.
    pub fn into_state(self) -> S {
        self.state
    }

    fn set<M: Message>(mut self, name: &str, due: Timestamp, lasting: bool, message: &M) -> Self {
        if name.is_empty() {
            self.note(format!("the deadline of {} has no name", M::TYPE));
            return self;
        }
        match encoded(message) {
            Ok(data) => {
                let (name, kind) = (name.to_owned(), M::TYPE.to_owned());
                let due = whole_millisecond(due);
                let new = NewDeadline { name, due, lasting, kind, version: M::VERSION, data };
                self.deadlines.retain(|earlier| earlier.name != new.name);
                self.deadlines.push(new);
            }
            Err(mistake) => self.note(mistake),
        }
        self
    }

    fn note(&mut self, mistake: String) {
        self.mistake.get_or_insert(mistake);
    }
}

fn encoded<M: Message>(message: &M) -> Result<Json, String> {
    Json::of(message).map_err(|error| format!("{} cannot be written as JSON: {error}", M::TYPE))
}

/// Rounds a time up to a millisecond, as numbers in tables and messages keep it.
fn whole_millisecond(due: Timestamp) -> Timestamp {
    let rest = i64::from(due.subsec_nanosecond()).rem_euclid(1_000_000);
    let up = SignedDuration::from_nanos((1_000_000 - rest) % 1_000_000);
    due.saturating_add(up).unwrap_or(due)
}

/// Returns whether a type of event belongs to the toolkit: `Process` and an upper-case letter.
pub(super) const fn is_reserved(kind: &str) -> bool {
    matches!(kind.as_bytes(), [b'P', b'r', b'o', b'c', b'e', b's', b's', b'A'..=b'Z', ..])
}
