//! Execution environments with real processes.

use std::time::{Duration, Instant};

use bytes::Bytes;
use engine_client::process;
use serde_json::{Value, json};
use tidegate_local::environment::{FunctionSpec, Functions, LogLine};
use tidegate_local::invocation::{InvocationResult, Invoker, Request};

use crate::probe::{begin, binary, error, fleet, invoke, invoke_raw, kill, spec, until};

#[tokio::test]
async fn one_process_serves_one_invocation_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let first = invoke(&fleet, json!({"n": 1})).await;
    for n in 2..20 {
        let next = invoke(&fleet, json!({ "n": n })).await;
        assert_eq!(next["pid"], first["pid"]);
        assert_eq!(next["event"], json!({ "n": n }));
        assert_ne!(next["request_id"], first["request_id"]);
    }
    let status = &fleet.status()["probe"];
    assert_eq!((status.environments, status.invocations, status.errors), (1, 19, 0));
    assert_eq!(json!(status.pids), json!([first["pid"]]));
    assert!(status.rss_bytes > 1 << 20 && status.peak_rss_bytes >= status.rss_bytes, "{status:?}");
}

#[tokio::test]
async fn the_process_sees_lambdas_environment_and_not_the_engines() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let seen = invoke(&fleet, json!({})).await;
    let variables = &seen["environment"];
    assert_eq!(variables["AWS_LAMBDA_FUNCTION_NAME"], "probe");
    assert_eq!(variables["AWS_LAMBDA_FUNCTION_VERSION"], "$LATEST");
    assert_eq!(variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
    assert_eq!(variables["AWS_ENDPOINT_URL"], "http://127.0.0.1:9");
    assert_eq!(variables["DECLARED"], "yes");
    assert_eq!(variables.get("CARGO_MANIFEST_DIR"), None, "cargo sets it for tests only");
    assert_eq!(seen["arn"], "arn:aws:lambda:us-east-1:000000000000:function:probe");
    assert!(seen["trace"].as_str().unwrap().starts_with("Root=1-"));
    let remaining = seen["remaining_ms"].as_u64().unwrap();
    assert!((15_000..=20_000).contains(&remaining), "{remaining} ms of 20 s");
}

#[tokio::test]
async fn a_client_context_reaches_the_function() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let context = r#"{"client":null,"custom":{"replay":"1"},"environment":{}}"#
        .replace("\"client\":null,", "");
    let request =
        Request { client_context: Some(context), ..Request::new(Bytes::from_static(b"{}")) };
    let InvocationResult::Success(payload) = fleet.invoke("probe", request).await.result else {
        panic!("failed")
    };
    let seen: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(seen["custom"], json!({"replay": "1"}));
}

#[tokio::test]
async fn a_client_context_beyond_ascii_reaches_the_function_and_ends_no_process() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let before = invoke(&fleet, json!({})).await["pid"].clone();
    let context = r#"{"custom":{"user":"Jürgen 😀"},"environment":{}}"#.to_owned();
    let request =
        Request { client_context: Some(context), ..Request::new(Bytes::from_static(b"{}")) };
    let InvocationResult::Success(payload) = fleet.invoke("probe", request).await.result else {
        panic!("failed")
    };
    let seen: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(seen["custom"], json!({"user": "Jürgen 😀"}));
    assert_eq!(seen["pid"], before);
}

#[tokio::test]
async fn more_invocations_than_the_declared_concurrency_are_throttled() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let marks = ["one", "two"].map(|name| dir.path().join(name));
    let running = marks.clone().map(|mark| begin(&fleet, json!({"do": "hang", "mark": mark})));
    let pid = |mark: &std::path::PathBuf| {
        std::fs::read_to_string(mark).ok().filter(|text| !text.is_empty())
    };
    until("both work", || marks.iter().all(|mark| pid(mark).is_some())).await;
    assert_ne!(pid(&marks[0]), pid(&marks[1]), "each has an environment of its own");
    assert_eq!(invoke_raw(&fleet, json!({})).await.result, InvocationResult::Throttled);
    let status = &fleet.status()["probe"];
    assert_eq!((status.environments, status.throttles, status.invocations), (2, 1, 0));
    for (mark, invocation) in marks.iter().zip(running) {
        kill(pid(mark).unwrap().parse().unwrap());
        error(invocation.await.unwrap());
    }
    invoke(&fleet, json!({})).await;
}

#[tokio::test]
async fn a_process_killed_while_busy_fails_its_invocation_and_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let mark = dir.path().join("mark");
    let invocation = begin(&fleet, json!({"do": "hang", "mark": mark}));
    until("the function works", || {
        std::fs::read_to_string(&mark).is_ok_and(|text| !text.is_empty())
    })
    .await;
    kill(std::fs::read_to_string(&mark).unwrap().parse().unwrap());
    let answer = invocation.await.unwrap();
    let request_id = answer.request_id.clone();
    let expected =
        format!("RequestId: {request_id} Error: Runtime exited with error: signal: killed");
    assert_eq!(error(answer), json!({"errorType": "Runtime.ExitError", "errorMessage": expected}));
    invoke(&fleet, json!({})).await;
}

#[tokio::test]
async fn processes_killed_while_idle_cost_no_invocation() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let mut pids = std::collections::BTreeSet::new();
    let started = Instant::now();
    for _ in 0..20 {
        let answer = invoke(&fleet, json!({})).await;
        let pid = answer["pid"].as_i64().unwrap();
        assert!(pids.insert(pid), "process {pid} was killed");
        let pid = i32::try_from(pid).unwrap();
        kill(pid);
        // The next invocation follows as soon as the kernel has ended it, even if the engine does
        // not know yet.
        while process::is_running(pid) {
            std::hint::spin_loop();
        }
    }
    let status = &fleet.status()["probe"];
    assert_eq!((status.invocations, status.errors), (20, 0));
    // No invocation had to wait for the limit after which a silent process is given up.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_invocation_is_killed_at_the_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let fleet =
        fleet(dir.path(), FunctionSpec { timeout: Duration::from_secs(1), ..spec(&binary()) });
    let pid = invoke(&fleet, json!({})).await["pid"].as_i64().unwrap();
    let started = Instant::now();
    let answer = invoke_raw(&fleet, json!({"do": "hang"})).await;
    assert!((900..2000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    let expected =
        format!("RequestId: {} Error: Task timed out after 1.00 seconds", answer.request_id);
    assert_eq!(error(answer), json!({"errorType": "Sandbox.Timedout", "errorMessage": expected}));
    until("the process is killed", || !process::is_running(i32::try_from(pid).unwrap())).await;
    assert_ne!(invoke(&fleet, json!({})).await["pid"], json!(pid));
    assert_eq!(fleet.status()["probe"].timeouts, 1);
}

#[tokio::test]
async fn errors_and_panics_are_function_errors_and_the_process_lives() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let pid = invoke(&fleet, json!({})).await["pid"].clone();
    let failed = error(invoke_raw(&fleet, json!({"do": "error", "message": "no luck"})).await);
    assert_eq!(failed["errorMessage"], "no luck");
    let panicked = error(invoke_raw(&fleet, json!({"do": "panic"})).await);
    assert!(panicked["errorMessage"].as_str().unwrap().contains("asked to panic"), "{panicked}");
    assert_eq!(invoke(&fleet, json!({})).await["pid"], pid);
    assert_eq!(fleet.status()["probe"].errors, 2);
}

#[tokio::test]
async fn a_process_that_exits_while_busy_fails_its_invocation_with_the_status() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let failed = error(invoke_raw(&fleet, json!({"do": "exit", "status": 3})).await);
    assert_eq!(failed["errorType"], "Runtime.ExitError");
    assert!(
        failed["errorMessage"]
            .as_str()
            .unwrap()
            .ends_with("Runtime exited with error: exit status 3"),
        "{failed}"
    );
}

#[tokio::test]
async fn a_failing_initialisation_is_the_invocations_error_and_starts_are_damped() {
    let dir = tempfile::tempdir().unwrap();
    let mut function = spec(&binary());
    function.environment.insert("PROBE_INIT".to_owned(), "exit".to_owned());
    let fleet = fleet(dir.path(), function);
    let started = Instant::now();
    for _ in 0..4 {
        let failed = error(invoke_raw(&fleet, json!({})).await);
        assert!(failed["errorMessage"].as_str().unwrap().ends_with("exit status 7"), "{failed}");
    }
    // Each invocation had two initialisations, and 100 + 200 + 400 ms lay between them.
    assert!(started.elapsed() >= Duration::from_millis(700), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_hanging_initialisation_is_made_again_and_then_ended_by_the_functions_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let mut function = spec(&binary());
    function.environment.insert("PROBE_INIT".to_owned(), "hang".to_owned());
    function.timeout = Duration::from_secs(3);
    let fleet = fleet(dir.path(), function);
    let started = Instant::now();
    let failed = error(invoke_raw(&fleet, json!({})).await);
    assert_eq!(failed["errorType"], "Sandbox.Timedout");
    assert!(
        failed["errorMessage"].as_str().unwrap().ends_with("timed out after 3.00 seconds"),
        "{failed}"
    );
    assert!(
        (4400..7000).contains(&started.elapsed().as_millis()),
        "{:?} of 1.5 and 3 s",
        started.elapsed()
    );
    assert_eq!(fleet.status()["probe"].timeouts, 1);
}

#[tokio::test]
async fn an_initialisation_that_works_the_second_time_shares_the_functions_timeout_with_the_invocation()
 {
    let dir = tempfile::tempdir().unwrap();
    let mut function = spec(&binary());
    function.environment.insert("PROBE_INIT".to_owned(), "hang-once".to_owned());
    function.timeout = Duration::from_secs(3);
    function
        .environment
        .insert("PROBE_MARK".to_owned(), dir.path().join("mark").display().to_string());
    let fleet = fleet(dir.path(), function);
    let seen = invoke(&fleet, json!({})).await;
    let remaining = seen["remaining_ms"].as_u64().unwrap();
    assert!((500..=2500).contains(&remaining), "{remaining} ms of 3 s, of which 500 ms are gone");
    let status = &fleet.status()["probe"];
    assert_eq!((status.invocations, status.errors, status.environments), (1, 0, 1));
}

#[tokio::test]
async fn an_oversized_response_is_a_function_error() {
    let dir = tempfile::tempdir().unwrap();
    let fleet =
        fleet(dir.path(), FunctionSpec { timeout: Duration::from_secs(30), ..spec(&binary()) });
    let failed = error(invoke_raw(&fleet, json!({"do": "answer", "bytes": 6_300_000})).await);
    assert_eq!(failed["errorType"], "Function.ResponseSizeTooLarge");
    let whole = invoke(&fleet, json!({"do": "answer", "bytes": 6_000_000})).await;
    assert_eq!(whole.as_str().unwrap().len(), 6_000_000);
}

#[tokio::test]
async fn output_is_logged_unchanged_and_metrics_are_added_up() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let emf = r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[[]],"Metrics":[{"Name":"Applied"}]}]},"Applied":[2,3]}"#;
    invoke(&fleet, json!({"do": "print", "lines": ["  plain line ", emf, emf]})).await;
    until("the metrics arrive", || fleet.status()["probe"].metrics.get("Applied") == Some(&10.0))
        .await;
    let log = std::fs::read_to_string(dir.path().join("logs/probe.log")).unwrap();
    let texts: Vec<&str> = log.lines().map(|line| LogLine::parse(line).unwrap().text).collect();
    assert!(texts.contains(&"  plain line "), "{log}");
    assert_eq!(texts.iter().filter(|text| **text == emf).count(), 2);
}

#[tokio::test]
async fn stopping_lets_invocations_finish_and_leaves_no_process() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let running = begin(&fleet, json!({"do": "sleep", "ms": 300}));
    until("it works", || fleet.in_flight() == 1).await;
    until("its process runs", || !fleet.status()["probe"].pids.is_empty()).await;
    let pids = fleet.status()["probe"].pids.clone();
    fleet.stop(Duration::from_secs(5)).await;
    assert!(matches!(running.await.unwrap().result, InvocationResult::Success(_)));
    assert!(pids.iter().all(|pid| !process::is_running(*pid)), "{pids:?}");
    assert!(fleet.status()["probe"].cpu_seconds >= 0.0);
    assert_eq!(std::fs::read_dir(dir.path().join("processes")).unwrap().count(), 0);
}

#[tokio::test]
async fn dropping_the_fleet_kills_its_processes() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let pid = i32::try_from(invoke(&fleet, json!({})).await["pid"].as_i64().unwrap()).unwrap();
    drop(fleet);
    until("the process is gone", || !process::is_running(pid)).await;
}

#[tokio::test]
async fn an_undeclared_function_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let request = Request::new(Bytes::from_static(b"{}"));
    let failed = error(fleet.invoke("nobody", request).await);
    assert_eq!(failed["errorType"], "ResourceNotFoundException");
    assert!(failed["errorMessage"].as_str().unwrap().contains("nobody"));
}

const TO_BE_KILLED: &str = "TIDEGATE_TEST_STATE_DIR";

/// The next test runs this in a process of its own.
#[tokio::test]
#[ignore = "another test runs it and kills it"]
async fn fleet_that_is_killed() {
    let Some(dir) = std::env::var_os(TO_BE_KILLED) else { return };
    let fleet = fleet(dir.as_ref(), spec(&binary()));
    println!("\nprocess {}", invoke(&fleet, json!({})).await["pid"]);
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn processes_do_not_outlive_an_engine_that_is_killed() {
    use std::io::BufRead as _;
    let dir = tempfile::tempdir().unwrap();
    let mut engine = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "environments::fleet_that_is_killed", "--ignored", "--nocapture"])
        .env(TO_BE_KILLED, dir.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(engine.stdout.take().unwrap());
    let mut lines = output.lines().map_while(Result::ok);
    let pid: i32 = lines.find_map(|line| line.strip_prefix("process ")?.parse().ok()).unwrap();
    assert!(process::is_running(pid));
    engine.kill().unwrap();
    engine.wait().unwrap();
    // If `setpriv` is missing, the next engine in the same state directory kills it.
    let next = fleet(dir.path(), spec(&binary()));
    until("the process is gone", || !process::is_running(pid)).await;
    drop(next);
    assert_eq!(std::fs::read_dir(dir.path().join("processes")).unwrap().count(), 0);
}
