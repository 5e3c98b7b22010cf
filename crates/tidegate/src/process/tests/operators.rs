//! Stuck instances, and the words of operators.

use super::at;
use super::scripted::{Plan, Say, Trip};
use super::steps::{APPLIED, DUPLICATE};
use super::world::World;
use crate::ids::Version;
use crate::process::{ResumeProcess, StoredEvent};

#[tokio::test]
async fn a_stuck_instance_holds_what_comes_and_its_deadlines_stay() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60))).await;
    *world.now.lock() = at(5);
    world.say(Say::Stick).await;
    world.go(Plan::to("B")).await;
    world.go(Plan::to("Done")).await;
    let instance = world.instance().await;
    let stuck = instance.stuck().unwrap();
    assert_eq!((&*stuck.reason.code, &*stuck.reason.text), ("unclear", "nobody knows"));
    assert_eq!((stuck.at, stuck.version, &*stuck.input.id), (at(5), Version::new(2), "m2"));
    assert!(instance.held().map(|input| input.id.as_str()).eq(["m3", "m4"]));
    assert_eq!((instance.state_name(), world.open().await.len()), ("A", 1));
}

#[tokio::test]
async fn resuming_decides_the_stuck_input_again_and_then_the_held_ones() {
    let mut world = World::new();
    world.go(Plan::to("B")).await;
    let stuck = world.input(Say::UnlessB(Plan::to("A").send("hotel#7")));
    world.deliver(&stuck).await;
    world.go(Plan::to("Done")).await;
    assert_eq!(world.resume(3).await, APPLIED);
    assert_eq!(world.kinds()[3..], ["ProcessResumed", "ProcessStuck"], "B is still B");
    assert_eq!(world.instance().await.held().len(), 1, "the held one waits behind it");

    let mut world = World::new();
    world.go(Plan::to("A")).await;
    world.say(Say::Stick).await;
    for plan in [Plan::to("B").send("hotel#7"), Plan::to("A"), Plan::to("Done").publish()] {
        world.go(plan).await;
    }
    assert_eq!(world.skip(5).await, APPLIED);
    let after = ["ProcessSkipped", "ProcessMoved", "ProcessMoved", "ProcessMoved", "TripNoted"];
    assert_eq!(world.kinds()[5..], after, "in the order in which they came");
    assert_eq!(world.store.commits().last().unwrap().events.len(), 5, "one commit");
    assert_eq!((world.state().await, world.instance().await.held().len()), (Trip::Done, 0));
    assert_eq!(world.actions(), ["send"], "the command of the held step leaves");
}

#[tokio::test]
async fn held_inputs_that_are_stuck_again_keep_the_others_behind_them() {
    let mut world = World::new();
    world.go(Plan::to("A")).await;
    for say in [Say::Stick, Say::Go(Plan::to("B")), Say::Panic, Say::Go(Plan::to("Done"))] {
        world.say(say).await;
    }
    assert_eq!(world.skip(2).await, APPLIED);
    assert_eq!(world.kinds()[5..], ["ProcessSkipped", "ProcessMoved", "ProcessStuck"]);
    let (code, reason) = world.reason();
    assert_eq!(code, "panic");
    assert!(reason.contains("the script says so"), "no wait for receives: {reason}");
    assert_eq!(world.instance().await.held().len(), 1);
    world.skip(8).await;
    assert_eq!(world.state().await, Trip::Done);
}

#[tokio::test]
async fn a_skipped_input_stays_in_the_history_and_is_not_decided_when_it_comes_again() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60))).await;
    let stuck = world.input(Say::Stick);
    world.deliver(&stuck).await;
    world.skip(2).await;
    let StoredEvent::ProcessSkipped(skipped) = world.last() else { panic!("{:?}", world.last()) };
    assert_eq!((&*skipped.operator, &*skipped.note, skipped.at), ("ada", "not needed", at(0)));
    assert_eq!(world.deliver(&stuck).await, DUPLICATE);
    assert_eq!((world.instance().await.state_name(), world.open().await.len()), ("A", 1));
}

#[tokio::test]
async fn a_skipped_deadline_is_not_open_any_more() {
    let mut world = World::new();
    // `Passed` leads out of an end state, which is a mistake: the deadline is stuck.
    world.go(Plan::to("A").due("answer", at(60), false, "A")).await;
    world.say(Say::Stick).await;
    world.pass("answer@1").await;
    world.force(3, r#""Done""#).await;
    assert_eq!(world.kinds()[3..], ["ProcessForced", "ProcessIgnored"], "the end cancels it");
    assert_eq!(world.open().await, [""; 0]);
}

#[tokio::test]
async fn a_forced_state_is_set_and_ends_the_deadlines_of_the_state_before() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60)).set_overall("trip", at(600))).await;
    world.say(Say::Stick).await;
    world.go(Plan::to("B")).await;
    assert_eq!(world.force(3, r#"{"B":["by hand"]}"#).await, APPLIED);
    let events = world.events();
    let StoredEvent::ProcessForced(forced) = events[3].decode().unwrap() else {
        panic!("{:?}", events[3])
    };
    assert_eq!((&*forced.from, &*forced.to, forced.ended), ("A", "B", false));
    assert_eq!((forced.rules, &*forced.operator, &*forced.note), (7, "ada", "paid by hand"));
    assert_eq!(forced.cancelled, ["answer@1"]);
    assert_eq!(world.kinds()[4..], ["ProcessMoved"], "then the held input");
    let taken = ["by hand", "B"].map(str::to_owned).into_iter().collect();
    assert_eq!((world.state().await, world.open().await), (Trip::B(taken), vec!["trip@1".into()]));
    assert_eq!(world.actions().len(), 3, "two are set, and one is cancelled");
}

#[tokio::test]
async fn a_state_that_cannot_be_read_is_not_forced() {
    for (state, said) in
        [(r#""Nowhere""#, "states are New, A, B, Done, Over"), (r#"{"A":7}"#, "invalid_data")]
    {
        let mut world = World::new();
        world.say(Say::Stick).await;
        assert_eq!(world.force(1, state).await, APPLIED);
        let (code, reason) = world.reason();
        assert_eq!(code, "invalid_state");
        assert!(reason.contains(said), "{reason}");
        assert!(world.instance().await.stuck().is_some());
    }
}

#[tokio::test]
async fn a_word_that_no_longer_fits_is_refused_with_its_reason() {
    let mut world = World::new();
    world.go(Plan::to("A")).await;
    world.resume(1).await;
    let (code, reason) = world.reason();
    assert_eq!(code, "not_stuck");
    assert_eq!(reason, "the process is in the state A and is not stuck");
    world.say(Say::Stick).await;
    for seen in [1, 2, 99] {
        world.force(seen, r#""Done""#).await;
        let (code, reason) = world.reason();
        assert_eq!(code, "version_moved", "{seen}");
        assert!(reason.contains(&format!("saw version {seen}")), "{reason}");
    }
    assert!(world.instance().await.stuck().is_some());
    world.go(Plan::to("Done")).await;
    let version = world.instance().await.version().number();
    assert_eq!(world.skip(3).await, APPLIED, "an input that was held since does not matter");
    assert_eq!(world.state().await, Trip::Done, "version {version}");
    for number in [3, 9] {
        world.skip(number).await;
        let (code, reason) = world.reason();
        assert_eq!((&*code, reason.contains("has ended in the state Done")), ("not_stuck", true));
    }
}

#[tokio::test]
async fn a_word_that_comes_again_acts_once() {
    let mut world = World::new();
    world.say(Say::Stick).await;
    let (operator, note) = ("ada".to_owned(), "again".to_owned());
    let word = ResumeProcess { operator, note, version: Version::new(1) };
    let word = world.message(&word);
    assert_eq!(world.deliver(&word).await, APPLIED);
    assert_eq!(world.deliver(&word).await, DUPLICATE);
    assert_eq!(world.kinds(), ["ProcessStuck", "ProcessResumed", "ProcessStuck"]);
}

#[tokio::test]
async fn after_a_restore_an_older_instance_waits_and_resuming_goes_on() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60))).await;
    *world.now.lock() = at(1000);
    world.restored_at(at(500));
    world.pass("late@9").await;
    world.resume(1).await;
    assert_eq!(world.reason().0, "not_stuck");
    let input = world.input(Say::Go(Plan::to("B")));
    assert_eq!(world.deliver(&input).await, APPLIED);
    let (code, reason) = world.reason();
    assert_eq!(code, "paused", "a late deadline and a refused word are no news");
    assert!(reason.contains("before 2026-12-01T08:08:20Z"), "{reason}");
    world.pass("answer@1").await;
    assert!(matches!(world.last(), StoredEvent::ProcessHeld(_)), "{:?}", world.last());
    world.resume(4).await;
    assert_eq!(world.kinds()[5..], ["ProcessResumed", "ProcessMoved", "ProcessIgnored"]);
    world.go(Plan::to("A")).await;
    assert!(matches!(world.state().await, Trip::A(_)), "it goes on");
}

#[tokio::test]
async fn a_restore_pauses_no_instance_that_is_new_or_has_ended_or_moved_since() {
    let mut world = World::new();
    world.restored_at(at(500));
    *world.now.lock() = at(600);
    world.go(Plan::to("A")).await;
    assert!(matches!(world.state().await, Trip::A(_)), "new");
    world.go(Plan::to("B")).await;
    assert!(matches!(world.state().await, Trip::B(_)), "moved since");
    let mut world = World::new();
    world.go(Plan::to("Done")).await;
    world.restored_at(at(500));
    *world.now.lock() = at(600);
    world.go(Plan::to("Over")).await;
    assert_eq!(world.state().await, Trip::Over, "ended");
    assert_eq!(world.pass("answer@1").await, APPLIED);
    assert!(matches!(world.last(), StoredEvent::ProcessIgnored(_)), "{:?}", world.last());
}

#[tokio::test]
async fn more_held_inputs_than_one_commit_takes_are_decided_in_turns_and_in_order() {
    let mut world = World::new();
    world.say(Say::Stick).await;
    let long = "x".repeat(100_000);
    for _ in 0..15 {
        let mut plan = Plan::to("A");
        plan.cancel.push(long.clone());
        world.go(plan).await;
    }
    world.skip(1).await;
    let left = world.instance().await.held().len();
    assert!((1..15).contains(&left), "{left}");
    world.go(Plan::to("Done")).await;
    let instance = world.instance().await;
    assert_eq!((instance.state_name(), instance.held().len()), ("Done", 0));
}
