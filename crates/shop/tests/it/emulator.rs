//! An emulator with the stream and the read models of the shop.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_smithy_http_client::Builder;

/// A MiniStack for one test, stopped by its process id.
pub(crate) struct Emulator {
    process: Child,
    pub(crate) endpoint: String,
    pub(crate) kinesis: aws_sdk_kinesis::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Emulator {
    /// Starts MiniStack with the stream and the read models. If MiniStack is not installed, it
    /// prints the reason and returns `None`.
    pub(crate) async fn start() -> Option<Self> {
        let Some(program) = program() else {
            println!("skipped: no MiniStack; scripts/setup installs it");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(program)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let endpoint = format!("http://127.0.0.1:{port}");
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .http_client(Builder::new().build_http())
            .endpoint_url(&endpoint)
            .region("us-east-1")
            .test_credentials()
            .load()
            .await;
        let emulator = Self {
            process,
            endpoint,
            kinesis: aws_sdk_kinesis::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while emulator.dynamodb.list_tables().send().await.is_err() {
            assert!(Instant::now() < deadline, "MiniStack did not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        emulator.create("").await;
        Some(emulator)
    }

    /// Creates the stream and the read models, with this prefix of their names.
    pub(crate) async fn create(&self, prefix: &str) {
        let name = |declared: &str| format!("{prefix}{declared}");
        self.kinesis
            .create_stream()
            .stream_name(name("orders"))
            .shard_count(1)
            .send()
            .await
            .unwrap();
        let sales = [("key", ScalarAttributeType::S), ("slice", ScalarAttributeType::N)];
        self.table(&name("sales"), &sales).await;
        self.table(&name("order-view"), &[("stream", ScalarAttributeType::S)]).await;
        let events = [("stream", ScalarAttributeType::S), ("version", ScalarAttributeType::N)];
        self.table(&name("event-store"), &events).await;
    }

    async fn table(&self, name: &str, keys: &[(&str, ScalarAttributeType)]) {
        let mut create =
            self.dynamodb.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
        for ((name, kind), key) in keys.iter().zip([KeyType::Hash, KeyType::Range]) {
            let attribute = AttributeDefinition::builder()
                .attribute_name(*name)
                .attribute_type(kind.clone())
                .build()
                .unwrap();
            let key =
                KeySchemaElement::builder().attribute_name(*name).key_type(key).build().unwrap();
            create = create.attribute_definitions(attribute).key_schema(key);
        }
        create.send().await.unwrap();
    }
}

fn program() -> Option<PathBuf> {
    let tools = std::env::var_os("TIDEGATE_TOOLS").map(PathBuf::from);
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.tools");
    tools
        .into_iter()
        .chain([own])
        .map(|tools| tools.join("venv/bin/ministack"))
        .find(|program| program.is_file())
}
