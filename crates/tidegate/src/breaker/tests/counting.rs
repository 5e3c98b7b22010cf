//! Tests of what is counted, what opens a breaker, and what that costs.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use parking_lot::Mutex;
use serde_json::Value;

use super::super::memory::MemoryBreakers;
use super::super::{Breaker, BreakerState, BreakerStore, Change, Changed, Count, Phase, Rules};
use super::{COOL_DOWN, NAME, World};
use crate::batch::Metrics;
use crate::failure::Failure;
use crate::test::{Call, Faults, Faulty};

#[tokio::test]
async fn failures_of_all_environments_open_the_breaker() {
    let world = World::new();
    let (one, other) = (world.environment(), world.environment());
    for breaker in [&one, &other, &one, &other] {
        world.fails(breaker).await;
        assert_eq!(world.phase(), Phase::Closed);
    }
    world.fails(&one).await;
    assert!(world.is_open());
    assert_eq!(world.rows.state(NAME).reason, "5 failures in a row");
    assert_eq!(world.works(&one).await.unwrap_err().code(), Breaker::OPEN);
}

#[tokio::test]
async fn a_success_ends_a_row_of_failures() {
    let world = World::new();
    let breaker = world.environment();
    for _ in 0..4 {
        for _ in 0..4 {
            world.fails(&breaker).await;
        }
        world.works(&breaker).await.unwrap();
    }
    assert_eq!(world.phase(), Phase::Closed);
    let counts = world.rows.state(NAME).counts;
    assert_eq!((counts.failures, counts.successes, counts.in_a_row), (16, 3, 4));
}

#[tokio::test]
async fn a_share_of_failed_calls_opens_it_once_there_were_enough_calls() {
    let rules = Rules::new(COOL_DOWN).failures_in_a_row(None).failure_share(50, 10);
    let world = World::with(rules);
    let breaker = world.environment();
    for call in 1..10 {
        if call % 2 == 1 {
            world.fails(&breaker).await;
        } else {
            world.works(&breaker).await.unwrap();
        }
        assert_eq!(world.phase(), Phase::Closed, "call {call}");
    }
    world.fails(&breaker).await;
    assert_eq!(world.rows.state(NAME).reason, "6 of 10 calls failed");
}

#[tokio::test]
async fn environments_without_failures_are_part_of_the_share() {
    let rules = Rules::new(COOL_DOWN).failures_in_a_row(None).failure_share(50, 10);
    let world = World::with(rules.window(Duration::from_secs(600)));
    let (works, fails) = (world.environment(), world.environment());
    world.fails(&fails).await;
    for _ in 0..20 {
        world.works(&works).await.unwrap();
    }
    // It saw a failure in the window, so its successes leave with the next read.
    world.pass(Duration::from_secs(6));
    world.works(&works).await.unwrap();
    assert_eq!(world.rows.state(NAME).counts.successes, 20);
    for _ in 0..14 {
        world.fails(&fails).await;
    }
    assert_eq!(world.phase(), Phase::Closed, "15 of 35");
}

#[tokio::test]
async fn successes_cost_nothing_and_a_fresh_state_is_not_read() {
    let (world, faults) = (World::new(), Faults::none());
    let breaker = world.faulty(&faults);
    let reads = || faults.calls(Call::LookAtBreaker);
    for _ in 0..100 {
        world.works(&breaker).await.unwrap();
    }
    assert_eq!(reads(), 1, "the first call");
    world.pass(Duration::from_millis(4_999));
    world.works(&breaker).await.unwrap();
    assert_eq!(reads(), 1, "what is known is fresh");
    world.pass(Duration::from_millis(1));
    for _ in 0..100 {
        world.works(&breaker).await.unwrap();
    }
    assert_eq!(reads(), 2);
    assert_eq!((faults.calls(Call::CountCalls), faults.calls(Call::ChangeBreaker)), (0, 0));
}

#[tokio::test]
async fn an_open_breaker_that_is_known_costs_no_read() {
    let (world, faults) = (World::new(), Faults::none());
    world.open().await;
    let breaker = world.faulty(&faults);
    for _ in 0..100 {
        assert_eq!(world.works(&breaker).await.unwrap_err().code(), Breaker::OPEN);
    }
    assert_eq!(faults.calls(Call::LookAtBreaker), 1);
}

/// Rows that take a moment to count calls.
struct Slow(Faulty<MemoryBreakers>);

impl BreakerStore for Slow {
    fn look<'a>(&'a self, breaker: &'a str) -> BoxFuture<'a, Result<BreakerState, Failure>> {
        self.0.look(breaker)
    }

    fn count<'a>(
        &'a self,
        breaker: &'a str,
        count: &'a Count,
    ) -> BoxFuture<'a, Result<BreakerState, Failure>> {
        async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.0.count(breaker, count).await
        }
        .boxed()
    }

    fn change<'a>(
        &'a self,
        breaker: &'a str,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<Changed, Failure>> {
        self.0.change(breaker, change)
    }
}

#[tokio::test(start_paused = true)]
async fn failures_at_the_same_moment_share_a_write() {
    let rules = Rules::new(COOL_DOWN).failures_in_a_row(Some(100));
    let (world, faults) = (World::with(rules), Faults::none());
    let rows = Faulty::new(Arc::clone(&world.rows), faults.clone());
    let breaker = world.environment_of(Arc::new(Slow(rows)));
    let down = async || Err::<u8, _>(Failure::transient("down", ""));
    let calls = (0..16).map(|_| breaker.call(world.lease(20), down));
    for result in futures::future::join_all(calls).await {
        assert_eq!(result.unwrap_err().code(), "down");
    }
    assert_eq!(world.rows.state(NAME).counts.failures, 16);
    assert_eq!(faults.calls(Call::CountCalls), 2, "the first, and the rest together");
}

#[tokio::test]
async fn a_window_that_is_over_counts_no_more() {
    let world = World::new();
    let breaker = world.environment();
    for _ in 0..4 {
        world.fails(&breaker).await;
    }
    world.pass(Duration::from_secs(60));
    for _ in 0..4 {
        world.fails(&breaker).await;
    }
    assert_eq!(world.phase(), Phase::Closed);
    assert_eq!(world.rows.state(NAME).counts.failures, 4);
    world.fails(&breaker).await;
    assert!(world.is_open());
}

#[tokio::test]
async fn an_answer_is_no_outage_and_a_lost_race_says_nothing() {
    let world = World::new();
    let breaker = world.environment();
    let failures = [
        Failure::permanent("card_refused", ""),
        Failure::busy("twin_running", ""),
        Failure::transient("version_conflict", ""),
        Failure::transient(Failure::THROTTLED, ""),
    ];
    for failure in failures.iter().cycle().take(40) {
        let work = async || Err::<u8, _>(failure.clone());
        let failed = breaker.call(world.lease(20), work).await.unwrap_err();
        assert_eq!((failed.code(), failed.retry_delay()), (failure.code(), None));
    }
    assert_eq!(world.rows.state(NAME).counts.failures, 0);
}

#[tokio::test]
async fn which_failures_count_is_declared() {
    let world = World::new();
    let breaker = world.environment().counting(|failure| failure.code() == "throttled");
    for _ in 0..10 {
        world.fails(&breaker).await;
    }
    assert_eq!(world.phase(), Phase::Closed);
    for _ in 0..5 {
        let throttled = async || Err::<u8, _>(Failure::transient("throttled", ""));
        breaker.call(world.lease(20), throttled).await.unwrap_err();
    }
    assert!(world.is_open());
}

#[tokio::test]
async fn a_failure_that_began_before_the_outage_ended_does_not_count_after_it() {
    let world = World::new();
    let (slow, other) = (world.environment(), world.environment());
    let mut permits = Vec::new();
    for _ in 0..5 {
        permits.push(slow.admit(world.lease(600)).await.unwrap());
    }
    world.open().await;
    world.pass(COOL_DOWN);
    world.works(&other).await.unwrap();
    assert_eq!(world.phase(), Phase::Closed);
    for permit in permits {
        permit.failed(Failure::transient("down", "")).await;
    }
    assert_eq!(world.phase(), Phase::Closed, "{:?}", world.rows.state(NAME));
    assert_eq!(world.rows.state(NAME).counts.failures, 0);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_never_answers_is_an_outage() {
    let world = World::new();
    let breaker = world.environment();
    for _ in 0..5 {
        let silent = async || std::future::pending::<Result<u8, Failure>>().await;
        let failure = breaker.call(world.lease(20), silent).await.unwrap_err();
        assert_eq!(failure.code(), "call_timeout");
    }
    assert!(world.is_open());
}

#[tokio::test]
async fn each_change_is_a_metric() {
    let world = World::new();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&lines);
    let metrics = "Shop".parse::<Metrics>().unwrap().to(move |line| {
        written.lock().push(serde_json::from_slice::<Value>(line).unwrap());
    });
    let breaker = world.environment().metrics(metrics, "dev-charge");
    for _ in 0..5 {
        world.fails(&breaker).await;
    }
    world.pass(COOL_DOWN);
    world.works(&breaker).await.unwrap();
    let lines = lines.lock();
    let names = ["BreakerOpened", "BreakerProbed", "BreakerClosed"];
    assert_eq!(lines.len(), names.len(), "{lines:?}");
    for (line, name) in lines.iter().zip(names) {
        assert_eq!((&line["function"], &line["breaker"]), (&"dev-charge".into(), &NAME.into()));
        assert_eq!(line[name], 1, "{line}");
        let metric = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metric["Metrics"][0]["Name"], name);
        assert_eq!(metric["Dimensions"][0], serde_json::json!(["function", "breaker"]));
    }
}
