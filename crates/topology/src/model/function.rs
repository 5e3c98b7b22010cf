//! Functions, what they use, and how they are invoked asynchronously.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::destination::Destination;
use super::source::Source;

/// A Lambda function.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Memory in MB, 128 by default.
    #[serde(default = "default_memory")]
    pub memory_mb: u32,
    /// Timeout of one invocation, 1 to 900 seconds; 3 by default.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u32,
    /// Most execution environments at a time on one machine, and the reserved concurrency where
    /// that is switched on; 10 by default, which is what a
    /// new account has in all.
    #[serde(default = "default_concurrency")]
    pub maximum_concurrency: u32,
    /// Environments that are reserved for it, which also limits it, whether or not reserving is
    /// switched on; 0 switches the function off: whatever is
    /// invoked is throttled.
    pub reserved_concurrency: Option<u32>,
    /// Program and arguments that run the function, in any language that speaks the Runtime API.
    /// Without it the function is a Rust binary of its
    /// name. For the local engine only: Terraform refuses it, since it deploys binaries.
    pub command: Option<Vec<String>>,
    /// Where the command runs, relative to the folder of the topology file, which it is by default.
    pub directory: Option<PathBuf>,
    /// What the function may touch, by the environment variable that tells it the physical name.
    #[serde(default)]
    pub uses: BTreeMap<String, Use>,
    /// Further environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Event source mappings by name.
    #[serde(default)]
    pub sources: BTreeMap<String, Source>,
    /// How asynchronous invocations are retried and given up.
    pub asynchronous: Option<Asynchronous>,
}

fn default_memory() -> u32 {
    128
}

fn default_timeout() -> u32 {
    3
}

fn default_concurrency() -> u32 {
    10
}

/// One declared use: exactly one resource, and how it is accessed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// A table; the variable holds its name.
    pub table: Option<String>,
    /// A queue; the variable holds its URL.
    pub queue: Option<String>,
    /// A bucket; the variable holds its name.
    pub bucket: Option<String>,
    /// A bus; the variable holds its name.
    pub bus: Option<String>,
    /// A stream; the variable holds its name.
    pub stream: Option<String>,
    /// A sender address at SES; the variable holds it.
    pub email: Option<String>,
    /// How it is accessed.
    pub access: Access,
}

/// How a function accesses a resource; IAM statements are derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Reads only.
    Read,
    /// Tables: reads, and puts items; nothing is updated or deleted.
    Append,
    /// Writes only.
    Write,
    /// Both.
    ReadWrite,
}

/// Asynchronous invocation of a function.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asynchronous {
    /// Retries after a function error, 0 to 2, which is the default.
    #[serde(default = "default_retries")]
    pub maximum_retry_attempts: u32,
    /// How long an event is kept, 60 to 21,600 seconds, which is the default.
    #[serde(default = "default_event_age")]
    pub maximum_event_age_seconds: u32,
    /// Where events go that were given up; without it they are lost.
    pub on_failure: Option<Destination>,
    /// Where a record of each event goes that the function is done with, its answer included.
    pub on_success: Option<Destination>,
}

fn default_retries() -> u32 {
    2
}

fn default_event_age() -> u32 {
    21_600
}
