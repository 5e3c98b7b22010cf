//! Functions, what they use, and how they are invoked asynchronously.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::api::FunctionUrl;
use super::destination::Destination;
use super::source::Source;

/// A Lambda function.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Memory in MB, 128 by default.
    #[serde(default = "default_memory")]
    pub memory_mb: u32,
    /// Seconds after which an invocation times out, 1 to 900; 3 by default.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u32,
    /// Most execution environments at a time on one machine; 10 by default.
    ///
    /// It is also the reserved concurrency where reserving is switched on. A new account has 10 in
    /// all.
    #[serde(default = "default_concurrency")]
    pub maximum_concurrency: u32,
    /// Environments that are reserved for the function and also limit it, even where reserving is
    /// switched off.
    ///
    /// 0 switches the function off: every invocation is throttled.
    pub reserved_concurrency: Option<u32>,
    /// Program and arguments that run the function, in any language that speaks the Runtime API.
    ///
    /// Without it the function is a Rust binary of its name. Only the local engine uses it.
    /// Terraform refuses it, because it deploys binaries.
    pub command: Option<Vec<String>>,
    /// Working directory of the command, relative to the topology file's folder, which is the
    /// default.
    pub directory: Option<PathBuf>,
    /// Resources that the function may access.
    ///
    /// The key is the environment variable that holds the physical name.
    #[serde(default)]
    pub uses: BTreeMap<String, Use>,
    /// Further environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Event source mappings by name.
    #[serde(default)]
    pub sources: BTreeMap<String, Source>,
    /// Retries and destinations of asynchronous invocations.
    pub asynchronous: Option<Asynchronous>,
    /// Function URL. Without it the function has none.
    pub url: Option<FunctionUrl>,
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

/// One declared use: exactly one resource, and how the function accesses it.
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
    /// A topic; the variable holds its ARN.
    pub topic: Option<String>,
    /// A sender address at SES; the variable holds it.
    pub email: Option<String>,
    /// A group of schedules; the variable holds its name.
    ///
    /// [`ScheduleGroup`](super::ScheduleGroup) says which further variables come with it.
    pub schedule_group: Option<String>,
    /// How it is accessed.
    pub access: Access,
}

/// How a function accesses a resource; IAM statements are derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Reads only.
    Read,
    /// Tables only: reads items and puts new ones, but never updates or deletes.
    Append,
    /// Writes only.
    Write,
    /// Reads and writes.
    ReadWrite,
}

/// Settings for asynchronous invocations of a function.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asynchronous {
    /// Retries after a function error, 0 to 2; 2 by default.
    #[serde(default = "default_retries")]
    pub maximum_retry_attempts: u32,
    /// Seconds for which an event is kept, 60 to 21,600; 21,600 by default.
    #[serde(default = "default_event_age")]
    pub maximum_event_age_seconds: u32,
    /// Destination of events that are discarded. Without it they are lost.
    pub on_failure: Option<Destination>,
    /// Destination of a record of each event that succeeded, with the function's answer.
    pub on_success: Option<Destination>,
}

fn default_retries() -> u32 {
    2
}

fn default_event_age() -> u32 {
    21_600
}
