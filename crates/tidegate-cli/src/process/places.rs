//! Finds the processes of a topology, and their tables and queues.

use terminal::name_prefix::PhysicalName;
use terminal::problem::Problem;
use tidegate::ids::{StreamId, Version};
use tidegate::process::ProcessRow;
use tidegate::query::{DynamoDbTables, Table};
use tidegate::store::{DynamoDbEventStore, EventReader as _, RecordedCommit};

use crate::connection::System;
use crate::queue::physical;

/// A declared process.
pub(super) struct Place {
    /// Kind of its streams.
    pub(super) process: String,
    pub(super) function: PhysicalName,
    /// Queue of its inputs.
    pub(super) queue: PhysicalName,
    /// Table of the view.
    pub(super) view: PhysicalName,
    store: PhysicalName,
}

/// A system, and the processes that it declares.
pub(super) struct Places {
    pub(super) system: System,
    pub(super) all: Vec<Place>,
}

impl Places {
    /// Reads which processes a system declares.
    ///
    /// # Errors
    /// The topology cannot be read, or declares no process.
    pub(super) fn of(system: System) -> Result<Self, Problem> {
        let topology = system.topology()?;
        let prefix = system.prefix();
        let place = |(name, declared): (&String, &topology::Process)| Place {
            process: name.clone(),
            function: prefix.physical(&declared.function),
            queue: physical(&topology, prefix, &declared.queue),
            view: prefix.physical(&declared.view),
            store: prefix.physical(&declared.store),
        };
        let all: Vec<Place> = topology.processes.iter().map(place).collect();
        if all.is_empty() {
            return Err(Problem::new(
                "the topology declares no process; declare one: processes = { booking = { function \
                 = …, queue = …, view = …, store = … } }",
            ));
        }
        Ok(Self { system, all })
    }

    /// Returns the process with this name, or all.
    ///
    /// # Errors
    /// The topology does not declare it.
    pub(super) fn named(&self, name: Option<&str>) -> Result<Vec<&Place>, Problem> {
        match name {
            None => Ok(self.all.iter().collect()),
            Some(name) => self.find(name).map(|place| vec![place]),
        }
    }

    /// Returns the process of an instance.
    ///
    /// # Errors
    /// The topology does not declare it.
    pub(super) fn of_instance(&self, instance: &StreamId) -> Result<&Place, Problem> {
        self.find(instance.kind())
    }

    fn find(&self, name: &str) -> Result<&Place, Problem> {
        let found = self.all.iter().find(|place| place.process == name);
        found.ok_or_else(|| {
            let declared: Vec<&str> = self.all.iter().map(|place| place.process.as_str()).collect();
            let declared = declared.join(", ");
            Problem::new(format!("`{name}` is not a process of the topology; declared: {declared}"))
        })
    }

    /// Returns what reads views.
    pub(super) fn tables(&self) -> DynamoDbTables {
        DynamoDbTables::new(self.system.dynamodb())
    }

    /// Reads the history of an instance after this version.
    ///
    /// # Errors
    /// The event store cannot be read.
    pub(super) async fn read(
        &self,
        place: &Place,
        instance: &StreamId,
        after: Version,
    ) -> Result<Vec<RecordedCommit>, Problem> {
        let store = DynamoDbEventStore::new(self.system.dynamodb(), place.store.as_str());
        match store.read(instance, after).await {
            Ok(commits) => Ok(commits),
            Err(failure) => Err(self.system.explain_table(&place.store, failure.reason()).await),
        }
    }
}

impl Place {
    /// Returns the table of the view as queries name it.
    pub(super) fn table(&self) -> Table {
        ProcessRow::table(self.view.as_str())
    }
}
