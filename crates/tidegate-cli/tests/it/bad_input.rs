//! Failures around a local system: programs that cannot be started, ports in use, an emulator that
//! hangs, a full disk.
//!
//! Each is reported once, with what to do, and nothing is lost.

use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tidegate_local::clients::Clients;
use tidegate_local::emulator::{self, Backend};

use crate::any_project::{BY_HAND, Project, send};
use crate::command::{stderr, stdout};

/// Declares a function that reads a queue, run by this command.
fn reading(command: &str) -> String {
    format!(
        "queues = {{ jobs = {{ visibility_timeout_seconds = 3 }} }}\nfunctions = {{\n  worker = {{\n    command = {command}\n    \
         sources = {{ jobs = {{ queue = \"jobs\", report_batch_item_failures = true }} }}\n  }}\n}}\n"
    )
}

fn by_hand() -> Project {
    Project::new(
        &[("topology.hcl", &reading(r#"["python3", "loop.py"]"#)), ("loop.py", BY_HAND)],
        None,
    )
}

fn warnings(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains(" WARN ")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_cannot_be_started_is_said_once_with_its_last_line_and_its_starts_are_damped()
 {
    let script =
        r#"["sh", "-c", "[ -e ready ] && exec python3 loop.py; echo no table >&2; exit 3"]"#;
    let project = Project::new(&[("topology.hcl", &reading(script)), ("loop.py", BY_HAND)], None);
    project.up(&[]).await;
    let began = Instant::now();
    send(&project.clients().await, "jobs", &["hello"]).await;
    // The second delivery of the failed message.
    let again = project.until("tried again", |status| status["mappings"][0]["retries"] == 2).await;
    let why = "its process ended with exit status 3; the last it printed: no table";
    assert_eq!(again["functions"]["worker"]["start_failure"], why);
    let screen = stdout(&project.run(&["local", "status"]).await);
    assert!(screen.contains(&format!("! worker: cannot be started: {why}\n")), "{screen}");
    // Two starts at a time, with pauses of 100 ms, 200 ms and so on between them. Without a
    // delivery there is no start.
    let starts = project.log("worker").matches("INIT_START").count();
    assert!(starts <= 6, "{starts} starts in {:?}\n{}", began.elapsed(), project.log("worker"));
    let log = project.log("engine");
    let said = warnings(&log);
    assert_eq!(said.len(), 1, "{log}");
    assert!(said[0].contains(&format!("function worker cannot be started: {why}. ")), "{log}");

    std::fs::write(project.file("ready"), "").unwrap();
    let done =
        project.until("delivered", |status| status["mappings"][0]["records_delivered"] == 1).await;
    assert_eq!(done["functions"]["worker"]["start_failure"], Value::Null);
    assert!(project.log("worker").contains("by hand: ['hello']"), "{}", project.log("worker"));
    let log = project.log("engine");
    let said = warnings(&log);
    assert!(said.len() == 2 && said[1].contains("function worker can be started again"), "{log}");
    project.down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_named_before_anything_is_started() {
    let project = by_hand();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let up = ["local", "up", "--topology", "topology.hcl", "--port", &port];
    let output = project.run(&up).await;
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let last = text.lines().last().unwrap();
    let said = format!(
        "tidegate: port {port} of 127.0.0.1 cannot be used for Invoke and the console: Address already in use"
    );
    assert!(last.starts_with(&said), "{text}");
    assert!(
        last.ends_with("choose another with --port, or omit --port to use a free one"),
        "{text}"
    );
    assert!(!project.file(".tidegate/logs/emulator.log").exists());
    drop(taken);
    project.up(&["--port", &port]).await;
    let console = stdout(&project.run(&["local", "console"]).await);
    assert_eq!(console.trim(), format!("http://127.0.0.1:{port}/console"));
    project.down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_with_commands_of_their_own_need_no_cargo_workspace() {
    let project = by_hand();
    project.up(&["--no-build"]).await;
    send(&project.clients().await, "jobs", &["hello"]).await;
    project.until("delivered", |status| status["mappings"][0]["records_delivered"] == 1).await;
    project.down().await;

    let binary = reading(r#"["x"]"#).replace("    command = [\"x\"]\n", "");
    std::fs::write(project.file("topology.hcl"), binary).unwrap();
    let output = project.run(&["local", "up", "--topology", "topology.hcl", "--no-build"]).await;
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("there is no cargo workspace around topology.hcl; name the binaries with"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_are_left_running_between_invocations_if_one_asks_for_it() {
    let project = by_hand();
    for (arguments, frozen) in [(&["--no-freeze"][..], 0), (&[], 1)] {
        project.up(arguments).await;
        send(&project.clients().await, "jobs", &["hello"]).await;
        let done = |status: &Value| {
            status["mappings"][0]["records_delivered"] == 1 && status["idle"] == true
        };
        project.until("delivered", done).await;
        // A process is frozen five milliseconds after its last answer, if at all.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let worker = &project.status().await["functions"]["worker"];
        assert_eq!(
            (&worker["environments"], &worker["frozen"]),
            (&1.into(), &frozen.into()),
            "{arguments:?}"
        );
        project.down().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_that_lie_in_no_queue_are_said_where_dead_letters_are_listed() {
    let topology = reading(r#"["python3", "loop.py"]"#).replace(
        "    sources",
        "    asynchronous = { on_failure = { bucket = \"letters\" } }\n    sources",
    );
    let topology = format!("buckets = {{ letters = {{}} }}\n{topology}");
    let project = Project::new(&[("topology.hcl", &topology), ("loop.py", BY_HAND)], None);
    project.up(&[]).await;
    let output = project.run(&["dlq"]).await;
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "no dead letters\n"));
    let said = "not listed: failed asynchronous invocations of worker are in bucket letters, one object each, ";
    assert!(stderr(&output).starts_with(said), "{}", stderr(&output));
    project.down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifo_queue_of_dead_letters_says_what_it_does_not_show() {
    let topology = "queues = {\n  jobs = { fifo = true, redrive = { queue = \"letters\", maximum_receives = 5 } }\n  \
                    letters = { fifo = true }\n}\nfunctions = { worker = { command = [\"python3\", \"loop.py\"], sources = { jobs = { \
                    queue = \"jobs\", report_batch_item_failures = true } } } }\n";
    let project = Project::new(&[("topology.hcl", topology), ("loop.py", BY_HAND)], None);
    project.up(&[]).await;
    let sqs = project.clients().await.sqs;
    let url =
        sqs.get_queue_url().queue_name("letters.fifo").send().await.unwrap().queue_url.unwrap();
    for number in 0..13 {
        let send = sqs.send_message().queue_url(&url).message_body(format!("job-{number}"));
        send.message_group_id("g")
            .message_deduplication_id(number.to_string())
            .send()
            .await
            .unwrap();
    }
    let output = project.run(&["dlq", "--json"]).await;
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let behind = 13 - listed.as_array().unwrap().len();
    // SQS returns ten messages of a group. An emulator may return all of them.
    let said = format!(
        "not listed: about {behind} further messages of letters: a FIFO queue shows at most"
    );
    assert_eq!(stderr(&output).contains(&said), behind > 0, "{behind}: {}", stderr(&output));
    project.down().await;
}

/// A stopped process, which continues if the test ends early.
struct Stopped(Pid);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emulator_that_hangs_is_said_and_the_status_says_so_too_until_it_goes_on_and_nothing_is_lost()
 {
    let state = tempfile::tempdir().unwrap();
    let emulator = emulator::start(&Backend::MiniStack, state.path()).await;
    let emulator = emulator.unwrap_or_else(|error| panic!("{error}"));
    let project = by_hand().with("AWS_ENDPOINT_URL", emulator.endpoint());
    project.up(&[]).await;
    let clients = Clients::new(emulator.endpoint());
    let all: Vec<String> = (0..20).map(|n| format!("job-{n}")).collect();
    let bodies: Vec<&str> = all.iter().map(String::as_str).collect();
    send(&clients, "jobs", &bodies[..10]).await;
    project.until("delivered", |status| status["mappings"][0]["records_delivered"] == 10).await;

    send(&clients, "jobs", &bodies[10..]).await;
    let pid = Pid::from_raw(emulator.process_id().unwrap());
    kill(pid, Signal::SIGSTOP).unwrap();
    let stopped = Stopped(pid);
    let asked = Instant::now();
    let status = project.status().await;
    assert!(asked.elapsed() < Duration::from_secs(15), "a status took {:?}", asked.elapsed());
    assert_eq!(status["emulator"]["unanswered_seconds"], Value::Null, "one slow call is nothing");
    let away =
        project.until("said", |status| status["emulator"]["unanswered_seconds"].is_u64()).await;
    assert_eq!(away["idle"], false, "{away:#}");
    let screen = stdout(&project.run(&["local", "status"]).await);
    assert!(screen.contains("! the emulator has not answered for "), "{screen}");
    drop(stopped);

    project
        .until("delivered what waited", |status| {
            status["idle"] == true && status["emulator"]["unanswered_seconds"].is_null()
        })
        .await;
    let worker = project.log("worker");
    let lost: Vec<&&str> =
        bodies.iter().filter(|body| !worker.contains(&format!("'{body}'"))).collect();
    assert!(lost.is_empty(), "{lost:?} of\n{worker}");
    let log = project.log("engine");
    let said = warnings(&log);
    assert_eq!(said.len(), 2, "{log}");
    assert!(said[0].contains("stopped answering (no answer for 25 s)"), "{log}");
    assert!(said[1].contains("answers again after"), "{log}");
    project.down().await;
    emulator.stop().await;
}

/// Neither the output of functions nor that of the engine can be written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_for_logs_is_said_by_the_status_and_deliveries_go_on() {
    let project = by_hand();
    std::fs::create_dir_all(project.file(".tidegate/logs")).unwrap();
    std::os::unix::fs::symlink("/dev/full", project.file(".tidegate/logs/worker.log")).unwrap();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut up = project.command(&["local", "up", "--topology", "topology.hcl"]);
    let mut up = up.stdin(Stdio::null()).stdout(Stdio::null()).stderr(full).spawn().unwrap();
    let began = Instant::now();
    while !project.file(".tidegate/engine.json").exists() {
        assert!(began.elapsed() < Duration::from_secs(60) && up.try_wait().unwrap().is_none());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let bodies: Vec<String> = (0..30).map(|n| format!("job-{n}")).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    send(&project.clients().await, "jobs", &bodies).await;
    let status =
        project.until("delivered", |status| status["mappings"][0]["records_delivered"] == 30).await;
    let failure = status["functions"]["worker"]["log_failure"].as_str().unwrap();
    assert!(failure.contains("worker.log: No space left on device"), "{failure}");
    assert_eq!(status["functions"]["worker"]["errors"], 0);
    let screen = stdout(&project.run(&["local", "status"]).await);
    assert!(
        screen.contains("! worker: ") && screen.contains("No space left on device"),
        "{screen}"
    );
    project.down().await;
    assert!(up.wait().await.unwrap().success());
}
