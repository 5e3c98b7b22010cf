//! What a process relies on in its store, as one test suite.
//!
//! The double runs it here. DynamoDB runs it in the system tests, which include this file. So it
//! names the crate as a user of the crate does.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;
use tidegate::batch::{Counts, EachStream, Invocation, Runner};
use tidegate::envelope::{Data, DataSchema, Envelope};
use tidegate::failure::Failure;
use tidegate::ids::{StreamId, Version};
use tidegate::message::Message;
use tidegate::process::{
    self, Instance, Process, ProcessHandler, Reaction, ResumeProcess, SkipInput, State, Step,
    deadline_message,
};
use tidegate::publish::{Action, Published};
use tidegate::source::Source;
use tidegate::store::{EventStore, RecordedCommit, load};
use tidegate::test::{MemoryDeadLetters, SqsEvent};
use uuid::Uuid;

#[derive(Clone, Debug, Serialize, Deserialize, Message)]
struct SendParcel {
    content: String,
}
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
struct Stopped {}
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
struct Lost {}
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
struct Arrived {}
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
struct Overdue {}
tidegate::messages! {
    #[derive(Clone, Debug)]
    enum ParcelInput { SendParcel, Stopped, Lost, Arrived, Overdue }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Carry {
    content: String,
}
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
struct Remind {}
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
struct ParcelDelivered {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
enum Parcel {
    #[state(start)]
    New,
    OnItsWay {
        content: String,
        stops: u32,
    },
    #[state(end)]
    Delivered {
        stops: u32,
    },
}

/// Sends parcels. Only a carrier knows that one is lost, and only an operator what to do then.
struct Parcels;

impl Process for Parcels {
    const KIND: &'static str = "parcel";
    const SOURCE: &'static str = "test.parcel";
    const RULES: u32 = 1;
    type Input = ParcelInput;
    type State = Parcel;

    fn instance(_: &ParcelInput, envelope: &Envelope) -> Result<StreamId, Failure> {
        Ok(envelope.subject.clone())
    }

    fn starts(input: &ParcelInput) -> bool {
        matches!(input, ParcelInput::SendParcel(_))
    }

    #[process::total]
    fn react(state: &Parcel, input: &ParcelInput, now: Timestamp) -> Reaction<Parcel> {
        use ParcelInput as I;
        match (state, input) {
            (Parcel::New, I::SendParcel(SendParcel { content })) => {
                Step::to(Parcel::OnItsWay { content: content.clone(), stops: 0 })
                    .send("carriers", "carrier#1", Carry { content: content.clone() })
                    .deadline("arrival", now + SignedDuration::from_hours(48), Overdue {})
                    .into()
            }
            (Parcel::OnItsWay { content, stops }, I::Stopped(_)) => {
                Step::to(Parcel::OnItsWay { content: content.clone(), stops: stops + 1 }).into()
            }
            (Parcel::OnItsWay { .. }, I::Overdue(_)) => {
                Step::to(state.clone()).send("carriers", "carrier#1", Remind {}).into()
            }
            (Parcel::OnItsWay { .. }, I::Lost(_)) => {
                process::stuck("lost", "the carrier does not find the parcel")
            }
            (Parcel::OnItsWay { stops, .. }, I::Arrived(_)) => {
                Step::to(Parcel::Delivered { stops: *stops }).publish(ParcelDelivered {}).into()
            }
            (Parcel::OnItsWay { .. } | Parcel::Delivered { .. }, I::SendParcel(_))
            | (
                Parcel::New | Parcel::Delivered { .. },
                I::Stopped(_) | I::Lost(_) | I::Arrived(_) | I::Overdue(_),
            ) => process::refuse("not_expected", "the parcel waits for something else"),
        }
    }
}

/// Runs the suite.
pub(crate) async fn contract(store: Arc<dyn EventStore>) {
    an_instance_goes_from_its_start_to_its_end(&store).await;
    a_message_that_comes_again_writes_nothing(&store).await;
    a_deadline_that_comes_by_schedule_and_sweep_passes_once(&store).await;
    inputs_of_one_batch_are_one_commit(&store).await;
    inputs_at_the_same_moment_are_all_decided_once(&store).await;
    a_state_larger_than_an_item_is_kept(&store).await;
    held_inputs_are_decided_in_their_order(&store).await;
    what_leaves_is_the_same_however_often_it_is_published(&store).await;
}

fn new_instance() -> StreamId {
    format!("parcel#{}", Uuid::new_v4()).parse().unwrap()
}

fn message<M: Message>(instance: &StreamId, id: &str, content: &M) -> Envelope {
    let schema = DataSchema::new(M::TYPE, M::VERSION);
    let data = Data::Inline(to_raw_value(content).unwrap());
    Envelope::new(id, "test", instance.clone(), Timestamp::UNIX_EPOCH, schema, data)
}

fn start(instance: &StreamId) -> Envelope {
    message(instance, "start", &SendParcel { content: "book".to_owned() })
}

/// Delivers messages in one batch, in this order. Returns how they ended.
async fn deliver(store: &Arc<dyn EventStore>, messages: &[&Envelope]) -> Counts {
    let event = messages.iter().fold(SqsEvent::new(), |event, message| {
        event.message_of("parcels", &serde_json::to_string(message).unwrap())
    });
    let handler = EachStream::new(ProcessHandler::<Parcels>::new(Arc::clone(store)), 4);
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner =
        Runner::new(Source::Sqs, handler, "parcels", Arc::<MemoryDeadLetters>::clone(&letters));
    let event = event.build();
    let report = runner.run(Invocation::new(&event, Duration::from_secs(300))).await;
    report.response.unwrap();
    let Counts { failed, not_run, .. } = report.counts;
    assert_eq!((failed, not_run), (0, 0), "{:?}", letters.letters());
    report.counts
}

async fn commits(store: &Arc<dyn EventStore>, instance: &StreamId) -> Vec<RecordedCommit> {
    store.read(instance, Version::NONE).await.unwrap()
}

async fn instance_of(store: &Arc<dyn EventStore>, instance: &StreamId) -> Instance<Parcels> {
    load::<Instance<Parcels>>(store.as_ref(), instance).await.unwrap().aggregate
}

async fn state(store: &Arc<dyn EventStore>, instance: &StreamId) -> Parcel {
    instance_of(store, instance).await.state().unwrap().clone()
}

fn kinds(commits: &[RecordedCommit]) -> Vec<&str> {
    commits.iter().flat_map(|commit| &commit.events).map(|event| event.kind.as_str()).collect()
}

async fn an_instance_goes_from_its_start_to_its_end(store: &Arc<dyn EventStore>) {
    let instance = new_instance();
    assert_eq!(deliver(store, &[&start(&instance)]).await.applied, 1);
    let open = instance_of(store, &instance).await;
    assert_eq!(open.deadlines().len(), 1);
    assert_eq!(deliver(store, &[&message(&instance, "b", &Stopped {})]).await.applied, 1);
    assert_eq!(deliver(store, &[&message(&instance, "c", &Arrived {})]).await.applied, 1);
    let ended = instance_of(store, &instance).await;
    assert_eq!(ended.state(), Ok(&Parcel::Delivered { stops: 1 }));
    assert!(ended.has_ended() && ended.deadlines().is_empty());
    assert_eq!(ended.version(), Version::new(4), "the fact is an event of its own");
    let commits = commits(store, &instance).await;
    assert_eq!(commits.len(), 3);
    let last = ["ProcessMoved", "ProcessMoved", "ProcessMoved", "ParcelDelivered"];
    assert_eq!(kinds(&commits), last);
}

async fn a_message_that_comes_again_writes_nothing(store: &Arc<dyn EventStore>) {
    let instance = new_instance();
    let messages = [start(&instance), message(&instance, "b", &Stopped {})];
    for message in &messages {
        assert_eq!(deliver(store, &[message]).await.applied, 1);
    }
    let before = commits(store, &instance).await;
    for message in &messages {
        assert_eq!(deliver(store, &[message]).await.duplicate, 1);
    }
    assert_eq!(deliver(store, &[&messages[0], &messages[1]]).await.duplicate, 2);
    assert_eq!(commits(store, &instance).await, before);
}

async fn a_deadline_that_comes_by_schedule_and_sweep_passes_once(store: &Arc<dyn EventStore>) {
    let instance = new_instance();
    deliver(store, &[&start(&instance)]).await;
    let open = instance_of(store, &instance).await.deadlines()[0].deadline.clone();
    let pass = deadline_message(&instance, &open.name, &open.id, open.due).unwrap();
    let counts = deliver(store, &[&pass, &pass]).await;
    assert_eq!((counts.applied, counts.duplicate), (1, 1));
    assert_eq!(deliver(store, &[&pass]).await.duplicate, 1);
    // One that is not open is a fact too, and its repeats cost nothing.
    let unknown = deadline_message(&instance, "arrival", "arrival@77", open.due).unwrap();
    deliver(store, &[&unknown]).await;
    assert_eq!(deliver(store, &[&unknown]).await.duplicate, 1);
    let commits = commits(store, &instance).await;
    assert_eq!(kinds(&commits), ["ProcessMoved", "ProcessMoved", "ProcessIgnored"]);
}

async fn inputs_of_one_batch_are_one_commit(store: &Arc<dyn EventStore>) {
    let instance = new_instance();
    let mut messages = vec![start(&instance)];
    messages.extend((0..40).map(|stop| message(&instance, &format!("stop {stop}"), &Stopped {})));
    let counts = deliver(store, &messages.iter().collect::<Vec<_>>()).await;
    assert_eq!(counts.applied, 41);
    assert_eq!(commits(store, &instance).await.len(), 1);
    let stopped = Parcel::OnItsWay { content: "book".to_owned(), stops: 40 };
    assert_eq!(state(store, &instance).await, stopped);
}

async fn inputs_at_the_same_moment_are_all_decided_once(store: &Arc<dyn EventStore>) {
    let instance = new_instance();
    deliver(store, &[&start(&instance)]).await;
    let messages: Vec<Envelope> =
        (0..4).map(|stop| message(&instance, &format!("stop {stop}"), &Stopped {})).collect();
    // Each comes twice, in an invocation of its own. A race that is lost too often comes again.
    loop {
        let event = |message: &Envelope| {
            SqsEvent::new().message(&serde_json::to_string(message).unwrap()).build()
        };
        let run = async |message: &Envelope| {
            let handler = ProcessHandler::<Parcels>::new(Arc::clone(store));
            let letters = Arc::new(MemoryDeadLetters::default());
            let runner = Runner::new(Source::Sqs, EachStream::new(handler, 1), "parcels", letters);
            let event = event(message);
            let report = runner.run(Invocation::new(&event, Duration::from_secs(300))).await;
            report.response.unwrap();
            report.counts.failed == 0
        };
        let twice = messages.iter().chain(&messages);
        if join_all(twice.map(run)).await.into_iter().all(|is_done| is_done) {
            break;
        }
    }
    let stopped = Parcel::OnItsWay { content: "book".to_owned(), stops: 4 };
    assert_eq!(state(store, &instance).await, stopped);
    assert_eq!(kinds(&commits(store, &instance).await).len(), 5);
}

async fn a_state_larger_than_an_item_is_kept(store: &Arc<dyn EventStore>) {
    let instance = new_instance();
    // The event holds it three times: in the input, the state and the command.
    let content = "ä".repeat(150_000);
    let start = message(&instance, "start", &SendParcel { content: content.clone() });
    assert_eq!(deliver(store, &[&start]).await.applied, 1);
    let stop = message(&instance, "b", &Stopped {});
    assert_eq!(deliver(store, &[&stop]).await.applied, 1);
    let stopped = Parcel::OnItsWay { content: content.clone(), stops: 1 };
    assert!(state(store, &instance).await == stopped, "the state was changed");
    let commits = commits(store, &instance).await;
    let first = Published::new(&commits[0], &commits[0].events[0]);
    let sent = process::messages(&first).unwrap();
    let command = sent.iter().find(|message| message.to == "carriers").unwrap();
    let Data::Inline(data) = &command.envelope.as_ref().unwrap().data else { panic!("{sent:?}") };
    assert!(serde_json::from_str::<Carry>(data.get()).unwrap() == Carry { content });
}

async fn held_inputs_are_decided_in_their_order(store: &Arc<dyn EventStore>) {
    let instance = new_instance();
    deliver(store, &[&start(&instance)]).await;
    deliver(store, &[&message(&instance, "lost", &Lost {})]).await;
    let open = instance_of(store, &instance).await.deadlines()[0].deadline.clone();
    let pass = deadline_message(&instance, &open.name, &open.id, open.due).unwrap();
    for held in
        [message(&instance, "stop", &Stopped {}), pass, message(&instance, "end", &Arrived {})]
    {
        assert_eq!(deliver(store, &[&held]).await.applied, 1);
    }
    let stuck = instance_of(store, &instance).await;
    assert_eq!(stuck.stuck().unwrap().reason.code, "lost");
    assert_eq!((stuck.held().len(), stuck.version()), (3, Version::new(5)));
    let (operator, note) = ("ada".to_owned(), "it was found".to_owned());
    let early = ResumeProcess { operator, note, version: Version::new(1) };
    deliver(store, &[&message(&instance, "word 1", &early)]).await;
    let skip = SkipInput {
        operator: early.operator.clone(),
        note: early.note.clone(),
        version: Version::new(6),
    };
    deliver(store, &[&message(&instance, "word 2", &skip)]).await;
    assert_eq!(state(store, &instance).await, Parcel::Delivered { stops: 1 });
    let commits = commits(store, &instance).await;
    let last: Vec<&str> = kinds(&commits).into_iter().skip(2).collect();
    assert_eq!(
        last,
        [
            "ProcessHeld",
            "ProcessHeld",
            "ProcessHeld",
            "ProcessRefused",
            "ProcessSkipped",
            "ProcessMoved",
            "ProcessMoved",
            "ProcessMoved",
            "ParcelDelivered",
        ]
    );
    assert_eq!(commits.last().unwrap().events.len(), 5, "one word, one commit");
}

async fn what_leaves_is_the_same_however_often_it_is_published(store: &Arc<dyn EventStore>) {
    let instance = new_instance();
    deliver(store, &[&start(&instance)]).await;
    deliver(store, &[&message(&instance, "end", &Arrived {})]).await;
    let mut published = Vec::new();
    for _ in 0..2 {
        let mut messages = Vec::new();
        for commit in commits(store, &instance).await {
            for event in &commit.events {
                for message in process::messages(&Published::new(&commit, event)).unwrap() {
                    let envelope = message.envelope.as_ref();
                    let text = envelope.map(|envelope| serde_json::to_string(envelope).unwrap());
                    messages.push((message.to, message.action, text));
                }
            }
        }
        published.push(messages);
    }
    assert_eq!(published[0], published[1]);
    let actions: Vec<_> =
        published[0].iter().map(|(to, action, _)| (to.as_str(), action)).collect();
    let [
        ("parcel", Action::Schedule { name, .. }),
        ("carriers", Action::Send),
        ("parcel", Action::Cancel { name: cancelled }),
    ] = actions.as_slice()
    else {
        panic!("{actions:?}")
    };
    assert_eq!(name, cancelled);
}
