//! The emulator behind the engine: which one, its start, its end, what it can be asked.

mod backend;
mod container;
mod error;
mod installation;
mod localstack;
mod mail;
mod ministack;
mod process;
mod tools;

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

/// MiniStack is ready in about two seconds on an idle machine.
const MINISTACK_START: Duration = Duration::from_secs(60);
/// LocalStack starts DynamoDB at the first call; a container image may have to be pulled before.
const LOCALSTACK_START: Duration = Duration::from_secs(300);
/// An endpoint that was given should run already.
const EXTERNAL_START: Duration = Duration::from_secs(5);
/// Pause between two questions whether it is ready.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// How often another port is tried when one was taken meanwhile.
const PORTS: usize = 3;

/// A usable backend. One that was started here ends when this is stopped or dropped.
#[derive(Debug)]
pub struct Emulator {
    backend: Backend,
    endpoint: String,
    program: Option<PathBuf>,
    process: Option<EmulatorProcess>,
    /// Dropped after the process, which is the client that may be about to start the container.
    container: Option<Container>,
}

/// Starts a backend, or looks whether the given one answers, and waits until DynamoDB's `ListTables` succeeds.
///
/// Output goes to `<state>/logs/emulator.log`. Servers listen on 127.0.0.1, on a free port.
///
/// Errors: not installed, ended while starting, or not answering; each says what to do or shows the end of the log.
pub async fn start(backend: &Backend, state: &Path) -> Result<Emulator, EmulatorError> {
    if let Backend::External(endpoint) = backend {
        return external(endpoint).await;
    }
    let log = log_file(state)?;
    let container = match backend {
        Backend::LocalStack if localstack::docker_answers().await => Some(Container::from_state(state)),
        _ => None,
    };
    let tools = tools::directory();
    let ministack = ministack::Places::from_environment(tools.clone());
    let limit = if *backend == Backend::MiniStack { MINISTACK_START } else { LOCALSTACK_START };
    let mut attempt = 1;
    loop {
        let port = free_port().map_err(|source| EmulatorError::Spawn { name: display(backend), source })?;
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
            // Somebody else has taken the port between our look and its start.
            Err(EmulatorError::Ended { tail, .. }) if attempt < PORTS && is_port_taken(&tail) => attempt += 1,
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
    /// Its name: `ministack`, `localstack` or `external`.
    pub fn name(&self) -> &'static str {
        self.backend.name()
    }

    /// Its URL, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The program that was started, if it was started here.
    pub fn program(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    /// User and system time of its processes, in seconds. None if it was not started here or runs in a container.
    pub fn cpu_seconds(&self) -> Option<f64> {
        match (&self.process, &self.container) {
            (Some(process), None) => Some(process.cpu_seconds()),
            _ => None,
        }
    }

    /// The process id, if it was started here.
    pub fn process_id(&self) -> Option<i32> {
        self.process.as_ref().map(EmulatorProcess::id)
    }

    /// The mail it has sent, in the order of sending. None if it keeps no list that is known here.
    ///
    /// Errors: it does not answer.
    pub async fn sent_mail(&self) -> Result<Option<Vec<SentMail>>, EmulatorError> {
        mail::sent_mail(&self.endpoint).await
    }

    /// Ends it, if it was started here. Doing so again does nothing.
    pub async fn stop(&self) {
        if let Some(container) = &self.container {
            container.remove().await;
        }
        if let Some(process) = &self.process {
            process.stop().await;
        }
    }
}

/// The mail sent by the backend at an endpoint, for those who did not start it; see [`Emulator::sent_mail`].
pub async fn sent_mail(endpoint: &str) -> Result<Option<Vec<SentMail>>, EmulatorError> {
    mail::sent_mail(endpoint.trim_end_matches('/')).await
}

/// Kills what emulators have left behind whose engine is gone. Every start does it; it is here for those who only clean up.
///
/// MiniStack dies with its engine. LocalStack's Java and Node.js processes do not when the engine is killed.
pub fn kill_stale() {
    process::kill_stale();
}

async fn external(endpoint: &str) -> Result<Emulator, EmulatorError> {
    // Before anything is asked: the question is a call, and what follows creates things.
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
        Ok(Err(reason)) => Err(EmulatorError::NotAnswering { endpoint: endpoint.to_owned(), reason }),
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

/// Whether `ListTables` succeeds.
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
    std::fs::create_dir_all(&logs).map_err(|source| EmulatorError::State { path: logs.clone(), source })?;
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
