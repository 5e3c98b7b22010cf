//! What an environment changes about the cost.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use terminal::problem::Problem;
use tidegate_local::topology::{self, Topology};

/// The variables of an environment that cost money.
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
    pub(super) stream_shards: BTreeMap<String, u32>,
    pub(super) memory_mb: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
struct Override {
    memory_mb: Option<u32>,
}

impl Environment {
    /// Reads an environment's values over the variables' defaults.
    ///
    /// # Errors
    /// A file is missing, has mistakes, or names what is not declared.
    pub(super) fn read(file: &Path, defaults: &Path, topology: &Topology) -> Result<Self, Problem> {
        let said = |error: topology::TopologyError| Problem::new(error.to_string());
        let values = topology::values(file).map_err(said)?;
        let defaults = topology::defaults(defaults).map_err(said)?;
        Variables { file, values, defaults }.environment(topology)
    }
}

struct Variables<'a> {
    file: &'a Path,
    values: Map<String, Value>,
    defaults: Map<String, Value>,
}

impl Variables<'_> {
    fn environment(&self, topology: &Topology) -> Result<Environment, Problem> {
        let stream_shards: BTreeMap<String, u32> = self.get("stream_shards")?;
        let overrides: BTreeMap<String, Override> = self.get("function_overrides")?;
        self.declared("stream_shards", stream_shards.keys(), &topology.streams)?;
        self.declared("function_overrides", overrides.keys(), &topology.functions)?;
        let memory_mb = topology.functions.iter().map(|(name, function)| {
            let own = overrides.get(name).and_then(|own| own.memory_mb);
            (name.clone(), own.unwrap_or(function.memory_mb))
        });
        Ok(Environment {
            name: self.get("environment")?,
            region: self.get("region")?,
            architecture: self.get("architecture")?,
            log_level: self.get("log_level")?,
            log_retention_days: self.get("log_retention_days")?,
            xray_tracing: self.get("xray_tracing")?,
            customer_managed_key: self.get("customer_managed_key")?,
            point_in_time_recovery: self.get("point_in_time_recovery")?,
            reserve_concurrency: self.get("reserve_concurrency")?,
            stream_shards,
            memory_mb: memory_mb.collect(),
        })
    }

    fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T, Problem> {
        let problem = |why: &str| Problem::new(format!("{}: {name}: {why}", self.file.display()));
        let value = self.values.get(name).or_else(|| self.defaults.get(name));
        let value = value.ok_or_else(|| problem("it is not set, and variables.tf has no default for it"))?;
        T::deserialize(value).map_err(|error| problem(&error.to_string()))
    }

    fn declared<'a, T>(
        &self,
        variable: &str,
        mut names: impl Iterator<Item = &'a String>,
        declared: &BTreeMap<String, T>,
    ) -> Result<(), Problem> {
        match names.find(|name| !declared.contains_key(*name)) {
            None => Ok(()),
            Some(name) => Err(Problem::new(format!(
                "{}: {variable} names {name}, which is not declared; declared: {}",
                self.file.display(),
                declared.keys().cloned().collect::<Vec<_>>().join(", ")
            ))),
        }
    }
}
