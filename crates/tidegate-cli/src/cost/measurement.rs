//! A measurement: what the system did for a number of units of work.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use terminal::problem::Problem;
use topology::Topology;

/// A measurement, as it is saved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Measurement {
    /// Time of the measurement.
    pub(super) measured_at: Timestamp,
    /// Description of the measured run, by the person who measured it.
    #[serde(default)]
    pub(super) note: String,
    /// Name of the emulator.
    pub(super) backend: String,
    /// Unit of work to which the amounts belong.
    pub(super) unit: Unit,
    /// Records delivered from each Kinesis stream.
    pub(super) streams: BTreeMap<String, u64>,
    /// Events that each rule's target got, by the full name of the target, where that costs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) rules: BTreeMap<String, u64>,
    /// Requests to each HTTP API.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) apis: BTreeMap<String, u64>,
    /// Work of each function.
    pub(super) functions: BTreeMap<String, FunctionUse>,
    /// Contents of each table at the end of the measurement.
    pub(super) tables: BTreeMap<String, TableUse>,
}

/// Unit of work and its number, such as `orders` and 10000.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) count: u64,
}

/// Work of a function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct FunctionUse {
    pub(super) invocations: u64,
    /// Duration of all invocations in milliseconds, each rounded up.
    pub(super) billed_ms: u64,
    pub(super) log_bytes: u64,
    /// Number of different metrics that it wrote.
    pub(super) metric_series: u64,
    /// Number of batches that it received from each queue.
    #[serde(default)]
    pub(super) queue_batches: BTreeMap<String, u64>,
    /// Billed units by operation.
    pub(super) calls: BTreeMap<String, BTreeMap<String, f64>>,
}

/// Contents of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableUse {
    pub(super) items: u64,
    pub(super) bytes: u64,
}

impl Measurement {
    /// Reads a saved measurement.
    ///
    /// # Errors
    /// The file is missing, or is not a measurement.
    pub(super) fn read(file: &Path) -> Result<Self, Problem> {
        let shown = file.display();
        let text = fs::read_to_string(file).map_err(|error| {
            Problem::new(format!(
                "{shown}: the measurement cannot be read ({error}); make one of a running system with `tidegate cost --save FILE`"
            ))
        })?;
        serde_json::from_str(&text).map_err(|error| {
            Problem::new(format!(
                "{shown}: this is not a measurement: {error}; make one of a running system with \
                 `tidegate cost --save FILE`"
            ))
        })
    }

    /// Saves the measurement.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(&self, file: &Path) -> Result<(), Problem> {
        let failed =
            |error: String| Problem::new(format!("{} cannot be written: {error}", file.display()));
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.to_string()))?;
        fs::write(file, text + "\n").map_err(|error| failed(error.to_string()))
    }

    /// Checks that the measurement belongs to this topology.
    ///
    /// # Errors
    /// The measurement has a function, stream, API or table that is not declared.
    pub(super) fn fits(&self, topology: &Topology) -> Result<(), Problem> {
        let unknown = |what: &str, measured: Vec<&String>, known: &dyn Fn(&str) -> bool| {
            measured.into_iter().find(|name| !known(name)).map(|name| format!("{what} {name}"))
        };
        let not_declared = unknown("the function", self.functions.keys().collect(), &|name| {
            topology.functions.contains_key(name)
        })
        .or_else(|| {
            unknown("the stream", self.streams.keys().collect(), &|name| {
                topology.streams.contains_key(name)
            })
        })
        .or_else(|| {
            unknown("the API", self.apis.keys().collect(), &|name| topology.apis.contains_key(name))
        })
        .or_else(|| {
            unknown("the table", self.tables.keys().collect(), &|name| {
                topology.tables.contains_key(name)
            })
        });
        match not_declared {
            Some(what) => Err(Problem::new(format!(
                "{what} was measured and is not declared in the topology; measure again with `tidegate cost --save FILE`"
            ))),
            None => Ok(()),
        }
    }

    /// Returns the declared functions that did not exist when the system was measured.
    pub(super) fn lacks<'a>(&self, topology: &'a Topology) -> Vec<&'a str> {
        let names = topology.functions.keys().map(String::as_str);
        names.filter(|name| !self.functions.contains_key(*name)).collect()
    }

    #[cfg(test)]
    pub(super) fn from_repository() -> Self {
        Self::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/measurement.json"))
            .unwrap()
    }
}
