//! The topology as a whole.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::api::Api;
use super::breaker::Breaker;
use super::function::Function;
use super::process::Process;
use super::projection::Projection;
use super::resource::{Bucket, Bus, Queue, Stream, Table, Topic};
use super::rule::Rule;
use super::schedule::{Schedule, ScheduleGroup};
use super::subscription::Subscription;

/// The declared system.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Rules that are checked besides AWS's. Without a value, [`Topology::profile`] infers it.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// Largest message of a queue in bytes; 262,144 by default.
    ///
    /// A larger event travels as a reference instead of by value.
    #[serde(default = "default_event_bytes")]
    pub event_bytes_limit: u64,
    /// CloudWatch namespace of the metrics that the functions write. Without it they write none.
    #[serde(default)]
    pub metrics_namespace: Option<String>,
    /// How functions send conditional writes; batched by default.
    #[serde(default)]
    pub statements: Option<Statements>,
    /// Kinesis streams by name.
    #[serde(default)]
    pub streams: BTreeMap<String, Stream>,
    /// DynamoDB tables by name.
    ///
    /// Once the file was checked, the tables of generations are among them.
    #[serde(default)]
    pub tables: BTreeMap<String, Table>,
    /// SQS queues by name.
    #[serde(default)]
    pub queues: BTreeMap<String, Queue>,
    /// SNS topics by name.
    #[serde(default)]
    pub topics: BTreeMap<String, Topic>,
    /// Subscriptions of topics by name.
    #[serde(default)]
    pub subscriptions: BTreeMap<String, Subscription>,
    /// S3 buckets by name.
    #[serde(default)]
    pub buckets: BTreeMap<String, Bucket>,
    /// EventBridge buses by name.
    #[serde(default)]
    pub buses: BTreeMap<String, Bus>,
    /// EventBridge rules by name.
    #[serde(default)]
    pub rules: BTreeMap<String, Rule>,
    /// HTTP APIs by name.
    #[serde(default)]
    pub apis: BTreeMap<String, Api>,
    /// Schedules of EventBridge Scheduler by name.
    #[serde(default)]
    pub schedules: BTreeMap<String, Schedule>,
    /// Groups of the schedules that functions create, by name.
    #[serde(default)]
    pub schedule_groups: BTreeMap<String, ScheduleGroup>,
    /// Process managers by the kind of their streams.
    #[serde(default)]
    pub processes: BTreeMap<String, Process>,
    /// Projections with generations, by name.
    #[serde(default)]
    pub projections: BTreeMap<String, Projection>,
    /// Circuit breakers by name.
    #[serde(default)]
    pub breakers: BTreeMap<String, Breaker>,
    /// Lambda functions by name. Without a `command`, the name is also that of the binary and its
    /// folder.
    #[serde(default)]
    pub functions: BTreeMap<String, Function>,
}

/// How functions send conditional writes to DynamoDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Statements {
    /// Several in one `BatchExecuteStatement`.
    Batched,
    /// Each in a request of its own.
    Single,
}

/// Set of rules that a topology is checked against besides AWS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The rules of this project's toolkit, commands and Terraform.
    Tidegate,
    /// No further rules. AWS's rules are errors, and what may lose events is a warning.
    Aws,
}

/// What a topology file that says nothing has as its largest message, in bytes.
pub(crate) fn default_event_bytes() -> u64 {
    262_144
}
