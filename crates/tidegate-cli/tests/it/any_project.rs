//! `tidegate local up` on foreign projects: a folder outside the repository, and functions in other
//! languages.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_sdk_kinesis::primitives::Blob;
use serde_json::{Value, json};
use tidegate_local::clients::Clients;

use crate::command::{command, json as printed, stderr, stdout};

const LIMIT: Duration = Duration::from_secs(90);

/// Returns the directory of installed tools: `TIDEGATE_TOOLS`, or the nearest `.tools`.
pub(crate) fn tools() -> PathBuf {
    let given =
        std::env::var_os("TIDEGATE_TOOLS").filter(|given| !given.is_empty()).map(PathBuf::from);
    let above = || {
        let current = std::env::current_dir().ok()?;
        current.ancestors().map(|directory| directory.join(".tools")).find(|tools| tools.is_dir())
    };
    given.or_else(above).unwrap_or_else(|| panic!("no .tools: run `scripts/setup awslambdaric`"))
}

/// A folder with a topology, and the local system that runs it.
///
/// Dropping it ends the system, if the test did not.
pub(crate) struct Project {
    pub(crate) directory: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Project {
    /// Creates a project. `path` precedes the PATH of this process.
    pub(crate) fn new(files: &[(&str, &str)], path: Option<&Path>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let own = std::env::var("PATH").unwrap();
        let path = path.map_or_else(|| own.clone(), |path| format!("{}:{own}", path.display()));
        let mut variables = vec![("PATH", path), ("HOME", std::env::var("HOME").unwrap())];
        variables.push(("TIDEGATE_TOOLS", tools().display().to_string()));
        Self { directory, variables }
    }

    /// Creates a project with Lambda's runtime for Python in PATH.
    pub(crate) fn in_python(files: &[(&str, &str)]) -> Self {
        let bin = tools().join("awslambdaric/bin");
        assert!(
            bin.join("python3").is_file(),
            "{} has no Python with awslambdaric: run `scripts/setup awslambdaric`",
            bin.display()
        );
        Self::new(files, Some(&bin))
    }

    /// Adds an environment variable.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> std::process::Output {
        self.command(arguments).output().await.unwrap()
    }

    /// Returns the command, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let variables: Vec<_> =
            self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        command(arguments, self.directory.path(), &variables)
    }

    /// Starts the system in the background, and returns its standard error.
    pub(crate) async fn up(&self, arguments: &[&str]) -> String {
        let up = ["local", "up", "--detach", "--topology", "topology.hcl"];
        let output = self.run(&[&up[..], arguments].concat()).await;
        assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
        stderr(&output)
    }

    pub(crate) async fn status(&self) -> Value {
        printed(&self.run(&["local", "status", "--json"]).await)
    }

    /// Creates clients of the emulator.
    pub(crate) async fn clients(&self) -> Clients {
        Clients::new(self.status().await["emulator"]["endpoint"].as_str().unwrap())
    }

    /// Waits until the status meets a condition.
    pub(crate) async fn until(&self, what: &str, reached: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let status = self.status().await;
            if reached(&status) {
                return status;
            }
            assert!(began.elapsed() < LIMIT, "never {what}: {status:#}\n{}", self.log("engine"));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns the log of a function.
    pub(crate) fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(&format!(".tidegate/logs/{name}.log")))
            .unwrap_or_default()
    }

    pub(crate) async fn down(&self) {
        let output = self.run(&["local", "down"]).await;
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let mut down = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let _ = down.args(["local", "down"]).current_dir(self.directory.path()).output();
    }
}

/// Returns the document's code block in a language.
pub(crate) fn block(language: &str) -> &'static str {
    let document = include_str!("../../../../docs/any-project.md");
    let begin = format!("```{language}\n");
    let (_, rest) = document.split_once(&begin).unwrap();
    rest.split_once("```").unwrap().0
}

pub(crate) async fn send(clients: &Clients, queue: &str, bodies: &[&str]) {
    let url =
        clients.sqs.get_queue_url().queue_name(queue).send().await.unwrap().queue_url.unwrap();
    for body in bodies {
        clients.sqs.send_message().queue_url(&url).message_body(*body).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ten_lines_of_the_document_run_a_function_in_python() {
    assert!(block("hcl").lines().count() <= 10);
    let project =
        Project::in_python(&[("topology.hcl", block("hcl")), ("app.py", block("python"))]);
    let said = project.up(&[]).await;
    assert!(said.contains("topology.hcl:7:"), "warnings have their line: {said}");
    assert!(said.contains("the topology has 1 warning; the system starts anyway"), "{said}");
    let clients = project.clients().await;
    send(&clients, "jobs", &["hello", "bad"]).await;
    let status =
        project.until("one delivered", |status| status["mappings"][0]["retries"] == 1).await;
    assert_eq!(status["mappings"][0]["records_delivered"], 1, "{status:#}");
    assert_eq!(status["functions"]["worker"]["errors"], 0, "{}", project.log("worker"));
    let log = project.log("worker");
    assert!(log.contains("job hello") && log.contains("job bad"), "{log}");
    project.down().await;
}

const TOPOLOGY: &str = r#"
streams = { orders = {} }
queues  = {
  jobs   = { visibility_timeout_seconds = 12, redrive = { queue = "failed", maximum_receives = 5 } }
  failed = { retention_seconds = 1209600 }
}
functions = {
  worker = {
    command             = ["python3", "-m", "awslambdaric", "app.handler"]
    directory           = "code"
    timeout_seconds     = 2
    environment         = { SEEN = "seen.jsonl" }
    sources = {
      jobs   = { queue = "jobs", report_batch_item_failures = true }
      orders = { stream = "orders", starting_position = "TRIM_HORIZON", report_batch_item_failures = true }
    }
  }
}
"#;

/// Fails at `bad` the first time. A stream's batch ends at its first failure.
const HANDLER: &str = r#"
import base64, json, os, sys

def seen():
    if not os.path.exists(os.environ["SEEN"]):
        return []
    with open(os.environ["SEEN"]) as file:
        return [json.loads(line)["body"] for line in file]

def handler(event, context):
    failed = []
    for record in event["Records"]:
        stream = "kinesis" in record
        if stream:
            body, identifier = base64.b64decode(record["kinesis"]["data"]).decode(), record["kinesis"]["sequenceNumber"]
        else:
            body, identifier = record["body"], record["messageId"]
        bad = body.startswith("bad") and body not in seen()
        with open(os.environ["SEEN"], "a") as file:
            file.write(json.dumps({"body": body, "bad": bad, "request": context.aws_request_id}) + "\n")
        if bad:
            failed.append({"itemIdentifier": identifier})
            if stream:
                break
    return {"batchItemFailures": failed}

with open("process.json", "w") as file:
    json.dump({"environment": dict(os.environ), "cwd": os.getcwd(), "arguments": sys.argv[1:]}, file)
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_in_python_reads_a_queue_and_a_stream_and_fails_in_part() {
    let project = Project::in_python(&[("topology.hcl", TOPOLOGY)]);
    std::fs::create_dir(project.file("code")).unwrap();
    std::fs::write(project.file("code/app.py"), HANDLER).unwrap();
    project.up(&[]).await;
    let clients = project.clients().await;
    send(&clients, "jobs", &["one", "bad job", "two"]).await;
    for body in ["1", "2", "bad order", "3"] {
        let put = clients.kinesis.put_record().stream_name("orders").partition_key("k");
        put.data(Blob::new(body)).send().await.unwrap();
    }
    let delivered = |status: &Value, kind: &str| {
        let mappings = status["mappings"].as_array().unwrap().iter();
        mappings
            .filter(|mapping| mapping["kind"] == kind)
            .filter_map(|mapping| mapping["records_delivered"].as_u64())
            .sum::<u64>()
    };
    let status = project
        .until("all delivered", |status| {
            status["idle"] == true
                && delivered(status, "sqs") == 3
                && delivered(status, "kinesis") == 4
        })
        .await;
    assert_eq!(status["functions"]["worker"]["errors"], 0, "{}", project.log("worker"));
    assert_eq!(status["dead_letters"]["total"], 0);

    let seen = std::fs::read_to_string(project.file("code/seen.jsonl")).unwrap();
    let seen: Vec<Value> = seen.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let bodies = |of: &[&str]| -> Vec<(String, bool)> {
        let known = seen.iter().filter(|line| of.contains(&line["body"].as_str().unwrap()));
        known.map(|line| (line["body"].as_str().unwrap().to_owned(), line["bad"] == true)).collect()
    };
    let said = |lines: &[(&str, bool)]| -> Vec<(String, bool)> {
        lines.iter().map(|(body, bad)| ((*body).to_owned(), *bad)).collect()
    };
    assert_eq!(
        bodies(&["one", "two"]).len(),
        2,
        "messages that succeeded do not come again: {seen:?}"
    );
    assert_eq!(bodies(&["bad job"]), said(&[("bad job", true), ("bad job", false)]));
    // From the failed record on, in order, without the records before it.
    let orders = bodies(&["1", "2", "bad order", "3"]);
    let after = orders.iter().position(|(_, bad)| *bad).unwrap();
    assert_eq!(orders[..after].to_vec(), said(&[("1", false), ("2", false)]));
    assert_eq!(
        orders[after..].to_vec(),
        said(&[("bad order", true), ("bad order", false), ("3", false)])
    );

    let process: Value =
        serde_json::from_slice(&std::fs::read(project.file("code/process.json")).unwrap()).unwrap();
    let code = project.file("code").canonicalize().unwrap();
    assert_eq!(process["cwd"], json!(code));
    assert_eq!(process["arguments"], json!(["app.handler"]));
    let environment = &process["environment"];
    for (name, value) in [
        ("_HANDLER", json!("app.handler")),
        ("LAMBDA_TASK_ROOT", json!(code)),
        ("AWS_LAMBDA_FUNCTION_NAME", json!("worker")),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", json!("128")),
        ("AWS_REGION", json!("us-east-1")),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    assert!(environment["PATH"].as_str().unwrap().contains("awslambdaric"));
    assert_eq!(
        environment.get("TIDEGATE_TOOLS"),
        None,
        "the engine's own variables are not a function's"
    );
    project.down().await;
}

/// Implements the Runtime API by hand, as a runtime of another language does.
pub(crate) const BY_HAND: &str = r#"
import json, os, urllib.request

api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as request:
        event, identifier = json.load(request), request.headers["Lambda-Runtime-Aws-Request-Id"]
    print("by hand:", [record.get("body", "a record") for record in event["Records"]], flush=True)
    urllib.request.urlopen(urllib.request.Request(api + identifier + "/response", data=b"{}", method="POST"))
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_speaks_the_runtime_api_by_hand_is_a_function() {
    let topology = block("hcl").replace("\"-m\", \"awslambdaric\", \"app.handler\"", "\"loop.py\"");
    let project = Project::new(&[("topology.hcl", &topology), ("loop.py", BY_HAND)], None);
    project.up(&[]).await;
    send(&project.clients().await, "jobs", &["hello"]).await;
    project.until("delivered", |status| status["mappings"][0]["records_delivered"] == 1).await;
    assert!(project.log("worker").contains("by hand: ['hello']"), "{}", project.log("worker"));
    project.down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_exits_at_once_is_said_with_its_status_and_the_messages_stay() {
    let topology = block("hcl")
        .replace(
            "\"python3\", \"-m\", \"awslambdaric\", \"app.handler\"",
            "\"sh\", \"-c\", \"echo no table >&2; exit 3\"",
        )
        .replace("jobs = {} }", "jobs = { visibility_timeout_seconds = 3 } }");
    let project = Project::new(&[("topology.hcl", &topology)], None);
    project.up(&[]).await;
    send(&project.clients().await, "jobs", &["hello"]).await;
    let said = |status: &Value| status["mappings"][0]["last_error"].as_str().map(str::to_owned);
    let status = project.until("a failure", |status| said(status).is_some()).await;
    let error = said(&status).unwrap();
    assert!(error.contains("Runtime exited with error: exit status 3"), "{error}");
    assert!(project.log("worker").contains("no table"), "{}", project.log("worker"));
    assert_eq!(
        (&status["idle"], &status["mappings"][0]["records_delivered"]),
        (&json!(false), &json!(0))
    );
    project.down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_does_not_build_is_named_in_its_line_with_cargos_message() {
    let topology = "functions = {\n  good = {}\n  fine = {}\n  bad  = {}\n}\n";
    let manifest = "[workspace]\nmembers = [\"good\", \"fine\", \"bad\"]\nresolver = \"3\"\n";
    let project = Project::new(&[("topology.hcl", topology), ("Cargo.toml", manifest)], None);
    for (name, main) in [("good", ""), ("fine", ""), ("bad", "let _: u32 = \"three\";")] {
        let package =
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        std::fs::create_dir_all(project.file(name).join("src")).unwrap();
        std::fs::write(project.file(name).join("Cargo.toml"), package).unwrap();
        std::fs::write(project.file(name).join("src/main.rs"), format!("fn main() {{ {main} }}\n"))
            .unwrap();
    }
    let project = match std::env::var("RUSTUP_HOME") {
        Ok(home) => project.with("RUSTUP_HOME", &home),
        Err(_) => project,
    };
    let output = project.run(&["local", "up", "--topology", "topology.hcl"]).await;
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let last = text.lines().last().unwrap();
    assert!(
        last.contains(
            "topology.hcl:4:3: functions.bad could not be built; cargo's messages above say why"
        ),
        "{text}"
    );
    assert!(text.contains("mismatched types") && text.contains("bad/src/main.rs:1"), "{text}");
    assert!(!text.contains("functions.good") && !text.contains("functions.fine"), "{text}");
}

/// A connection to an emulator that can be blocked.
struct Relay {
    address: std::net::SocketAddr,
    to: String,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Relay {
    async fn open(to: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = to.trim_start_matches("http://").to_owned();
        let mut relay = Self { address: listener.local_addr().unwrap(), to, task: None };
        relay.run(listener);
        relay
    }

    fn run(&mut self, listener: tokio::net::TcpListener) {
        let to = self.to.clone();
        self.task = Some(tokio::spawn(async move {
            // Connections end with the relay.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let to = to.clone();
                connections.spawn(async move {
                    let mut far = tokio::net::TcpStream::connect(to).await?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await
                });
            }
        }));
    }

    async fn close(&mut self) {
        let task = self.task.take().unwrap();
        task.abort();
        let _ = task.await;
    }

    async fn reopen(&mut self) {
        let listener = tokio::net::TcpListener::bind(self.address).await.unwrap();
        self.run(listener);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_goes_away_and_comes_back_is_said_twice_and_nothing_is_lost() {
    let state = tempfile::tempdir().unwrap();
    let emulator = tidegate_local::emulator::start(
        &tidegate_local::emulator::Backend::MiniStack,
        state.path(),
    );
    let emulator = emulator.await.unwrap_or_else(|error| panic!("{error}"));
    let mut relay = Relay::open(emulator.endpoint()).await;
    let topology = r#"
streams = { orders = {} }
queues  = { jobs = { visibility_timeout_seconds = 30 } }
functions = {
  worker = {
    command         = ["python3", "loop.py"]
    timeout_seconds = 20
    sources = {
      jobs   = { queue = "jobs", report_batch_item_failures = true }
      orders = { stream = "orders", starting_position = "TRIM_HORIZON", batch_size = 1 }
    }
  }
}
"#;
    let project = Project::new(&[("topology.hcl", topology), ("loop.py", BY_HAND)], None)
        .with("AWS_ENDPOINT_URL", &format!("http://{}", relay.address));
    project.up(&[]).await;
    let direct = Clients::new(emulator.endpoint());
    let put = async |data: &str| {
        let put = direct.kinesis.put_record().stream_name("orders").partition_key("k");
        put.data(Blob::new(data)).send().await.unwrap();
    };
    let delivered = |status: &Value, count: u64| {
        let mappings = status["mappings"].as_array().unwrap();
        mappings.len() == 2
            && mappings.iter().all(|mapping| mapping["records_delivered"].as_u64() >= Some(count))
    };
    send(&direct, "jobs", &["before"]).await;
    put("before").await;
    project.until("delivered", |status| delivered(status, 1)).await;

    relay.close().await;
    send(&direct, "jobs", &["meanwhile"]).await;
    put("meanwhile").await;
    let began = Instant::now();
    let away = "stopped answering";
    while !project.log("engine").contains(away) {
        assert!(began.elapsed() < LIMIT, "{}", project.log("engine"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    relay.reopen().await;
    project.until("delivered what came meanwhile", |status| delivered(status, 2)).await;
    let log = project.log("engine");
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 2, "{log}");
    assert!(warnings[0].contains(away) && warnings[1].contains("answers again after"), "{log}");
    assert!(project.log("worker").contains("by hand: ['meanwhile']"), "{}", project.log("worker"));
    project.down().await;
}

#[tokio::test]
async fn every_mistake_of_a_topology_is_a_line_of_its_own_and_nothing_is_started() {
    let topology = "functions = {\n  worker = {\n    comand = [\"x\"]\n    memory_mb = \"much\"\n  }\n}\nquees = {}\n";
    let project = Project::new(&[("topology.hcl", topology)], None);
    let up = ["local", "up", "--topology", "topology.hcl"];
    let output = project.run(&up).await;
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert_eq!(lines[0], "tidegate: 3 mistakes in the topology");
    assert!(
        lines[1].starts_with("topology.hcl:3:5: functions.worker.comand: unknown field `comand`"),
        "{text}"
    );
    assert!(
        lines[2].starts_with("topology.hcl:4:5: functions.worker.memory_mb: invalid type"),
        "{text}"
    );
    assert!(lines[3].starts_with("topology.hcl:7:1: quees is unknown; expected one of"), "{text}");
    assert!(
        !project.file(".tidegate").exists(),
        "nothing is made for a topology that cannot be used"
    );

    let lossy = "queues = { q = {} }\nbuses = { b = {} }\nrules = {\n  r = { bus = \"b\", pattern = \
        { source = [\"s\"] }, target = { queue = \"p\" } }\n}\n";
    std::fs::write(project.file("topology.hcl"), lossy).unwrap();
    let text = stderr(&project.run(&up).await);
    let counted = "tidegate: 1 mistake and 2 warnings in the topology";
    assert_eq!(text.lines().next(), Some(counted), "{text}");

    std::fs::write(project.file("topology.hcl"), block("hcl")).unwrap();
    let output = project.run(&[&up[..], &["--invoke-url", "localhost:9000"]].concat()).await;
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("tidegate: localhost:9000 is not a URL of functions"), "{text}");
}
