//! Deadlines: set, kept, moved, cancelled, passed and late.

use super::at;
use super::scripted::{Passed, Plan, Say, Trip, TripInput};
use super::steps::{APPLIED, DUPLICATE};
use super::world::{World, newest, trip};
use crate::ids::Version;
use crate::message::Message;
use crate::process::{DEADLINES_SOURCE, StoredEvent, deadline_id, deadline_message};
use crate::publish::{Action, schedule_name};

fn name(id: &str) -> String {
    schedule_name(&trip(), id)
}

#[tokio::test]
async fn a_deadline_leaves_as_a_schedule_with_the_message_that_the_sweep_also_sends() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60))).await;
    let leaves = world.outgoing();
    assert_eq!(leaves.len(), 1);
    assert_eq!((leaves[0].to.as_str(), world.open().await), ("trip", vec!["answer@1".to_owned()]));
    assert_eq!(leaves[0].action, Action::Schedule { name: name("answer@1"), due: at(60) });
    let scheduled = leaves[0].envelope.clone().unwrap();
    let swept = deadline_message(&trip(), "answer", "answer@1", at(60)).unwrap();
    assert_eq!((&scheduled.id, &scheduled.source), (&swept.id, &swept.source));
    assert_eq!((scheduled.subject.clone(), scheduled.time), (trip(), at(60)));
    assert_eq!(scheduled.source, DEADLINES_SOURCE);
    assert_eq!(scheduled.correlation_id, "request", "the schedule keeps the correlation");

    assert_eq!(world.deliver(&scheduled).await, APPLIED);
    assert_eq!(world.deliver(&swept).await, DUPLICATE, "by the sweep too: one by cause");
    assert_eq!(world.kinds(), ["ProcessMoved", "ProcessMoved"]);
}

#[tokio::test]
async fn a_deadline_that_passes_is_an_input_with_its_own_message() {
    let mut world = World::new();
    world.go(Plan::to("A").due("answer", at(60), false, "B")).await;
    assert_eq!(world.pass("answer@1").await, APPLIED);
    let StoredEvent::ProcessMoved(moved) = world.last() else { panic!("{:?}", world.last()) };
    assert_eq!((&*moved.input.kind, moved.input.version), (Passed::TYPE, Passed::VERSION));
    assert_eq!(moved.input.deadline.as_deref(), Some("answer@1"));
    assert_eq!(moved.input.data.text(), r#"{"to":"B"}"#);
    assert!(moved.cancelled.is_empty(), "it passed, so it is not cancelled: {moved:?}");
    assert!(matches!(world.state().await, Trip::B(_)));
    assert_eq!(world.open().await, [""; 0]);
    assert_eq!(newest::<TripInput>(Passed::TYPE), Some(Passed::VERSION));
}

#[tokio::test]
async fn a_deadline_of_a_state_ends_with_it_and_an_overall_one_at_the_end() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60)).set_overall("trip", at(600))).await;
    world.go(Plan::to("A")).await;
    assert_eq!(world.open().await, ["answer@1", "trip@1"], "the variant was not left");
    world.go(Plan::to("B")).await;
    assert_eq!(world.open().await, ["trip@1"]);
    world.go(Plan::to("Done")).await;
    assert_eq!(world.open().await, [""; 0]);
    let cancelled = |id: &str| format!("cancel {}", name(id));
    assert_eq!(world.actions()[2..], [cancelled("answer@1"), cancelled("trip@1")]);
}

#[tokio::test]
async fn a_deadline_can_be_cancelled_by_name() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60)).set_overall("trip", at(600))).await;
    world.go(Plan::to("A").cancel("trip").cancel("unknown")).await;
    assert_eq!(world.open().await, ["answer@1"]);
    world.go(Plan::to("A").cancel("answer").set("answer", at(60))).await;
    assert_eq!(world.open().await, ["answer@3"], "cancelled and set is a new one");
}

#[tokio::test]
async fn a_deadline_that_is_set_again_is_kept_and_with_another_time_or_content_it_moves() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60))).await;
    world.go(Plan::to("A").set("answer", at(60))).await;
    world.go(Plan::to("B").set("answer", at(60))).await;
    assert_eq!(world.open().await, ["answer@1"], "also in another state");
    assert_eq!(world.actions().len(), 1, "no message leaves");
    world.go(Plan::to("B").set("answer", at(61))).await;
    assert_eq!(world.open().await, ["answer@4"]);
    world.go(Plan::to("B").due("answer", at(61), false, "Done")).await;
    assert_eq!(world.open().await, ["answer@5"]);
    world.go(Plan::to("B").due("answer", at(61), true, "Done")).await;
    assert_eq!(world.open().await, ["answer@6"], "it lasts longer now");
    let [set, cancel] =
        ["set", "cancel"].map(|verb| move |id: &str| format!("{verb} {}", name(id)));
    let expected = [
        set("answer@1"),
        cancel("answer@1"),
        set("answer@4"),
        cancel("answer@4"),
        set("answer@5"),
        cancel("answer@5"),
        set("answer@6"),
    ];
    assert_eq!(world.actions(), expected);
}

#[tokio::test]
async fn of_two_deadlines_of_a_name_in_one_step_the_later_counts() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60)).set("answer", at(90))).await;
    let StoredEvent::ProcessMoved(moved) = world.last() else { panic!("{:?}", world.last()) };
    assert_eq!((moved.deadlines.len(), moved.deadlines[0].due), (1, at(90)));
}

#[tokio::test]
async fn a_late_or_unknown_deadline_is_counted_and_does_nothing() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60))).await;
    world.go(Plan::to("B")).await;
    let before = world.state().await;
    for id in ["answer@1", "answer@2", "other@1"] {
        assert_eq!(world.pass(id).await, APPLIED);
        assert_eq!(world.pass(id).await, DUPLICATE);
        let StoredEvent::ProcessIgnored(late) = world.last() else { panic!("{:?}", world.last()) };
        assert_eq!(late.id, id);
    }
    assert_eq!(world.state().await, before);
    assert_eq!(world.events().len(), 5);
}

#[tokio::test]
async fn a_message_with_another_name_or_time_is_about_another_deadline() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60))).await;
    // A schedule that was set before the store was restored may have the same id.
    for (name, due) in [("trip", at(60)), ("answer", at(50))] {
        let mut other = deadline_message(&trip(), name, "answer@1", due).unwrap();
        other.id = format!("other {name}");
        world.deliver(&other).await;
        assert!(matches!(world.last(), StoredEvent::ProcessIgnored(_)), "{:?}", world.last());
        assert_eq!(world.open().await, ["answer@1"]);
    }
    let own = deadline_message(&trip(), "answer", "answer@1", at(60)).unwrap();
    world.deliver(&own).await;
    assert!(matches!(world.last(), StoredEvent::ProcessMoved(_)), "{:?}", world.last());
}

#[tokio::test]
async fn the_time_of_a_deadline_is_rounded_up_to_a_millisecond() {
    for (nanoseconds, rounded) in [(1, 1), (999_999, 1), (1_000_000, 1), (1_000_001, 2)] {
        let mut world = World::new();
        let due = at(60) + jiff::SignedDuration::from_nanos(nanoseconds);
        world.go(Plan::to("A").set("answer", due)).await;
        let set = world.instance().await.deadlines()[0].deadline.due;
        assert_eq!(set, at(60) + jiff::SignedDuration::from_millis(rounded), "{nanoseconds}");
    }
}

#[tokio::test]
async fn a_deadline_that_passed_can_be_set_again_by_its_own_step() {
    let mut world = World::new();
    world.go(Plan::to("A").due("tick", at(60), false, "A")).await;
    world.pass("tick@1").await;
    world.go(Plan::to("A").due("tick", at(60), false, "A")).await;
    assert_eq!(world.open().await, ["tick@3"], "the same time, but the first one is gone");
}

#[tokio::test]
async fn a_deadline_that_passes_while_stuck_is_held_and_decided_only_if_it_is_still_open() {
    for (forced, decided) in [("A", "ProcessMoved"), ("B", "ProcessIgnored")] {
        let mut world = World::new();
        world.go(Plan::to("A").set("answer", at(60))).await;
        world.say(Say::Stick).await;
        assert_eq!(world.pass("answer@1").await, APPLIED);
        assert!(matches!(world.last(), StoredEvent::ProcessHeld(_)), "{:?}", world.last());
        assert!(world.instance().await.deadlines()[0].passed);
        world.force(2, &format!(r#"{{"{forced}":[]}}"#)).await;
        assert_eq!(world.kinds()[3..], ["ProcessForced", decided], "{forced}");
        let instance = world.instance().await;
        assert_eq!((instance.held().len(), instance.deadlines().len()), (0, 0), "{forced}");
    }
}

#[tokio::test]
async fn a_deadline_that_already_passed_and_is_set_again_is_a_new_one() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60))).await;
    world.say(Say::Stick).await;
    world.go(Plan::to("A").set("answer", at(60))).await;
    world.pass("answer@1").await;
    world.skip(2).await;
    assert_eq!(world.kinds()[4..], ["ProcessSkipped", "ProcessMoved", "ProcessIgnored"]);
    assert_eq!(world.open().await, ["answer@6"], "the message of the first was used up");
}

#[tokio::test]
async fn another_message_about_a_held_deadline_does_not_drop_it() {
    let mut world = World::new();
    world.go(Plan::to("A").due("answer", at(60), false, "Done")).await;
    world.say(Say::Stick).await;
    world.pass("answer@1").await;
    let mut other = deadline_message(&trip(), "answer", "answer@1", at(60)).unwrap();
    other.id = "by hand".to_owned();
    world.deliver(&other).await;
    assert!(matches!(world.last(), StoredEvent::ProcessIgnored(_)), "{:?}", world.last());
    assert_eq!(world.instance().await.held().len(), 1);
    world.skip(4).await;
    assert_eq!(world.state().await, Trip::Done);
}

#[test]
fn the_id_of_a_deadline_names_the_event_that_set_it() {
    assert_eq!(deadline_id("hotel-answer", Version::new(12)), "hotel-answer@12");
    let id = |stream: &str, id: &str, due: i64| {
        deadline_message(&stream.parse().unwrap(), "n", id, at(due)).unwrap().id
    };
    let one = id("trip#1", "n@1", 60);
    assert_eq!(one, id("trip#1", "n@1", 60));
    for other in [id("trip#2", "n@1", 60), id("trip#1", "n@2", 60), id("trip#1", "n@1", 61)] {
        assert_ne!(one, other);
    }
}
