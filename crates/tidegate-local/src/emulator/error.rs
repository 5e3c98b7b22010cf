//! Why an emulator cannot be used.

use std::path::PathBuf;

/// Why an emulator could not be started or asked.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// `BACKEND` names something unknown.
    #[error("BACKEND (or --backend) is {0}; allowed are ministack and localstack")]
    UnknownBackend(String),
    /// `AWS_ENDPOINT_URL` is AWS itself.
    #[error(
        "AWS_ENDPOINT_URL is {0}, which is AWS itself; the local engine runs on an emulator only. Unset AWS_ENDPOINT_URL to let Tidegate \
         start one"
    )]
    Account(String),
    /// `AWS_ENDPOINT_URL` is set and nothing usable answers there.
    #[error(
        "AWS_ENDPOINT_URL (or --endpoint-url) is {endpoint}, and DynamoDB ListTables there fails: {reason}. Start what should listen there, or unset \
         AWS_ENDPOINT_URL to let Tidegate start an emulator of its own"
    )]
    NotAnswering {
        /// The URL.
        endpoint: String,
        /// What happened.
        reason: String,
    },
    /// The emulator's files are not installed.
    #[error("{name} is not installed: {missing}; {remedy}")]
    NotInstalled {
        /// The emulator.
        name: &'static str,
        /// What is missing, and where it was looked for.
        missing: String,
        /// What installs it, or makes it unnecessary.
        remedy: String,
    },
    /// A file or directory of the state directory could not be prepared.
    #[error("cannot prepare {path}: {source}")]
    State {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The process could not be started at all.
    #[error("cannot start {name}: {source}")]
    Spawn {
        /// The emulator.
        name: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The process ended before it was ready.
    #[error("{name} ended while it started ({status}); the end of {log}:\n{tail}")]
    Ended {
        /// The emulator.
        name: &'static str,
        /// How it ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// The process runs and does not become ready.
    #[error("{name} did not answer within {seconds} seconds (last: {reason}); the end of {log}:\n{tail}")]
    NotReady {
        /// The emulator.
        name: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// What the last attempt said.
        reason: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// The list of sent mail could not be read.
    #[error("cannot read the sent mail from {url}: {reason}")]
    Mail {
        /// What was asked.
        url: String,
        /// Why.
        reason: String,
    },
}
