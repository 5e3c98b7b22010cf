//! The topology as a whole.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::function::Function;
use super::resource::{Bucket, Bus, Queue, Stream, Table, Topic};
use super::rule::Rule;

/// The declared system.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Whose rules are checked beside AWS's; without it [`Topology::profile`] finds out.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// Largest message of a queue, in bytes, 262,144 by default. An event that does not fit into
    /// one travels as a reference instead of by value.
    #[serde(default = "default_event_bytes")]
    pub event_bytes_limit: u64,
    /// Namespace in CloudWatch of the metrics that the functions write; without one they write
    /// none.
    #[serde(default)]
    pub metrics_namespace: Option<String>,
    /// Kinesis streams by name.
    #[serde(default)]
    pub streams: BTreeMap<String, Stream>,
    /// DynamoDB tables by name.
    #[serde(default)]
    pub tables: BTreeMap<String, Table>,
    /// SQS queues by name.
    #[serde(default)]
    pub queues: BTreeMap<String, Queue>,
    /// SNS topics by name.
    #[serde(default)]
    pub topics: BTreeMap<String, Topic>,
    /// S3 buckets by name.
    #[serde(default)]
    pub buckets: BTreeMap<String, Bucket>,
    /// EventBridge buses by name.
    #[serde(default)]
    pub buses: BTreeMap<String, Bus>,
    /// EventBridge rules by name.
    #[serde(default)]
    pub rules: BTreeMap<String, Rule>,
    /// Lambda functions by name; the name is also the binary's and the folder's, unless it declares
    /// a command.
    #[serde(default)]
    pub functions: BTreeMap<String, Function>,
}

/// Whose rules a topology keeps beside AWS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// This project's: those of its toolkit, its commands and its Terraform.
    Tidegate,
    /// Nobody's: AWS's rules are errors, and what loses events is a warning.
    Aws,
}

/// What a topology file that says nothing has as its largest message, in bytes.
pub(crate) fn default_event_bytes() -> u64 {
    262_144
}
