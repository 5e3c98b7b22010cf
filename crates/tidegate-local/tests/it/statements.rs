//! How functions are told to send conditional writes: MiniStack, and doubles of emulators that lack
//! a form of statements.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tidegate_local::emulator::Backend;
use tidegate_local::engine::{Engine, Options};
use tidegate_local::proxy::billed::TableKeys;
use tidegate_local::proxy::{Call, Hook, Proxy, Reply};

use crate::backend::{TestBackend, ministack};

const DECLARED: &str = r#"
profile = "aws"
tables = { things = { partition_key = { name = "stream", type = "S" } } }
functions = {
  probe = {
    memory_mb = 128, timeout_seconds = 5, maximum_concurrency = 2
    uses = { THINGS = { table = "things", access = "read-write" } }
  }
}
"#;

/// An emulator that does everything as MiniStack does, but for some statements.
#[derive(Debug, Default)]
struct Double {
    /// Statements with this text are invalid. Empty: none is.
    lacks: Mutex<&'static str>,
    /// It knows no batches of statements at all.
    knows_no_batch: bool,
    /// Version that it names. Empty: it names none.
    version: Mutex<&'static str>,
}

fn answer(status: u16, body: &Value) -> Reply {
    let mut reply = Reply::new(Bytes::from(body.to_string()).into());
    *reply.status_mut() = status.try_into().unwrap();
    reply
}

impl Hook for Double {
    fn before<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Option<Reply>> {
        let health = call.head.uri.path() == "/_localstack/health";
        let batch = call.operation == "DynamoDB.BatchExecuteStatement";
        let version = *self.version.lock();
        let reply = match (health, batch && self.knows_no_batch) {
            (true, _) if version.is_empty() => Some(answer(404, &json!({}))),
            (true, _) => Some(answer(200, &json!({ "version": version }))),
            (_, true) => Some(answer(400, &json!({ "__type": "UnknownOperationException" }))),
            _ => None,
        };
        Box::pin(async { reply })
    }

    fn after<'a>(&'a self, call: &'a Call, reply: Reply) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let lacks = *self.lacks.lock();
            if call.operation != "DynamoDB.BatchExecuteStatement" || lacks.is_empty() {
                return reply;
            }
            let request: Value = serde_json::from_slice(&call.body).unwrap();
            let mut body: Value = serde_json::from_slice(reply.body().whole().unwrap()).unwrap();
            for (n, statement) in request["Statements"].as_array().unwrap().iter().enumerate() {
                if statement["Statement"].as_str().unwrap().contains(lacks) {
                    let error = json!({ "Code": "ValidationError", "Message": "unsupported" });
                    body["Responses"][n] = json!({ "Error": error });
                }
            }
            answer(200, &body)
        })
    }
}

struct World {
    backend: TestBackend,
    double: Arc<Double>,
    proxy: Proxy,
    directory: tempfile::TempDir,
}

impl World {
    async fn new(double: Double) -> Self {
        let backend = ministack().await;
        let double = Arc::new(double);
        let hooks: Vec<Arc<dyn Hook>> = vec![Arc::<Double>::clone(&double)];
        let callers = ["engine".to_owned()];
        let proxy = Proxy::start(backend.emulator.endpoint(), callers, hooks, TableKeys::new());
        let proxy = proxy.await.unwrap();
        Self { backend, double, proxy, directory: tempfile::tempdir().unwrap() }
    }

    /// Starts and ends an engine. Returns the mode that its function is told, and why.
    async fn start(&self, declared: &str) -> (String, Option<String>) {
        let directory = self.directory.path();
        let topology = directory.join("topology.auto.tfvars");
        std::fs::write(&topology, declared).unwrap();
        let bin = directory.join("bin");
        if !bin.is_dir() {
            std::fs::create_dir(&bin).unwrap();
            std::os::unix::fs::symlink(crate::probe::binary(), bin.join("probe")).unwrap();
        }
        let endpoint = Backend::External(self.proxy.endpoint("engine").unwrap());
        let state = directory.join("state");
        let mut options = Options::new(topology, endpoint, state.clone());
        options.bin_dir = Some(bin);
        let engine = Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"));
        let status = serde_json::to_value(engine.status().await).unwrap();
        let told = told(&state);
        engine.shutdown().await;
        let statements = &status["emulator"]["statements"];
        assert_eq!(statements["mode"], told, "{statements}");
        (told, statements["why"].as_str().map(str::to_owned))
    }

    /// Returns how many batches the emulator was asked.
    fn asked(&self) -> u64 {
        let calls = self.proxy.calls();
        let batches = calls.get("engine").and_then(|c| c.get("DynamoDB.BatchExecuteStatement"));
        batches.map_or(0, |count| count.calls)
    }

    async fn tables(&self) -> Vec<String> {
        let tables = self.backend.clients.dynamodb.list_tables().send().await.unwrap();
        tables.table_names().to_vec()
    }
}

/// Returns what the function is told.
fn told(state: &Path) -> String {
    let variables = std::fs::read_to_string(state.join("functions/probe.env")).unwrap();
    let line = variables.lines().find_map(|line| line.strip_prefix("TIDEGATE_STATEMENTS="));
    line.unwrap_or_else(|| panic!("{variables}")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emulator_that_lacks_one_form_gets_single_writes_and_the_status_says_which() {
    let world = World::new(Double::default()).await;
    for (lacks, form) in [
        ("", None),
        ("VALUE", Some("INSERT of a new item")),
        ("\"n\" = \"n\" + ?", Some("UPDATE with a sum")),
        ("DELETE", Some("DELETE with a condition")),
        ("REMOVE", Some("UPDATE that removes an attribute")),
    ] {
        *world.double.lacks.lock() = lacks;
        let (mode, why) = world.start(DECLARED).await;
        assert_eq!(mode, if form.is_some() { "single" } else { "batched" }, "{lacks}: {why:?}");
        let why = why.unwrap_or_default();
        assert!(form.is_none_or(|form| why.starts_with(form)), "{lacks}: {why}");
        assert!(form.is_none() || why.contains("ValidationError (unsupported)"), "{why}");
        assert_eq!(world.tables().await, ["things"], "the table for the forms is deleted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emulator_without_batches_of_statements_gets_single_writes() {
    let world = World::new(Double { knows_no_batch: true, ..Double::default() }).await;
    let (mode, why) = world.start(DECLARED).await;
    assert_eq!(mode, "single");
    assert!(why.unwrap().contains("UnknownOperationException"));
    assert_eq!(world.tables().await, ["things"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_emulator_is_asked_once_and_another_version_again() {
    let world = World::new(Double { version: Mutex::new("1.0"), ..Double::default() }).await;
    assert_eq!(world.start(DECLARED).await.0, "batched");
    let once = world.asked();
    assert!(once > 0);
    // Had it been asked, the answer would be another one.
    *world.double.lacks.lock() = "INSERT";
    assert_eq!(world.start(DECLARED).await.0, "batched");
    assert_eq!(world.asked(), once);
    *world.double.version.lock() = "1.1";
    assert_eq!(world.start(DECLARED).await.0, "single");
    let (mode, why) = world.start(DECLARED).await;
    assert_eq!(mode, "single", "what is missing is kept, too");
    assert!(why.unwrap().starts_with("INSERT"));
    let asked = world.asked();
    *world.double.lacks.lock() = "";
    *world.double.version.lock() = "";
    assert_eq!(world.start(DECLARED).await.0, "batched", "it may be any emulator now");
    assert!(world.asked() > asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topology_that_asks_for_single_writes_gets_them_without_a_question() {
    let world = World::new(Double::default()).await;
    let declared = format!("{DECLARED}statements = \"single\"\n");
    let (mode, why) = world.start(&declared).await;
    assert_eq!((mode.as_str(), why.as_deref()), ("single", Some("the topology asks for it")));
    assert_eq!(world.asked(), 0);
}
