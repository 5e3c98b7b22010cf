use std::path::Path;
use std::process::Output;

use serde_json::json;
use tempfile::TempDir;
use tidegate_local::clients::Clients;
use tidegate_local::emulator::{self, Backend, Emulator, EmulatorError};
use tidegate_local::provision::{Provisioned, provision};
use tidegate_local::topology;

use crate::command::tidegate;
use crate::functions::Functions;

/// A MiniStack of the test's own with everything the repository's topology declares, and scripted functions in front.
pub(crate) struct System {
    _emulator: Emulator,
    directory: TempDir,
    pub(crate) clients: Clients,
    pub(crate) provisioned: Provisioned,
    pub(crate) functions: Functions,
}

impl System {
    /// Starts it; none, with the reason printed, where MiniStack is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join(".tidegate");
        let emulator = match emulator::start(&Backend::MiniStack, &state).await {
            Ok(emulator) => emulator,
            Err(error @ EmulatorError::NotInstalled { .. }) => {
                println!("skipped: {error}");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let clients = Clients::new(emulator.endpoint());
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../infra/topology.auto.tfvars")
            .canonicalize()
            .unwrap();
        let provisioned = provision(&clients, &topology::load(&file).unwrap()).await.unwrap();
        let functions = Functions::start(clients.dynamodb.clone()).await;
        let engine = json!({"pid": std::process::id(), "control": functions.url, "endpoint": emulator.endpoint(),
            "started_at": "2026-01-01T00:00:00Z", "topology": file, "backend": "ministack"});
        std::fs::write(state.join("engine.json"), engine.to_string()).unwrap();
        Some(System { _emulator: emulator, directory, clients, provisioned, functions })
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
