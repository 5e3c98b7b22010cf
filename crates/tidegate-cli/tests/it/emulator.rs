use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use tidegate_local::clients::Clients;
use tidegate_local::provision::{Provisioned, provision};
use tidegate_local::topology;

use crate::command::tidegate;
use crate::functions::Functions;

/// A MiniStack of the test's own with everything the repository's topology declares, and scripted functions in front.
pub(crate) struct System {
    process: Child,
    directory: TempDir,
    pub(crate) clients: Clients,
    pub(crate) provisioned: Provisioned,
    pub(crate) functions: Functions,
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl System {
    /// Starts it; none, with the reason printed, where MiniStack is not installed.
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
        let clients = Clients::new(&endpoint);
        let deadline = Instant::now() + Duration::from_secs(60);
        while clients.dynamodb.list_tables().send().await.is_err() {
            assert!(Instant::now() < deadline, "MiniStack did not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../infra/topology.auto.tfvars")
            .canonicalize()
            .unwrap();
        let provisioned = provision(&clients, &topology::load(&file).unwrap()).await.unwrap();
        let functions = Functions::start().await;
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(".tidegate")).unwrap();
        let engine = json!({"pid": std::process::id(), "control": functions.url, "endpoint": endpoint,
            "started_at": "2026-01-01T00:00:00Z", "topology": file, "backend": "ministack"});
        std::fs::write(directory.path().join(".tidegate/engine.json"), engine.to_string()).unwrap();
        Some(System { process, directory, clients, provisioned, functions })
    }

    /// Runs the command in a directory below the system's.
    pub(crate) async fn tidegate(&self, arguments: &[&str]) -> Output {
        tidegate(arguments, self.directory.path(), &[]).await
    }

    /// Sends a message to a queue.
    pub(crate) async fn send(&self, queue: &str, body: &str, attributes: &[(&str, &str)]) -> String {
        let mut send =
            self.clients.sqs.send_message().queue_url(&self.provisioned.queues[queue].url).message_body(body);
        for (name, value) in attributes {
            let value =
                aws_sdk_sqs::types::MessageAttributeValue::builder().data_type("String").string_value(*value);
            send = send.message_attributes(*name, value.build().unwrap());
        }
        send.send().await.unwrap().message_id.unwrap()
    }

    /// Messages in a queue: visible ones, hidden ones.
    pub(crate) async fn count(&self, queue: &str) -> (u32, u32) {
        use aws_sdk_sqs::types::QueueAttributeName as Name;
        let names = [Name::ApproximateNumberOfMessages, Name::ApproximateNumberOfMessagesNotVisible];
        let url = &self.provisioned.queues[queue].url;
        let answer =
            self.clients.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
        let attributes = answer.send().await.unwrap().attributes.unwrap();
        let [visible, hidden] = names.map(|name| attributes[&name].parse().unwrap());
        (visible, hidden)
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
