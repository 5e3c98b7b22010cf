//! A provider is down while messages keep coming, environments die and calls fail.
//!
//! The toolkit's example `breaker` charges at a provider that this test plays.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tidegate::breaker::{BreakerChanged, BreakerState, BreakerStore, DynamoDbBreakers, Phase};
use tidegate::ids::Version;
use tidegate::store::{DynamoDbEventStore, EventReader};
use tidegate_local::clients::Clients;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::any_project::{Project, send};
use crate::command::{json as printed, stderr, stdout};

const TOPOLOGY: &str = r#"
tables = {
  breakers    = { partition_key = { name = "breaker", type = "S" } }
  event-store = {
    partition_key = { name = "stream", type = "S" }, sort_key = { name = "version", type = "N" }
  }
}
queues = {
  charges = {
    visibility_timeout_seconds = 18
    redrive = { queue = "letters", maximum_receives = 45 }
  }
  letters = { retention_seconds = 1209600 }
}
buckets  = { letters = { expiration_days = 14 } }
breakers = {
  payment = {
    table = "breakers", function = "charge", queue = "charges", events = "event-store"
    cool_down_seconds = 3, longest_outage_seconds = 120, freshness_seconds = 1
    failures_in_a_row = 6
  }
}
functions = {
  charge = {
    command = ["EXAMPLES/bank-charge"], timeout_seconds = 3, maximum_concurrency = 4
    environment = { PROVIDER = "ADDRESS" }
    uses = {
      DEAD_LETTER_QUEUE_URL = { queue = "letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "letters", access = "write" }
    }
    sources = {
      charges = {
        queue = "charges", batch_size = 10, maximum_concurrency = 4
        report_batch_item_failures = true
      }
    }
  }
}
"#;

const FAULTS: &str = r#"
seed = 18
[[fault]]
fault = "kill"
when = "during"
milliseconds = 30
rate = 0.05
attempts = 1
[[fault]]
fault = "lose-response"
rate = 0.05
attempts = 1
[[fault]]
fault = "fail"
operation = "*"
when = "after"
rate = 0.05
attempts = 1
[[fault]]
fault = "throttle"
operation = "*"
rate = 0.05
attempts = 1
"#;

/// Messages of each third. The provider is down during the second one.
const THIRD: usize = 100;
/// Failed probes that the outage lasts for at least.
const PROBES: usize = 3;
/// Freshness, and the time that a call or a clock takes at most here.
const LATE: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(240);

/// The provider: it charges each id once, or answers with status 503.
#[derive(Default)]
struct Provider {
    is_down: AtomicBool,
    charged: Mutex<BTreeSet<String>>,
    /// Times of the calls that failed.
    failed: Mutex<Vec<Timestamp>>,
}

impl Provider {
    async fn start(self: Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let provider = Arc::clone(&self);
                // A client that dies in the middle says nothing more.
                tokio::spawn(async move { provider.answer(connection).await.ok() });
            }
        });
        address
    }

    async fn answer(&self, mut connection: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            if connection.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let text = String::from_utf8_lossy(&request);
        let body = text.rsplit("\r\n\r\n").next().unwrap_or_default();
        let charge: Value = serde_json::from_str(body)?;
        let status = if self.is_down.load(Ordering::SeqCst) {
            self.failed.lock().push(Timestamp::now());
            503
        } else {
            self.charged.lock().insert(charge["id"].as_str().unwrap_or_default().to_owned());
            204
        };
        let answer = format!("HTTP/1.1 {status} Status\r\ncontent-length: 0\r\n\r\n");
        connection.write_all(answer.as_bytes()).await
    }

    fn charged(&self) -> usize {
        self.charged.lock().len()
    }
}

/// Waits until a condition is met.
async fn until(what: &str, project: &Project, mut reached: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !reached().await {
        let log = || project.log("charge").lines().rev().take(40).collect::<Vec<_>>().join("\n");
        assert!(began.elapsed() < LIMIT, "never {what}\n{}\n{}", project.log("engine"), log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn third(clients: &Clients, number: usize) {
    let bodies: Vec<String> = (0..THIRD)
        .map(|message| json!({ "id": format!("{number}-{message}"), "cents": 100 }).to_string())
        .collect();
    send(clients, "charges", &bodies.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

/// Returns the changes of the breaker, from the events about them.
async fn changes(clients: &Clients) -> Vec<(Timestamp, BreakerChanged)> {
    let store = DynamoDbEventStore::new(clients.dynamodb.clone(), "event-store");
    let commits = store.read(&"breaker#payment".parse().unwrap(), Version::NONE).await.unwrap();
    let events = commits.iter().flat_map(|commit| &commit.events);
    events.map(|event| (event.time, serde_json::from_str(&event.data).unwrap())).collect()
}

/// Asserts that the calls which failed while the breaker was open were probes.
fn only_probes(changes: &[(Timestamp, BreakerChanged)], failed: &[Timestamp]) {
    let opened = changes.iter().find(|(_, change)| change.phase == "open").unwrap().0;
    let probes = changes.iter().filter(|(_, change)| change.phase == "half-open").count();
    let while_open = failed.iter().filter(|at| **at > opened + LATE).count();
    println!("{} calls failed, {while_open} while open, of {probes} probes", failed.len());
    assert!(while_open >= 1, "probes went out");
    assert!(while_open <= probes, "{while_open} calls while open, {probes} probes: {changes:#?}");
    assert!(failed.len() < THIRD, "{} calls failed", failed.len());
}

/// Opens and closes the breaker as an operator does.
async fn operated(project: &Project) {
    let by = ["--operator", "ann", "--note"];
    let run = async |line: &[&str]| project.run(&[&["breaker"], line].concat()).await;
    let closed = run(&[&["close", "payment"], &by[..], &["no"]].concat()).await;
    assert!(stderr(&closed).contains("payment is closed already"), "{}", stderr(&closed));
    let unknown = run(&[&["open", "paymnt"], &by[..], &["x"]].concat()).await;
    assert!(stderr(&unknown).contains("declared breakers: payment"), "{}", stderr(&unknown));
    let open = run(&[&["open", "payment"], &by[..], &["maintenance"]].concat()).await;
    assert!(open.status.success(), "{}", stderr(&open));
    let listed = printed(&run(&["ls", "--json"]).await);
    assert_eq!(listed[0]["phase"], "open", "{listed}");
    assert_eq!(
        (&listed[0]["operator"], &listed[0]["note"]),
        (&"ann".into(), &"maintenance".into())
    );
    let close = run(&[&["close", "payment"], &by[..], &["they are back"]].concat()).await;
    assert!(close.status.success(), "{}", stderr(&close));
    let listed = stdout(&run(&["ls"]).await);
    assert!(listed.contains("closed") && listed.contains("ann: they are back"), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_loses_no_message_and_only_probes_call_the_provider() {
    let own = std::env::current_exe().unwrap();
    let examples = own.ancestors().nth(2).unwrap().join("examples");
    assert!(
        examples.join("bank-charge").is_file(),
        "run `cargo build -p tidegate-cli --examples`, or the tests of the whole workspace"
    );
    let provider = Arc::new(Provider::default());
    let address = Arc::clone(&provider).start().await;
    let topology = TOPOLOGY.replace("EXAMPLES", examples.to_str().unwrap());
    let topology = topology.replace("ADDRESS", &address);
    let project = Project::new(&[("topology.hcl", &topology), ("faults.toml", FAULTS)], None);
    project.up(&["--faults", "faults.toml"]).await;
    let clients = project.clients().await;
    let rows = DynamoDbBreakers::new(clients.dynamodb.clone(), "breakers");
    let state = async || -> BreakerState { rows.look("payment").await.unwrap() };

    third(&clients, 1).await;
    until("a third charged", &project, async || provider.charged() == THIRD).await;
    provider.is_down.store(true, Ordering::SeqCst);
    third(&clients, 2).await;
    until("open", &project, async || matches!(state().await.phase, Phase::Open { .. })).await;
    let failed_probes = async || {
        let changes = changes(&clients).await;
        changes.iter().filter(|(_, change)| change.reason.starts_with("the probe failed")).count()
    };
    until("probed", &project, async || failed_probes().await >= PROBES).await;
    assert_eq!(provider.charged(), THIRD);
    provider.is_down.store(false, Ordering::SeqCst);
    third(&clients, 3).await;
    until("all charged", &project, async || provider.charged() == 3 * THIRD).await;

    let status = project.until("idle", |status| status["idle"] == true).await;
    assert!(status["faults"]["injected"]["kill during"].as_u64() > Some(0), "{status:#}");
    // The queue would have moved a message that was received more often than is declared.
    assert_eq!(status["dead_letters"]["total"], 0, "{:#}", status["dead_letters"]);
    assert_eq!(state().await.phase, Phase::Closed);
    only_probes(&changes(&clients).await, &provider.failed.lock());
    operated(&project).await;
    let last = changes(&clients).await.pop().unwrap().1;
    assert_eq!(last.note.as_deref(), Some("they are back"), "{last:?}");
    project.down().await;
}
