//! An instance of a process: the fold over its events.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::definition::Process;
use super::event::{InstanceEvent, Kind};
use super::events::StoredEvent;
use super::reaction::Reason;
use super::recorded::{RecordedDeadline, RecordedInput};
use super::state::State;
use crate::failure::Failure;
use crate::ids::Version;

/// An instance of a process, as its events left it.
#[derive(Debug)]
pub struct Instance<P: Process> {
    pub(super) state: Result<P::State, Failure>,
    pub(super) name: String,
    pub(super) ended: bool,
    pub(super) version: Version,
    pub(super) at: Option<Timestamp>,
    pub(super) open: Vec<OpenDeadline>,
    pub(super) stuck: Option<Stuck>,
    pub(super) held: VecDeque<RecordedInput>,
}

/// A deadline that is set and neither cancelled nor decided.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OpenDeadline {
    /// Deadline as its event holds it.
    pub deadline: RecordedDeadline,
    /// Whether it passed while the instance was stuck: its message waits.
    pub passed: bool,
}

/// What a stuck instance waits for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stuck {
    /// Input that could not be decided.
    pub input: RecordedInput,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub at: Timestamp,
}

impl<P: Process> Default for Instance<P> {
    fn default() -> Self {
        let state = P::State::default();
        Self {
            name: state.name().to_owned(),
            ended: state.is_end(),
            state: Ok(state),
            version: Version::NONE,
            at: None,
            open: Vec::new(),
            stuck: None,
            held: VecDeque::new(),
        }
    }
}

impl<P: Process> Clone for Instance<P> {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
            name: self.name.clone(),
            ended: self.ended,
            version: self.version,
            at: self.at,
            open: self.open.clone(),
            stuck: self.stuck.clone(),
            held: self.held.clone(),
        }
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

    /// Returns the name of the state.
    pub fn state_name(&self) -> &str {
        &self.name
    }

    /// Returns whether the instance is in an end state.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Returns the version of the stream.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns the open deadlines.
    pub fn deadlines(&self) -> &[OpenDeadline] {
        &self.open
    }

    /// Returns what the instance waits for, if it is stuck.
    pub fn stuck(&self) -> Option<&Stuck> {
        self.stuck.as_ref()
    }

    /// Returns the inputs that wait behind the stuck one, in order.
    pub fn held(&self) -> impl ExactSizeIterator<Item = &RecordedInput> {
        self.held.iter()
    }

    /// Returns the open deadline with this id.
    pub(super) fn deadline(&self, id: &str) -> Option<&OpenDeadline> {
        self.open.iter().find(|open| open.deadline.id == id)
    }

    /// Applies an event. Each event counts, so the version is that of the stream.
    pub(super) fn fold(&mut self, event: &InstanceEvent<P>) {
        self.version = self.version.next();
        match &event.kind {
            Kind::Set(event, state) => {
                self.state = state.clone();
                self.keep(event);
            }
            Kind::Kept(event) => self.keep(event),
            Kind::Fact(_) | Kind::ReadFact => {}
        }
    }

    fn keep(&mut self, event: &StoredEvent) {
        self.at = Some(event.at());
        match event {
            StoredEvent::ProcessMoved(moved) => {
                self.name.clone_from(&moved.to);
                self.ended = moved.ended;
                self.decided(&moved.input);
                self.open.retain(|open| !moved.cancelled.contains(&open.deadline.id));
                let set = moved.deadlines.iter().cloned();
                self.open.extend(set.map(|deadline| OpenDeadline { deadline, passed: false }));
            }
            StoredEvent::ProcessRefused(refused) => self.decided(&refused.input),
            StoredEvent::ProcessStuck(stuck) => {
                self.unhold(&stuck.input);
                self.pass(&stuck.input);
                self.stuck = Some(Stuck {
                    input: stuck.input.clone(),
                    reason: Reason::new(stuck.code.clone(), stuck.reason.clone()),
                    at: stuck.at,
                });
            }
            StoredEvent::ProcessHeld(held) => {
                self.pass(&held.input);
                self.held.push_back(held.input.clone());
            }
            StoredEvent::ProcessIgnored(ignored) => {
                let deadline = |input: &RecordedInput| input.deadline.as_ref() == Some(&ignored.id);
                if self.held.front().is_some_and(deadline) {
                    self.held.pop_front();
                }
            }
            StoredEvent::ProcessResumed(_) => {
                if let Some(stuck) = self.stuck.take() {
                    self.held.push_front(stuck.input);
                }
            }
            StoredEvent::ProcessSkipped(_) => self.drop_stuck(),
            StoredEvent::ProcessForced(forced) => {
                self.name.clone_from(&forced.to);
                self.ended = forced.ended;
                self.drop_stuck();
                self.open.retain(|open| !forced.cancelled.contains(&open.deadline.id));
            }
        }
    }

    /// Notes that an input was decided: it is not held any more, and its deadline not open.
    fn decided(&mut self, input: &RecordedInput) {
        self.unhold(input);
        self.close(input);
    }

    fn unhold(&mut self, input: &RecordedInput) {
        if self.held.front().is_some_and(|front| front.is_same(input)) {
            self.held.pop_front();
        }
    }

    /// Notes that a deadline passed without a decision.
    fn pass(&mut self, input: &RecordedInput) {
        for open in &mut self.open {
            open.passed |= input.deadline.as_ref() == Some(&open.deadline.id);
        }
    }

    fn close(&mut self, input: &RecordedInput) {
        self.open.retain(|open| input.deadline.as_ref() != Some(&open.deadline.id));
    }

    fn drop_stuck(&mut self) {
        if let Some(stuck) = self.stuck.take() {
            self.close(&stuck.input);
        }
    }
}
