//! What a function did and uses, for people and programs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::distribution::Summary;

/// One function's numbers since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FunctionStatus {
    /// Processes now.
    pub environments: usize,
    /// Those of them that are frozen: nothing in them runs until their next invocation.
    #[serde(default)]
    pub frozen: usize,
    /// Invocations that have a result; throttled ones are not invocations.
    pub invocations: u64,
    /// Those of them that ended as a function error.
    pub errors: u64,
    /// Invocations refused because every environment was busy.
    pub throttles: u64,
    /// Those of the errors that ran out of time.
    pub timeouts: u64,
    /// Processes that used more memory than declared and were killed.
    #[serde(default)]
    pub memory_kills: u64,
    /// Time in milliseconds from handing an invocation to a process until its result, each invocation rounded up: what Lambda bills, without the
    /// start of environments.
    #[serde(default)]
    pub billed_ms: u64,
    /// Bytes of what the processes printed, line ends included.
    #[serde(default)]
    pub log_bytes: u64,
    /// Why nothing that is printed can be kept at present: a full disk above all. Deliveries go on.
    #[serde(default)]
    pub log_failure: Option<String>,
    /// Why the last initialisation failed, with the last line it printed; none once one has worked.
    #[serde(default)]
    pub start_failure: Option<String>,
    /// Different metrics printed in CloudWatch's embedded metric format: name and dimensions.
    #[serde(default)]
    pub metric_series: u64,
    /// Values of metrics that are not among those below: the function prints metrics of too many
    /// names.
    #[serde(default)]
    pub metrics_left_out: u64,
    /// Memory that the function declares, in MB.
    #[serde(default)]
    pub memory_mb: u32,
    /// Milliseconds from handing an invocation to a process until its result, without the start of environments.
    #[serde(default)]
    pub duration_ms: Summary,
    /// CPU time of all processes, the dead included.
    pub cpu_seconds: f64,
    /// Resident memory of the processes now.
    pub rss_bytes: u64,
    /// Most resident memory seen of any one process.
    pub peak_rss_bytes: u64,
    /// Sums of the metrics printed in CloudWatch's embedded metric format that count something.
    pub metrics: BTreeMap<String, f64>,
    /// The other metrics: how their values are distributed.
    #[serde(default)]
    pub distributions: BTreeMap<String, Summary>,
    /// The processes' numbers.
    pub pids: Vec<i32>,
}
