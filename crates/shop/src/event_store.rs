//! Reads every commit of the event store, in parallel segments.

use std::sync::Arc;

use clap::Args;
use terminal::connection::Connection;
use terminal::endpoint::EndpointOption;
use terminal::name_prefix::PhysicalName;
use terminal::problem::Problem;
use tidegate::failure::Failure;
use tidegate::query::{Consistency, DynamoDbTables, NextPage, Query, Table, TableReader};
use tidegate::store::{
    CommitChange, DynamoDbEventStore, EventReader, PARTITION_KEY, RecordedCommit, SORT_KEY,
};
use tokio::task::JoinSet;

/// Segments that are read at the same time in an account. MiniStack sorts the whole table for each
/// page, so segments only make it slower.
const SEGMENTS: u32 = 8;

/// The event store.
#[derive(Debug, Args)]
pub(crate) struct EventStoreTable {
    /// Table of the event store; by default `event-store` after the name prefix.
    #[arg(long, env = "EVENT_STORE_TABLE", value_name = "NAME", hide_env_values = true)]
    event_store_table: Option<String>,
}

/// The event store, read as a whole.
#[derive(Debug, Args)]
pub(crate) struct WholeEventStore {
    #[command(flatten)]
    store: EventStoreTable,
    /// Segments of the event store that are read at the same time; by default 8 in an account, and
    /// 1 on this machine.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    segments: Option<u32>,
}

impl EventStoreTable {
    /// Returns the name of the table.
    pub(crate) fn table(&self, place: &EndpointOption) -> PhysicalName {
        PhysicalName::given_or(self.event_store_table.as_deref(), &place.name_prefix, "event-store")
    }
}

/// Takes a commit into what a segment led to. All commits of a stream are in one segment, in any
/// order.
pub(crate) type Take<T> = fn(&mut T, RecordedCommit) -> Result<(), Failure>;

/// Reads every commit. Returns what each segment led to.
///
/// Commits that are written meanwhile may be missing. Costs the read of the whole table.
///
/// # Errors
/// The table cannot be read, an item of it is not a commit, or `take` fails.
pub(crate) async fn fold<T: Default + Send + 'static>(
    connection: &Connection,
    options: &WholeEventStore,
    place: &EndpointOption,
    take: Take<T>,
) -> Result<Vec<T>, Problem> {
    let (client, table) = (connection.dynamodb(), &options.store.table(place));
    let segments = options.segments.unwrap_or(if connection.is_account() { SEGMENTS } else { 1 });
    let whole = Table::new(table.as_str(), PARTITION_KEY).sorted_by(SORT_KEY);
    let mut walks = JoinSet::new();
    for segment in 0..segments {
        let mut query = Query::of_whole_table(&whole, Consistency::Strong);
        if segments > 1 {
            query = query.segment(segment, segments);
        }
        let tables: Arc<dyn TableReader> = Arc::new(DynamoDbTables::new(client.clone()));
        let events = Arc::new(DynamoDbEventStore::new(client.clone(), table.as_str()));
        walks.spawn(walk(query, tables, events, take));
    }
    let mut folded = Vec::new();
    while let Some(walked) = walks.join_next().await {
        match walked {
            Ok(Ok(part)) => folded.push(part),
            Ok(Err(failure)) => {
                return Err(connection.explain_table(table, failure.reason()).await);
            }
            Err(error) => return Err(Problem::new(format!("the reading stopped: {error}"))),
        }
    }
    Ok(folded)
}

async fn walk<T: Default>(
    query: Query,
    tables: Arc<dyn TableReader>,
    events: Arc<dyn EventReader>,
    take: Take<T>,
) -> Result<T, Failure> {
    let (mut folded, mut from): (T, Option<NextPage>) = (T::default(), None);
    loop {
        let page = tables.page(&query, from.as_ref()).await?;
        for item in page.items {
            match CommitChange::from_item(item)? {
                CommitChange::Commit(commit) => take(&mut folded, commit)?,
                CommitChange::Split { stream, version, .. } => {
                    let whole = events.read_at(&stream, version).await?;
                    whole.map_or(Ok(()), |commit| take(&mut folded, commit))?;
                }
                CommitChange::Newer { stream, version } => {
                    let what = "a newer version of the shop wrote it; check with that version";
                    let reason = format!("{stream}, version {version}: {what}");
                    return Err(Failure::permanent("newer_commit", reason));
                }
                // Chunks of large commits, which are read with their commit.
                CommitChange::Hint { .. } | CommitChange::Other => {}
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(folded);
        }
    }
}
