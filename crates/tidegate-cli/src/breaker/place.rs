//! Finds the breakers of a topology.

use terminal::escape::escaped;
use terminal::name_prefix::PhysicalName;
use terminal::problem::Problem;
use tidegate::breaker::DynamoDbBreakers;
use tidegate::store::DynamoDbEventStore;

use crate::connection::System;

/// A declared breaker, and where its row is.
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) function: PhysicalName,
    pub(super) table: PhysicalName,
    pub(super) longest_outage_seconds: u32,
    pub(super) store: DynamoDbBreakers,
}

/// Returns all declared breakers.
///
/// # Errors
/// The topology cannot be read.
pub(super) fn declared(system: &System) -> Result<Vec<Declared>, Problem> {
    let topology = system.topology()?;
    let prefix = system.prefix();
    let of = |(name, breaker): (&String, &topology::Breaker)| {
        let table = prefix.physical(&breaker.table);
        let mut store = DynamoDbBreakers::new(system.dynamodb(), table.to_string());
        if let Some(events) = &breaker.events {
            let events = prefix.physical(events).to_string();
            store = store.events(DynamoDbEventStore::new(system.dynamodb(), events));
        }
        Declared {
            name: name.clone(),
            function: prefix.physical(&breaker.function),
            table,
            longest_outage_seconds: breaker.longest_outage_seconds,
            store,
        }
    };
    Ok(topology.breakers.iter().map(of).collect())
}

/// Returns the breaker with this name.
///
/// # Errors
/// The topology cannot be read, or declares no such breaker.
pub(super) fn one(system: &System, name: &str) -> Result<Declared, Problem> {
    let mut all = declared(system)?;
    match all.iter().position(|declared| declared.name == name) {
        Some(place) => Ok(all.swap_remove(place)),
        None => {
            let names: Vec<&str> = all.iter().map(|declared| declared.name.as_str()).collect();
            let declared = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let name = escaped(name);
            Err(Problem::new(format!(
                "{name} is not a breaker of the topology; declared breakers: {declared}"
            )))
        }
    }
}
