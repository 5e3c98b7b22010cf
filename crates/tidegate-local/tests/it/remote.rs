//! Functions that run elsewhere: in a server that imitates `cargo lambda watch` 1.9, and in `cargo
//! lambda watch` itself.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as Name, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use bytes::Bytes;
use engine_client::client::EngineClient;
use serde_json::{Value, json};
use tidegate_local::emulator::Backend;
use tidegate_local::engine::{Engine, Options};
use tidegate_local::environment::{FunctionSpec, Functions};
use tidegate_local::invocation::{Answer, InvocationResult, Invoker, Request};
use tidegate_local::remote::{RemoteFunctions, RemoteUrl};
use tokio::net::TcpListener;

use crate::probe::{binary, error, spec, until};

/// Status, error header and body. `None` gives no answer.
type Scripted = Option<(u16, &'static str, &'static str)>;

/// The answers of the server, and the requests that it received.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Scripted>>>,
    asked: Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Scripted>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), asked: Arc::default() }
    }

    /// Serves the script. Returns the server's URL.
    async fn serve(&self, listener: TcpListener) -> String {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(answer))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }
}

async fn answer(
    State(script): State<Script>,
    Name(name): Name<String>,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    script.asked.lock().unwrap().push((name, headers, body));
    let answer = script.answers.lock().unwrap().pop_front().unwrap();
    match answer {
        Some((status, header, body)) => {
            let mut headers = HeaderMap::new();
            if !header.is_empty() {
                headers.insert("x-amz-function-error", header.parse().unwrap());
            }
            (StatusCode::from_u16(status).unwrap(), headers, body)
        }
        // `cargo lambda watch` does the same when the process ends.
        None => std::future::pending().await,
    }
}

async fn port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// One function, `probe`, which runs at a URL.
fn functions(url: &str, timeout: Duration) -> RemoteFunctions {
    let spec = FunctionSpec { timeout, ..spec(&binary()) };
    RemoteFunctions::new(RemoteUrl::parse(url).unwrap(), vec![spec])
}

async fn invoke(functions: &RemoteFunctions) -> Answer {
    let payload = Bytes::from_static(b"{\"n\":1}");
    functions
        .invoke("probe", Request { client_context: Some("{}".to_owned()), ..Request::new(payload) })
        .await
}

#[tokio::test]
async fn answers_of_cargo_lambda_watch_and_of_lambda_are_told_apart() {
    let script = Script::new([
        Some((200, "", r#"{"ok":1}"#)),
        Some((500, "", r#"{"errorType":"NoLuck","errorMessage":"no luck"}"#)),
        Some((200, "Unhandled", r#"{"errorType":"Lambdas","errorMessage":"own"}"#)),
        Some((404, "", r#"{"title":"Missing function"}"#)),
        Some((503, "", "")),
    ]);
    let url = script.serve(port().await).await;
    let functions = functions(&url, Duration::from_secs(30));
    assert_eq!(
        invoke(&functions).await.result,
        InvocationResult::Success(Bytes::from_static(b"{\"ok\":1}"))
    );
    assert_eq!(error(invoke(&functions).await)["errorType"], "NoLuck");
    assert_eq!(error(invoke(&functions).await)["errorType"], "Lambdas");
    assert_eq!(invoke(&functions).await.result, InvocationResult::Throttled);
    assert_eq!(invoke(&functions).await.result, InvocationResult::Throttled);
    let asked = script.asked.lock().unwrap();
    assert_eq!(asked.len(), 5, "nothing is asked twice");
    let (name, headers, body) = &asked[0];
    assert_eq!((name.as_str(), &body[..]), ("probe", &b"{\"n\":1}"[..]));
    assert_eq!(headers["x-amz-client-context"], "e30=");
    let status = &functions.status()["probe"];
    assert_eq!((status.invocations, status.errors, status.throttles), (3, 2, 2));
    assert_eq!(status.environments, 0, "no process of the engine's own");
}

#[tokio::test]
async fn an_invocation_that_is_never_answered_times_out_and_the_next_one_has_its_turn() {
    let script = Script::new([Some((200, "", "1")), None, Some((200, "", "2"))]);
    let url = script.serve(port().await).await;
    // Until its first answer it may be compiled, so it has a minute more.
    let functions = Arc::new(functions(&url, Duration::from_millis(300)));
    assert!(matches!(invoke(&functions).await.result, InvocationResult::Success(_)));
    let first = Arc::clone(&functions);
    let first = tokio::spawn(async move { invoke(&first).await });
    until("the first is there", || script.asked.lock().unwrap().len() == 2).await;
    assert_eq!(functions.in_flight(), 1);
    let second = invoke(&functions).await;
    let first = error(first.await.unwrap());
    assert_eq!(first["errorType"], "Sandbox.Timedout");
    assert!(
        first["errorMessage"].as_str().unwrap().ends_with("Task timed out after 0.30 seconds"),
        "{first}"
    );
    assert_eq!(second.result, InvocationResult::Success(Bytes::from_static(b"2")));
    assert_eq!((functions.in_flight(), functions.status()["probe"].timeouts), (0, 1));
}

#[tokio::test]
async fn who_is_not_there_is_a_throttle_and_no_failure_of_the_function() {
    let listener = port().await;
    let address = listener.local_addr().unwrap();
    drop(listener);
    let functions = functions(&format!("http://{address}/"), Duration::from_secs(30));
    assert_eq!(invoke(&functions).await.result, InvocationResult::Throttled);
    let script = Script::new([Some((200, "", "1"))]);
    script.serve(TcpListener::bind(address).await.unwrap()).await;
    assert!(matches!(invoke(&functions).await.result, InvocationResult::Success(_)));
}

#[test]
fn an_address_that_cannot_be_called_is_refused() {
    for (url, says) in [
        ("127.0.0.1:9000", "it does not begin with http://"),
        ("https://127.0.0.1", "it does not begin with http://"),
        ("http://", "is not a URL of functions"),
    ] {
        let error = RemoteUrl::parse(url).unwrap_err().to_string();
        assert!(
            error.contains(says) && error.contains("use one such as http://127.0.0.1:9000"),
            "{error}"
        );
    }
}

const DECLARED: &str = r#"
queues = { jobs = { visibility_timeout_seconds = 2 } }
functions = { hello = { timeout_seconds = 2, sources = { jobs = { queue = "jobs", report_batch_item_failures = true } } } }
"#;

/// A function without dependencies, so that it compiles in a second. It fails at its first `bad`.
const HELLO: &str = r##"
use std::io::{Read, Write};

fn call(head: &str, body: &str) -> String {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let (host, prefix) = api.trim_start_matches("http://").split_once('/').map(|(host, path)| (host.to_owned(), format!("/{path}"))).unwrap();
    let (method, path) = head.split_once(' ').unwrap();
    let mut stream = std::net::TcpStream::connect(&host).unwrap();
    write!(stream, "{method} {prefix}/2018-06-01/runtime/invocation/{path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn main() {
    let mut failed = false;
    loop {
        let next = call("GET next", "");
        let id = next.lines().find_map(|line| line.to_lowercase().strip_prefix("lambda-runtime-aws-request-id: ").map(str::to_owned)).unwrap();
        if next.contains("bad") && !failed {
            failed = true;
            call(&format!("POST {id}/error"), r#"{"errorType":"Bad","errorMessage":"bad"}"#);
        } else {
            call(&format!("POST {id}/response"), "{}");
        }
    }
}
"##;

/// `cargo lambda watch` of a crate `hello`. It ends when dropped.
struct Watch(std::process::Child);

impl Watch {
    fn start(crate_dir: &Path, port: u16) -> Self {
        use std::os::unix::process::CommandExt as _;
        let tools =
            std::env::var_os("TIDEGATE_TOOLS").filter(|given| !given.is_empty()).map(PathBuf::from);
        let above = || {
            let current = std::env::current_dir().ok()?;
            current
                .ancestors()
                .map(|directory| directory.join(".tools"))
                .find(|tools| tools.is_dir())
        };
        let tools = tools.or_else(above).expect("no .tools: run `scripts/setup build`");
        let command = tools.join("venv/bin/cargo-lambda");
        assert!(command.is_file(), "{} is missing: run `scripts/setup build`", command.display());
        std::fs::create_dir_all(crate_dir.join("src")).unwrap();
        let manifest =
            "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
        std::fs::write(crate_dir.join("Cargo.toml"), manifest).unwrap();
        std::fs::write(crate_dir.join("src/main.rs"), HELLO).unwrap();
        // A file written inside the crate's directory counts as a change of the crate.
        let beside = crate_dir.parent().unwrap();
        let log = std::fs::File::create(beside.join("watch.log")).unwrap();
        let mut watch = std::process::Command::new(command);
        watch.args([
            "lambda",
            "watch",
            "--invoke-address",
            "127.0.0.1",
            "--invoke-port",
            &port.to_string(),
        ]);
        watch
            .current_dir(crate_dir)
            .env("CARGO_TARGET_DIR", beside.join("target"))
            .process_group(0);
        watch.stdin(std::process::Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self(watch.spawn().unwrap())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Its own child processes are in its group.
        let group = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_delivers_to_functions_that_cargo_lambda_watch_runs() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("topology.tfvars");
    std::fs::write(&file, DECLARED).unwrap();
    let free = port().await.local_addr().unwrap().port();
    let mut options = Options::new(file, Backend::MiniStack, dir.path().join("state"));
    options.invoke_url = Some(format!("http://127.0.0.1:{free}"));
    let engine = Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let sqs = &engine.clients().sqs;
    let url = sqs.get_queue_url().queue_name("jobs").send().await.unwrap().queue_url.unwrap();
    for body in ["good", "bad"] {
        sqs.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let reached = async |what: &str, reached: &dyn Fn(&Value) -> bool| {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(240);
        loop {
            let status = client.status().await.unwrap();
            if reached(&status) {
                return status;
            }
            let log = std::fs::read_to_string(dir.path().join("watch.log")).unwrap_or_default();
            assert!(tokio::time::Instant::now() < deadline, "never {what}: {status:#}\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    reached("throttled, since nobody is there", &|status| {
        status["functions"]["hello"]["throttles"].as_u64() > Some(0)
    })
    .await;
    let _watch = Watch::start(&dir.path().join("hello"), free);
    let status = reached("all delivered", &|status| {
        // While a slow machine compiles, a message may become visible again. It is then delivered
        // twice, as on AWS.
        status["idle"] == true && status["mappings"][0]["records_delivered"].as_u64() >= Some(2)
    })
    .await;
    assert_eq!(
        status["functions"]["hello"]["errors"], 1,
        "the handler's error is one, by its HTTP 500"
    );
    let invoked = client.invoke("hello", Bytes::from(json!({}).to_string()), None).await.unwrap();
    assert_eq!((&invoked.payload[..], invoked.function_error), (&b"{}"[..], false));
    engine.shutdown().await;
}
