//! Errors of emulators.

use std::path::PathBuf;

/// Why an emulator could not be started or asked.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// `BACKEND` has an unknown value.
    #[error("unknown backend {0} (BACKEND or --backend); use ministack or localstack")]
    UnknownBackend(String),
    /// `AWS_ENDPOINT_URL` is AWS itself.
    #[error(
        "AWS_ENDPOINT_URL is {0}, which is AWS itself; the local engine runs on an emulator only. Unset AWS_ENDPOINT_URL to let Tidegate \
         start one"
    )]
    Account(String),
    /// `AWS_ENDPOINT_URL` is set, but no usable service answers there.
    #[error(
        "AWS_ENDPOINT_URL (or --endpoint-url) is {endpoint}, and DynamoDB ListTables there fails: {reason}. Start the emulator there, or unset \
         AWS_ENDPOINT_URL to let Tidegate start an emulator of its own"
    )]
    NotAnswering {
        /// URL of the emulator.
        endpoint: String,
        /// Why the call failed.
        reason: String,
    },
    /// The emulator is not installed.
    #[error("{name} is not installed: {missing}; {remedy}")]
    NotInstalled {
        /// Name of the emulator.
        name: &'static str,
        /// What is missing, and where it was searched for.
        missing: String,
        /// How to install it or do without it.
        remedy: String,
    },
    /// A file or directory of the state directory could not be prepared.
    #[error("cannot prepare {path}: {source}")]
    State {
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The process could not be started.
    #[error("cannot start {name}: {source}")]
    Spawn {
        /// Name of the emulator.
        name: &'static str,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The process ended before it was ready.
    #[error("{name} ended while it started ({status}); the end of {log}:\n{tail}")]
    Ended {
        /// Name of the emulator.
        name: &'static str,
        /// How the process ended.
        status: String,
        /// Path of the log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// The process runs but does not become ready.
    #[error(
        "{name} did not answer within {seconds} seconds (last: {reason}); the end of {log}:\n{tail}"
    )]
    NotReady {
        /// Name of the emulator.
        name: &'static str,
        /// Time that the engine waited, in seconds.
        seconds: u64,
        /// Result of the last attempt.
        reason: String,
        /// Path of the log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// The list of sent mail could not be read.
    #[error("cannot read the sent mail from {url}: {reason}")]
    Mail {
        /// URL of the request.
        url: String,
        /// What went wrong.
        reason: String,
    },
}
