//! What the stored events of an instance say, without its process.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::events::StoredEvent;
use super::reaction::Reason;
use super::recorded::{RecordedDeadline, RecordedInput, Waiting, WaitingDeadline};
use super::words::Word;
use crate::failure::Failure;
use crate::ids::Version;
use crate::message::MessageSet;
use crate::store::RecordedCommit;

/// What the stored events of an instance say, without the types of its process: for tools.
///
/// An [`Instance`](super::Instance) is an outline and the state itself.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Outline {
    /// Name of the state. Empty before the first event.
    pub state: String,
    /// Whether that is an end state.
    pub ended: bool,
    /// Version of the stream.
    pub version: Version,
    /// Time of the newest event that decided or kept an input. A late deadline, or the refused word
    /// of an operator, does not count.
    pub at: Option<Timestamp>,
    /// Deadlines that are set and neither cancelled nor decided.
    pub deadlines: Vec<OpenDeadline>,
    /// What the instance waits for, if it is stuck.
    pub stuck: Option<Stuck>,
    /// Inputs that wait behind the stuck one, in order.
    pub held: VecDeque<RecordedInput>,
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
    /// Version of the event that says so.
    pub version: Version,
}

impl Outline {
    /// Creates the outline of an instance from the commits of its stream, from the first on.
    ///
    /// # Errors
    /// [`Failure::NEWER`] (transient): a newer version of the toolkit wrote an event.
    pub fn of(commits: &[RecordedCommit]) -> Result<Self, Failure> {
        let mut outline = Self::default();
        for event in commits.iter().flat_map(|commit| &commit.events) {
            if StoredEvent::knows(&event.kind) {
                outline.apply(Some(&event.decode()?));
            } else {
                outline.apply(None);
            }
        }
        Ok(outline)
    }

    /// Applies the next event of the stream. `None` stands for an event that a step published.
    ///
    /// Each event counts, so the version is that of the stream.
    pub fn apply(&mut self, event: Option<&StoredEvent>) {
        self.version = self.version.next();
        let Some(event) = event else { return };
        let counts = match event {
            StoredEvent::ProcessIgnored(_) => false,
            StoredEvent::ProcessRefused(refused) => Word::newest(&refused.input.kind).is_none(),
            _ => true,
        };
        if counts {
            self.at = Some(event.at());
        }
        match event {
            StoredEvent::ProcessMoved(moved) => {
                self.state.clone_from(&moved.to);
                self.ended = moved.ended;
                self.decided(&moved.input);
                self.cancel(&moved.cancelled);
                let set = moved.deadlines.iter().cloned();
                self.deadlines.extend(set.map(|deadline| OpenDeadline { deadline, passed: false }));
            }
            StoredEvent::ProcessRefused(refused) => {
                self.state.clone_from(&refused.state);
                self.decided(&refused.input);
            }
            StoredEvent::ProcessStuck(stuck) => {
                self.state.clone_from(&stuck.state);
                self.unhold(&stuck.input);
                self.pass(&stuck.input);
                self.stuck = Some(Stuck {
                    input: stuck.input.clone(),
                    reason: Reason::new(stuck.code.clone(), stuck.reason.clone()),
                    at: stuck.at,
                    version: self.version,
                });
            }
            StoredEvent::ProcessHeld(held) => {
                self.pass(&held.input);
                self.held.push_back(held.input.clone());
            }
            StoredEvent::ProcessIgnored(ignored) => self.ignored(&ignored.id),
            StoredEvent::ProcessResumed(_) => {
                if let Some(stuck) = self.stuck.take() {
                    self.held.push_front(stuck.input);
                }
            }
            StoredEvent::ProcessSkipped(_) => self.drop_stuck(),
            StoredEvent::ProcessForced(forced) => {
                self.state.clone_from(&forced.to);
                self.ended = forced.ended;
                self.drop_stuck();
                self.cancel(&forced.cancelled);
            }
        }
    }

    /// Returns what waits.
    pub(super) fn waiting(&self) -> Waiting {
        let open = self.deadlines.iter().filter(|open| !open.passed);
        let deadlines = open
            .map(|open| WaitingDeadline { id: open.deadline.id.clone(), due: open.deadline.due });
        let held = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
        Waiting { deadlines: deadlines.collect(), held }
    }

    /// Returns the open deadline with this id.
    pub fn deadline(&self, id: &str) -> Option<&OpenDeadline> {
        self.deadlines.iter().find(|open| open.deadline.id == id)
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

    /// Notes that a deadline was late. If it was the next held input, that one is decided.
    ///
    /// A deadline that is still open stays held: what came was another message about it.
    fn ignored(&mut self, id: &str) {
        let is_late = |input: &RecordedInput| input.deadline.as_deref() == Some(id);
        if self.deadline(id).is_none() && self.held.front().is_some_and(is_late) {
            self.held.pop_front();
        }
    }

    /// Notes that a deadline passed without a decision.
    fn pass(&mut self, input: &RecordedInput) {
        for open in &mut self.deadlines {
            open.passed |= input.deadline.as_ref() == Some(&open.deadline.id);
        }
    }

    fn cancel(&mut self, ids: &[String]) {
        self.deadlines.retain(|open| !ids.contains(&open.deadline.id));
    }

    fn close(&mut self, input: &RecordedInput) {
        self.deadlines.retain(|open| input.deadline.as_ref() != Some(&open.deadline.id));
    }

    fn drop_stuck(&mut self) {
        if let Some(stuck) = self.stuck.take() {
            self.close(&stuck.input);
        }
    }
}
