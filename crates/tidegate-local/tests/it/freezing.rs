//! Environments are frozen between invocations.

use std::path::Path;
use std::time::{Duration, Instant};

use engine_client::process;
use serde_json::json;
use tidegate_local::environment::{Fleet, FleetOptions, Functions};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::probe::{binary, fleet, invoke, kill, spec, until};

/// Returns the number that the process has reached.
fn counted(file: &Path) -> u64 {
    std::fs::read_to_string(file).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

async fn frozen(fleet: &Fleet) {
    until("it is frozen", || fleet.status()["probe"].frozen == 1).await;
}

#[tokio::test]
async fn work_after_the_response_does_not_go_on_until_the_next_invocation() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    let file = dir.path().join("count");
    invoke(&fleet, json!({"do": "count", "file": file})).await;
    frozen(&fleet).await;
    // The kernel delivers a signal with a delay.
    let pid = fleet.status()["probe"].pids[0];
    until("it is stopped", || {
        procfs::process::Process::new(pid).unwrap().stat().unwrap().state == 'T'
    })
    .await;
    let (before, cpu) = (counted(&file), fleet.status()["probe"].cpu_seconds);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(counted(&file), before, "it went on");
    let status = &fleet.status()["probe"];
    assert_eq!((status.cpu_seconds, status.environments), (cpu, 1));
    assert!(status.rss_bytes > 1 << 20, "a frozen environment keeps its memory: {status:?}");

    let billed = status.billed_ms;
    invoke(&fleet, json!({"do": "sleep", "ms": 50})).await;
    assert!(counted(&file) > before, "it goes on in the next invocation");
    let billed = fleet.status()["probe"].billed_ms - billed;
    assert!((50..250).contains(&billed), "{billed} ms, of which it was frozen none");
}

#[tokio::test]
async fn an_environment_that_is_not_to_be_frozen_works_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = FleetOptions::new(dir.path().to_owned());
    options.freeze_after = None;
    let fleet = Fleet::start(vec![spec(&binary())], &options).unwrap();
    let file = dir.path().join("count");
    invoke(&fleet, json!({"do": "count", "file": file})).await;
    let before = counted(&file);
    until("it counts on", || counted(&file) > before + 10).await;
    assert_eq!(fleet.status()["probe"].frozen, 0);
}

#[tokio::test]
async fn an_environment_with_work_is_not_frozen_and_a_frozen_one_takes_its_next_invocation_at_once()
{
    let dir = tempfile::tempdir().unwrap();
    let mut options = FleetOptions::new(dir.path().to_owned());
    options.freeze_after = Some(Duration::ZERO);
    let fleet = Fleet::start(vec![spec(&binary())], &options).unwrap();
    let first = invoke(&fleet, json!({})).await;
    for _ in 0..50 {
        frozen(&fleet).await;
        let asked = Instant::now();
        assert_eq!(invoke(&fleet, json!({})).await["pid"], first["pid"]);
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    }
    // Longer than the pause before freezing, but never frozen during the invocation.
    let started = Instant::now();
    invoke(&fleet, json!({"do": "sleep", "ms": 100})).await;
    assert!(started.elapsed() < Duration::from_millis(1000), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_frozen_environment_can_be_killed_and_costs_no_invocation() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    invoke(&fleet, json!({})).await;
    frozen(&fleet).await;
    let pid = fleet.status()["probe"].pids[0];
    kill(pid);
    until("it has ended", || !process::is_running(pid)).await;
    assert_ne!(invoke(&fleet, json!({})).await["pid"], json!(pid));
    assert_eq!(fleet.status()["probe"].errors, 0);
}

#[tokio::test]
async fn stopping_ends_frozen_environments() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = fleet(dir.path(), spec(&binary()));
    invoke(&fleet, json!({})).await;
    frozen(&fleet).await;
    let pid = fleet.status()["probe"].pids[0];
    let began = Instant::now();
    fleet.stop(Duration::from_secs(5)).await;
    assert!(
        !process::is_running(pid) && began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
}

/// Answers every call as EventBridge answers ListEventBuses, and keeps its connections until
/// `hang_up` changes.
async fn serve(listener: tokio::net::TcpListener, hang_up: tokio::sync::watch::Sender<u32>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hang_up = hang_up.subscribe();
        hang_up.mark_unchanged();
        tokio::spawn(async move {
            let mut request = vec![0; 64 * 1024];
            loop {
                tokio::select! {
                    read = stream.read(&mut request) => match read {
                        Ok(0) | Err(_) => return,
                        Ok(bytes) => {
                            // The body follows the head in the same segment or the next.
                            if !request[..bytes].ends_with(b"}") {
                                continue;
                            }
                            let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: 17\r\n\r\n{\"EventBuses\":[]}";
                            stream.write_all(answer).await.unwrap();
                        }
                    },
                    _ = hang_up.changed() => return,
                }
            }
        });
    }
}

#[tokio::test]
async fn connections_that_were_closed_while_it_was_frozen_cost_no_invocation() {
    let dir = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut function = spec(&binary());
    function.endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (hang_up, connected) = tokio::sync::watch::channel(0);
    let server = tokio::spawn(serve(listener, hang_up.clone()));
    let fleet = fleet(dir.path(), function);
    for n in 1..=20 {
        invoke(&fleet, json!({"do": "list-buses"})).await;
        frozen(&fleet).await;
        assert!(hang_up.receiver_count() > 1, "no connection was kept");
        hang_up.send_replace(n);
        until("its connections are closed", || hang_up.receiver_count() == 1).await;
    }
    assert_eq!(fleet.status()["probe"].errors, 0);
    drop(connected);
    server.abort();
}
