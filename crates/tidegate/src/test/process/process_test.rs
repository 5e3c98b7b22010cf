//! An instance in memory: inputs, time, deadlines, operators.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::block_on::block_on;
use super::orders::in_every_order;
use super::outbox::{Outbox, Schedule, SentCommand};
use super::step::ProcessStep;
use crate::envelope::Envelope;
use crate::ids::{StreamId, Version};
use crate::process::{ForceState, ForcedState, Instance, Json, Process, ResumeProcess, SkipInput};
use crate::store::load;
use crate::test::fail::fail;
use crate::test::{Faults, MemoryEventStore, golden};

/// Time at which a test starts: 2026-01-01T00:00:00Z.
pub(super) const START: Timestamp = Timestamp::constant(1_767_225_600, 0);
/// Operator of the words of a test.
const OPERATOR: &str = "tester";

/// Tests a process: feeds inputs to the real handler, over a store in memory.
///
/// Time is an input. It stands still until [`wait`](Self::wait) or [`pass`](Self::pass) moves it;
/// deadlines then pass in the order in which they are due. Commands leave as the publisher sends
/// them, and a test answers them with further inputs.
///
/// Each input, and each message of a deadline, is a step. A step returns what it led to, with
/// assertions: see [`ProcessStep`]. [`trace`](Self::trace) is the readable text of all steps, for
/// a golden file.
///
/// A scenario that holds as it is should also hold if every input comes twice, and if the process
/// dies at any moment: [`repeated`](super::repeated) and [`interrupted`](super::interrupted) run
/// it so.
pub struct ProcessTest<P: Process> {
    pub(super) memory: Arc<MemoryEventStore>,
    pub(super) faults: Faults,
    pub(super) now: Timestamp,
    pub(super) subject: Option<StreamId>,
    pub(super) instance: Option<StreamId>,
    pub(super) paused_before: Option<Timestamp>,
    /// Number of envelopes that were made for inputs and words.
    pub(super) inputs: u32,
    pub(super) repeats: bool,
    /// All messages that were decided, in order.
    pub(super) came: Vec<Envelope>,
    pub(super) published: HashSet<(StreamId, Version)>,
    pub(super) outbox: Outbox,
    /// Number of commands that belong to the steps so far.
    pub(super) seen: usize,
    pub(super) trace: String,
    pub(super) process: PhantomData<fn() -> P>,
}

impl<P: Process> Default for ProcessTest<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Process> fmt::Debug for ProcessTest<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessTest").field("now", &self.now).finish_non_exhaustive()
    }
}

impl<P: Process> ProcessTest<P> {
    /// Creates a test without an instance, at 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self::with_faults(Faults::none())
    }

    pub(super) fn with_faults(faults: Faults) -> Self {
        Self {
            memory: Arc::default(),
            faults,
            now: START,
            subject: None,
            instance: None,
            paused_before: None,
            inputs: 0,
            repeats: false,
            came: Vec::new(),
            published: HashSet::new(),
            outbox: Outbox::default(),
            seen: 0,
            trace: String::new(),
            process: PhantomData,
        }
    }

    /// Deploys another version of the process, or goes back to one, over the same store.
    ///
    /// # Panics
    /// Panics if it is another kind of process.
    #[must_use]
    #[track_caller]
    pub fn deploy<Q: Process>(self) -> ProcessTest<Q> {
        if P::KIND != Q::KIND {
            fail(&format!("`{}` is not a version of the process `{}`", Q::KIND, P::KIND));
        }
        ProcessTest {
            memory: self.memory,
            faults: self.faults,
            now: self.now,
            subject: self.subject,
            instance: self.instance,
            paused_before: self.paused_before,
            inputs: self.inputs,
            repeats: self.repeats,
            came: self.came,
            published: self.published,
            outbox: self.outbox,
            seen: self.seen,
            trace: self.trace,
            process: PhantomData,
        }
    }

    /// Delivers every message twice from now on: at once, and again after each later step.
    pub(super) fn repeating(mut self) -> Self {
        self.repeats = true;
        self
    }

    /// Sets the time, without a step. Deadlines that are due by then pass with the next
    /// [`wait`](Self::wait).
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// Sets the attribute `subject` of the inputs that follow. By default it is the instance, as
    /// far as it is known, and otherwise a stream of the process's kind with the key `test`.
    pub fn about(&mut self, subject: StreamId) -> &mut Self {
        self.subject = Some(subject);
        self
    }

    /// Sets the time of a restore from now on: see
    /// [`ProcessHandler::paused_before`](crate::process::ProcessHandler::paused_before).
    pub fn paused_before(&mut self, restored_at: Option<Timestamp>) -> &mut Self {
        self.paused_before = restored_at;
        self
    }

    /// Delivers an input now.
    ///
    /// # Panics
    /// Panics if the input cannot be written as JSON.
    #[track_caller]
    pub fn input(&mut self, input: impl Into<P::Input>) -> ProcessStep {
        let envelope = self.message(&input.into());
        self.deliver(envelope)
    }

    /// Delivers inputs in one batch, in this order. They are stored in one commit if they are for
    /// one instance.
    ///
    /// # Panics
    /// Panics if an input cannot be written as JSON.
    #[track_caller]
    pub fn together(&mut self, inputs: impl IntoIterator<Item = P::Input>) -> Vec<ProcessStep> {
        let envelopes = inputs.into_iter().map(|input| self.message(&input)).collect();
        self.batch(envelopes)
    }

    /// Delivers this message now, with its own ids.
    #[track_caller]
    pub fn deliver(&mut self, envelope: Envelope) -> ProcessStep {
        match self.batch(vec![envelope]).pop() {
            Some(step) => step,
            None => fail("a delivery led to no step"),
        }
    }

    /// Delivers the last message again. It must be a duplicate, unless it is still to be decided.
    ///
    /// # Panics
    /// Panics if no message was delivered.
    #[track_caller]
    pub fn again(&mut self) -> ProcessStep {
        match self.came.last() {
            Some(envelope) => self.deliver(envelope.clone()),
            None => fail("there is no message to deliver again"),
        }
    }

    /// Lets time pass: deadlines that are due by then pass, in order of their time.
    #[track_caller]
    pub fn wait(&mut self, time: SignedDuration) -> Vec<ProcessStep> {
        match self.now.checked_add(time) {
            Ok(until) => self.wait_until(until),
            Err(error) => fail(&format!("time cannot pass by {time}: {error}")),
        }
    }

    /// Lets time pass up to this point: deadlines that are due by then pass, in order of their
    /// time. Time never goes back.
    #[track_caller]
    pub fn wait_until(&mut self, until: Timestamp) -> Vec<ProcessStep> {
        let mut steps = Vec::new();
        while let Some(name) = self.next_due(until) {
            steps.extend(self.fire(&name));
        }
        self.now = self.now.max(until);
        steps
    }

    /// Lets time pass until the open deadline of this name is due, and lets it pass. Deadlines that
    /// are due earlier pass before it.
    ///
    /// # Panics
    /// Panics if there is no such deadline, or an earlier one cancels it.
    #[track_caller]
    pub fn pass(&mut self, deadline: &str) -> ProcessStep {
        let instance = self.known_instance();
        let is_it = |(_, schedule): &(&String, &Schedule)| schedule.is_of(&instance, deadline);
        let Some((name, due)) = self
            .outbox
            .schedules()
            .into_iter()
            .find(is_it)
            .map(|(name, set)| (name.clone(), set.due))
        else {
            let open: Vec<_> = self.deadlines().into_iter().map(|(name, _)| name).collect();
            let open = if open.is_empty() { "none".to_owned() } else { open.join(", ") };
            fail(&format!(
                "no deadline `{deadline}` is open; open are: {open}. The trace:\n\n{}",
                self.trace
            ));
        };
        while let Some(next) = self.next_due(due) {
            let step = self.fire(&next);
            if next == name
                && let Some(step) = step
            {
                return step;
            }
        }
        fail(&format!("an earlier deadline cancelled `{deadline}`. The trace:\n\n{}", self.trace))
    }

    /// Delivers the message of the newest deadline of this name, open or not: as a schedule does
    /// that fires while it is cancelled, or twice.
    ///
    /// # Panics
    /// Panics if there never was such a deadline.
    #[track_caller]
    pub fn pass_late(&mut self, deadline: &str) -> ProcessStep {
        match self.outbox.newest(&self.known_instance(), deadline) {
            Some(schedule) => self.deliver(schedule.message.clone()),
            None => fail(&format!("no deadline `{deadline}` was set")),
        }
    }

    /// Sends the word of an operator: the stuck input is decided again.
    #[track_caller]
    pub fn resume(&mut self, note: &str) -> ProcessStep {
        let (operator, version) = (OPERATOR.to_owned(), self.instance().version());
        self.word(&ResumeProcess { operator, note: note.to_owned(), version })
    }

    /// Sends the word of an operator: the stuck input is dropped.
    #[track_caller]
    pub fn skip(&mut self, note: &str) -> ProcessStep {
        let (operator, version) = (OPERATOR.to_owned(), self.instance().version());
        self.word(&SkipInput { operator, note: note.to_owned(), version })
    }

    /// Sends the word of an operator: this state is set, and the stuck input is dropped.
    ///
    /// # Panics
    /// Panics if the state cannot be written as JSON.
    #[track_caller]
    pub fn force(&mut self, state: &P::State, note: &str) -> ProcessStep {
        let (operator, version) = (OPERATOR.to_owned(), self.instance().version());
        let data = match Json::of(state) {
            Ok(data) => data,
            Err(error) => fail(&format!("{state:?} cannot be written as JSON: {error}")),
        };
        let state = ForcedState { version: None, data };
        self.word(&ForceState { operator, note: note.to_owned(), version, state })
    }

    /// Delivers these inputs one by one, in every order, each time on a copy of this test. Calls
    /// `check` with each copy.
    ///
    /// # Panics
    /// Panics if there are more than six inputs, or if `check` panics; the message has the order.
    #[track_caller]
    pub fn in_every_order(
        &mut self,
        inputs: impl IntoIterator<Item = P::Input>,
        check: impl Fn(&mut Self),
    ) {
        let inputs: Vec<Envelope> = inputs.into_iter().map(|input| self.message(&input)).collect();
        in_every_order(inputs, |order| {
            let mut copy = self.copy();
            order.iter().for_each(|envelope| drop(copy.deliver(envelope.clone())));
            check(&mut copy);
        });
    }

    /// Returns the time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the instance of the last step, as its events left it.
    ///
    /// # Panics
    /// Panics if the stored events cannot be read.
    #[track_caller]
    pub fn instance(&self) -> Instance<P> {
        let Some(stream) = &self.instance else { return Instance::default() };
        let memory = Arc::clone(&self.memory);
        match block_on(async move { load::<Instance<P>>(memory.as_ref(), stream).await }) {
            Ok(loaded) => loaded.aggregate,
            Err(failure) => fail(&format!("{stream} cannot be read: {failure}")),
        }
    }

    /// Returns the state of the instance.
    ///
    /// # Panics
    /// Panics if the stored state cannot be read.
    #[track_caller]
    pub fn state(&self) -> P::State {
        match self.instance().state() {
            Ok(state) => state.clone(),
            Err(failure) => fail(&format!("the state cannot be read: {failure}")),
        }
    }

    /// Returns the open deadlines that are scheduled, in order of their time: name and due time.
    pub fn deadlines(&self) -> Vec<(String, Timestamp)> {
        let schedules = self.outbox.schedules().into_iter();
        schedules.map(|(_, schedule)| (schedule.deadline(), schedule.due)).collect()
    }

    /// Returns all commands that were sent, in order.
    pub fn sent(&self) -> &[SentCommand] {
        self.outbox.sent()
    }

    /// Returns the store, for example to read the events of the instance.
    pub fn store(&self) -> &Arc<MemoryEventStore> {
        &self.memory
    }

    /// Returns the readable text of all steps so far.
    pub fn trace(&self) -> &str {
        &self.trace
    }

    /// Compares [`trace`](Self::trace) with a committed file: see [`golden`](crate::test::golden).
    ///
    /// # Panics
    /// Panics if they differ.
    #[track_caller]
    pub fn golden(&self, path: &str) {
        golden(path, &self.trace);
    }

    /// Returns what must not depend on faults: the trace, and all ids.
    pub(super) fn summary(&self) -> String {
        let mut summary = self.trace.clone();
        for SentCommand { to, envelope } in self.outbox.sent() {
            summary.push_str(&format!("{to} gets {} {}\n", envelope.kind, envelope.id));
        }
        for (name, schedule) in self.outbox.schedules() {
            summary.push_str(&format!("{name} sends {}\n", schedule.message.id));
        }
        summary
    }
}
