//! Tests of an open breaker, and of its probes.

use std::time::Duration;

use super::super::{Breaker, MAX_CLOCK_SKEW, Phase};
use super::{COOL_DOWN, NAME, World};
use crate::failure::Failure;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_refused_call_comes_again_after_what_is_left_of_the_cool_down() {
    let world = World::new();
    let breaker = world.environment();
    world.open().await;
    for passed in [0, 20, 39] {
        world.pass(SECOND * passed);
        let left = COOL_DOWN - SECOND * [0, 20, 59][usize::try_from(passed).unwrap() / 19];
        let failure = world.works(&breaker).await.unwrap_err();
        assert_eq!(failure.code(), Breaker::OPEN);
        assert!(failure.is_passing(), "it speaks against no record");
        let delay = failure.retry_delay().unwrap();
        assert!(delay >= left && delay <= left + COOL_DOWN / 5, "{delay:?} of {left:?}");
    }
}

#[tokio::test]
async fn one_probe_finds_out_and_closes_the_breaker_for_all() {
    let world = World::new();
    let (one, other) = (world.environment(), world.environment());
    world.open().await;
    world.pass(COOL_DOWN);
    let probe = one.admit(world.lease(20)).await.unwrap();
    assert!(probe.is_probe());
    let refused = world.works(&other).await.unwrap_err();
    assert_eq!(refused.code(), Breaker::OPEN);
    assert!(refused.reason().contains("half-open"), "{refused}");
    // A probe that fails starts another cool-down.
    assert!(refused.retry_delay() >= Some(COOL_DOWN + SECOND * 20), "{:?}", refused.retry_delay());
    probe.succeeded().await;
    assert_eq!(world.phase(), Phase::Closed);
    assert_eq!(world.works(&one).await, Ok(7));
    world.pass(SECOND * 5);
    assert_eq!(world.works(&other).await, Ok(7));
}

#[tokio::test]
async fn a_probe_that_fails_opens_the_breaker_again() {
    let world = World::new();
    let breaker = world.environment();
    world.open().await;
    for _ in 0..3 {
        world.pass(COOL_DOWN);
        let failure = world.fails(&breaker).await;
        assert_eq!(failure.code(), "down");
        assert!(failure.retry_delay() >= Some(COOL_DOWN));
        assert_eq!(world.phase(), Phase::Open { until: world.now() + COOL_DOWN });
        assert_eq!(world.fails(&breaker).await.code(), Breaker::OPEN);
    }
}

#[tokio::test]
async fn the_lease_of_a_probe_ends_with_the_invocation_of_its_owner() {
    let world = World::new();
    let (dies, other) = (world.environment(), world.environment());
    world.open().await;
    world.pass(COOL_DOWN);
    let probe = dies.admit(world.lease(20)).await.unwrap();
    world.pass(SECOND * 20 + MAX_CLOCK_SKEW - Duration::from_millis(1));
    let refused = world.works(&other).await.unwrap_err();
    assert_eq!(refused.code(), Breaker::OPEN, "the owner's clock may be behind");
    world.pass(Duration::from_millis(1));
    let second = other.admit(world.lease(20)).await.unwrap();
    assert!(second.is_probe());
    // The first one was only slow. What it found is not about this probe.
    probe.succeeded().await;
    assert!(matches!(world.phase(), Phase::HalfOpen { .. }));
    assert!(second.failed(Failure::transient("down", "")).await.retry_delay() >= Some(COOL_DOWN));
    assert!(world.is_open());
}

#[tokio::test]
async fn calls_of_an_environment_wait_for_its_probe() {
    let world = World::new();
    let breaker = world.environment();
    world.open().await;
    world.pass(COOL_DOWN);
    let probe = breaker.admit(world.lease(20)).await.unwrap();
    let (waiting, ()) = tokio::join!(breaker.call(world.lease(20), async || Ok(7)), async {
        tokio::task::yield_now().await;
        probe.succeeded().await;
    });
    assert_eq!(waiting, Ok(7));
    assert_eq!(world.rows.state(NAME).number, 3, "open, half-open, closed");
}

#[tokio::test(start_paused = true)]
async fn a_call_does_not_wait_longer_than_its_invocation() {
    let world = World::new();
    let breaker = world.environment();
    world.open().await;
    world.pass(COOL_DOWN);
    let probe = breaker.admit(world.lease(60)).await.unwrap();
    let failure = world.works(&breaker).await.unwrap_err();
    assert_eq!(failure.code(), Breaker::OPEN);
    drop(probe);
}

#[tokio::test]
async fn a_probe_that_tells_nothing_is_given_back_and_an_answer_closes() {
    let world = World::new();
    let breaker = world.environment();
    world.open().await;
    world.pass(COOL_DOWN);
    let busy = async || Err::<u8, _>(Failure::busy("twin_running", ""));
    breaker.call(world.lease(20), busy).await.unwrap_err();
    assert_eq!(world.phase(), Phase::Open { until: world.now() }, "the next call may be a probe");
    let refused = async || Err::<u8, _>(Failure::permanent("card_refused", ""));
    assert_eq!(breaker.call(world.lease(20), refused).await.unwrap_err().code(), "card_refused");
    assert_eq!(world.phase(), Phase::Closed);
}
