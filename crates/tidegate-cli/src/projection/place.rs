//! A projection of the topology, and its pointer.

use terminal::name_prefix::PhysicalName;
use terminal::problem::Problem;
use tidegate::failure::Failure;
use tidegate::generation::{
    DynamoDbPointers, Generations, Pointer, PointerReader, Refused, change,
};
use tidegate::store::Retry;
use topology::{Projection, Topology};

use crate::connection::System;

/// A projection, and where its pointer is.
pub(super) struct Place<'a> {
    pub(super) system: &'a System,
    pub(super) name: &'a str,
    pub(super) declared: &'a Projection,
    pub(super) generations: Generations,
    table: PhysicalName,
    pointers: DynamoDbPointers,
}

impl<'a> Place<'a> {
    pub(super) fn new(
        system: &'a System,
        name: &'a str,
        declared: &'a Projection,
    ) -> Result<Self, Problem> {
        let generations = Generations::new(name, declared.generations.clone())
            .map_err(|error| Problem::new(format!("projections.{name}.generations {error}")))?;
        let table = system.prefix().physical(&declared.pointers);
        let pointers = DynamoDbPointers::new(system.dynamodb(), table.as_str());
        Ok(Self { system, name, declared, generations, table, pointers })
    }

    /// Finds a projection by its name.
    ///
    /// # Errors
    /// The topology does not declare it.
    pub(super) fn find(
        system: &'a System,
        topology: &'a Topology,
        name: &str,
    ) -> Result<Self, Problem> {
        match topology.projections.get_key_value(name) {
            Some((name, declared)) => Self::new(system, name, declared),
            None => {
                let names: Vec<&str> = topology.projections.keys().map(String::as_str).collect();
                let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                Err(Problem::new(format!(
                    "the topology has no projection `{name}` in `projections`; those are: {names}"
                )))
            }
        }
    }

    /// Returns the name of a generation, such as `order-view@2`.
    pub(super) fn named(&self, generation: u32) -> String {
        format!("{}@{generation}", self.name)
    }

    /// Reads the pointer.
    ///
    /// # Errors
    /// The table of pointers cannot be read.
    pub(super) async fn pointer(&self) -> Result<Pointer, Problem> {
        match self.pointers.read(self.name).await {
            Ok(pointer) => Ok(pointer),
            Err(failure) => Err(self.said(&failure).await),
        }
    }

    /// Changes the pointer.
    ///
    /// # Errors
    /// The change is refused, or the table of pointers cannot be changed.
    pub(super) async fn change(
        &self,
        next: impl FnMut(&Pointer) -> Result<Pointer, Refused>,
    ) -> Result<Pointer, Problem> {
        match change(&self.pointers, self.name, Retry::default(), next).await {
            Ok(Ok(pointer)) => Ok(pointer),
            Ok(Err(refused)) => Err(Problem::new(refused.to_string())),
            Err(failure) => Err(self.said(&failure).await),
        }
    }

    async fn said(&self, failure: &Failure) -> Problem {
        self.system.explain_table(&self.table, failure.reason()).await
    }
}
