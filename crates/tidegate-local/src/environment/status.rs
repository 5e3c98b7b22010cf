//! Counts and resource usage of a function, as the control API reports them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::distribution::Summary;

/// Figures of one function since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FunctionStatus {
    /// Processes that run now.
    pub environments: usize,
    /// Processes that are frozen: nothing in them runs until their next invocation.
    #[serde(default)]
    pub frozen: usize,
    /// Invocations that have a result. Throttled ones do not count.
    pub invocations: u64,
    /// Invocations that ended as a function error.
    pub errors: u64,
    /// Invocations refused because every environment was busy.
    pub throttles: u64,
    /// Errors that were timeouts.
    pub timeouts: u64,
    /// Processes that were killed because they used more memory than declared.
    #[serde(default)]
    pub memory_kills: u64,
    /// Time from handing an invocation to a process until its result, in milliseconds, with each
    /// invocation rounded up. Lambda bills this time. The start of environments is not included.
    #[serde(default)]
    pub billed_ms: u64,
    /// Bytes that the processes printed, including line ends.
    #[serde(default)]
    pub log_bytes: u64,
    /// Why output cannot be kept at present, for example a full disk. Deliveries continue.
    #[serde(default)]
    pub log_failure: Option<String>,
    /// Why the last initialisation failed, with the last line it printed. `None` once an
    /// initialisation has worked.
    #[serde(default)]
    pub start_failure: Option<String>,
    /// Number of different metrics (name and dimensions) printed in CloudWatch's embedded metric
    /// format.
    #[serde(default)]
    pub metric_series: u64,
    /// Number of metric values that are not among those below, because the function prints metrics
    /// of too many names.
    #[serde(default)]
    pub metrics_left_out: u64,
    /// Memory that the function declares, in MB.
    #[serde(default)]
    pub memory_mb: u32,
    /// Milliseconds from handing an invocation to a process until its result. The start of
    /// environments is not included.
    #[serde(default)]
    pub duration_ms: Summary,
    /// CPU time of all processes, including those that have ended, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory of the running processes, in bytes.
    pub rss_bytes: u64,
    /// Largest resident memory seen of any one process, in bytes.
    pub peak_rss_bytes: u64,
    /// Sums of the metrics in CloudWatch's embedded metric format that count something.
    pub metrics: BTreeMap<String, f64>,
    /// Distributions of the other metrics.
    #[serde(default)]
    pub distributions: BTreeMap<String, Summary>,
    /// Process ids of the running processes.
    pub pids: Vec<i32>,
}
