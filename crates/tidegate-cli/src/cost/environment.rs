//! Reads the variables of an environment that affect the cost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use terminal::problem::Problem;
use topology::Topology;

use super::variables;

/// Processor architectures of Lambda. Each has its own price.
const ARCHITECTURES: [&str; 2] = ["x86_64", "arm64"];

/// Values of an environment's variables that affect the cost.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    pub(super) name: String,
    pub(super) region: String,
    pub(super) architecture: String,
    pub(super) log_level: String,
    pub(super) log_retention_days: f64,
    pub(super) xray_tracing: bool,
    pub(super) customer_managed_key: bool,
    pub(super) point_in_time_recovery: bool,
    pub(super) reserve_concurrency: bool,
    pub(super) detailed_metrics: bool,
    pub(super) stream_shards: BTreeMap<String, u32>,
    /// Hours for which each stream keeps its records.
    pub(super) retention_hours: BTreeMap<String, u32>,
    pub(super) memory_mb: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
struct Override {
    memory_mb: Option<u32>,
}

impl Environment {
    /// Reads an environment's values over the variables' defaults.
    ///
    /// Without a file of defaults, no value is refused for its name.
    ///
    /// # Errors
    /// A file is missing, has mistakes, or sets a variable that is not declared.
    pub(super) fn read(file: &Path, defaults: &Path, topology: &Topology) -> Result<Self, Problem> {
        let said = |error: topology::TopologyError| Problem::new(error.to_string());
        let values = topology::values(file).map_err(said)?;
        let mut variables = Variables { file, values, known: None, defaults: Map::new() };
        if defaults.is_file() {
            variables.defaults = topology::defaults(defaults).map_err(said)?;
            let directory = defaults.parent().filter(|directory| !directory.as_os_str().is_empty());
            variables.known = Some(variables::declared(directory.unwrap_or(Path::new(".")))?);
        }
        variables.environment(topology)
    }
}

struct Variables<'a> {
    file: &'a Path,
    values: Map<String, Value>,
    /// Names of the declared variables; `None` if they are unknown.
    known: Option<BTreeSet<String>>,
    defaults: Map<String, Value>,
}

impl Variables<'_> {
    fn environment(&self, topology: &Topology) -> Result<Environment, Problem> {
        self.known()?;
        let stream_shards: BTreeMap<String, u32> = self.get("stream_shards")?;
        let overrides: BTreeMap<String, Override> = self.get("function_overrides")?;
        let longer: BTreeMap<String, u32> = self.get("stream_retention_hours")?;
        self.declared("stream_shards", stream_shards.keys(), &topology.streams)?;
        self.declared("stream_retention_hours", longer.keys(), &topology.streams)?;
        self.declared("function_overrides", overrides.keys(), &topology.functions)?;
        let memory_mb = topology.functions.iter().map(|(name, function)| {
            let own = overrides.get(name).and_then(|own| own.memory_mb);
            (name.clone(), own.unwrap_or(function.memory_mb))
        });
        let retention_hours = topology.streams.iter().map(|(name, stream)| {
            (name.clone(), longer.get(name).copied().unwrap_or(stream.retention_hours))
        });
        Ok(Environment {
            name: self.get("environment")?,
            region: self.get("region")?,
            architecture: self.architecture()?,
            log_level: self.get("log_level")?,
            log_retention_days: self.get("log_retention_days")?,
            xray_tracing: self.get("xray_tracing")?,
            customer_managed_key: self.get("customer_managed_key")?,
            point_in_time_recovery: self.get("point_in_time_recovery")?,
            reserve_concurrency: self.get("reserve_concurrency")?,
            detailed_metrics: self.get("detailed_metrics")?,
            stream_shards,
            retention_hours: retention_hours.collect(),
            memory_mb: memory_mb.collect(),
        })
    }

    /// Refuses values of variables that are not declared.
    ///
    /// Terraform ignores such a value with a warning. Here its author would believe that it affects
    /// the price.
    fn known(&self) -> Result<(), Problem> {
        let Some(known) = &self.known else { return Ok(()) };
        match self.values.keys().find(|name| !known.contains(*name)) {
            None => Ok(()),
            Some(name) => {
                let declared = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                Err(self.problem(
                    name,
                    &format!("it is not a declared variable; declared are {declared}"),
                ))
            }
        }
    }

    fn architecture(&self) -> Result<String, Problem> {
        let name = "architecture";
        let value: String = self.get(name)?;
        if ARCHITECTURES.contains(&value.as_str()) {
            return Ok(value);
        }
        Err(self.problem(name, &format!("it is {value}; must be {}", ARCHITECTURES.join(" or "))))
    }

    fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T, Problem> {
        let value = self.values.get(name).or_else(|| self.defaults.get(name));
        let value = value.ok_or_else(|| {
            self.problem(name, "it is not set, and there is no variables.tf with a default for it")
        })?;
        T::deserialize(value).map_err(|error| self.problem(name, &error.to_string()))
    }

    fn declared<'a, T>(
        &self,
        variable: &str,
        mut names: impl Iterator<Item = &'a String>,
        declared: &BTreeMap<String, T>,
    ) -> Result<(), Problem> {
        match names.find(|name| !declared.contains_key(*name)) {
            None => Ok(()),
            Some(name) => {
                let declared = declared.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let why = format!("it names {name}, which is not declared; declared: {declared}");
                Err(self.problem(variable, &why))
            }
        }
    }

    /// Creates a problem for a variable's value, with file, line and column if the file sets it.
    fn problem(&self, variable: &str, why: &str) -> Problem {
        let text = fs::read_to_string(self.file).ok();
        let at = text.and_then(|text| variables::position(&text, variable));
        let at = at.map_or_else(String::new, |at| format!(":{}:{}", at.line, at.column));
        Problem::new(format!("{}{at}: {variable}: {why}", self.file.display()))
    }
}
