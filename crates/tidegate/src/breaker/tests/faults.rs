//! Tests of a breaker whose row answers late, twice or not at all, and of its events.

use std::sync::Arc;

use super::super::memory::MemoryBreakers;
use super::super::{Breaker, BreakerChanged, Phase};
use super::{COOL_DOWN, NAME, World};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::store::{EventReader, MemoryEventStore};
use crate::test::{Call, Fault, Faults};

fn at(call: Call, fault: Fault) -> Faults {
    Faults::none().at(call, 1, fault)
}

#[tokio::test(start_paused = true)]
async fn the_owner_of_a_probe_recognises_its_lease_after_a_lost_answer() {
    for fault in [Fault::LostResponse, Fault::SentTwice, Fault::Throttled] {
        let world = World::new();
        world.open().await;
        world.pass(COOL_DOWN);
        let breaker = world.faulty(&at(Call::ChangeBreaker, fault.clone()));
        let probe = breaker.admit(world.lease(20)).await.unwrap();
        assert!(probe.is_probe(), "{fault:?}");
        assert_eq!(world.rows.state(NAME).number, 2, "{fault:?}");
        probe.succeeded().await;
        assert_eq!(world.phase(), Phase::Closed, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_opening_is_not_lost_with_the_environment_that_counted() {
    let world = World::new();
    let lost = Failure::transient("breaker_store", "no connection");
    let faults = (1..=4).fold(Faults::none(), |faults, call| {
        faults.at(Call::ChangeBreaker, call, Fault::Failed(lost.clone()))
    });
    let dies = world.faulty(&faults);
    for _ in 0..5 {
        world.fails(&dies).await;
    }
    assert_eq!(world.phase(), Phase::Closed, "it could not open the breaker");
    let refused = world.works(&world.environment()).await.unwrap_err();
    assert_eq!(refused.code(), Breaker::OPEN, "the next one that looks opens it");
    assert!(world.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_could_not_be_counted_is_counted_with_the_next_one() {
    let world = World::new();
    let breaker = world.faulty(&at(Call::CountCalls, Fault::Throttled));
    for _ in 0..4 {
        let failure = world.fails(&breaker).await;
        assert_eq!(failure.code(), "down", "the record keeps its own failure");
    }
    assert_eq!(world.rows.state(NAME).counts.in_a_row, 4);
    world.fails(&breaker).await;
    assert!(world.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_refuses_the_call_as_a_transient_failure() {
    let world = World::new();
    let hangs = at(Call::LookAtBreaker, Fault::Hangs { applied: false });
    let failure = world.works(&world.faulty(&hangs)).await.unwrap_err();
    assert_eq!(failure.code(), "deadline");
    let throttled = world.faulty(&at(Call::LookAtBreaker, Fault::Throttled));
    assert_eq!(world.works(&throttled).await.unwrap_err().code(), Failure::THROTTLED);
    assert_eq!(world.works(&throttled).await, Ok(7));
}

#[tokio::test]
async fn each_change_is_an_event_and_the_events_of_another_time_do_not_stop_one() {
    let events = Arc::new(MemoryEventStore::default());
    let mut world = World::new();
    let keeping =
        || Arc::new(MemoryBreakers::default().events(Arc::<MemoryEventStore>::clone(&events)));
    world.rows = keeping();
    world.open().await;
    world.pass(COOL_DOWN);
    world.works(&world.environment()).await.unwrap();
    let stream: StreamId = "breaker#payment".parse().unwrap();
    let changes = async || -> Vec<(u64, String)> {
        let commits = events.read(&stream, Version::NONE).await.unwrap();
        let of = |data: &str| serde_json::from_str::<BreakerChanged>(data).unwrap();
        let all = commits.iter().flat_map(|commit| &commit.events);
        all.map(|event| (event.version.number(), of(&event.data).phase)).collect()
    };
    let named = |names: &[&str]| (1..).zip(names.iter().map(|name| (*name).to_owned())).collect();
    let seen: Vec<_> = named(&["open", "half-open", "closed"]);
    assert_eq!(changes().await, seen);
    // The table of breakers was restored to a time before all of this.
    world.rows = keeping();
    world.open().await;
    world.pass(COOL_DOWN);
    world.works(&world.environment()).await.unwrap();
    assert_eq!(changes().await, seen);
    world.open().await;
    let seen: Vec<_> = named(&["open", "half-open", "closed", "open"]);
    assert_eq!(changes().await, seen);
}
