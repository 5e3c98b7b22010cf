//! `tidegate timeline`: shows what became of a message across streams.

mod find;
mod found;
mod scan;

use std::process::ExitCode;

use terminal::account::Intent;
use terminal::name_prefix::PhysicalName;
use terminal::output;
use terminal::problem::Problem;
use terminal::timeline::drawn;
use tidegate::store::DynamoDbEventStore;
use tidegate::timeline::HEADER;
use topology::Topology;

pub(crate) use self::find::{Asked, find};
pub(crate) use self::found::Found;
use crate::arguments;
use crate::connection::System;
use crate::event_store::declared_store;

/// Shows a timeline.
///
/// # Errors
/// The system cannot be reached, or nothing has the id.
pub(crate) async fn show(options: &arguments::Timeline) -> Result<ExitCode, Problem> {
    let system = System::open(&options.place, Intent::Read).await?;
    let topology = system.topology();
    let (name, processes) = match &options.table {
        // With a named table, no topology is needed. Processes then have to be named too.
        Some(table) => {
            let processes = topology.map_or_else(|_| Vec::new(), |topology| processes(&topology));
            (PhysicalName::given(table), processes)
        }
        None => {
            let topology = topology?;
            (system.prefix().physical(&declared_store(&topology)?), processes(&topology))
        }
    };
    let asked = Asked::new(&options.id, &options.streams, options.events, &processes);
    if asked.reads_all() {
        output::note(&format!("reading all of {name} to find the correlation id …"));
    }
    let store = DynamoDbEventStore::new(system.dynamodb(), name.as_str());
    let found = match find(&store, &asked).await {
        Ok(found) => found,
        Err(failure) => return Err(system.explain_table(&name, failure.reason()).await),
    };
    if found.timeline.is_empty() {
        return Err(Problem::new(asked.nothing(name.as_str())));
    }
    if options.json {
        output::json(&found)?;
    } else {
        output::line(&drawn(HEADER, found.timeline.rows(), &found.summary()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the names of the declared processes, which are the kinds of their streams.
pub(crate) fn processes(topology: &Topology) -> Vec<String> {
    topology.processes.keys().cloned().collect()
}
