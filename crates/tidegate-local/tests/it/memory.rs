//! The declared memory is a limit.

use std::time::Duration;

use serde_json::json;
use tidegate_local::environment::{FunctionSpec, Functions};

use crate::probe::{binary, error, fleet, invoke, invoke_raw, spec, until};

fn of(memory_mb: u32) -> FunctionSpec {
    // Long enough for a busy machine.
    FunctionSpec { memory_mb, timeout: Duration::from_secs(30), ..spec(&binary()) }
}

#[tokio::test]
async fn an_invocation_that_uses_more_memory_than_declared_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), of(128));
    invoke(&fleet, json!({"do": "allocate", "mb": 60})).await;
    let answer = invoke_raw(&fleet, json!({"do": "allocate", "mb": 4000})).await;
    let expected = format!(
        "RequestId: {} Error: Runtime exited with error: signal: killed",
        answer.request_id
    );
    assert_eq!(error(answer), json!({"errorType": "Runtime.ExitError", "errorMessage": expected}));
    let status = &fleet.status()["probe"];
    assert_eq!((status.memory_kills, status.errors), (1, 1));
    let peak_mb = status.peak_rss_bytes >> 20;
    assert!((128..400).contains(&peak_mb), "{peak_mb} MB");
    invoke(&fleet, json!({})).await;
}

#[tokio::test]
async fn an_environment_that_had_nothing_to_do_is_looked_at_again_as_soon_as_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = tidegate_local::environment::FleetOptions::new(dir.path().to_owned());
    options.freeze_after = None;
    let fleet = tidegate_local::environment::Fleet::start(vec![of(128)], &options).unwrap();
    invoke(&fleet, json!({})).await;
    // Longer than the longest pause between readings of a working process: the engine has seen it
    // idle.
    tokio::time::sleep(Duration::from_millis(150)).await;
    error(invoke_raw(&fleet, json!({"do": "allocate", "mb": 600, "pause_us": 500})).await);
    let peak_mb = fleet.status()["probe"].peak_rss_bytes >> 20;
    assert!((128..200).contains(&peak_mb), "{peak_mb} MB");
}

#[tokio::test]
async fn a_slow_leak_over_several_invocations_is_killed_at_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), of(128));
    let mut kept = 0;
    loop {
        let answer =
            invoke_raw(&fleet, json!({"do": "allocate", "mb": 10, "pause_us": 1000, "keep": true}))
                .await;
        if !matches!(answer.result, tidegate_local::invocation::InvocationResult::Success(_)) {
            error(answer);
            break;
        }
        kept += 10;
    }
    assert!((100..130).contains(&kept), "{kept} MB were kept before the end");
    assert!(fleet.status()["probe"].peak_rss_bytes < 140 << 20, "{:?}", fleet.status());
}

#[tokio::test]
async fn what_a_process_started_counts_too() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), of(128));
    // The shell keeps a growing text.
    let script = "a=xxxxxxxxxxxxxxxx; while :; do a=$a$a; sleep 0.02; done";
    let failed = error(invoke_raw(&fleet, json!({"do": "spawn", "script": script})).await);
    assert!(failed["errorMessage"].as_str().unwrap().ends_with("signal: killed"), "{failed}");
    assert_eq!(fleet.status()["probe"].memory_kills, 1);
}

#[tokio::test]
async fn memory_taken_after_the_answer_counts_and_costs_no_invocation() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = tidegate_local::environment::FleetOptions::new(dir.path().to_owned());
    options.freeze_after = None;
    let fleet = tidegate_local::environment::Fleet::start(vec![of(128)], &options).unwrap();
    invoke(&fleet, json!({"do": "allocate-afterwards", "mb": 4000})).await;
    until("it is killed", || fleet.status()["probe"].memory_kills == 1).await;
    until("it has ended", || fleet.status()["probe"].environments == 0).await;
    invoke(&fleet, json!({})).await;
    assert_eq!(fleet.status()["probe"].errors, 0);
}
