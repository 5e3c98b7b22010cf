//! A process, its services, and the messages between them, over the double of the event store.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::batch::{BatchContext, BatchHandler, Decode, EachStream, Handled, Item, Outcome};
use crate::envelope::{DataSchema, Envelope};
use crate::failure::Failure;
use crate::ids::{Cause, StreamId, Version, event_id};
use crate::message::Message;
use crate::process::{self, Process, ProcessHandler, Reaction, Step, messages};
use crate::publish::{Action, Published};
use crate::source::Source;
use crate::store::{
    Commit, CommitOutcome, EventReader as _, EventStore as _, RecordedCommit, RecordedEvent,
};
use crate::test::{MemoryEventStore, SqsEvent};
use crate::timeline::{Timeline, Trail, read};

#[derive(Serialize, Deserialize, Message)]
pub(super) struct Booked {}
#[derive(Serialize, Deserialize, Message)]
pub(super) struct Reserve {}
#[derive(Serialize, Deserialize, Message)]
pub(super) struct Reserved {}
#[derive(Serialize, Deserialize, Message)]
pub(super) struct Full {}
#[derive(Serialize, Deserialize, Message)]
pub(super) struct Overdue {}
#[derive(Serialize, Deserialize, Message)]
pub(super) struct TripConfirmed {}

tidegate::messages! { pub(super) enum Input { Booked, Reserved, Full, Overdue } }

#[derive(Clone, Debug, Serialize, Deserialize, crate::process::State)]
pub(super) enum Trip {
    #[state(start)]
    New,
    Asking,
    #[state(end)]
    Done,
    #[state(end)]
    Failed,
}

impl Process for Trip {
    const KIND: &'static str = "trip";
    const SOURCE: &'static str = "tests.trip";
    const RULES: u32 = 1;
    type Input = Input;
    type State = Self;

    fn instance(_: &Input, envelope: &Envelope) -> Result<StreamId, Failure> {
        process::stream::<Self>(envelope.subject.key())
    }

    fn starts(input: &Input) -> bool {
        matches!(input, Input::Booked(_))
    }

    #[process::total]
    fn react(state: &Self, input: &Input, now: Timestamp) -> Reaction<Self> {
        match (state, input) {
            (Self::New, Input::Booked(_)) => Step::to(Self::Asking)
                .send("hotels", "hotel#7", Reserve {})
                .send("cars", "car#7", Reserve {})
                .deadline("answer", now + SignedDuration::from_secs(60), Overdue {})
                .into(),
            (Self::Asking, Input::Reserved(_)) => {
                Step::to(Self::Done).publish(TripConfirmed {}).into()
            }
            (Self::Asking, Input::Full(_)) => process::stuck("full", "nothing is left"),
            (Self::Asking, Input::Overdue(_)) => Step::to(Self::Failed).into(),
            (
                Self::New | Self::Asking | Self::Done | Self::Failed,
                Input::Booked(_) | Input::Reserved(_) | Input::Full(_) | Input::Overdue(_),
            ) => process::refuse("not_awaited", "the trip does not wait for this"),
        }
    }
}

/// The services and the store.
#[derive(Default)]
pub(super) struct World {
    pub(super) store: Arc<MemoryEventStore>,
}

impl World {
    /// Stores an event of a service, caused by a message. Returns the envelope of the event.
    pub(super) async fn event<M: Message>(
        &self,
        of: &str,
        content: &M,
        cause: &Envelope,
    ) -> Envelope {
        let stream: StreamId = of.parse().unwrap();
        let before = self.store.read(&stream, Version::NONE).await.unwrap();
        let version = before.last().map_or(Version::NONE, RecordedCommit::last_version).next();
        let (at, cause_of) = (Timestamp::now(), cause.cause());
        let id = event_id(&stream, version, &cause_of);
        let data = serde_json::to_string(content).unwrap();
        let event = RecordedEvent::new(id, version, DataSchema::new(M::TYPE, M::VERSION), at, data);
        let mut commit = RecordedCommit::new(stream, "tests.services", cause_of, at, vec![event]);
        commit.decisions[0].correlation_id = cause.correlation_id.clone();
        let stored = self.store.commit(&Commit::new(commit.clone(), "1")).await;
        assert_eq!(stored, Ok(CommitOutcome::Stored));
        commit.envelope(&commit.events[0]).unwrap()
    }

    /// Delivers a message to the process.
    pub(super) async fn deliver(&self, message: &Envelope) {
        let event = SqsEvent::new().message_of("1", &serde_json::to_string(message).unwrap());
        let handler = ProcessHandler::<Trip>::new(Arc::<MemoryEventStore>::clone(&self.store));
        let event = event.build();
        let deliveries = Source::Sqs.split(&event).unwrap();
        let items: Vec<_> =
            deliveries.iter().map(|one| Item::new("1", handler.decode(one).unwrap())).collect();
        let context = BatchContext::new(Duration::from_secs(60));
        let outcomes = EachStream::new(handler, 4).handle_batch(&items, &context).await;
        assert!(matches!(outcomes[..], [Outcome::Done(Handled::Applied)]), "{outcomes:?}");
    }

    /// Books the trip 7. Returns the command to the hotel, that to the car, and the deadline.
    pub(super) async fn booked(&self) -> [Envelope; 3] {
        let desk = outside("desk-1");
        let booked = self.event("booking#7", &Booked {}, &desk).await;
        self.deliver(&booked).await;
        let (mut commands, mut deadlines) = (Vec::new(), Vec::new());
        for commit in self.store.commits() {
            for event in &commit.events {
                for sent in messages(&Published::new(&commit, event)).unwrap() {
                    match sent.action {
                        Action::Send => commands.extend(sent.envelope),
                        Action::Schedule { .. } => deadlines.extend(sent.envelope),
                        Action::Cancel { .. } => {}
                    }
                }
            }
        }
        commands.extend(deadlines);
        commands.try_into().unwrap()
    }

    pub(super) async fn timeline(&self, trail: &Trail) -> Timeline {
        read(&*self.store, trail).await.unwrap()
    }
}

/// The trail from the booking, with the process of the same key as a candidate.
pub(super) fn trail() -> Trail {
    Trail::from_streams(["booking#7".parse().unwrap()]).also(["trip#7".parse().unwrap()])
}

/// Creates a message from outside the store.
pub(super) fn outside(id: &str) -> Envelope {
    let data = serde_json::value::to_raw_value(&Booked {}).unwrap();
    let (schema, data) = (DataSchema::new("Book", 1), crate::envelope::Data::Inline(data));
    let subject = "customer#1".parse().unwrap();
    let mut envelope = Envelope::new(id, "desk", subject, Timestamp::now(), schema, data);
    envelope.correlation_id = format!("{id}-correlated");
    envelope
}

/// Returns an entry in one line each: number, drawing, stream, what, and cause.
pub(super) fn drawn(timeline: &Timeline) -> Vec<String> {
    let line = |[number, _, _, lanes, stream, what]: [String; 6]| {
        // The time at which a deadline is due is that of the clock.
        let what = match what.split_once(", due ") {
            Some((what, behind)) => {
                let cause = behind.find(" ←").map_or("", |at| &behind[at..]);
                format!("{what}{cause}")
            }
            None => what,
        };
        format!("{number} {lanes} {stream} {what}")
    };
    timeline.rows().into_iter().map(line).collect()
}

/// Returns the cause of a made-up decision.
pub(super) fn cause(id: &str) -> Cause {
    Cause::new("tests", id)
}
