//! A row of the view of processes.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::Deserialize;

use super::deadline::deadline_name;
use crate::ids::{StreamId, Version};
use crate::projection::ROW_KEY;
use crate::query::{Index, Query, Table};

/// Index of the instances that wait for an operator.
const BY_STUCK: &str = "by-stuck";
/// Index of the instances with open deadlines.
const BY_DUE: &str = "by-due";

/// A row of the view of processes: an instance as of its newest event that is in the view.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ProcessRow {
    /// Instance.
    #[serde(rename = "stream")]
    pub instance: StreamId,
    /// Version of its newest event in the view.
    pub version: Version,
    /// Kind of the process.
    pub process: String,
    /// Name of the state.
    pub state: String,
    /// Time at which it entered the state.
    #[serde(with = "millisecond::required")]
    pub since: Timestamp,
    /// Time of its first event.
    #[serde(with = "millisecond::required")]
    pub started_at: Timestamp,
    /// Time of its newest event.
    #[serde(with = "millisecond::required")]
    pub decided_at: Timestamp,
    /// Version of the rules of the newest decision.
    #[serde(default)]
    pub rules: u32,
    /// Time at which it reached an end state.
    #[serde(default, with = "millisecond::optional")]
    pub ended_at: Option<Timestamp>,
    /// Time from which it waits for an operator.
    #[serde(default, with = "millisecond::optional")]
    pub stuck_at: Option<Timestamp>,
    /// Code of the reason.
    #[serde(default)]
    pub stuck_code: Option<String>,
    /// Reason, for people.
    #[serde(default)]
    pub stuck_reason: Option<String>,
    /// Number of inputs that wait behind the stuck one.
    #[serde(default)]
    pub held: u32,
    /// Open deadlines, in the order in which they are due.
    #[serde(default)]
    pub deadlines: Vec<DueDeadline>,
}

/// An open deadline of a row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct DueDeadline {
    /// Id of the deadline.
    pub id: String,
    /// Time at which it passes.
    pub due: Timestamp,
}

impl DueDeadline {
    /// Returns the name of the deadline, which its id begins with.
    pub fn name(&self) -> &str {
        deadline_name(&self.id)
    }
}

impl ProcessRow {
    /// Returns the table of the view with this name.
    pub fn table(name: impl Into<String>) -> Table {
        Table::new(name, ROW_KEY)
    }

    /// Returns the query of the instances of a process that wait for an operator, those that wait
    /// longest first. It reads the keys `stream` and `stuck_at` only.
    pub fn stuck(table: &Table, process: &str) -> Query {
        let index = Index::new(BY_STUCK, "process").sorted_by("stuck_at");
        Query::of_index(table, &index, process).only([ROW_KEY, "stuck_at"])
    }

    /// Returns the query of the instances of a process with open deadlines, in the order of their
    /// next one. It reads the keys `stream` and `due` only.
    pub fn due(table: &Table, process: &str) -> Query {
        let index = Index::new(BY_DUE, "process").sorted_by("due");
        Query::of_index(table, &index, process).only([ROW_KEY, "due"])
    }
}
