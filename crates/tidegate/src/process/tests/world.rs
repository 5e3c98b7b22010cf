//! The handler of a process over the double of the event store, and what leaves it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::value::RawValue;

use super::at;
use super::scripted::{Do, Plan, Say, Trip, Trips};
use crate::batch::{BatchContext, BatchHandler, Decode, EachStream, Item, Outcome};
use crate::envelope::{Data, DataSchema, Envelope};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::message::{Message, MessageSet};
use crate::metrics::CustomMetrics;
use crate::process::{
    ForceState, ForcedState, Instance, Json, Process, ProcessHandler, ResumeProcess, SkipInput,
    StoredEvent, deadline_message, messages,
};
use crate::publish::{Action, Outgoing, Published};
use crate::source::Source;
use crate::store::{RecordedEvent, load};
use crate::test::{Faults, Faulty, MemoryEventStore, SqsEvent};

/// A handler, its store and its clock.
pub(super) struct World {
    pub(super) store: Arc<MemoryEventStore>,
    pub(super) now: Arc<Mutex<Timestamp>>,
    pub(super) metrics: CustomMetrics,
    pub(super) faults: Faults,
    paused_before: Option<Timestamp>,
    sent: usize,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            store: Arc::default(),
            now: Arc::new(Mutex::new(at(0))),
            metrics: CustomMetrics::new(),
            faults: Faults::none(),
            paused_before: None,
            sent: 0,
        }
    }

    /// Sets the time of a restore.
    pub(super) fn restored_at(&mut self, time: Timestamp) {
        self.paused_before = Some(time);
    }

    pub(super) fn handler<P: Process>(&self) -> ProcessHandler<P> {
        let now = Arc::clone(&self.now);
        let store = Arc::<MemoryEventStore>::clone(&self.store);
        let store = Arc::new(Faulty::new(store, self.faults.clone()));
        ProcessHandler::new(store).clock(move || *now.lock()).paused_before(self.paused_before)
    }

    /// Sends an input, which says what the process answers, to the trip 1.
    pub(super) async fn say(&mut self, say: Say) -> Outcome {
        let envelope = self.input(say);
        self.deliver(&envelope).await
    }

    /// Sends an input that leads to this step.
    pub(super) async fn go(&mut self, plan: Plan) -> Outcome {
        self.say(Say::Go(plan)).await
    }

    pub(super) fn input(&mut self, say: Say) -> Envelope {
        self.message(&Do { trip: "1".to_owned(), say })
    }

    /// Creates the envelope of a message to the trip 1, with an id of its own.
    pub(super) fn message<M: Message>(&mut self, content: &M) -> Envelope {
        self.sent += 1;
        let data = serde_json::value::to_raw_value(content).unwrap();
        envelope(&format!("m{}", self.sent), M::TYPE, M::VERSION, data)
    }

    pub(super) async fn deliver(&self, envelope: &Envelope) -> Outcome {
        self.receive::<Trips>(envelope, 1).await
    }

    /// Delivers a message that the queue handed over this many times.
    pub(super) async fn receive<P: Process>(&self, envelope: &Envelope, times: u32) -> Outcome {
        self.batch::<P>(&[envelope], times).await.remove(0)
    }

    /// Delivers messages in one batch. A message that cannot be decoded has its failure.
    pub(super) async fn batch<P: Process>(
        &self,
        envelopes: &[&Envelope],
        times: u32,
    ) -> Vec<Outcome> {
        let mut event = SqsEvent::new().receive_count(times);
        for envelope in envelopes {
            event = event.message_of("1", &serde_json::to_string(envelope).unwrap());
        }
        self.run::<P>(event).await
    }

    pub(super) async fn run<P: Process>(&self, event: SqsEvent) -> Vec<Outcome> {
        let (event, handler) = (event.build(), self.handler::<P>());
        let (mut items, mut outcomes) = (Vec::new(), Vec::new());
        for delivery in Source::Sqs.split(&event).unwrap() {
            match handler.decode(&delivery) {
                Ok(record) => items.push(Item::new("1", record)),
                Err(failure) => outcomes.push(Outcome::Failed(failure)),
            }
        }
        let mut context = BatchContext::new(Duration::from_secs(60));
        context.metrics = self.metrics.clone();
        outcomes.extend(EachStream::new(handler, 4).handle_batch(&items, &context).await);
        outcomes
    }

    /// Delivers the message that the deadline with this id passed, which is due at 60 seconds.
    pub(super) async fn pass(&self, id: &str) -> Outcome {
        let name = id.split('@').next().unwrap();
        let message = deadline_message(&trip(), name, id, at(60)).unwrap();
        self.deliver(&message).await
    }

    pub(super) async fn resume(&mut self, version: u64) -> Outcome {
        let (operator, note) = ("ada".to_owned(), "asked the hotel".to_owned());
        let word = ResumeProcess { operator, note, version: Version::new(version) };
        let word = self.message(&word);
        self.deliver(&word).await
    }

    pub(super) async fn skip(&mut self, version: u64) -> Outcome {
        let (operator, note) = ("ada".to_owned(), "not needed".to_owned());
        let word = SkipInput { operator, note, version: Version::new(version) };
        let word = self.message(&word);
        self.deliver(&word).await
    }

    pub(super) async fn force(&mut self, version: u64, state: &str) -> Outcome {
        let (operator, note) = ("ada".to_owned(), "paid by hand".to_owned());
        let state = ForcedState { version: None, data: Json::parse(state).unwrap() };
        let word = ForceState { operator, note, version: Version::new(version), state };
        let word = self.message(&word);
        self.deliver(&word).await
    }

    pub(super) async fn instance(&self) -> Instance<Trips> {
        load::<Instance<Trips>>(&*self.store, &trip()).await.unwrap().aggregate
    }

    pub(super) async fn state(&self) -> Trip {
        self.instance().await.state().unwrap().clone()
    }

    /// Returns the ids of the open deadlines.
    pub(super) async fn open(&self) -> Vec<String> {
        let instance = self.instance().await;
        instance.deadlines().iter().map(|open| open.deadline.id.clone()).collect()
    }

    /// Returns all events, with facts among them.
    pub(super) fn events(&self) -> Vec<RecordedEvent> {
        self.store.commits().into_iter().flat_map(|commit| commit.events).collect()
    }

    /// Returns the types of all events.
    pub(super) fn kinds(&self) -> Vec<String> {
        self.events().into_iter().map(|event| event.kind).collect()
    }

    /// Returns the newest event of the toolkit.
    pub(super) fn last(&self) -> StoredEvent {
        let events = self.events();
        let newest = events.iter().rfind(|event| StoredEvent::knows(&event.kind)).unwrap();
        newest.decode().unwrap()
    }

    /// Returns the code and reason of the newest event, a refusal or a stuck instance.
    pub(super) fn reason(&self) -> (String, String) {
        match self.last() {
            StoredEvent::ProcessRefused(refused) => (refused.code, refused.reason),
            StoredEvent::ProcessStuck(stuck) => (stuck.code, stuck.reason),
            other => panic!("{other:?}"),
        }
    }

    /// Returns the messages that leave, in order.
    pub(super) fn outgoing(&self) -> Vec<Outgoing> {
        let commits = self.store.commits();
        let events = commits.iter().flat_map(|commit| {
            commit.events.iter().map(move |event| Published::new(commit, event))
        });
        events.flat_map(|event| messages(&event).unwrap()).collect()
    }

    /// Returns the actions of the messages that leave, with the first letters of names.
    pub(super) fn actions(&self) -> Vec<String> {
        let short = |message: &Outgoing| match &message.action {
            Action::Send => "send".to_owned(),
            Action::Schedule { name, .. } => format!("set {name}"),
            Action::Cancel { name } => format!("cancel {name}"),
        };
        self.outgoing().iter().map(short).collect()
    }
}

/// The stream of the trip 1.
pub(super) fn trip() -> StreamId {
    "trip#1".parse().unwrap()
}

/// Creates an envelope to the trip 1.
pub(super) fn envelope(id: &str, kind: &str, version: u32, data: Box<RawValue>) -> Envelope {
    let schema = DataSchema::new(kind, version);
    let mut envelope = Envelope::new(id, "tests", trip(), at(0), schema, Data::Inline(data));
    envelope.correlation_id = "request".to_owned();
    envelope
}

/// Returns the failure of an outcome.
pub(super) fn failure(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

/// Returns the codes of types and versions that a set knows, for messages about them.
pub(super) fn newest<M: MessageSet>(kind: &str) -> Option<u32> {
    M::newest(kind)
}
