//! The scenarios for both mappings, and the known differences: the files in `tests/conformance`.

use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) sources: Vec<SourceKind>,
    pub(super) records: Vec<String>,
    #[serde(default = "end")]
    pub(super) end: String,
    pub(super) batch_size: u32,
    #[serde(default = "yes")]
    pub(super) partial: bool,
    #[serde(default)]
    pub(super) bisect: bool,
    pub(super) retries: Option<u32>,
    pub(super) age_seconds: Option<u32>,
    #[serde(default)]
    pub(super) delay_seconds: u64,
    pub(super) receives: Option<u32>,
    pub(super) filter: Option<String>,
    pub(super) destination: Option<DestinationKind>,
    /// The function is throttled until LocalStack has given the batch up.
    #[serde(default)]
    pub(super) throttled: bool,
    pub(super) script: Value,
}

fn end() -> String {
    "end".to_owned()
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SourceKind {
    Kinesis,
    DynamoDb,
    Queue,
    Fifo,
}

impl SourceKind {
    pub(super) fn is_queue(self) -> bool {
        matches!(self, Self::Queue | Self::Fifo)
    }

    /// Returns the name in the files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kinesis => "kinesis",
            Self::DynamoDb => "dynamodb",
            Self::Queue => "queue",
            Self::Fifo => "fifo",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum DestinationKind {
    Queue,
    Topic,
    Bucket,
}

pub(super) fn all() -> Vec<Scenario> {
    #[derive(Deserialize)]
    struct File {
        scenario: Vec<Scenario>,
    }
    let file: File = toml::from_str(include_str!("../../conformance/scenarios.toml")).unwrap();
    file.scenario
}

/// One difference that has an explanation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Difference {
    /// Description for people.
    pub(super) what: String,
    /// What AWS does.
    pub(super) aws: String,
    /// What LocalStack does.
    pub(super) localstack: String,
    /// Where AWS documents it.
    pub(super) source: String,
    /// Where it is observed.
    pub(super) seen: Vec<Seen>,
}

/// A difference in one scenario: both values, as JSON text; `absent` if a side has none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// A part of the scenario's name. Empty for any scenario.
    #[serde(default)]
    pub(super) scenario: String,
    pub(super) of: SourceKind,
    pub(super) path: String,
    pub(super) tidegate: String,
    pub(super) localstack: String,
}

pub(super) fn differences() -> Vec<Difference> {
    #[derive(Deserialize)]
    struct File {
        difference: Vec<Difference>,
    }
    let file: File = toml::from_str(include_str!("../../conformance/differences.toml")).unwrap();
    file.difference
}
