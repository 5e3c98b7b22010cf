//! A separate system for a test: an emulator, and functions with scripted answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::json;
use tempfile::TempDir;
use tidegate_local::clients::Clients;
use tidegate_local::emulator::{self, Backend, Emulator, EmulatorError};
use tidegate_local::provision::{Provisioned, provision};
use topology::Topology;

use crate::command::tidegate;
use crate::functions::Functions;

pub(crate) fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../infra/topology.auto.tfvars")
        .canonicalize()
        .unwrap()
}

fn topology() -> Topology {
    topology::load(&file()).unwrap()
}

/// A separate MiniStack with the resources of the repository's topology, and scripted functions in
/// front of it.
pub(crate) struct System {
    emulator: Emulator,
    directory: TempDir,
    pub(crate) clients: Clients,
    pub(crate) provisioned: Provisioned,
    pub(crate) functions: Functions,
    /// Environment variables of the command.
    variables: Vec<(&'static str, String)>,
}

impl System {
    /// Starts the system. Prints the reason and returns `None` if MiniStack is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let system = Self::start_with(&topology(), "idempotency").await?;
        let url = &system.functions.url;
        let engine = json!({"pid": std::process::id(), "control": url, "endpoint": url,
            "emulator_url": system.emulator.endpoint(), "started_at": "2026-01-01T00:00:00Z", "topology": file(),
            "backend": "ministack"});
        std::fs::write(system.directory.path().join(".tidegate/engine.json"), engine.to_string())
            .unwrap();
        Some(system)
    }

    /// Starts the system as Terraform deploys it: without an engine, with a prefix before every
    /// name.
    pub(crate) async fn deployed(prefix: &str) -> Option<Self> {
        fn named<T>(prefix: &str, declared: BTreeMap<String, T>) -> BTreeMap<String, T> {
            declared
                .into_iter()
                .map(|(name, declared)| (format!("{prefix}{name}"), declared))
                .collect()
        }
        let Topology { streams, tables, mut queues, .. } = topology();
        for redrive in queues.values_mut().filter_map(|queue| queue.redrive.as_mut()) {
            redrive.queue = format!("{prefix}{}", redrive.queue);
        }
        let declared = Topology {
            streams: named(prefix, streams),
            tables: named(prefix, tables),
            queues: named(prefix, queues),
            buckets: BTreeMap::new(),
            buses: BTreeMap::new(),
            rules: BTreeMap::new(),
            functions: BTreeMap::new(),
            apis: BTreeMap::new(),
            breakers: BTreeMap::new(),
            processes: BTreeMap::new(),
            schedules: BTreeMap::new(),
            schedule_groups: BTreeMap::new(),
            ..topology()
        };
        let mut system = Self::start_with(&declared, &format!("{prefix}idempotency")).await?;
        system.variables = vec![
            ("AWS_ENDPOINT_URL", system.functions.url.clone()),
            ("TIDEGATE_NAME_PREFIX", prefix.to_owned()),
        ];
        let infra = system.directory.path().join("infra");
        std::fs::create_dir(&infra).unwrap();
        std::fs::copy(file(), infra.join("topology.auto.tfvars")).unwrap();
        Some(system)
    }

    async fn start_with(declared: &Topology, idempotency: &str) -> Option<Self> {
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
        let provisioned = provision(&clients, declared).await.unwrap();
        let functions =
            Functions::start(emulator.endpoint(), clients.dynamodb.clone(), idempotency).await;
        Some(Self { emulator, directory, clients, provisioned, functions, variables: Vec::new() })
    }

    /// Runs the command in a directory below the system's.
    pub(crate) async fn tidegate(&self, arguments: &[&str]) -> Output {
        let variables: Vec<(&str, &str)> =
            self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        tidegate(arguments, self.directory.path(), &variables).await
    }

    /// Sends a message to a queue.
    pub(crate) async fn send(
        &self,
        queue: &str,
        body: &str,
        attributes: &[(&str, &str)],
    ) -> String {
        let mut send = self
            .clients
            .sqs
            .send_message()
            .queue_url(&self.provisioned.queues[queue].url)
            .message_body(body);
        for (name, value) in attributes {
            let value = aws_sdk_sqs::types::MessageAttributeValue::builder()
                .data_type("String")
                .string_value(*value);
            send = send.message_attributes(*name, value.build().unwrap());
        }
        send.send().await.unwrap().message_id.unwrap()
    }

    /// Returns the number of visible and of hidden messages in a queue.
    pub(crate) async fn count(&self, queue: &str) -> (u32, u32) {
        use aws_sdk_sqs::types::QueueAttributeName as Name;
        let names =
            [Name::ApproximateNumberOfMessages, Name::ApproximateNumberOfMessagesNotVisible];
        let url = &self.provisioned.queues[queue].url;
        let answer = self
            .clients
            .sqs
            .get_queue_attributes()
            .queue_url(url)
            .set_attribute_names(Some(names.to_vec()));
        let attributes = answer.send().await.unwrap().attributes.unwrap();
        let [visible, hidden] = names.map(|name| attributes[&name].parse().unwrap());
        (visible, hidden)
    }
}
