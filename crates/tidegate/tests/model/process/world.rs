//! Numbers for messages and commits, so that a state of the model is small.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use jiff::Timestamp;
use serde_json::value::to_raw_value;
use tidegate::envelope::{Data, DataSchema, Envelope};
use tidegate::ids::Cause;
use tidegate::message::Message;
use tidegate::process::{Instance, InstanceEvent, PassDeadline, StoredEvent, messages};
use tidegate::publish::{Action, Published};
use tidegate::store::{
    Aggregate, Commit, CommitOutcome, EventStore, RecordedCommit, RecordedDecision,
};
use tidegate::test::MemoryEventStore;

use super::trip::{Trips, stream};

/// Number of a message.
pub(super) type Number = u8;
/// Number of a commit's content.
pub(super) type Record = u16;

/// A guard that is removed, to test that the checker notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// The write does not require that its place is free.
    FreePlace,
    /// Commits do not keep their causes.
    Cause,
    /// The message of a deadline names the deadline, and not which of this name it is.
    DeadlineId,
    /// A step does not keep which deadlines it cancelled.
    Cancelled,
    /// Inputs that come while the instance is stuck are not kept.
    Held,
    /// The word of an operator does not say which version the operator saw.
    SeenVersion,
}

/// The messages and commits that occurred.
#[derive(Default)]
pub(super) struct World {
    messages: Mutex<Known<Arc<Sent>>>,
    records: Mutex<Known<RecordedCommit>>,
    facts: Mutex<HashMap<Vec<Record>, Arc<Facts>>>,
}

/// A message that occurred.
pub(super) struct Sent {
    pub(super) envelope: Envelope,
    /// Id of the deadline that it says has passed.
    pub(super) deadline: Option<String>,
}

struct Known<T> {
    numbers: HashMap<String, usize>,
    all: Vec<T>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), all: Vec::new() }
    }
}

impl<T> Known<T> {
    fn number(&mut self, text: String, value: T) -> usize {
        *self.numbers.entry(text).or_insert_with(|| {
            self.all.push(value);
            self.all.len() - 1
        })
    }
}

/// What the commits of a stream say.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) causes: Vec<Cause>,
    /// Commands that left: their types and ids.
    pub(super) commands: Vec<(String, String)>,
    /// The instance after the last commit.
    pub(super) instance: Instance<Trips>,
    /// A rule that the history breaks.
    pub(super) broken: Option<&'static str>,
    /// Types and ids of the inputs that are held or stuck.
    pub(super) waiting: Vec<String>,
    /// Ids of inputs that were held once and are neither decided, dropped nor waiting.
    pub(super) forgotten: Vec<String>,
    /// For each word of an operator that took effect: version that the operator saw, and versions
    /// since which and up to which the instance was stuck for what the word answers.
    pub(super) words: Vec<(u64, u64, u64)>,
}

/// What leaves because of a commit.
pub(super) enum Leaves {
    Command(Number),
    Set(Number),
    Cancel(String),
}

impl World {
    pub(super) fn message(&self, number: Number) -> Arc<Sent> {
        Arc::clone(&self.messages.lock().unwrap().all[usize::from(number)])
    }

    pub(super) fn number(&self, envelope: Envelope) -> Number {
        let text = serde_json::to_string(&envelope).unwrap();
        let deadline = (envelope.kind == PassDeadline::TYPE)
            .then(|| serde_json::from_str::<PassDeadline>(inline_data(&envelope)).unwrap().id);
        let sent = Arc::new(Sent { envelope, deadline });
        let number = self.messages.lock().unwrap().number(text, sent);
        u8::try_from(number).unwrap()
    }

    /// Returns the number of a message for the instance. Equal ids are one cause.
    pub(super) fn sent<M: Message>(&self, source: &str, id: &str, content: &M) -> Number {
        let schema = DataSchema::new(M::TYPE, M::VERSION);
        let data = Data::Inline(to_raw_value(content).unwrap());
        let time = Timestamp::UNIX_EPOCH;
        self.number(Envelope::new(id, source, stream(), time, schema, data))
    }

    pub(super) fn record(&self, number: Record) -> RecordedCommit {
        self.records.lock().unwrap().all[usize::from(number)].clone()
    }

    pub(super) fn record_number(&self, mut record: RecordedCommit) -> Record {
        record.written_at = Timestamp::UNIX_EPOCH;
        let number = self.records.lock().unwrap().number(format!("{record:?}"), record);
        u16::try_from(number).unwrap()
    }

    /// Returns a commit as a reader sees it without the removed guard.
    pub(super) fn seen(&self, number: Record, without: Option<Without>) -> RecordedCommit {
        let mut record = self.record(number);
        match without {
            Some(Without::Cause) => {
                for decision in &mut record.decisions {
                    let events = decision.event_count;
                    *decision = RecordedDecision::new(Cause::new("nothing", "is known"));
                    decision.event_count = events;
                }
            }
            Some(Without::Cancelled) => {
                for event in &mut record.events {
                    let mut data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
                    if let Some(content) = data.as_object_mut() {
                        content.remove("cancelled");
                    }
                    event.data = data.to_string();
                }
            }
            Some(Without::Held) => {
                for event in &mut record.events {
                    if event.kind == "ProcessHeld" {
                        // Some other event that the process does not depend on.
                        event.kind = "TripNoted".to_owned();
                    }
                }
            }
            _ => {}
        }
        record
    }

    /// Writes a commit to the real double behind those that exist.
    pub(super) fn write(
        &self,
        commits: &[(Record, u8)],
        new: (Record, u8),
        without: Option<Without>,
    ) -> Result<CommitOutcome, tidegate::failure::Failure> {
        let store = MemoryEventStore::default();
        let put = |(record, attempt): (Record, u8)| {
            let commit = Commit::new(self.seen(record, without), attempt.to_string());
            store.commit(&commit).now_or_never().unwrap()
        };
        let place = self.record(new.0).first_version();
        for commit in commits {
            let is_in_the_way = self.record(commit.0).first_version() == place;
            if without != Some(Without::FreePlace) || !is_in_the_way {
                put(*commit).unwrap();
            }
        }
        put(new)
    }

    /// Returns what leaves because of a commit, in order.
    pub(super) fn leaves(&self, number: Record) -> Vec<Leaves> {
        let commit = self.record(number);
        let mut leaves = Vec::new();
        for event in &commit.events {
            for message in messages(&Published::new(&commit, event)).unwrap() {
                leaves.push(match (message.action, message.envelope) {
                    (Action::Send, Some(envelope)) => Leaves::Command(self.number(envelope)),
                    (Action::Schedule { .. }, Some(envelope)) => Leaves::Set(self.number(envelope)),
                    (Action::Cancel { name }, _) => Leaves::Cancel(name),
                    other => panic!("{other:?}"),
                });
            }
        }
        leaves
    }

    /// Returns what the commits say, as they are stored.
    pub(super) fn facts(&self, commits: &[(Record, u8)]) -> Arc<Facts> {
        let numbers: Vec<Record> = commits.iter().map(|(record, _)| *record).collect();
        if let Some(known) = self.facts.lock().unwrap().get(&numbers) {
            return Arc::clone(known);
        }
        let facts = Arc::new(self.fold(&numbers));
        self.facts.lock().unwrap().insert(numbers, Arc::clone(&facts));
        facts
    }

    fn fold(&self, numbers: &[Record]) -> Facts {
        let mut facts = Facts::default();
        let mut held: Vec<(String, Option<String>)> = Vec::new();
        let (mut passed, mut set_in) = (Vec::new(), HashMap::new());
        for commit in numbers.iter().map(|number| self.record(*number)) {
            for (decision, events) in commit.parts() {
                facts.causes.push(decision.cause.clone());
                for event in events {
                    let before = facts.instance.version().number();
                    let since = facts.instance.stuck().map(|stuck| stuck.version.number());
                    let read: InstanceEvent<Trips> = event.decode().unwrap();
                    facts.instance.apply(&read);
                    match read.stored().unwrap() {
                        StoredEvent::ProcessMoved(moved) => {
                            held.retain(|(id, _)| *id != moved.input.id);
                            for set in &moved.deadlines {
                                set_in.insert(set.id.clone(), moved.to.clone());
                            }
                            if let Some(id) = &moved.input.deadline {
                                if passed.contains(id) {
                                    facts.broken = Some("a deadline acted twice");
                                }
                                passed.push(id.clone());
                                if set_in.get(id) != Some(&moved.from) {
                                    facts.broken = Some("a deadline acted in another state");
                                }
                                if !self.names(&decision.cause, id) {
                                    facts.broken = Some("another deadline acted than passed");
                                }
                            }
                        }
                        StoredEvent::ProcessRefused(refused) => {
                            held.retain(|(id, _)| *id != refused.input.id);
                        }
                        StoredEvent::ProcessHeld(input) => {
                            held.push((input.input.id.clone(), input.input.deadline.clone()));
                        }
                        StoredEvent::ProcessIgnored(ignored) => {
                            held.retain(|(_, deadline)| deadline.as_ref() != Some(&ignored.id));
                        }
                        StoredEvent::ProcessSkipped(_) | StoredEvent::ProcessResumed(_) => {
                            facts.words.push((self.saw(&decision.cause), since.unwrap(), before));
                        }
                        StoredEvent::ProcessStuck(stuck) => {
                            held.retain(|(id, _)| *id != stuck.input.id);
                        }
                        StoredEvent::ProcessForced(_) => {}
                    }
                }
            }
            for event in &commit.events {
                for message in messages(&Published::new(&commit, event)).unwrap() {
                    if let (Action::Send, Some(envelope)) = (message.action, message.envelope) {
                        facts.commands.push((envelope.kind, envelope.id));
                    }
                }
            }
        }
        facts.waiting = facts.instance.held().map(|input| input.id.clone()).collect();
        let held = held.into_iter().map(|(id, _)| id);
        facts.forgotten = held.filter(|id| !facts.waiting.contains(id)).collect();
        facts
    }

    fn cause(&self, cause: &Cause) -> Option<serde_json::Value> {
        let messages = self.messages.lock().unwrap();
        let came = messages.all.iter().find(|message| message.envelope.cause() == *cause)?;
        serde_json::from_str(inline_data(&came.envelope)).ok()
    }

    /// Returns whether the message with this cause says that this deadline passed.
    fn names(&self, cause: &Cause, id: &str) -> bool {
        let content = self.cause(cause);
        // A held deadline is decided because of an operator's word.
        content.is_none_or(|content| content.get("id").is_none_or(|named| named == id))
    }

    /// Returns the version that the operator saw whose word has this cause.
    fn saw(&self, cause: &Cause) -> u64 {
        self.cause(cause).unwrap()["version"].as_u64().unwrap()
    }
}

/// Returns the content of a message as JSON.
pub(super) fn inline_data(envelope: &Envelope) -> &str {
    match &envelope.data {
        Data::Inline(data) => data.get(),
        Data::Reference(reference) => panic!("{reference}"),
    }
}
