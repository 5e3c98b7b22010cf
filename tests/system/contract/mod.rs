//! One suite for every implementation of a store: the one in memory, and the one in DynamoDB.
//!
//! `make contract` runs it on MiniStack and on DynamoDB Local, AWS's own engine.

mod breaker;
mod event_store;
mod idempotency;
mod operations;
mod process;
mod query;
mod read_model;
mod rebuild;
mod requests;
mod row_store;
mod snapshot;

use tempfile::TempDir;
use tidegate_local::clients::Clients;
use tidegate_local::emulator::{self, Backend, Emulator};
use tidegate_local::provision::provision;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::programs::repository;

/// Tests share a given endpoint. If two of them enable a table's time to live at once, one is
/// refused.
static PROVISIONING: Mutex<()> = Mutex::const_new(());

/// A backend with the tables of the topology.
pub(crate) struct Tables {
    pub(crate) clients: Clients,
    emulator: Emulator,
    _state: TempDir,
}

impl Tables {
    pub(crate) async fn create() -> Self {
        let state = tempfile::tempdir().expect("a state directory");
        let backend = Backend::from_environment().unwrap_or_else(|error| panic!("{error}"));
        let emulator =
            emulator::start(&backend, state.path()).await.unwrap_or_else(|error| panic!("{error}"));
        let clients = Clients::new(emulator.endpoint());
        let mut topology =
            topology::load(&repository().join("infra/topology.auto.tfvars")).expect("the topology");
        // DynamoDB Local has nothing but tables.
        topology.streams.clear();
        topology.queues.clear();
        topology.buckets.clear();
        topology.buses.clear();
        topology.rules.clear();
        topology.functions.clear();
        let _alone = PROVISIONING.lock().await;
        provision(&clients, &topology).await.unwrap_or_else(|error| panic!("{error}"));
        Self { clients, emulator, _state: state }
    }

    /// Returns the address of the backend.
    pub(crate) fn endpoint(&self) -> &str {
        self.emulator.endpoint()
    }

    pub(crate) async fn end(self) {
        self.emulator.stop().await;
    }
}

/// A key that no other test uses.
pub(crate) fn unique(kind: &str) -> String {
    format!("{kind}#{}", Uuid::new_v4())
}
