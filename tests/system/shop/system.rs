//! The whole shop, with its payment provider.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use events::stream_kind;
use serde_json::Value;
use tidegate::breaker::BreakerChanged;
use tidegate::ids::{StreamId, Version};
use tidegate::process::Outline;
use tidegate::publish::schedule_name;
use tidegate::store::{DynamoDbEventStore, EventReader as _};
use tidegate_local::engine::{Injection, Variable};
use tokio::time::{Instant, sleep};

use super::provider::Provider;
use crate::programs::shown;
use crate::world::{Part, Setup, World};

/// Fields of the topology that let an outage of the provider end within seconds: the breaker tries
/// again soon, and a message may be received as often as its longest outage needs, not once more.
const SHORT_OUTAGES: &[(&str, &str)] = &[
    ("cool_down_seconds", "2"),
    ("longest_outage_seconds", "200"),
    ("redrive", "{ queue = \"queue-failures\", maximum_receives = 105 }"),
];

/// What a shop is started with.
#[derive(Default)]
pub(crate) struct Opening<'a> {
    /// Script of the payment simulator, in JSON; without one it accepts everything.
    pub(crate) script: Option<&'a str>,
    /// Seed of the payment simulator.
    pub(crate) seed: u64,
    pub(crate) faults: Option<Injection>,
    /// Factor by which waits are shorter. Deadlines are waits, too; without faults the shop's are
    /// as long as they are declared.
    pub(crate) time_scale: Option<f64>,
    /// Values of variables: function, name, value.
    pub(crate) variables: &'a [(&'a str, &'a str, &'a str)],
}

/// All functions of the reference system, and the payment provider.
pub(crate) struct Shop {
    pub(crate) world: World,
    pub(crate) provider: Provider,
    pub(crate) store: DynamoDbEventStore,
    _files: tempfile::TempDir,
}

impl Shop {
    /// Starts a shop in which everything goes well.
    pub(crate) async fn open() -> Self {
        Self::open_as(Opening::default()).await
    }

    pub(crate) async fn open_as(opening: Opening<'_>) -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let provider =
            Provider::start(files.path(), opening.script.unwrap_or("{}"), opening.seed).await;
        let address = [("payment", "PAYMENT_PROVIDER_URL", provider.url())];
        let variables = address.iter().chain(opening.variables);
        let environment = variables.map(|(function, name, value)| Variable {
            function: (*function).to_owned(),
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        });
        let setup = Setup {
            part: Part::Whole,
            faults: opening.faults,
            time_scale: Some(opening.time_scale.unwrap_or(1.0)),
            fields: SHORT_OUTAGES,
            environment: environment.collect(),
            ..Setup::default()
        };
        let world = World::start_as(setup).await;
        let store = DynamoDbEventStore::new(world.clients().dynamodb.clone(), "event-store");
        Self { world, provider, store, _files: files }
    }

    /// Waits until something holds.
    pub(crate) async fn until_that(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + self.world.patience;
        while !holds().await {
            assert!(Instant::now() < deadline, "never: {what}\n{}", self.told().await);
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the system says of itself, for messages.
    async fn told(&self) -> String {
        let logs = self.world.tidegate(&["local", "logs", "--level", "warn"]).await;
        let letters = self.world.tidegate(&["dlq"]).await;
        let status = self.world.status().await;
        format!("{status:#}\n{}\n{}", shown(&logs), shown(&letters))
    }

    /// Lets an open deadline of an order pass now, as if its time had come.
    pub(crate) async fn pass_deadline(&self, id: &str, name: &str) {
        let stream = StreamId::new(stream_kind::FULFILMENT, id).expect("a stream");
        let fired = async || {
            let commits = self.store.read(&stream, Version::NONE).await.expect("the stream");
            let outline = Outline::of(&commits).expect("events of this version");
            let mut open = outline.deadlines.iter().map(|open| &open.deadline);
            let Some(deadline) = open.find(|deadline| deadline.name == name) else { return false };
            // The publisher may not have set the schedule yet.
            let schedule = format!("deadlines/{}", schedule_name(&stream, &deadline.id));
            let fired = self.world.tidegate(&["local", "schedules", "--fire", &schedule]).await;
            fired.status.success()
        };
        self.until_that(&format!("{id} waits for its {name}"), fired).await;
    }

    /// Phases of the provider's breaker, in the order in which they began.
    pub(crate) async fn breaker_phases(&self) -> Vec<String> {
        let events = self.events("breaker", "payment-provider").await;
        let change = |data: &str| serde_json::from_str::<BreakerChanged>(data).expect("a change");
        events.iter().map(|event| change(&event.data).phase).collect()
    }

    /// Waits until the provider's breaker was in this phase.
    pub(crate) async fn until_breaker(&self, phase: &str) {
        let was = async || self.breaker_phases().await.iter().any(|found| found == phase);
        self.until_that(&format!("the breaker is {phase}"), was).await;
    }

    /// Waits until the provider was paid for some order.
    pub(crate) async fn until_paid(&self) {
        let paid = async || self.provider.report().await["charges"].as_u64() > Some(0);
        self.until_that("an order is paid", paid).await;
    }

    /// Returns the dead letters of all queues.
    pub(crate) async fn letters(&self) -> Vec<Value> {
        let listed = self.world.tidegate(&["dlq", "--json"]).await;
        assert!(listed.status.success(), "{}", shown(&listed));
        serde_json::from_slice(&listed.stdout).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Compares the shop with the first invoices of a file: orders, stock, money, the books, what
    /// the provider did, and every dead letter.
    pub(crate) async fn check(&self, file: &Path, limit: usize) -> Output {
        let directory = self.world.state.path();
        let report = self.provider.save_report(directory).await;
        let letters = directory.join("letters.json");
        std::fs::write(&letters, Value::from(self.letters().await).to_string()).expect("letters");
        let [file, report, letters] =
            [file, &report, &letters].map(|path| path.to_str().expect("a name in UTF-8"));
        let limit = limit.to_string();
        let files = ["--provider-report", report, "--letters", letters];
        let words = [&["check", file, "--limit", &limit, "--shop"][..], &files].concat();
        self.world.shop(&words).await
    }

    pub(crate) async fn close(self) {
        self.world.end().await;
    }
}
