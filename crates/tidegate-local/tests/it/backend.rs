//! Emulators for tests: each test starts its own, on a free port.

use tempfile::TempDir;
use tidegate_local::clients::Clients;
use tidegate_local::emulator::{self, Backend, Emulator};

/// A running emulator with a state directory of its own. It ends when dropped.
pub(crate) struct TestBackend {
    pub(crate) emulator: Emulator,
    pub(crate) clients: Clients,
    pub(crate) state: TempDir,
}

/// Starts MiniStack, found by the variable `TIDEGATE_TOOLS` or in `.tools`.
pub(crate) async fn ministack() -> TestBackend {
    started(&Backend::MiniStack).await
}

pub(crate) async fn started(backend: &Backend) -> TestBackend {
    let state = tempfile::tempdir().expect("a state directory");
    let emulator =
        emulator::start(backend, state.path()).await.unwrap_or_else(|error| panic!("{error}"));
    let clients = Clients::new(emulator.endpoint());
    TestBackend { emulator, clients, state }
}
