//! Inputs that lead to steps, refusals and stuck instances.

use super::at;
use super::scripted::{Ask, Plan, Say, Trip, TripNoted, Trips};
use super::world::{World, failure, trip};
use crate::batch::{Handled, Metrics, Outcome};
use crate::failure::Class;
use crate::message::Message;
use crate::process::{PANICS, StoredEvent};
use crate::publish::Action;
use crate::test::{Call, Fault, Faults};

pub(super) const APPLIED: Outcome = Outcome::Done(Handled::Applied);
pub(super) const DUPLICATE: Outcome = Outcome::Done(Handled::Duplicate);

#[tokio::test]
async fn a_step_is_one_commit_with_its_state_its_cause_and_all_that_leaves() {
    let mut world = World::new();
    let plan = Plan::to("A").send("hotel#7").send("hotel#8").set("answer", at(60)).publish();
    assert_eq!(world.go(plan).await, APPLIED);
    assert_eq!(world.kinds(), ["ProcessMoved", "TripNoted"], "the fact follows its step");
    let commits = world.store.commits();
    assert_eq!(commits.len(), 1);
    assert_eq!((&commits[0].stream, &*commits[0].source), (&trip(), "travel.trip"));
    assert_eq!(commits[0].decisions[0].cause.id, "m1");
    let StoredEvent::ProcessMoved(moved) = world.last() else { panic!("{:?}", world.last()) };
    assert_eq!((moved.rules, moved.at), (7, at(0)));
    assert_eq!((&*moved.from, &*moved.to, moved.ended), ("New", "A", false));
    assert_eq!((moved.state.version, moved.state.data.text()), (1, r#"{"A":["New"]}"#));
    assert_eq!((&*moved.input.kind, &*moved.input.id, &*moved.input.source), ("Do", "m1", "tests"));
    assert_eq!(moved.deadlines[0].id, "answer@1");
    let fact: TripNoted = serde_json::from_str(&world.events()[1].data).unwrap();
    assert_eq!(fact.state, "A");
}

#[tokio::test]
async fn commands_leave_from_the_stored_event_with_ids_of_their_own() {
    let mut world = World::new();
    world.go(Plan::to("A").send("hotel#7").send("hotel#7").set("answer", at(60))).await;
    let leaves = world.outgoing();
    let [deadline, first, second] = leaves.as_slice() else { panic!("{leaves:?}") };
    let message = |outgoing: &crate::publish::Outgoing| outgoing.envelope.clone().unwrap();
    assert_eq!((&*deadline.to, message(deadline).kind.as_str()), ("trip", "PassDeadline"));
    assert_eq!((&*first.to, &first.action), ("hotels", &Action::Send));
    let (one, two) = (message(first), message(second));
    assert_eq!((one.kind.as_str(), one.subject.as_str()), (Ask::TYPE, "hotel#7"));
    assert_eq!((one.source.as_str(), one.correlation_id.as_str()), ("travel.trip", "request"));
    assert_eq!(one.causation_id, Some(world.events()[0].id.clone()));
    assert_ne!(one.id, two.id, "equal commands of one step are two commands");
    assert_eq!(one.id, message(&world.outgoing()[1]).id, "the same each time");
}

#[tokio::test]
async fn an_input_that_comes_again_changes_nothing() {
    let mut world = World::new();
    for say in [Say::Go(Plan::to("A").send("hotel#7")), Say::Refuse, Say::Stick, Say::Refuse] {
        let input = world.input(say);
        assert_eq!(world.deliver(&input).await, APPLIED);
        let before = world.store.commits();
        *world.now.lock() += jiff::SignedDuration::from_secs(5);
        assert_eq!(world.deliver(&input).await, DUPLICATE);
        assert_eq!(world.store.commits(), before);
    }
    assert_eq!(
        world.kinds(),
        ["ProcessMoved", "ProcessRefused", "ProcessStuck", "ProcessHeld"],
        "each of them was new once"
    );
}

#[tokio::test]
async fn a_lost_answer_of_the_store_leads_to_one_step() {
    let mut world = World::new();
    world.faults = Faults::none().at(Call::Commit, 1, Fault::LostResponse);
    let input = world.input(Say::Go(Plan::to("A").send("hotel#7")));
    assert_eq!(failure(world.deliver(&input).await).class(), Class::Transient);
    assert_eq!(world.deliver(&input).await, DUPLICATE);
    assert_eq!(world.kinds(), ["ProcessMoved"]);
    assert_eq!(world.faults.calls(Call::Commit), 1);
}

#[tokio::test]
async fn a_lost_race_is_decided_again_on_the_state_of_the_winner() {
    let mut world = World::new();
    world.go(Plan::to("A")).await;
    world.faults = Faults::none().at(Call::Commit, 1, Fault::Conflict);
    assert_eq!(world.go(Plan::to("B")).await, APPLIED);
    assert_eq!(world.kinds(), ["ProcessMoved", "ProcessMoved"]);
    assert_eq!(world.faults.calls(Call::Commit), 2);
}

#[tokio::test]
async fn an_input_costs_one_read_and_one_write_and_a_start_no_read() {
    let mut world = World::new();
    let calls = |world: &World| [Call::Read, Call::Commit].map(|call| world.faults.calls(call));
    world.say(Say::Start(Plan::to("A"))).await;
    assert_eq!(calls(&world), [0, 1], "a start");
    let input = world.input(Say::Go(Plan::to("A").send("hotel#7").set("answer", at(60))));
    world.deliver(&input).await;
    assert_eq!(calls(&world), [1, 2], "an answer");
    world.deliver(&input).await;
    assert_eq!(calls(&world), [2, 2], "a duplicate");
    let hundred: Vec<_> = (0..100).map(|_| world.input(Say::Go(Plan::to("B")))).collect();
    world.batch::<Trips>(&hundred.iter().collect::<Vec<_>>(), 1).await;
    assert_eq!(calls(&world), [3, 3], "a hundred of one instance");
    let again = world.input(Say::Start(Plan::to("A")));
    assert_eq!(world.deliver(&again).await, APPLIED);
    assert_eq!(calls(&world), [4, 5], "a start of what was started is decided on its state");
    assert!(matches!(world.last(), StoredEvent::ProcessMoved(moved) if moved.from == "B"));
}

#[tokio::test]
async fn the_inputs_of_a_batch_are_one_commit_decided_in_order() {
    let mut world = World::new();
    let inputs = [Plan::to("A"), Plan::to("B").send("hotel#7"), Plan::to("A")]
        .map(|plan| world.input(Say::Go(plan)));
    let outcomes = world.batch::<Trips>(&inputs.each_ref(), 1).await;
    assert_eq!(outcomes, [APPLIED, APPLIED, APPLIED]);
    assert_eq!(world.store.commits().len(), 1);
    let taken = ["New", "A", "B"].map(str::to_owned).into_iter().collect();
    assert_eq!(world.state().await, Trip::A(taken));
}

#[tokio::test]
async fn a_refusal_keeps_the_state_and_is_stored_with_its_reason() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60))).await;
    *world.now.lock() = at(5);
    assert_eq!(world.say(Say::Refuse).await, APPLIED);
    let StoredEvent::ProcessRefused(refused) = world.last() else { panic!("{:?}", world.last()) };
    assert_eq!((&*refused.code, &*refused.state), ("not_now", "A"));
    assert_eq!(refused.reason, format!("at {}", at(5)), "time is an input");
    assert_eq!(world.open().await, ["answer@1"]);
    assert_eq!(world.instance().await.state_name(), "A");
}

#[tokio::test]
async fn an_answer_to_an_instance_that_was_never_started_is_decided_in_the_start() {
    let mut world = World::new();
    assert_eq!(world.say(Say::Refuse).await, APPLIED);
    let StoredEvent::ProcessRefused(refused) = world.last() else { panic!("{:?}", world.last()) };
    assert_eq!(refused.state, "New");
}

#[tokio::test]
async fn an_end_state_may_answer_but_not_be_left() {
    let mut world = World::new();
    world.go(Plan::to("Done")).await;
    assert_eq!(world.go(Plan::to("Over").send("hotel#7")).await, APPLIED, "a late success");
    assert_eq!(world.state().await, Trip::Over);
    world.go(Plan::to("A")).await;
    let (code, reason) = world.reason();
    assert_eq!(code, "invalid_step");
    assert!(reason.contains("from the end state Over to A"), "{reason}");
    assert_eq!(world.state().await, Trip::Over);
}

#[tokio::test]
async fn a_mistake_in_a_step_is_stuck_and_names_itself() {
    for (plan, said) in [
        (Plan::to("A").send("nowhere"), "Ask: `nowhere` is not a stream id"),
        (Plan::to("A").set("", at(60)), "the deadline of Passed has no name"),
        (Plan::to("Done").set("late", at(60)), "sets the deadline `late` in the end state Done"),
    ] {
        let mut world = World::new();
        assert_eq!(world.go(plan).await, APPLIED);
        let (code, reason) = world.reason();
        assert_eq!(code, "invalid_step");
        assert!(reason.contains(said), "{reason}");
        assert_eq!(world.state().await, Trip::New);
        assert_eq!(world.actions(), [""; 0], "nothing leaves");
    }
}

#[tokio::test]
async fn a_panic_comes_again_until_the_stated_receive_makes_the_instance_stuck() {
    let mut world = World::new();
    world.go(Plan::to("A")).await;
    let input = world.input(Say::Panic);
    for times in 1..PANICS {
        let failed = failure(world.receive::<Trips>(&input, times).await);
        assert_eq!((failed.class(), failed.code()), (Class::Transient, "panic"));
    }
    assert_eq!(world.kinds(), ["ProcessMoved"]);
    assert_eq!(world.receive::<Trips>(&input, PANICS).await, APPLIED);
    let (code, reason) = world.reason();
    assert_eq!(code, "panic");
    assert!(reason.contains("the script says so"), "{reason}");
    assert_eq!(world.instance().await.state_name(), "A");
    assert_eq!(world.receive::<Trips>(&input, PANICS + 1).await, DUPLICATE);
}

#[tokio::test]
async fn a_panic_costs_only_itself_in_a_batch() {
    let mut world = World::new();
    let inputs =
        [Say::Go(Plan::to("A")), Say::Panic, Say::Go(Plan::to("Done"))].map(|say| world.input(say));
    let outcomes = world.batch::<Trips>(&inputs.each_ref(), PANICS).await;
    assert_eq!(outcomes, [APPLIED, APPLIED, APPLIED]);
    assert_eq!(world.kinds(), ["ProcessMoved", "ProcessStuck", "ProcessHeld"]);
}

#[tokio::test]
async fn what_became_of_inputs_is_counted_for_each_process() {
    let mut world = World::new();
    world.go(Plan::to("A")).await;
    let inputs = [Say::Go(Plan::to("B")), Say::Stick, Say::Refuse].map(|say| world.input(say));
    world.batch::<Trips>(&inputs.each_ref(), 1).await;
    world.deliver(&inputs[0]).await;
    let lines = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&lines);
    let metrics: Metrics = "Travel".parse().unwrap();
    let metrics = metrics.to(move |line| seen.lock().push(line.to_vec()));
    metrics.flush(&world.metrics);
    let lines = lines.lock();
    let line: serde_json::Value = serde_json::from_slice(&lines[0]).unwrap();
    assert_eq!((lines.len(), &line["process"]), (1, &"trip".into()));
    let of = |name: &str| line[name].clone();
    assert_eq!(of("ProcessMoved").to_string().matches('1').count(), 2, "{line}");
    assert_eq!((of("ProcessStuck"), of("ProcessHeld")), (1.0.into(), 1.0.into()), "{line}");
    assert!(line.get("ProcessRefused").is_none(), "it was held: {line}");
}
