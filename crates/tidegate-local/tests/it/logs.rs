//! The log files of functions.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tidegate_local::environment::{Fleet, FleetOptions, FunctionSpec, Functions, LogLine};
use tidegate_local::invocation::{Answer, InvocationResult};

use crate::probe::{begin, binary, fleet, invoke, invoke_raw, kill, spec, until};

/// Lines of the probe's log: request id and text.
fn lines(dir: &Path) -> Vec<(Option<String>, String)> {
    let log = std::fs::read_to_string(dir.join("logs/probe.log")).unwrap();
    let lines = log
        .lines()
        .map(|line| LogLine::parse(line).unwrap_or_else(|| panic!("no line of a log: {line}")));
    lines.map(|line| (line.request_id.map(str::to_owned), line.text.to_owned())).collect()
}

fn of(dir: &Path, request_id: &str) -> Vec<String> {
    lines(dir)
        .into_iter()
        .filter(|(id, _)| id.as_deref() == Some(request_id))
        .map(|(_, text)| text)
        .collect()
}

fn succeeded(answer: &Answer) {
    assert!(matches!(answer.result, InvocationResult::Success(_)), "{answer:?}");
}

#[tokio::test]
async fn each_line_is_found_by_its_request_between_lambdas_own_lines() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    for n in 0..20 {
        let (one, two) = (format!("one {n}"), format!("  two {n} "));
        let answer = invoke_raw(&fleet, json!({"do": "print", "lines": [one, two]})).await;
        succeeded(&answer);
        let id = &answer.request_id;
        let own = of(dir.path(), id);
        assert_eq!(
            own[..4],
            [
                format!("START RequestId: {id} Version: $LATEST"),
                one,
                two,
                format!("END RequestId: {id}")
            ]
        );
        let report: Vec<&str> = own[4].split('\t').collect();
        assert_eq!(report[0], format!("REPORT RequestId: {id}"));
        assert!(
            report[1].starts_with("Duration: ") && report[2].starts_with("Billed Duration: "),
            "{own:?}"
        );
        assert_eq!(report[3], "Memory Size: 256 MB");
        let used =
            report[4].strip_prefix("Max Memory Used: ").and_then(|used| used.strip_suffix(" MB"));
        assert!((1..256).contains(&used.unwrap().parse::<u32>().unwrap()), "{own:?}");
        // The first invocation of an environment reports its initialisation.
        assert_eq!(report[5].starts_with("Init Duration: "), n == 0, "{own:?}");
        assert_eq!(own.len(), 5);
    }
    let outside: Vec<_> = lines(dir.path()).into_iter().filter(|(id, _)| id.is_none()).collect();
    assert_eq!(outside.len(), 1, "{outside:?}");
    let pid = fleet.status()["probe"].pids[0];
    assert_eq!(outside[0].1, format!("INIT_START Runtime Version: provided.local\tProcess: {pid}"));
}

#[tokio::test]
async fn two_environments_at_work_have_each_line_with_its_own_request() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    for n in 0..10 {
        let payloads = ["a", "b"]
            .map(|name| json!({"do": "print", "lines": vec![format!("{name} {n}"); 300]}));
        for (name, running) in
            ["a", "b"].into_iter().zip(payloads.map(|payload| begin(&fleet, payload)))
        {
            let answer = running.await.unwrap();
            let printed: Vec<_> = of(dir.path(), &answer.request_id);
            let printed = printed.iter().filter(|text| **text == format!("{name} {n}")).count();
            assert_eq!(printed, 300);
        }
    }
}

#[tokio::test]
async fn an_invocation_without_an_answer_says_why_and_has_its_report() {
    let dir = tempfile::tempdir().unwrap();
    let fleet =
        fleet(dir.path(), FunctionSpec { timeout: Duration::from_secs(1), ..spec(&binary()) });
    for (then, said, status) in [
        (
            "exit",
            "Error: Runtime exited with error: exit status 1",
            "Status: error\tError Type: Runtime.ExitError",
        ),
        ("hang", "Task timed out after 1.00 seconds", "Status: timeout"),
    ] {
        let answer =
            invoke_raw(&fleet, json!({"do": "print", "lines": ["last words"], "then": then})).await;
        let own = of(dir.path(), &answer.request_id);
        assert!(own[0].starts_with("START ") && own[1] == "last words", "{own:?}");
        assert!(own[2].ends_with(said), "{own:?}");
        let report = own.last().unwrap();
        assert!(report.starts_with("REPORT ") && report.ends_with(status), "{own:?}");
        assert!(own.contains(&format!("END RequestId: {}", answer.request_id)), "{own:?}");
    }
}

#[tokio::test]
async fn failed_initialisations_are_reported_before_the_invocation() {
    let dir = tempfile::tempdir().unwrap();
    let mut function = spec(&binary());
    function.environment.insert("PROBE_INIT".to_owned(), "exit".to_owned());
    let fleet = fleet(dir.path(), function);
    let answer = invoke_raw(&fleet, json!({})).await;
    let id = answer.request_id;
    let seen: Vec<_> = lines(dir.path()).into_iter().map(|(id, text)| (id, words(&text))).collect();
    let exit = "Status: error\tError Type: Runtime.ExitError";
    let own = |text: String| (Some(id.clone()), text);
    assert_eq!(
        seen,
        [
            (None, "INIT_START".to_owned()),
            (None, format!("INIT_REPORT Phase: init\t{exit}")),
            (None, "INIT_START".to_owned()),
            (None, format!("INIT_REPORT Phase: invoke\t{exit}")),
            own(format!("START RequestId: {id} Version: $LATEST")),
            own(format!("RequestId: {id} Error: Runtime exited with error: exit status 7")),
            own("Runtime.ExitError".to_owned()),
            own(format!("END RequestId: {id}")),
            own("REPORT".to_owned()),
        ]
    );
}

/// Returns a line of Lambda without its numbers.
fn words(text: &str) -> String {
    match text.split_once(' ') {
        Some(("INIT_START", _)) => "INIT_START".to_owned(),
        Some(("REPORT", _)) => "REPORT".to_owned(),
        Some(("INIT_REPORT", rest)) => format!("INIT_REPORT {}", rest.split_once('\t').unwrap().1),
        _ => text.to_owned(),
    }
}

#[tokio::test]
async fn a_process_killed_for_its_memory_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(
        dir.path(),
        FunctionSpec { memory_mb: 128, timeout: Duration::from_secs(30), ..spec(&binary()) },
    );
    let answer = invoke_raw(&fleet, json!({"do": "allocate", "mb": 4000})).await;
    let own = of(dir.path(), &answer.request_id);
    assert!(
        own.iter().any(|text| text.ends_with("Runtime exited with error: signal: killed")),
        "{own:?}"
    );
    assert!(
        own.iter().any(|text| text.contains("of the 128 MB declared and was killed")),
        "{own:?}"
    );
    let used = own.last().unwrap().split("Max Memory Used: ").nth(1).unwrap();
    let used: u32 = used.split(' ').next().unwrap().parse().unwrap();
    assert!((129..400).contains(&used), "{own:?}");
}

#[tokio::test]
async fn a_function_that_floods_its_output_hinders_nobody_and_fills_no_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = FleetOptions::new(dir.path().to_owned());
    options.log_limit_bytes = 1 << 20;
    let flooding = FunctionSpec { timeout: Duration::from_secs(60), ..spec(&binary()) };
    let other = FunctionSpec { name: "other".to_owned(), ..spec(&binary()) };
    let fleet = std::sync::Arc::new(Fleet::start(vec![flooding, other], &options).unwrap());
    let mark = dir.path().join("mark");
    let flood = begin(&fleet, json!({"do": "flood", "mark": mark}));
    until("it floods", || fleet.status()["probe"].log_bytes > 4 << 20).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let asked = Instant::now();
        let request = tidegate_local::invocation::Request::new(b"{}".as_slice().into());
        let answer = tidegate_local::invocation::Invoker::invoke(&*fleet, "other", request).await;
        succeeded(&answer);
        slowest = slowest.max(asked.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    // The second environment works too.
    invoke(&fleet, json!({"do": "sleep", "ms": 1})).await;
    kill(std::fs::read_to_string(&mark).unwrap().parse().unwrap());
    flood.await.unwrap();
    let size = |name: &str| {
        std::fs::metadata(dir.path().join("logs").join(name)).map_or(0, |data| data.len())
    };
    // A line without an end is written in pieces of a megabyte and a few bytes.
    assert!(
        size("probe.log") + size("probe.log.1") < 4 << 20,
        "{} {}",
        size("probe.log"),
        size("probe.log.1")
    );
    assert!(fleet.status()["probe"].log_bytes > 4 << 20);
}

#[tokio::test]
async fn a_full_disk_loses_log_lines_and_no_invocation() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("logs")).unwrap();
    std::os::unix::fs::symlink("/dev/full", dir.path().join("logs/probe.log")).unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    for _ in 0..20 {
        invoke(&fleet, json!({"do": "print", "lines": ["a line"]})).await;
    }
    let status = &fleet.status()["probe"];
    assert_eq!((status.invocations, status.errors), (20, 0));
    let failure = status.log_failure.as_deref().unwrap();
    assert!(
        failure.contains("probe.log") && failure.contains("No space left on device"),
        "{failure}"
    );
}
