//! `tidegate local logs` and `status --watch` without an engine: they read files and call HTTP.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::command::{said, stderr, stdout, tidegate};

/// Creates a state directory with the logs of two functions.
fn state() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (function, lines) in [("clerk", CLERK), ("porter", PORTER)] {
        write(&directory.path().join(format!(".tidegate/functions/{function}.env")), "");
        write(&directory.path().join(format!(".tidegate/logs/{function}.log")), lines);
    }
    directory
}

const CLERK: &str = r#"{"timestamp":"2026-01-01T00:00:01Z","level":"INFO","message":"one","spans":[{"request_id":"r-1"},{"correlation_id":"c-1"}]}
{"_aws":{"Timestamp":1767225602000,"CloudWatchMetrics":[]},"Applied":1}
{"timestamp":"2026-01-01T00:00:03Z","level":"WARN","message":"three","spans":[{"request_id":"r-2"},{"correlation_id":"c-2"}]}
"#;
const PORTER: &str = r#"{"timestamp":"2026-01-01T00:00:02Z","message":"two","spans":[{"request_id":"r-3"},{"correlation_id":"c-1"}]}
"#;

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn logs_are_in_order_of_time_across_functions_and_chosen_by_function_and_id() {
    let directory = state();
    for (arguments, messages) in [
        (&[][..], &["one", "two", "three"][..]),
        (&["clerk"], &["one", "three"]),
        (&["--correlation", "c-1"], &["one", "two"]),
        (&["--request", "r-2"], &["three"]),
        (&["porter", "--request", "r-2"], &[]),
        (&["--metrics", "clerk"], &["one", "", "three"]),
        (&["--level", "info"], &["one", "two", "three"]),
        (&["--level", "warn"], &["three"]),
        (&["--since", "2026-01-01T00:00:02Z"], &["two", "three"]),
        (&["--since", "1h"], &[]),
    ] {
        let arguments = [&["local", "logs", "--raw"], arguments].concat();
        let output = tidegate(&arguments, directory.path(), &[]).await;
        assert!(output.status.success(), "{}", stderr(&output));
        let lines: Vec<serde_json::Value> =
            stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let found: Vec<_> =
            lines.iter().map(|line| line["message"].as_str().unwrap_or_default()).collect();
        assert_eq!(found, messages, "{arguments:?}");
    }
    let output = tidegate(&["local", "logs", "--correlation", "c-2"], directory.path(), &[]).await;
    assert_eq!(
        stdout(&output),
        "2026-01-01T00:00:03.000Z clerk  WARN three correlation=c-2 request=r-2\n"
    );
}

#[tokio::test]
async fn lines_as_json_are_an_object_each_and_lines_that_match_nothing_are_said() {
    let directory = state();
    let output = tidegate(&["local", "logs", "--json"], directory.path(), &[]).await;
    let lines: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        (&lines[2]["function"], &lines[2]["level"], &lines[2]["kind"]),
        (&json!("clerk"), &json!("WARN"), &json!("log"))
    );
    assert_eq!(
        (&lines[2]["at"], &lines[2]["request_id"], &lines[2]["correlation_ids"]),
        (&json!("2026-01-01T00:00:03Z"), &json!("r-2"), &json!(["c-2"]))
    );
    for (arguments, said) in [
        (&["--correlation", "c-9"][..], "no line matches: 4 were read, of clerk, porter\n"),
        (
            &["clerk", "--since", "2026-01-01T00:00:02Z", "--level", "error"],
            "no line matches: 3 were read, of clerk\n",
        ),
        (&["--request", "r-9", "porter"], "no line matches: one was read, of porter\n"),
    ] {
        let output =
            tidegate(&[&["local", "logs"], arguments].concat(), directory.path(), &[]).await;
        assert!(output.status.success() && stdout(&output).is_empty(), "{arguments:?}");
        assert_eq!(stderr(&output), said, "{arguments:?}");
    }
    write(
        &directory.path().join(".tidegate/logs/porter.log"),
        &format!("{}\n", CLERK.lines().nth(1).unwrap()),
    );
    let output = tidegate(&["local", "logs", "porter"], directory.path(), &[]).await;
    assert!(
        stderr(&output).contains("it is metrics, which --metrics shows"),
        "{}",
        stderr(&output)
    );
    write(&directory.path().join(".tidegate/logs/porter.log"), "");
    let output = tidegate(&["local", "logs", "porter"], directory.path(), &[]).await;
    assert_eq!(stderr(&output), "nothing is logged yet by porter\n");
}

#[tokio::test]
async fn a_wait_that_is_given_up_has_another_exit_code_than_one_without_an_engine() {
    let directory = tempfile::tempdir().unwrap();
    let (_engine, _port) = engine(directory.path(), json!({"idle": false, "in_flight": 2})).await;
    let wait = ["local", "wait", "--timeout", "0"];
    let text = said(&tidegate(&wait, directory.path(), &[]).await, 3);
    assert!(text.starts_with("tidegate: still busy after 0 s: 2 in flight"), "{text}");
    let nowhere = tempfile::tempdir().unwrap();
    let text = said(&tidegate(&wait, nowhere.path(), &[]).await, 1);
    assert!(text.contains("tidegate local up"), "{text}");
}

#[tokio::test]
async fn logs_of_an_unknown_function_name_the_known_ones() {
    let directory = state();
    let text = said(&tidegate(&["local", "logs", "clark"], directory.path(), &[]).await, 2);
    assert!(text.contains("no function clark; the functions are: clerk, porter"), "{text}");
    let nowhere = tempfile::tempdir().unwrap();
    let text = said(&tidegate(&["local", "logs"], nowhere.path(), &[]).await, 1);
    assert!(text.contains("tidegate local up"), "{text}");
}

fn watched() -> serde_json::Value {
    json!({ "idle": true, "mappings": [{"name": "orders → clerk", "lag": 7}] })
}

/// Starts something that looks like an engine: a process, and a port that returns a status.
async fn engine(directory: &Path, status: serde_json::Value) -> (Child, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let control = format!("http://{}", listener.local_addr().unwrap());
    let port = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            let asked = String::from_utf8_lossy(&request[..read]).into_owned();
            // Only a client that waits for idleness makes the engine look at its sources.
            let expected =
                if status["idle"] == true { "GET /status?look=no " } else { "GET /status " };
            assert!(asked.starts_with(expected), "{asked}");
            let body = status.to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let process = Command::new("sleep").arg("600").kill_on_drop(true).spawn().unwrap();
    let file = json!({"pid": process.id(), "control": control, "endpoint": "http://127.0.0.1:1",
        "started_at": "2026-01-01T00:00:00Z", "topology": "/t", "backend": "ministack"});
    write(&directory.join(".tidegate/engine.json"), &file.to_string());
    (process, port)
}

fn started(arguments: &[&str], directory: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments).current_dir(directory).env_clear().kill_on_drop(true);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

async fn first_line(child: &mut Child, holding: &str) {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let found = async { while !lines.next_line().await.unwrap().unwrap().contains(holding) {} };
    tokio::time::timeout(Duration::from_secs(20), found).await.unwrap();
}

async fn ended(child: Child) -> std::process::Output {
    tokio::time::timeout(Duration::from_secs(20), child.wait_with_output()).await.unwrap().unwrap()
}

#[tokio::test]
async fn watching_prints_plain_blocks_without_a_terminal_and_ends_with_ctrl_c() {
    let directory = tempfile::tempdir().unwrap();
    let _engine = engine(directory.path(), watched()).await;
    let mut watching = started(&["local", "status", "--watch"], directory.path());
    first_line(&mut watching, "orders → clerk").await;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(watching.id().unwrap()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = ended(watching).await;
    assert!(output.status.success(), "{output:?}");
    assert!(!stdout(&output).contains('\x1b') && stderr(&output).is_empty(), "{output:?}");
}

#[tokio::test]
async fn watching_and_following_end_with_the_engine() {
    let directory = state();
    let (mut engine, port) = engine(directory.path(), watched()).await;
    let mut watching = started(&["local", "status", "--watch", "--json"], directory.path());
    let mut following = started(&["local", "logs", "--follow"], directory.path());
    first_line(&mut watching, "\"lag\":7").await;
    first_line(&mut following, "three").await;
    write(&directory.path().join(".tidegate/logs/porter.log"), &format!("{PORTER}later\n"));
    first_line(&mut following, "later").await;
    engine.kill().await.unwrap();
    let output = ended(following).await;
    assert!(
        output.status.success() && stderr(&output).contains("nothing more is logged"),
        "{output:?}"
    );
    port.abort();
    let output = ended(watching).await;
    assert!(
        output.status.success() && stderr(&output).contains("the local system has ended"),
        "{output:?}"
    );
}
