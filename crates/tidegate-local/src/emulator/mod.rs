//! The emulator behind the engine: its choice, start, end and mail.

mod backend;
mod container;
mod error;
mod installation;
mod localstack;
mod mail;
mod ministack;
mod page;
mod process;
mod tools;
mod version;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::error::DisplayErrorContext;

use crate::clients::Clients;
use crate::credentials::is_aws;

pub use backend::Backend;
pub use error::EmulatorError;
pub use installation::{InstallError, Installation};
pub use mail::SentMail;

use container::Container;
use process::EmulatorProcess;

/// Limit of MiniStack's start. It is ready in about two seconds on an idle machine.
const MINISTACK_START: Duration = Duration::from_secs(60);
/// Limit of LocalStack's start. It starts DynamoDB at the first call, and Docker may have to pull
/// the image first.
const LOCALSTACK_START: Duration = Duration::from_secs(300);
/// Limit for a given endpoint, which should already run.
const EXTERNAL_START: Duration = Duration::from_secs(5);
/// Pause between two checks whether the emulator is ready.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// Number of attempts if a port was taken meanwhile.
const PORTS: usize = 3;

/// A usable backend.
///
/// If it was started here, it ends when it is stopped or dropped.
#[derive(Debug)]
pub struct Emulator {
    backend: Backend,
    endpoint: String,
    program: Option<PathBuf>,
    process: Option<EmulatorProcess>,
    /// Dropped after the process, which is the client that may be about to start the container.
    container: Option<Container>,
}

/// Starts a backend, or checks that the given one answers, and waits until DynamoDB's `ListTables`
/// succeeds.
///
/// Output goes to `<state>/logs/emulator.log`. Servers listen on 127.0.0.1, on a free port.
///
/// # Errors
/// The backend is not installed, ended while it started, or does not answer. The error says what to
/// do or shows the end of the log.
pub async fn start(backend: &Backend, state: &Path) -> Result<Emulator, EmulatorError> {
    if let Backend::External(endpoint) = backend {
        return external(endpoint).await;
    }
    let log = log_file(state)?;
    let container = match backend {
        Backend::LocalStack if localstack::docker_answers().await => {
            Some(Container::from_state(state))
        }
        _ => None,
    };
    let tools = tools::directory();
    let ministack = ministack::Places::from_environment(tools.clone());
    let limit = if *backend == Backend::MiniStack { MINISTACK_START } else { LOCALSTACK_START };
    let mut attempt = 1;
    loop {
        let port = free_port()
            .map_err(|source| EmulatorError::Spawn { name: display(backend), source })?;
        let command = match (backend, &container) {
            (Backend::MiniStack, _) => ministack.command(port)?,
            (_, Some(container)) => {
                container.clear().await;
                container.run_command(port)
            }
            (_, None) => localstack::host_command(tools.as_deref(), state, port)?,
        };
        let program = Some(PathBuf::from(command.get_program()));
        match launch(backend, command, &log, port, limit).await {
            Ok(process) => {
                let endpoint = format!("http://127.0.0.1:{port}");
                return Ok(Emulator {
                    backend: backend.clone(),
                    endpoint,
                    program,
                    process: Some(process),
                    container,
                });
            }
            // Another program has taken the port since it was found free.
            Err(EmulatorError::Ended { tail, .. }) if attempt < PORTS && is_port_taken(&tail) => {
                attempt += 1
            }
            Err(error) => {
                if let Some(container) = &container {
                    container.remove().await;
                }
                return Err(error);
            }
        }
    }
}

impl Emulator {
    /// Returns its name: `ministack`, `localstack` or `external`.
    pub fn name(&self) -> &'static str {
        self.backend.name()
    }

    /// Returns its URL, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns what tells it from other emulators: name or URL, and version.
    ///
    /// `None` if it names no version.
    pub(crate) async fn version(&self) -> Option<String> {
        let version = version::version(&self.endpoint).await?;
        let name = match &self.backend {
            Backend::External(endpoint) => endpoint,
            backend => backend.name(),
        };
        Some(format!("{name} {version}"))
    }

    /// Returns the program that was started, if it was started here.
    pub fn program(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    /// Returns the user and system time of its processes, in seconds.
    ///
    /// `None` if it was not started here or runs in a container.
    pub fn cpu_seconds(&self) -> Option<f64> {
        match (&self.process, &self.container) {
            (Some(process), None) => Some(process.cpu_seconds()),
            _ => None,
        }
    }

    /// Returns the process id, if it was started here.
    pub fn process_id(&self) -> Option<i32> {
        self.process.as_ref().map(EmulatorProcess::id)
    }

    /// Returns the mail that the emulator has sent, in the order of sending.
    ///
    /// `None` if the emulator has no known list of mail.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn sent_mail(&self) -> Result<Option<Vec<SentMail>>, EmulatorError> {
        mail::sent_mail(&self.endpoint).await
    }

    /// Ends the backend if it was started here.
    ///
    /// A second call does nothing.
    pub async fn stop(&self) {
        if let Some(container) = &self.container {
            container.remove().await;
        }
        if let Some(process) = &self.process {
            process.stop().await;
        }
    }
}

/// Returns the mail that the emulator at an endpoint has sent, for callers that did not start it.
///
/// `None` if that emulator has no known list of mail; see [`Emulator::sent_mail`].
///
/// # Errors
/// The emulator does not answer.
pub async fn sent_mail(endpoint: &str) -> Result<Option<Vec<SentMail>>, EmulatorError> {
    mail::sent_mail(endpoint.trim_end_matches('/')).await
}

/// Kills processes of emulators whose engine has ended.
///
/// MiniStack dies with its engine. LocalStack's Java and Node.js processes survive if the engine is
/// killed. Every start calls this function; call it to clean up without a start.
pub fn kill_stale() {
    process::kill_stale();
}

async fn external(endpoint: &str) -> Result<Emulator, EmulatorError> {
    // Checked before any request: the check is itself a call, and later ones create resources.
    if is_aws(endpoint) {
        return Err(EmulatorError::Account(endpoint.to_owned()));
    }
    let question = answers(endpoint);
    match tokio::time::timeout(EXTERNAL_START, question).await {
        Ok(Ok(())) => Ok(Emulator {
            backend: Backend::External(endpoint.to_owned()),
            endpoint: endpoint.to_owned(),
            program: None,
            process: None,
            container: None,
        }),
        Ok(Err(reason)) => {
            Err(EmulatorError::NotAnswering { endpoint: endpoint.to_owned(), reason })
        }
        Err(_) => {
            let reason = format!("no answer within {} seconds", EXTERNAL_START.as_secs());
            Err(EmulatorError::NotAnswering { endpoint: endpoint.to_owned(), reason })
        }
    }
}

async fn launch(
    backend: &Backend,
    command: Command,
    log: &Path,
    port: u16,
    limit: Duration,
) -> Result<EmulatorProcess, EmulatorError> {
    let name = display(backend);
    let process = EmulatorProcess::start(&command, log, port)
        .map_err(|source| EmulatorError::Spawn { name, source })?;
    let endpoint = format!("http://127.0.0.1:{port}");
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let reason = match tokio::time::timeout(left, answers(&endpoint)).await {
            Ok(Ok(())) if process.ended().is_none() => return Ok(process),
            Ok(Ok(())) => "another program answers on its port".to_owned(),
            Ok(Err(reason)) => reason,
            Err(_) => "no answer".to_owned(),
        };
        if let Some(status) = process.ended() {
            return Err(EmulatorError::Ended {
                name,
                status: status.to_string(),
                log: log.to_owned(),
                tail: process.tail(),
            });
        }
        if Instant::now() >= deadline {
            return Err(EmulatorError::NotReady {
                name,
                seconds: limit.as_secs(),
                reason,
                log: log.to_owned(),
                tail: process.tail(),
            });
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Checks that `ListTables` succeeds.
async fn answers(endpoint: &str) -> Result<(), String> {
    if endpoint.parse::<http::Uri>().ok().and_then(|url| url.scheme().cloned()).is_none() {
        return Err("it is not a URL such as http://127.0.0.1:4566".to_owned());
    }
    let clients = Clients::new(endpoint);
    let once = aws_sdk_dynamodb::config::Builder::default()
        .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled());
    let question = clients.dynamodb.list_tables().customize().config_override(once);
    question.send().await.map(drop).map_err(|error| DisplayErrorContext(error).to_string())
}

fn log_file(state: &Path) -> Result<PathBuf, EmulatorError> {
    let logs = state.join("logs");
    std::fs::create_dir_all(&logs)
        .map_err(|source| EmulatorError::State { path: logs.clone(), source })?;
    Ok(logs.join("emulator.log"))
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn is_port_taken(tail: &str) -> bool {
    let tail = tail.to_lowercase();
    tail.contains("already in use") || tail.contains("port is already allocated")
}

fn display(backend: &Backend) -> &'static str {
    match backend {
        Backend::MiniStack => "MiniStack",
        Backend::LocalStack => "LocalStack",
        Backend::External(_) => "the given endpoint",
    }
}
