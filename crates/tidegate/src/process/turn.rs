//! One turn of an instance: what it receives leads to events.

use super::deadline::deadline_name;
use super::definition::Process;
use super::event::InstanceEvent;
use super::events::{
    ProcessForced, ProcessHeld, ProcessIgnored, ProcessRefused, ProcessResumed, ProcessSkipped,
    ProcessStuck, StoredEvent,
};
use super::instance::Instance;
use super::json::Json;
use super::moving::{left_behind, moved};
use super::outline::Outline;
use super::reaction::{Reaction, Reason};
use super::received::{Received, What};
use super::recorded::{RecordedDeadline, RecordedInput, RecordedState, Waiting};
use super::state::State;
use super::words::{ForceState, PassDeadline, Word};
use crate::batch::catch;
use crate::failure::{Class, Failure};
use crate::ids::Version;
use crate::message::{MessageSet, UNKNOWN_TYPE};

/// Size of the events, in bytes of JSON, after which held inputs wait for the next turn.
const DRAINED_BYTES: usize = 1_000_000;
/// Number of events after which held inputs wait for the next turn.
const DRAINED_EVENTS: usize = 500;

/// A turn: the instance as the events so far left it.
pub(super) struct Turn<'a, P: Process> {
    instance: Instance<P>,
    received: &'a Received<P>,
    events: Vec<InstanceEvent<P>>,
    /// Whether held inputs are decided. An operator asked for it, or the inputs behind an
    /// operator's word, so what cannot be decided makes the instance stuck at once.
    draining: bool,
}

impl<'a, P: Process> Turn<'a, P> {
    /// Returns the events that follow from what an instance receives; at least one.
    ///
    /// # Errors
    /// A failure that is not permanent: what was received must come again.
    pub(super) fn run(
        instance: &Instance<P>,
        received: &'a Received<P>,
    ) -> Result<Vec<InstanceEvent<P>>, Failure> {
        let instance = instance.clone();
        let mut turn = Self { instance, received, events: Vec::new(), draining: false };
        match &received.what {
            What::Input(input) => turn.take(received.recorded.clone(), Some(input))?,
            What::Word(Word::PassDeadline(pass)) => turn.pass(pass)?,
            What::Word(Word::ResumeProcess(word)) => {
                // A drain that was full leaves held inputs to the next turn: to this one.
                let waits = !turn.instance.outline.held.is_empty();
                if waits && turn.instance.stuck().is_none() || turn.fits(word.version) {
                    let (operator, note) = (word.operator.clone(), word.note.clone());
                    turn.record(ProcessResumed {
                        at: received.now,
                        operator,
                        note,
                        waiting: Waiting::default(),
                    });
                    turn.drain()?;
                }
            }
            What::Word(Word::SkipInput(word)) => {
                if turn.fits(word.version) {
                    let (operator, note) = (word.operator.clone(), word.note.clone());
                    turn.record(ProcessSkipped {
                        at: received.now,
                        operator,
                        note,
                        waiting: Waiting::default(),
                    });
                    turn.drain()?;
                }
            }
            What::Word(Word::ForceState(word)) => turn.force(word)?,
        }
        Ok(turn.events)
    }

    /// Takes an input: decides it, unless the instance is stuck.
    fn take(&mut self, input: RecordedInput, decoded: Option<&P::Input>) -> Result<(), Failure> {
        if self.instance.stuck().is_some() {
            self.hold(input);
            return Ok(());
        }
        if let Some(reason) = self.paused() {
            self.stick(input, reason);
            return Ok(());
        }
        if self.instance.outline.held.is_empty() {
            return self.decide(input, decoded);
        }
        self.hold(input);
        self.drain()
    }

    /// Takes the message that a deadline passed.
    fn pass(&mut self, pass: &PassDeadline) -> Result<(), Failure> {
        let open = self.instance.outline.deadline(&pass.id).filter(|open| !open.passed);
        let is_it =
            |deadline: &RecordedDeadline| (&deadline.name, deadline.due) == (&pass.name, pass.due);
        let Some(open) = open.filter(|open| is_it(&open.deadline)) else {
            self.ignore(&pass.name, &pass.id);
            return Ok(());
        };
        let deadline = &open.deadline;
        let RecordedInput { source, id, .. } = self.received.recorded.clone();
        let (kind, data) = (deadline.kind.clone(), deadline.data.clone());
        let mut input = RecordedInput::new(kind, deadline.version, source, id, data);
        input.deadline = Some(pass.id.clone());
        self.take(input, None)
    }

    /// Decides the held inputs in order, until one is stuck or the commit is large enough.
    fn drain(&mut self) -> Result<(), Failure> {
        self.draining = true;
        let mut bytes = 0;
        while self.instance.stuck().is_none()
            && bytes < DRAINED_BYTES
            && self.events.len() < DRAINED_EVENTS
            && let Some(next) = self.instance.outline.held.front().cloned()
        {
            let before = self.events.len();
            self.decide(next, None)?;
            let new = self.events.iter().skip(before);
            bytes += new.map(|event| event.encode().map_or(0, |json| json.len())).sum::<usize>();
        }
        Ok(())
    }

    /// Decides an input by today's rules.
    fn decide(&mut self, input: RecordedInput, decoded: Option<&P::Input>) -> Result<(), Failure> {
        if let Some(id) = &input.deadline
            && self.instance.outline.deadline(id).is_none()
        {
            // A step cancelled it while its message was held.
            self.ignore(deadline_name(id), id);
            return Ok(());
        }
        let state = match &self.instance.state {
            Ok(state) => state.clone(),
            Err(failure) => {
                let reason = format!("{failure}; set another state with the word `ForceState`");
                self.stick(input, Reason::new("unreadable_state", reason));
                return Ok(());
            }
        };
        let read;
        let content = match decoded {
            Some(decoded) => decoded,
            None => match P::Input::decode(&input.kind, input.version, input.data.text()) {
                Ok(decoded) => {
                    read = decoded;
                    &read
                }
                Err(failure) => return self.unreadable(input, failure),
            },
        };
        match catch(|| Ok(P::react(&state, content, self.received.now))) {
            Ok(Reaction::Move(step)) => {
                match moved(&self.instance, self.received.now, &input, &step) {
                    Ok((event, facts)) => {
                        self.push(InstanceEvent::set(event, step.into_state()));
                        facts.into_iter().for_each(|fact| self.push(InstanceEvent::fact(fact)));
                    }
                    Err(mistake) => self.stick(input, Reason::new("invalid_step", mistake)),
                }
            }
            Ok(Reaction::Refuse(reason)) => self.refuse(input, reason),
            Ok(Reaction::Stuck(reason)) => self.stick(input, reason),
            Err(panic) if self.draining || self.received.last_panic => {
                self.stick(input, Reason::new("panic", panic.reason()));
            }
            Err(panic) => return Err(panic),
        }
        Ok(())
    }

    /// Ends the turn of a stored input that cannot be read.
    ///
    /// One that only a newer version knows waits for that version, unless an operator asked.
    fn unreadable(&mut self, input: RecordedInput, failure: Failure) -> Result<(), Failure> {
        let newer = failure.class() != Class::Permanent || failure.code() == UNKNOWN_TYPE;
        if newer && !self.draining {
            let reason = format!("the message of the deadline: {}", failure.reason());
            return Err(Failure::transient(Failure::NEWER, reason));
        }
        self.stick(input, Reason::new("unreadable_input", failure.to_string()));
        Ok(())
    }

    /// Sets the state that an operator wants.
    fn force(&mut self, word: &ForceState) -> Result<(), Failure> {
        if !self.fits(word.version) {
            return Ok(());
        }
        let version = word.state.version.unwrap_or(P::State::VERSION);
        let state = P::State::decode(version, word.state.data.text());
        let read = state.map_err(|failure| failure.to_string()).and_then(|state| {
            let data = Json::of(&state).map_err(|error| error.to_string())?;
            Ok((state, RecordedState::new(P::State::VERSION, data)))
        });
        let (state, recorded) = match read {
            Ok(read) => read,
            Err(mistake) => {
                let names = P::State::NAMES.join(", ");
                let reason = format!("the state cannot be set: {mistake}; states are {names}");
                self.refuse(self.received.recorded.clone(), Reason::new("invalid_state", reason));
                return Ok(());
            }
        };
        let own = self.instance.stuck().and_then(|stuck| stuck.input.deadline.as_deref());
        let open = self.instance.deadlines().iter().filter(|open| Some(&*open.deadline.id) != own);
        let gone = left_behind(open, self.instance.state_name(), &state);
        let event = ProcessForced {
            rules: P::RULES,
            at: self.received.now,
            operator: word.operator.clone(),
            note: word.note.clone(),
            from: self.instance.state_name().to_owned(),
            to: state.name().to_owned(),
            ended: state.is_end(),
            state: recorded,
            cancelled: gone.map(|open| open.deadline.id.clone()).collect(),
            waiting: Waiting::default(),
        };
        self.push(InstanceEvent::set(event, state));
        self.drain()
    }

    /// Returns whether the word of an operator still fits. If not, it is refused.
    ///
    /// It fits as long as the operator saw what the instance is stuck for. Inputs that were held
    /// since do not change that.
    fn fits(&mut self, seen: Version) -> bool {
        let Outline { state, ended, version, stuck, .. } = &self.instance.outline;
        let reason = match stuck {
            Some(stuck) if stuck.version <= seen && seen <= *version => return true,
            Some(stuck) => {
                let reason = format!(
                    "the process is stuck since version {} and at version {version}; the operator \
                     saw version {seen}: look again",
                    stuck.version
                );
                Reason::new("version_moved", reason)
            }
            None => {
                let ended = if *ended { "has ended in" } else { "is in" };
                let reason = format!("the process {ended} the state {state} and is not stuck");
                Reason::new("not_stuck", reason)
            }
        };
        self.refuse(self.received.recorded.clone(), reason);
        false
    }

    /// Returns why the instance must wait for an operator after a restore.
    fn paused(&self) -> Option<Reason> {
        let (before, at) = (self.received.paused_before?, self.instance.outline.at?);
        let reason = format!(
            "the newest event is of {at}, before {before}: compare with the world outside, then \
             resume"
        );
        (at < before && !self.instance.has_ended()).then(|| Reason::new("paused", reason))
    }

    fn hold(&mut self, input: RecordedInput) {
        self.record(ProcessHeld { at: self.received.now, input, waiting: Waiting::default() });
    }

    fn ignore(&mut self, name: &str, id: &str) {
        let (name, id) = (name.to_owned(), id.to_owned());
        self.record(ProcessIgnored {
            at: self.received.now,
            name,
            id,
            waiting: Waiting::default(),
        });
    }

    fn refuse(&mut self, input: RecordedInput, reason: Reason) {
        let Reason { code, text: reason } = reason;
        let (rules, at, code) = (P::RULES, self.received.now, code.into_owned());
        let state = self.instance.state_name().to_owned();
        self.record(ProcessRefused {
            rules,
            at,
            input,
            state,
            code,
            reason,
            waiting: Waiting::default(),
        });
    }

    fn stick(&mut self, input: RecordedInput, reason: Reason) {
        let Reason { code, text: reason } = reason;
        let (rules, at, code) = (P::RULES, self.received.now, code.into_owned());
        let state = self.instance.state_name().to_owned();
        self.record(ProcessStuck {
            rules,
            at,
            input,
            state,
            code,
            reason,
            waiting: Waiting::default(),
        });
    }

    fn record(&mut self, event: impl Into<StoredEvent>) {
        self.push(InstanceEvent::kept(event));
    }

    /// Adds an event, and applies it as every later load will.
    fn push(&mut self, mut event: InstanceEvent<P>) {
        self.instance.fold(&event);
        event.note(self.instance.outline.waiting());
        self.events.push(event);
    }
}
