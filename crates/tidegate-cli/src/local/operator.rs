//! Counts what waits for an operator, for the status of the local system.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tidegate::idempotency::{DynamoDbIdempotency, IdempotencyStore as _};
use tidegate::ids::StreamId;
use tidegate::projection::{DynamoDbReadModel, ReadModel as _, ReadModelTables};
use tidegate_local::clients::Clients;
use tidegate_local::operator::{Waits, WaitsForOperator};
use topology::Topology;

use crate::effects;
use crate::parked;
use crate::process;

/// Most pages of a table that are read: a page is a megabyte of records, or [`PAGE`] parked
/// aggregates.
const PAGES: usize = 10;
const PAGE: usize = 100;

/// Held effects, parked aggregates and stuck instances in the tables that the topology declares.
#[derive(Debug)]
pub(super) struct ToolkitTables;

impl WaitsForOperator for ToolkitTables {
    fn count<'a>(
        &'a self,
        clients: &'a Clients,
        topology: &'a Topology,
    ) -> BoxFuture<'a, Vec<Waits>> {
        async {
            let mut waits = Vec::new();
            for table in effects::tables(topology) {
                let counted = held(clients, table).await;
                waits.push(said("held effects", table, counted, "tidegate effects ls"));
            }
            for (function, declared) in &topology.functions {
                for tables in parked::tables(topology, declared) {
                    let counted = on_the_list(clients, tables.rows, tables.counters).await;
                    waits.push(said("parked aggregates", function, counted, "tidegate parked ls"));
                }
            }
            for (name, declared) in &topology.processes {
                let dynamodb = clients.dynamodb.clone();
                let counted = process::count_stuck(dynamodb, &declared.view, name, PAGES).await;
                let counted = counted.map_err(|failure| failure.reason().to_owned());
                waits.push(said("stuck instances", name, counted, "tidegate process ls --stuck"));
            }
            waits
        }
        .boxed()
    }
}

/// The number and whether there may be more; or why the number is unknown.
type Counted = Result<(u64, bool), String>;

fn said(what: &'static str, of: &str, counted: Counted, command: &'static str) -> Waits {
    let (count, more, error) = match counted {
        Ok((count, more)) => (Some(count), more, None),
        Err(why) => (None, false, Some(why)),
    };
    Waits { what, of: of.to_owned(), count, more, error, command }
}

/// Counts held effects, as `tidegate effects ls` lists them.
async fn held(clients: &Clients, table: &str) -> Counted {
    let store = DynamoDbIdempotency::new(clients.dynamodb.clone(), table);
    let (mut count, mut from) = (0, None);
    for _ in 0..PAGES {
        let page =
            store.held(from.as_deref()).await.map_err(|failure| failure.reason().to_owned())?;
        count += page.effects.len() + page.unreadable.len();
        from = page.next;
        if from.is_none() {
            return Ok((count as u64, false));
        }
    }
    Ok((count as u64, true))
}

/// Counts parked aggregates, as `tidegate parked ls` lists them.
async fn on_the_list(clients: &Clients, rows: &str, counters: &str) -> Counted {
    let tables = ReadModelTables { rows: rows.to_owned(), counters: counters.to_owned(), slice: 0 };
    let model = DynamoDbReadModel::new(clients.dynamodb.clone(), tables);
    let (mut count, mut after): (usize, Option<StreamId>) = (0, None);
    for _ in 0..PAGES {
        let page = model
            .parked(after.as_ref(), PAGE)
            .await
            .map_err(|failure| failure.reason().to_owned())?;
        count += page.len();
        if page.len() < PAGE {
            return Ok((count as u64, false));
        }
        after = page.into_iter().last();
    }
    Ok((count as u64, true))
}
