//! The view of processes, and the sweep over it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::at;
use super::scripted::{Plan, Say};
use super::world::{World, trip};
use crate::batch::{BatchContext, BatchHandler, Handled, Handler, Item, Outcome};
use crate::failure::Failure;
use crate::process::{ProcessRow, Processes, Sweep, deadline_message};
use crate::projection::{Projector, ReadModel};
use crate::publish::{Action, Entry};
use crate::query::{Consistency, Get, one};
use crate::store::{CommitChange, EventReader};
use crate::test::{MemoryEventStore, MemoryReadModel, MemoryTarget, TargetAnswer};

/// Delivers all commits of the store to the view, twice.
async fn projected(world: &World) -> MemoryReadModel {
    let model = MemoryReadModel::default();
    let read_model: Arc<dyn ReadModel> = Arc::new(model.clone());
    let events: Arc<dyn EventReader> = Arc::<MemoryEventStore>::clone(&world.store);
    let projector = Projector::new(Processes::new(["trip"]), read_model, events);
    let commits = world.store.commits();
    let items: Vec<_> = commits
        .iter()
        .chain(&commits)
        .map(|commit| Item::new("trip#1", CommitChange::Commit(commit.clone())))
        .collect();
    let context = BatchContext::new(Duration::from_secs(60));
    for outcome in projector.handle_batch(&items, &context).await {
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }
    model
}

async fn row(model: &MemoryReadModel) -> Option<ProcessRow> {
    let get = Get::new(&ProcessRow::table("rows"), trip().as_str(), Consistency::Strong);
    one(model, &get).await.unwrap()
}

/// Does one thing to the trip 1.
async fn act(world: &mut World, what: u8) {
    let version = world.instance().await.version().number();
    let _ = match what {
        0 => world.go(Plan::to("A")).await,
        1 => world.go(Plan::to("A").set("x", at(10))).await,
        2 => world.go(Plan::to("B").set_overall("y", at(5)).publish()).await,
        3 => world.say(Say::Stick).await,
        4 => world.say(Say::Refuse).await,
        5 => world.go(Plan::to("Done")).await,
        6 => match world.open().await.first() {
            Some(id) => world.pass(id).await,
            None => world.pass("late@1").await,
        },
        7 => world.pass("late@1").await,
        8 => world.resume(version).await,
        9 => world.skip(version).await,
        10 => world.force(version, r#""New""#).await,
        11 => world.go(Plan::to("B").cancel("y").set("x", at(20))).await,
        12 => world.say(Say::UnlessB(Plan::to("A"))).await,
        _ => world.resume(version + 1).await,
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The row of an instance is what the fold over its events says, whatever happens to it.
    #[test]
    fn a_row_is_what_the_events_say(program in proptest::collection::vec(0_u8..14, 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for what in &program {
                act(&mut world, *what).await;
            }
            let row = row(&projected(&world).await).await.unwrap();
            let instance = world.instance().await;
            let outline = instance.outline();
            assert_eq!((&row.instance, row.version), (&trip(), outline.version));
            if !outline.state.is_empty() && !row.state.is_empty() {
                assert_eq!(row.state, outline.state);
            }
            assert_eq!(row.ended_at.is_some(), outline.ended);
            assert_eq!(row.held as usize, outline.held.len());
            let stuck = outline.stuck.as_ref();
            assert_eq!(row.stuck_code.as_deref(), stuck.map(|stuck| &*stuck.reason.code));
            assert_eq!(row.stuck_reason.as_deref(), stuck.map(|stuck| &*stuck.reason.text));
            assert_eq!(row.stuck_at, stuck.map(|stuck| stuck.at));
            let waiting = outline.deadlines.iter().filter(|open| !open.passed);
            let mut due: Vec<_> = waiting.map(|open| (open.deadline.due, open.deadline.id.as_str())).collect();
            due.sort_unstable();
            let mut shown: Vec<_> = row.deadlines.iter().map(|one| (one.due, one.id.as_str())).collect();
            let first = shown.first().map(|(due, _)| *due);
            assert_eq!(first, shown.iter().map(|(due, _)| *due).min(), "the next one is the first");
            shown.sort_unstable();
            assert_eq!(shown, due);
            assert_eq!(row.process, "trip");
        });
    }
}

fn context() -> BatchContext {
    BatchContext::new(Duration::from_secs(60))
}

/// A sweep of trips that finds what is overdue by a minute, at the given time.
fn sweep(model: &MemoryReadModel, queue: &MemoryTarget, now: Timestamp) -> Sweep {
    Sweep::new(model.clone(), "rows")
        .process("trip", queue.clone())
        .grace(Duration::from_secs(60))
        .clock(move || now)
}

#[tokio::test]
async fn a_deadline_without_a_schedule_passes_by_the_sweep_and_passes_once() {
    let mut world = World::new();
    world.go(Plan::to("A").set("x", at(100)).set_overall("y", at(500))).await;
    let model = projected(&world).await;
    let queue = MemoryTarget::new("inputs");
    let handled = sweep(&model, &queue, at(159)).handle(&(), &context()).await.unwrap();
    assert_eq!((handled, queue.taken().len()), (Handled::Filtered, 0), "within the grace period");
    let handled = sweep(&model, &queue, at(160)).handle(&(), &context()).await.unwrap();
    assert_eq!(handled, Handled::Applied);
    let taken = queue.taken();
    let [entry] = taken.as_slice() else { panic!("{taken:?}") };
    let scheduled = deadline_message(&trip(), "x", "x@1", at(100)).unwrap();
    assert_eq!(*entry, Entry::new(&scheduled, Action::Send).unwrap(), "as its schedule sends it");

    let swept = crate::envelope::Envelope::parse(entry.body.as_bytes()).unwrap();
    assert_eq!(world.deliver(&swept).await, Outcome::Done(Handled::Applied));
    assert_eq!(world.deliver(&scheduled).await, Outcome::Done(Handled::Duplicate));
    let model = projected(&world).await;
    let queue = MemoryTarget::new("inputs");
    sweep(&model, &queue, at(160)).handle(&(), &context()).await.unwrap();
    assert!(queue.taken().is_empty(), "the view knows that it passed");
    assert_eq!(row(&model).await.unwrap().deadlines[0].name(), "y");
}

#[tokio::test]
async fn a_deadline_that_stays_overdue_is_sent_less_and_less_often() {
    let mut world = World::new();
    world.go(Plan::to("A").set("x", at(0))).await;
    let model = projected(&world).await;
    let queue = MemoryTarget::new("inputs");
    let now = Arc::new(parking_lot::Mutex::new(at(60)));
    let clock = Arc::clone(&now);
    let sweep = sweep(&model, &queue, at(0)).clock(move || *clock.lock());
    let mut counts = Vec::new();
    for _ in 0..8 {
        sweep.handle(&(), &context()).await.unwrap();
        counts.push(queue.taken().len());
        *now.lock() += SignedDuration::from_secs(60);
    }
    assert_eq!(counts, [1, 1, 2, 2, 2, 2, 3, 3]);
}

#[tokio::test]
async fn an_invocation_sends_up_to_its_limit_and_the_next_one_goes_on() {
    let mut world = World::new();
    let plan = (0..5).fold(Plan::to("A"), |plan, n| plan.set(&format!("d{n}"), at(n)));
    world.go(plan).await;
    let model = projected(&world).await;
    let queue = MemoryTarget::new("inputs");
    let sweep = sweep(&model, &queue, at(100)).limit(0);
    assert_eq!(sweep.handle(&(), &context()).await.unwrap(), Handled::Filtered);
    let sweep = sweep.limit(1);
    sweep.handle(&(), &context()).await.unwrap();
    assert_eq!(queue.taken().len(), 5, "the deadlines of an instance go together");
}

#[tokio::test]
async fn what_cannot_be_sent_fails_the_invocation_and_is_sent_by_the_next_one() {
    let mut world = World::new();
    world.go(Plan::to("A").set("x", at(0))).await;
    let model = projected(&world).await;
    let down = |request: usize, _: &Entry| match request {
        1 => TargetAnswer::Refused(Failure::transient("queue", "SQS is down")),
        _ => TargetAnswer::Taken,
    };
    let queue = MemoryTarget::new("inputs").answering(down);
    let sweep = sweep(&model, &queue, at(100));
    let failure = sweep.handle(&(), &context()).await.unwrap_err();
    assert_eq!(failure.code(), "sweep");
    assert!(failure.reason().contains("SQS is down"), "{failure}");
    assert_eq!(sweep.handle(&(), &context()).await.unwrap(), Handled::Applied);
    assert_eq!(queue.taken().len(), 1);
}

#[tokio::test]
async fn an_event_of_a_newer_toolkit_parks_the_row_until_that_version_runs() {
    use crate::ids::{Cause, Version};
    use crate::projection::Projection;
    use crate::store::{RecordedCommit, RecordedEvent};

    let event = |kind: &str| {
        let schema = crate::envelope::DataSchema::new(kind, 1);
        RecordedEvent::new("e1", Version::new(1), schema, at(0), "{}")
    };
    let project = |kind: &str| {
        let event = event(kind);
        let commit =
            RecordedCommit::new(trip(), "t", Cause::new("t", "c"), at(0), vec![event.clone()]);
        Processes::new(["trip"]).project(&commit, &event)
    };
    assert_eq!(project("ProcessDreamt").unwrap_err().code(), Failure::NEWER);
    assert!(project("TripNoted").unwrap().row.set.is_empty(), "a fact changes nothing");
    assert!(!Processes::new(["trip"]).concerns(&"order#1".parse().unwrap()));
}
