//! Newer and older versions of a process over the same store.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::at;
use super::scripted::{Do, Plan, Say, TripInput, Trips};
use super::steps::{APPLIED, DUPLICATE};
use super::world::{World, failure, trip};
use crate::envelope::Envelope;
use crate::failure::{Class, Failure};
use crate::ids::StreamId;
use crate::message::{Message, MessageSet};
use crate::process::{self, Instance, InstanceEvent, Process, Reaction, State, Step, StoredEvent};
use crate::store::load;

/// The states of `Trips` in version 2, which has forgotten how to read version 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
#[state(version = 2, oldest)]
enum Forgetful {
    #[state(start)]
    New,
    Away,
}

/// The message of a deadline that version 1 does not know.
#[derive(Serialize, Deserialize, Message)]
struct Reminded {}

crate::messages! { enum NewerInput { Do, Reminded } }

struct Newer;

impl Process for Newer {
    const KIND: &'static str = "trip";
    const SOURCE: &'static str = "travel.trip";
    const RULES: u32 = 8;
    type Input = NewerInput;
    type State = Forgetful;

    fn instance(_: &NewerInput, envelope: &Envelope) -> Result<StreamId, Failure> {
        Ok(envelope.subject.clone())
    }

    #[process::total]
    fn react(state: &Forgetful, input: &NewerInput, _now: Timestamp) -> Reaction<Forgetful> {
        match (state, input) {
            (Forgetful::New | Forgetful::Away, NewerInput::Do(_) | NewerInput::Reminded(_)) => {
                Step::to(Forgetful::Away).into()
            }
        }
    }
}

/// As `Trips`, with a deadline whose message `Trips` does not know.
struct Reminding;

impl Process for Reminding {
    const KIND: &'static str = "trip";
    const SOURCE: &'static str = "travel.trip";
    const RULES: u32 = 8;
    type Input = NewerInput;
    type State = super::scripted::Trip;

    fn instance(_: &NewerInput, envelope: &Envelope) -> Result<StreamId, Failure> {
        Ok(envelope.subject.clone())
    }

    #[process::total]
    fn react(
        state: &super::scripted::Trip,
        input: &NewerInput,
        _now: Timestamp,
    ) -> Reaction<super::scripted::Trip> {
        use super::scripted::Trip;
        match (state, input) {
            (
                Trip::New | Trip::A(_) | Trip::B(_) | Trip::Done | Trip::Over,
                NewerInput::Do(_) | NewerInput::Reminded(_),
            ) => Step::to(state.clone()).deadline("remind", at(60), Reminded {}).into(),
        }
    }
}

#[tokio::test]
async fn a_state_of_a_newer_version_waits_for_the_function_that_wrote_it() {
    let mut world = World::new();
    let input = world.input(Say::Refuse);
    assert_eq!(world.receive::<Newer>(&input, 1).await, APPLIED);
    let next = world.input(Say::Go(Plan::to("A")));
    let waits = failure(world.deliver(&next).await);
    assert_eq!((waits.class(), waits.code()), (Class::Transient, Failure::NEWER));
    assert!(waits.reason().contains("the newest that this function reads is 1"), "{waits:?}");
    assert_eq!(world.kinds(), ["ProcessMoved"], "nothing is lost and nothing written");
    assert_eq!(world.receive::<Newer>(&next, 2).await, APPLIED);
}

#[tokio::test]
async fn a_state_that_no_version_reads_any_more_is_stuck_until_an_operator_sets_another() {
    let mut world = World::new();
    world.go(Plan::to("A")).await;
    let input = world.input(Say::Refuse);
    assert_eq!(world.receive::<Newer>(&input, 1).await, APPLIED);
    let (code, reason) = world.reason();
    assert_eq!(code, "unreadable_state");
    assert!(reason.contains("ForceState"), "{reason}");
    let StoredEvent::ProcessStuck(stuck) = world.last() else { panic!("{:?}", world.last()) };
    assert_eq!(stuck.state, "A", "its name is known");
    let word = crate::process::ForceState {
        operator: "ada".to_owned(),
        note: String::new(),
        version: crate::ids::Version::new(2),
        state: process::ForcedState {
            version: Some(2),
            data: process::Json::parse(r#""Away""#).unwrap(),
        },
    };
    let word = world.message(&word);
    assert_eq!(world.receive::<Newer>(&word, 1).await, APPLIED);
    let next = world.input(Say::Refuse);
    assert_eq!(world.receive::<Newer>(&next, 1).await, APPLIED);
    let instance = load::<Instance<Newer>>(&*world.store, &trip()).await.unwrap().aggregate;
    assert_eq!(instance.state(), Ok(&Forgetful::Away), "older states are not read");
}

#[tokio::test]
async fn a_deadline_whose_message_is_newer_waits_and_holds_up_nothing_else() {
    let mut world = World::new();
    let input = world.input(Say::Refuse);
    world.receive::<Reminding>(&input, 1).await;
    assert_eq!(world.open().await, ["remind@1"]);
    let waits = failure(world.pass("remind@1").await);
    assert_eq!((waits.class(), waits.code()), (Class::Transient, Failure::NEWER));
    assert_eq!(world.deliver(&input).await, DUPLICATE);
    assert_eq!(world.say(Say::Refuse).await, APPLIED, "other inputs are decided");

    world.say(Say::Stick).await;
    world.pass("remind@1").await;
    world.skip(4).await;
    let (code, reason) = world.reason();
    assert_eq!(code, "unreadable_input", "the operator who asked gets an answer");
    assert!(reason.contains("Reminded"), "{reason}");
    world.skip(world.instance().await.version().number()).await;
    assert!(world.instance().await.stuck().is_none(), "and can drop it");
}

#[tokio::test]
async fn an_event_of_a_newer_toolkit_waits() {
    let unknown = InstanceEvent::<Trips>::decode("ProcessWarped", 1, "{}").unwrap_err();
    assert_eq!(unknown.code(), "unknown_type", "which the store makes `newer_version`");
    let newer = InstanceEvent::<Trips>::decode("ProcessMoved", 2, "{}").unwrap_err();
    assert_eq!(newer.code(), Failure::NEWER);
    let fact = InstanceEvent::<Trips>::decode("Processed", 9, "[]").unwrap();
    assert!(fact.stored().is_none(), "a fact of the process");
    assert!(fact.encode().is_err(), "what was read is not stored again");
}

#[test]
fn the_pairs_of_a_process_are_known() {
    assert_eq!(Trips::TOTAL.pairs().len(), 10);
    assert!(Trips::TOTAL.pairs().contains(&("Over", "Passed")));
    assert_eq!(TripInput::newest(Do::TYPE), Some(1));
}
