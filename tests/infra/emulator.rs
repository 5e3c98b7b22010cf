//! MiniStack with IAM policies enforced.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tidegate_local::clients::Clients;

use crate::programs::repository;
use crate::wait::until;

/// How long the emulator may take to end, because it ends its functions first.
const GRACE: Duration = Duration::from_secs(10);

/// A running emulator for one test. It is ended on drop, also when the test panics.
pub(crate) struct Emulator {
    pub(crate) endpoint: String,
    process: Child,
    state: TempDir,
}

/// Directory of the tools of `scripts/setup`.
pub(crate) fn tools() -> PathBuf {
    let given = std::env::var_os("TIDEGATE_TOOLS").filter(|given| !given.is_empty());
    given.map_or_else(|| repository().join(".tools"), PathBuf::from)
}

impl Emulator {
    pub(crate) async fn start() -> Self {
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            let value = std::env::var(name).unwrap_or_else(|_| "test".to_owned());
            assert_eq!(
                value, "test",
                "{name} is set, and `test` is root at the emulator: run `make infra-test`"
            );
        }
        let program = tools().join("venv/bin/ministack");
        assert!(program.exists(), "{} is missing: run scripts/setup", program.display());
        let state = tempfile::tempdir().expect("a directory");
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let log = File::create(state.path().join("emulator.log")).unwrap();
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        // Functions get this address too, and need it to reach this emulator. Their code is
        // unpacked below TMPDIR.
        command
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("HOME", state.path())
            .env("TMPDIR", state.path());
        command
            .env("AUTH", "true")
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string());
        command.env("LOG_LEVEL", "WARNING").stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let process = command.spawn().expect("a start of MiniStack");
        let mut emulator = Self { endpoint, process, state };
        let clients = emulator.clients();
        until("MiniStack answers", async || {
            if let Some(status) = emulator.process.try_wait().unwrap() {
                panic!("MiniStack ended ({status}): {}", emulator.log());
            }
            clients.dynamodb.list_tables().send().await.map_err(|error| format!("{error:?}"))
        })
        .await;
        emulator
    }

    /// Clients with root's credentials.
    pub(crate) fn clients(&self) -> Clients {
        Clients::new(&self.endpoint)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.state.path().join("emulator.log")).unwrap_or_default()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let id = i32::try_from(self.process.id()).map(Pid::from_raw);
        let _ = id.map(|id| kill(id, Signal::SIGTERM));
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline && matches!(self.process.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            println!("MiniStack's log:\n{}", self.log());
        }
    }
}
