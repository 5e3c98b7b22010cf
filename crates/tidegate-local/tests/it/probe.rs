//! The probe function (`examples/probe.rs`) as a compiled binary, and fleets of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tidegate_local::environment::{Fleet, FleetOptions, FunctionSpec};
use tidegate_local::invocation::{Answer, InvocationResult, Invoker, Request};

/// The binary, which cargo builds with the tests.
pub(crate) fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let probe = test.parent().unwrap().parent().unwrap().join("examples/probe");
    assert!(
        probe.is_file(),
        "{} is missing: run `cargo build -p tidegate-local --example probe`",
        probe.display()
    );
    probe
}

/// A function `probe` that allows two environments, with a timeout that is long enough for a busy
/// machine.
pub(crate) fn spec(executable: &Path) -> FunctionSpec {
    FunctionSpec {
        name: "probe".to_owned(),
        executable: executable.to_owned(),
        arguments: Vec::new(),
        directory: None,
        memory_mb: 256,
        timeout: Duration::from_secs(20),
        maximum_concurrency: 2,
        endpoint: "http://127.0.0.1:9".to_owned(),
        region: "us-east-1".to_owned(),
        environment: BTreeMap::from([("DECLARED".to_owned(), "yes".to_owned())]),
    }
}

pub(crate) fn fleet(state_dir: &Path, spec: FunctionSpec) -> Arc<Fleet> {
    let mut options = FleetOptions::new(state_dir.to_owned());
    options.init_limit = Duration::from_millis(1500);
    Arc::new(Fleet::start(vec![spec], &options).unwrap())
}

/// Invokes `probe` in a task of its own.
pub(crate) fn begin(fleet: &Arc<Fleet>, payload: Value) -> tokio::task::JoinHandle<Answer> {
    let fleet = Arc::clone(fleet);
    tokio::spawn(async move { invoke_raw(&fleet, payload).await })
}

pub(crate) async fn invoke_raw(functions: &dyn Invoker, payload: Value) -> Answer {
    let request = Request::new(Bytes::from(payload.to_string()));
    let answer =
        tokio::time::timeout(Duration::from_secs(30), functions.invoke("probe", request)).await;
    answer.expect("an invocation always ends")
}

/// Invokes `probe` and returns its answer.
pub(crate) async fn invoke(functions: &dyn Invoker, payload: Value) -> Value {
    match invoke_raw(functions, payload).await.result {
        InvocationResult::Success(payload) => serde_json::from_slice(&payload).unwrap(),
        other => panic!("not a success: {other:?}"),
    }
}

/// Returns the error object of a function error.
pub(crate) fn error(answer: Answer) -> Value {
    match answer.result {
        InvocationResult::FunctionError(payload) => serde_json::from_slice(&payload).unwrap(),
        other => panic!("not a function error: {other:?}"),
    }
}

/// Waits until a condition holds, at most ten seconds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Sends SIGKILL to one process, as an operator or the kernel does.
pub(crate) fn kill(pid: i32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL)
        .unwrap();
}
