//! How a test delivers messages: through the real handler, as often as a queue would.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::FutureExt;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::value::RawValue;

use super::block_on::block_on;
use super::outbox::SentCommand;
use super::process_test::ProcessTest;
use super::step::{Led, ProcessStep};
use super::trace::text_of;
use crate::batch::{EachStream, Handled, Invocation, Observation, Observer, Outcome, Runner};
use crate::envelope::{Data, DataSchema, Envelope};
use crate::failure::Failure;
use crate::ids::{Cause, StreamId};
use crate::message::{Message, MessageSet};
use crate::process::{Process, ProcessHandler, StoredEvent};
use crate::source::Source;
use crate::store::{Commit, EventStore, RecordedCommit};
use crate::test::fail::fail;
use crate::test::{Faults, Faulty, MemoryDeadLetters, MemoryEventStore, SqsEvent};

/// Times that a message is received before a test calls it waiting. Larger than
/// [`PANICS`](crate::process::PANICS).
const RECEIVES: u32 = 5;
/// Time that an invocation has.
const INVOCATION: Duration = Duration::from_secs(15 * 60);

/// The end of a delivery: its outcome, and why it failed.
type End = (Outcome, Option<Failure>);

/// Keeps the ends of the deliveries of an invocation.
#[derive(Default)]
struct Ends(Mutex<Vec<End>>);

impl Observer for Ends {
    fn observe(&self, observation: &Observation<'_>) {
        self.0.lock().push((observation.outcome.clone(), observation.failure.cloned()));
    }
}

impl<P: Process> ProcessTest<P> {
    /// Creates the message of an input, as [`input`](Self::input) delivers it. A test can
    /// [`deliver`](Self::deliver) it later, several times, or to another version.
    ///
    /// # Panics
    /// Panics if the input cannot be written as JSON.
    #[track_caller]
    pub fn message(&mut self, input: &P::Input) -> Envelope {
        let (kind, version) = input.schema();
        match input.encode() {
            Ok(data) => self.envelope_of("test", DataSchema::new(kind, version), data),
            Err(error) => fail(&format!("{kind} cannot be written as JSON: {error}")),
        }
    }

    /// Delivers the word of an operator to the instance.
    #[track_caller]
    pub(super) fn word<M: Message>(&mut self, word: &M) -> ProcessStep {
        let subject = self.known_instance();
        let data = match serde_json::to_string(word) {
            Ok(data) => data,
            Err(error) => fail(&format!("{} cannot be written as JSON: {error}", M::TYPE)),
        };
        let schema = DataSchema::new(M::TYPE, M::VERSION);
        let mut envelope = self.envelope_of("operator", schema, data);
        envelope.subject = subject;
        self.deliver(envelope)
    }

    #[track_caller]
    fn envelope_of(&mut self, source: &str, schema: DataSchema, data: String) -> Envelope {
        self.inputs += 1;
        let id = format!("{source}-{}", self.inputs);
        let subject = self.subject.clone().or_else(|| self.instance.clone());
        let subject = subject.map_or_else(|| StreamId::new(P::KIND, "test"), Ok);
        match (subject, RawValue::from_string(data)) {
            (Ok(subject), Ok(data)) => {
                Envelope::new(id, source, subject, self.now, schema, Data::Inline(data))
            }
            (Err(error), _) => fail(&error.to_string()),
            (_, Err(error)) => fail(&format!("{} was not written as JSON: {error}", schema.kind)),
        }
    }

    /// Returns the instance of the last step.
    #[track_caller]
    pub(super) fn known_instance(&self) -> StreamId {
        match &self.instance {
            Some(instance) => instance.clone(),
            None => fail("there is no instance yet: start one with an input"),
        }
    }

    /// Returns the name of the next schedule that is due by this time.
    pub(super) fn next_due(&self, until: Timestamp) -> Option<String> {
        let schedules = self.outbox.schedules();
        let (name, schedule) = schedules.first()?;
        (schedule.due <= until).then(|| (*name).clone())
    }

    /// Lets a schedule fire at its time.
    #[track_caller]
    pub(super) fn fire(&mut self, name: &str) -> Option<ProcessStep> {
        let schedule = self.outbox.fire(name)?;
        self.now = self.now.max(schedule.due);
        Some(self.deliver(schedule.message))
    }

    /// Delivers messages in one batch, and publishes what they led to.
    #[track_caller]
    pub(super) fn batch(&mut self, envelopes: Vec<Envelope>) -> Vec<ProcessStep> {
        let copies = if self.repeats { 2 } else { 1 };
        let messages = envelopes.iter().flat_map(|envelope| std::iter::repeat_n(envelope, copies));
        let mut ends = self.receive(&messages.collect::<Vec<_>>()).into_iter().step_by(copies);
        let (new, sent) = (self.publish(), self.outbox.sent().len());
        self.refuse_again(&new, HashSet::new());
        let commands: Vec<SentCommand> =
            self.outbox.sent().get(self.seen..).unwrap_or_default().to_vec();
        self.seen = sent;
        let mut decided = HashSet::new();
        let mut steps = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            let cause = envelope.cause();
            let stored = Some(&cause).filter(|cause| decided.insert((*cause).clone()));
            let stored = stored.and_then(|cause| decision(&new, cause));
            let (led, of_step) = match (stored, ends.next()) {
                (Some((stream, led, ids)), _) => {
                    self.instance = Some(stream);
                    let is_its = |sent: &&SentCommand| {
                        sent.envelope.causation_id.as_ref().is_some_and(|id| ids.contains(id))
                    };
                    (led, commands.iter().filter(is_its).cloned().collect())
                }
                (None, Some(end)) => (led(end), Vec::new()),
                (None, None) => fail(&format!("{} {} was not handled", envelope.kind, envelope.id)),
            };
            steps.push(self.note(envelope, led, of_step));
        }
        if self.repeats {
            self.repeat();
        }
        steps
    }

    /// Writes a step into the trace.
    fn note(&mut self, envelope: Envelope, led: Led, commands: Vec<SentCommand>) -> ProcessStep {
        let deadline = self.outbox.deadline_of(&envelope);
        let text = text_of(self.now, &envelope, deadline.as_deref(), &led, &commands);
        self.trace.push_str(&text);
        if matches!(led, Led::Decided { .. } | Led::Duplicate) {
            self.came.push(envelope);
        }
        ProcessStep { led, commands, trace: self.trace.clone() }
    }

    /// Delivers everything again. Nothing may follow.
    #[track_caller]
    fn repeat(&mut self) {
        let came = std::mem::take(&mut self.came);
        self.receive(&came.iter().collect::<Vec<_>>());
        self.came = came;
        self.refuse_again(
            &self.unpublished(),
            HashSet::from_iter(self.came.iter().map(Envelope::cause)),
        );
    }

    /// Fails the test if a commit has a decision with a cause that is known, or if two have the
    /// same.
    #[track_caller]
    fn refuse_again(&self, commits: &[RecordedCommit], mut known: HashSet<Cause>) {
        for (decision, events) in commits.iter().flat_map(RecordedCommit::parts) {
            if !known.insert(decision.cause.clone()) {
                let kinds: Vec<_> = events.iter().map(|event| &*event.kind).collect();
                fail(&format!(
                    "{} was delivered again and led to {}. The trace:\n\n{}",
                    decision.cause,
                    kinds.join(", "),
                    self.trace
                ));
            }
        }
    }

    /// Lets the handler receive messages, those that fail up to [`RECEIVES`] times.
    #[track_caller]
    fn receive(&self, messages: &[&Envelope]) -> Vec<End> {
        let bodies: Vec<String> = messages
            .iter()
            .map(|envelope| match serde_json::to_string(envelope) {
                Ok(body) => body,
                Err(error) => fail(&format!("{} cannot be written: {error}", envelope.kind)),
            })
            .collect();
        let store: Arc<dyn EventStore> =
            Arc::new(Faulty::new(Arc::clone(&self.memory), self.faults.clone()));
        let mut ends: Vec<Option<End>> = vec![None; bodies.len()];
        for count in 1..=RECEIVES {
            let is_left = |end: &Option<End>| !matches!(end, Some((Outcome::Done(_), _)));
            let left: Vec<usize> =
                (0..bodies.len()).filter(|place| ends.get(*place).is_some_and(is_left)).collect();
            if left.is_empty() {
                break;
            }
            let bodies = left.iter().filter_map(|place| bodies.get(*place)).map(String::as_str);
            let came = self.invoke(&store, count, bodies);
            for (place, end) in left.into_iter().zip(came) {
                if let Some(old) = ends.get_mut(place) {
                    *old = Some(end);
                }
            }
        }
        ends.into_iter().flatten().collect()
    }

    /// Runs one invocation.
    #[track_caller]
    fn invoke<'a>(
        &self,
        store: &Arc<dyn EventStore>,
        receive_count: u32,
        bodies: impl Iterator<Item = &'a str>,
    ) -> Vec<End> {
        let event = SqsEvent::new().queue("inputs").receive_count(receive_count);
        // One message group: the messages keep their order.
        let event = bodies.fold(event, |event, body| event.message_of("test", body)).build();
        let now = self.now;
        let handler = ProcessHandler::<P>::new(Arc::clone(store))
            .clock(move || now)
            .paused_before(self.paused_before);
        let ends = Arc::new(Ends::default());
        let letters = Arc::new(MemoryDeadLetters::default());
        let runner = Runner::new(Source::Sqs, EachStream::new(handler, 1), P::KIND, letters)
            .observe(Arc::<Ends>::clone(&ends));
        let report = block_on(runner.run(Invocation::new(&event, INVOCATION)));
        if let Err(failure) = report.response {
            fail(&format!("the invocation failed: {failure}"));
        }
        std::mem::take(&mut *ends.0.lock())
    }

    /// Publishes the commits that are not published yet, and returns them.
    #[track_caller]
    fn publish(&mut self) -> Vec<RecordedCommit> {
        let new = self.unpublished();
        for commit in &new {
            if let Err(failure) = self.outbox.publish(commit) {
                fail(&format!("{} cannot be published: {failure}", commit.stream));
            }
            self.published.insert((commit.stream.clone(), commit.first_version()));
        }
        new
    }

    fn unpublished(&self) -> Vec<RecordedCommit> {
        let is_new = |commit: &RecordedCommit| {
            !self.published.contains(&(commit.stream.clone(), commit.first_version()))
        };
        self.memory.commits().into_iter().filter(is_new).collect()
    }

    /// Returns a test with the same history, whose future is its own.
    pub(super) fn copy(&self) -> Self {
        let memory = Arc::new(MemoryEventStore::default());
        for record in self.memory.commits() {
            // The double answers at once.
            let _ = memory.commit(&Commit::new(record, "copied")).now_or_never();
        }
        Self {
            memory,
            faults: Faults::none(),
            now: self.now,
            subject: self.subject.clone(),
            instance: self.instance.clone(),
            paused_before: self.paused_before,
            inputs: self.inputs,
            repeats: self.repeats,
            came: self.came.clone(),
            published: self.published.clone(),
            outbox: self.outbox.clone(),
            seen: self.seen,
            trace: self.trace.clone(),
            process: self.process,
        }
    }
}

/// Returns what the decision with this cause led to, with its stream and the ids of its events.
#[track_caller]
fn decision(commits: &[RecordedCommit], cause: &Cause) -> Option<(StreamId, Led, Vec<String>)> {
    let mut parts = commits.iter().flat_map(|commit| {
        commit.parts().map(move |(decision, events)| (commit, decision, events))
    });
    let (commit, _, events) = parts.find(|(_, decision, _)| decision.cause == *cause)?;
    let ids = events.iter().map(|event| event.id.clone()).collect();
    let (mut stored, mut facts) = (Vec::new(), Vec::new());
    for event in events {
        if !StoredEvent::knows(&event.kind) {
            facts.push(event.clone());
            continue;
        }
        match event.decode() {
            Ok(event) => stored.push(event),
            Err(failure) => fail(&format!("{} cannot be read: {failure}", commit.stream)),
        }
    }
    Some((commit.stream.clone(), Led::Decided { events: stored, facts }, ids))
}

fn led((outcome, failure): End) -> Led {
    match (outcome, failure) {
        (Outcome::Done(Handled::DeadLettered), Some(failure)) => Led::DeadLetter(failure),
        (Outcome::Done(_), _) => Led::Duplicate,
        (outcome, failure) => {
            Led::Waits(failure.or_else(|| outcome.failure()).unwrap_or_else(|| {
                Failure::transient("unknown", "the delivery failed without a reason")
            }))
        }
    }
}
