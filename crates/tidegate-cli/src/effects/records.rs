//! The idempotency records of a system, in which effects are held.

use terminal::account::Intent;
use terminal::name_prefix::PhysicalName;
use terminal::problem::Problem;
use tidegate::failure::Failure;
use tidegate::idempotency::{
    DynamoDbIdempotency, HeldPage, IdempotencyStore, PARTITION_KEY, TTL_ATTRIBUTE,
};
use topology::{KeyType, Topology};

use crate::arguments::EffectsPlace;
use crate::connection::System;
use crate::declared::Declared;
use crate::queue::physical;

/// What is said of a key that no held effect has.
pub(super) const NOT_HELD: &str = "no effect of this key is held";

/// Idempotency records of a system.
pub(super) struct Records {
    pub(super) system: System,
    pub(super) table: PhysicalName,
    pub(super) store: DynamoDbIdempotency,
}

impl Records {
    /// The records of the system that the options name.
    ///
    /// # Errors
    /// The system cannot be reached, or its topology declares no such table.
    pub(super) async fn open(options: &EffectsPlace, intent: Intent) -> Result<Self, Problem> {
        let system = System::open(&options.place, intent).await?;
        let table = match &options.table {
            Some(table) => PhysicalName::given(table),
            None => {
                let topology = system.topology()?;
                let declared = tables(&topology).next();
                declared.map(|table| system.prefix().physical(table)).ok_or_else(|| {
                    Problem::new(format!(
                        "the topology has no table of idempotency records (partition key \
                         `{PARTITION_KEY}`, time to live `{TTL_ATTRIBUTE}`); name it with \
                         --table NAME"
                    ))
                })?
            }
        };
        let store = DynamoDbIdempotency::new(system.dynamodb(), table.as_str());
        Ok(Self { system, table, store })
    }

    /// One page of the table: those of its records that wait for a person.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) async fn page(&self, from: Option<&str>) -> Result<HeldPage, Problem> {
        match self.store.held(from).await {
            Ok(page) => Ok(page),
            Err(failure) => Err(self.system.explain_table(&self.table, failure.reason()).await),
        }
    }

    /// How long the topology says that records are kept, in days.
    ///
    /// # Errors
    /// It does not say.
    pub(super) fn retention(&self) -> Result<u32, Problem> {
        let topology = self.system.topology()?;
        let declared = self.system.prefix().declared(self.table.as_str());
        topology.tables.get(declared).and_then(|table| table.record_retention_days).ok_or_else(
            || {
                Problem::new(format!(
                    "the topology declares no record_retention_days for table {}; use --days N",
                    self.table
                ))
            },
        )
    }

    /// What a record may make this command do.
    ///
    /// # Errors
    /// It is not known where the system is.
    pub(super) async fn declared<'a>(
        &'a self,
        topology: &'a Topology,
        qualifier: &'a str,
    ) -> Result<Declared<'a>, Problem> {
        let prefix = self.system.prefix();
        let queue =
            topology.dead_letter_queues().first().map(|queue| physical(topology, prefix, queue));
        let home = self.system.home(queue.as_ref()).await?;
        Ok(Declared { topology, prefix, home, buckets: self.system.bucket_names(), qualifier })
    }

    /// Returns the account that must own a bucket; `None` for the local system and other endpoints.
    pub(super) fn bucket_owner(&self, declared: &Declared<'_>) -> Option<String> {
        self.system.is_account().then(|| declared.home.account.clone())
    }

    /// What went wrong with the table, for people.
    pub(super) fn said(&self, failure: &Failure) -> Problem {
        self.system.explain(Problem::new(format!("table {}: {}", self.table, failure.reason())))
    }
}

/// Returns the tables of idempotency records that a topology declares.
pub(crate) fn tables(topology: &Topology) -> impl Iterator<Item = &str> {
    let found = topology.tables.iter().filter(|(_, table)| {
        (table.partition_key.name.as_str(), table.partition_key.kind) == (PARTITION_KEY, KeyType::S)
            && table.sort_key.is_none()
            && table.ttl_attribute.as_deref() == Some(TTL_ATTRIBUTE)
    });
    found.map(|(name, _)| name.as_str())
}
