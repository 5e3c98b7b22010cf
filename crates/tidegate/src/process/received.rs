//! What an instance receives: an input, a passed deadline, or the word of an operator.

use std::fmt;

use jiff::Timestamp;

use super::definition::Process;
use super::json::Json;
use super::recorded::RecordedInput;
use super::words::Word;
use crate::envelope::{Data, Envelope};
use crate::failure::Failure;
use crate::message::{MessageSet, inline_data};

/// Number of receives after which an input whose decision panics makes its instance stuck.
pub const PANICS: u32 = 3;

/// What an instance receives: an input, a passed deadline, or the word of an operator. The command
/// of the aggregate [`Instance`](super::Instance).
pub struct Received<P: Process> {
    pub(super) what: What<P::Input>,
    /// As it is stored.
    pub(super) recorded: RecordedInput,
    /// Time of the decision.
    pub(super) now: Timestamp,
    pub(super) paused_before: Option<Timestamp>,
    /// Whether a panic makes the instance stuck. Otherwise the input comes again.
    pub(super) last_panic: bool,
}

pub(super) enum What<I> {
    Input(I),
    Word(Word),
}

impl<P: Process> Received<P> {
    /// Reads what an envelope brings to an instance, at this time.
    ///
    /// # Errors
    /// - `unknown_type` (permanent): neither an input of the process nor a word of the toolkit.
    /// - Otherwise those of [`MessageSet::from_envelope`].
    pub fn from_envelope(envelope: &Envelope, now: Timestamp) -> Result<Self, Failure> {
        let what = if Word::newest(&envelope.kind).is_some() {
            What::Word(Word::from_envelope(envelope)?)
        } else {
            What::Input(P::Input::from_envelope(envelope)?)
        };
        let data = match &envelope.data {
            Data::Inline(data) => Json::from(data.clone()),
            Data::Reference(_) => return Err(inline_data(envelope).err().unwrap_or_else(unread)),
        };
        let (kind, version) = (envelope.kind.clone(), envelope.schema.version);
        let (source, id) = (envelope.source.clone(), envelope.id.clone());
        let recorded = RecordedInput { kind, version, source, id, deadline: None, data };
        Ok(Self { what, recorded, now, paused_before: None, last_panic: false })
    }

    /// Sets the time of a restore: an instance whose newest event is older is stuck with the code
    /// `paused`, unless it has ended.
    #[must_use]
    pub fn paused_before(mut self, restored_at: Option<Timestamp>) -> Self {
        self.paused_before = restored_at;
        self
    }

    /// Sets whether a panic of the decision makes the instance stuck. By default it panics on.
    #[must_use]
    pub fn last_panic(mut self, last: bool) -> Self {
        self.last_panic = last;
        self
    }

    /// Returns the input of the process, if it is one.
    pub fn input(&self) -> Option<&P::Input> {
        match &self.what {
            What::Input(input) => Some(input),
            What::Word(_) => None,
        }
    }

    /// Returns the word of the toolkit, if it is one.
    pub fn word(&self) -> Option<&Word> {
        match &self.what {
            What::Word(word) => Some(word),
            What::Input(_) => None,
        }
    }
}

impl<P: Process> fmt::Debug for Received<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recorded, now, .. } = self;
        f.debug_struct("Received")
            .field("input", recorded)
            .field("now", now)
            .finish_non_exhaustive()
    }
}

fn unread() -> Failure {
    Failure::permanent("data_by_reference", "the data of the input is in the event store")
}
