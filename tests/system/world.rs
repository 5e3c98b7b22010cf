//! A running local system for one test.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tidegate_local::clients::Clients;
use tidegate_local::emulator::{Backend, SentMail, sent_mail};
use tidegate_local::engine::{Engine, Injection, Options, Variable};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::programs::{directory, program, repository, shown};

/// Longest wait before a test fails. It is far more than needed, because the machine may be slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// Factor by which AWS's waits and the maximum ages of records are shorter.
///
/// With a larger factor, a slow machine would come near the ages. Records of four hours, which some
/// stories have, are 12 minutes old, and are given up at 18 minutes.
const TIME_SCALE: f64 = 20.0;

/// The functions of the order path: from an order on the stream to its e-mail.
const ORDER_PATH: [&str; 4] =
    ["order-processor", "event-publisher", "order-projection", "notification"];

/// Which functions of the reference system run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part {
    /// Those from an order on the stream to its e-mail.
    #[default]
    OrderPath,
    /// The ledger, with the publisher that feeds it.
    Ledger,
    /// Those that customers' requests need.
    Api,
    /// Payments alone; a test sends their commands.
    Payment,
    /// All of them.
    Whole,
}

/// Parts of a system.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) part: Part,
    /// Values that replace those of declared variables.
    pub(crate) environment: Vec<Variable>,
    /// Directory of the functions' binaries; by default that of this build.
    pub(crate) functions: Option<PathBuf>,
    pub(crate) faults: Option<Injection>,
    /// Values that replace those of fields in the topology, wherever the fields occur.
    pub(crate) fields: &'static [(&'static str, &'static str)],
    /// Lines of the topology, and what is inserted behind them.
    pub(crate) inserts: &'static [(&'static str, &'static str)],
    /// Factor by which waits are shorter; by default [`TIME_SCALE`].
    pub(crate) time_scale: Option<f64>,
    /// Longest wait for anything; by default [`PATIENCE`].
    pub(crate) patience: Option<Duration>,
}

/// A local system: its own emulator, the engine, the compiled functions.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) state: TempDir,
    pub(crate) patience: Duration,
    clients: Clients,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_as(Setup::default()).await
    }

    /// Starts the system with faults.
    pub(crate) async fn start_with(faults: Option<Injection>) -> Self {
        Self::start_as(Setup { faults, ..Setup::default() }).await
    }

    pub(crate) async fn start_as(setup: Setup) -> Self {
        let state = tempfile::tempdir().expect("a state directory");
        let mut topology = repository().join("infra/topology.auto.tfvars");
        if !setup.fields.is_empty() || !setup.inserts.is_empty() {
            let text = std::fs::read_to_string(&topology).expect("the topology");
            topology = state.path().join("topology.auto.tfvars");
            let text = with(&inserted(&text, setup.inserts), setup.fields);
            std::fs::write(&topology, text).expect("a topology");
        }
        let backend = Backend::from_environment().unwrap_or_else(|error| panic!("{error}"));
        let mut options = Options::new(topology, backend, state.path().to_owned());
        options.bin_dir = Some(setup.functions.unwrap_or_else(directory));
        options.time_scale = setup.time_scale.unwrap_or(TIME_SCALE);
        options.faults = setup.faults;
        options.environment = setup.environment;
        let only = match setup.part {
            Part::OrderPath => &ORDER_PATH[..],
            Part::Ledger => &["event-publisher", "ledger"],
            Part::Api => &["order-api", "order-projection"],
            Part::Payment => &["payment"],
            Part::Whole => &[],
        };
        options.only = only.iter().map(|name| (*name).to_owned()).collect();
        let engine = Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"));
        let clients = Clients::new(&engine.file().endpoint);
        Self { engine, state, patience: setup.patience.unwrap_or(PATIENCE), clients }
    }

    /// Clients of the system's endpoint, as users have them.
    pub(crate) fn clients(&self) -> &Clients {
        &self.clients
    }

    pub(crate) async fn status(&self) -> Value {
        serde_json::to_value(self.engine.status().await).expect("the status as JSON")
    }

    /// Runs `shop` against this system.
    pub(crate) async fn shop(&self, arguments: &[&str]) -> Output {
        self.run("shop", arguments).await
    }

    /// Runs `shop`, which must succeed.
    pub(crate) async fn shop_json(&self, arguments: &[&str]) -> Value {
        let output = self.shop(arguments).await;
        assert!(output.status.success(), "shop {arguments:?}: {}", shown(&output));
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", shown(&output)))
    }

    /// Runs `tidegate` against this system.
    pub(crate) async fn tidegate(&self, arguments: &[&str]) -> Output {
        self.run("tidegate", arguments).await
    }

    async fn run(&self, name: &str, arguments: &[&str]) -> Output {
        let output = self.command(name, arguments).output();
        tokio::time::timeout(self.patience, output).await.expect("an end in time").expect("a start")
    }

    /// Returns a program that works on this system, not started yet.
    pub(crate) fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = program(name);
        command
            .args(arguments)
            .env("TIDEGATE_STATE", self.state.path())
            .env("AWS_ENDPOINT_URL", &self.engine.file().endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .current_dir(self.state.path());
        command
    }

    /// Waits until nothing is in flight and nothing is left to deliver.
    pub(crate) async fn settle(&self) {
        let deadline = Instant::now() + self.patience;
        loop {
            let status = self.status().await;
            if status["idle"] == true {
                return;
            }
            assert!(Instant::now() < deadline, "still busy: {status:#}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sum of a metric of a function.
    pub(crate) async fn metric(&self, function: &str, name: &str) -> u64 {
        self.status().await["functions"][function]["metrics"][name].as_f64().unwrap_or(0.0) as u64
    }

    /// Successful calls of a function by operation.
    pub(crate) async fn successes(&self, function: &str) -> BTreeMap<String, u64> {
        let status = self.status().await;
        let calls = status["calls"][function].as_object().cloned().unwrap_or_default();
        calls
            .into_iter()
            .map(|(operation, counts)| (operation, counts["ok"].as_u64().unwrap_or(0)))
            .collect()
    }

    /// Returns how many statements of a function's batches took effect.
    pub(crate) async fn statements(&self, function: &str) -> u64 {
        self.status().await["statements"][function]["ok"].as_u64().unwrap_or(0)
    }

    pub(crate) async fn mail(&self) -> Vec<SentMail> {
        let sent = sent_mail(&self.engine.file().emulator_url)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        sent.expect("a backend that keeps what it sent")
    }

    pub(crate) async fn end(self) {
        self.engine.shutdown().await;
    }
}

/// Returns a topology in which fields have other values.
fn with(topology: &str, fields: &[(&str, &str)]) -> String {
    for (field, _) in fields {
        let declares = |line: &str| line.trim_start().starts_with(&format!("{field} "));
        assert!(topology.lines().any(declares), "the topology has no field {field}");
    }
    let line = |line: &str| {
        let name = line.trim_start().split(' ').next().unwrap_or_default();
        match fields.iter().find(|(field, _)| *field == name) {
            Some((field, value)) => format!("{field} = {value}\n"),
            None => format!("{line}\n"),
        }
    };
    topology.lines().map(line).collect()
}

/// Returns a topology with further lines behind some of its lines.
fn inserted(topology: &str, inserts: &[(&str, &str)]) -> String {
    let mut text = topology.to_owned();
    for (line, more) in inserts {
        let line = format!("\n{line}\n");
        assert_eq!(text.matches(&line).count(), 1, "the topology has one line{line}");
        text = text.replacen(&line, &format!("{line}{more}\n"), 1);
    }
    text
}

/// Path of the repository's sample.
pub(crate) fn sample() -> PathBuf {
    repository().join("events/invoices/online-retail-sample.csv.gz")
}
