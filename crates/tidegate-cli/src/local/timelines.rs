//! Reads timelines and instances of processes for the console of the local system.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate::failure::{Class, Failure};
use tidegate::ids::StreamId;
use tidegate::process::ProcessRow;
use tidegate::query::{
    Consistency, DynamoDbTables, Filter, Get, Query, Table, TableReader, one, page,
};
use tidegate::store::DynamoDbEventStore;
use tidegate::timeline::Trail;
use tidegate_local::clients::Clients;
use tidegate_local::timelines::Timelines;
use topology::Topology;

use crate::event_store::declared_store;
use crate::timeline::{Asked, Found, find, processes};

/// Pages of a view that are read, of a megabyte each.
const PAGES: usize = 3;
/// Instances that are listed, and the least number of stuck ones that are looked for.
const LISTED: usize = 200;
/// Keys of stuck instances in a page.
const KEYS: u32 = 200;
/// Rows of stuck instances that are read at a time.
const READS: usize = 8;

/// A key of the index of stuck instances.
#[derive(Deserialize)]
struct Key {
    stream: StreamId,
}

/// The event store and the views that the topology declares.
#[derive(Debug)]
pub(super) struct StoredTimelines;

impl Timelines for StoredTimelines {
    fn timeline<'a>(
        &'a self,
        clients: &'a Clients,
        topology: &'a Topology,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Value>, String>> {
        async move {
            let table = declared_store(topology).map_err(|problem| problem.to_string())?;
            let store = DynamoDbEventStore::new(clients.dynamodb.clone(), table);
            let asked = Asked::new(id, &[], Trail::EVENTS, &processes(topology));
            let found = find(&store, &asked).await.map_err(said)?;
            if found.timeline.is_empty() { Ok(None) } else { shown(&found).map(Some) }
        }
        .boxed()
    }

    fn instances<'a>(
        &'a self,
        clients: &'a Clients,
        topology: &'a Topology,
    ) -> BoxFuture<'a, Result<Value, String>> {
        async move {
            let tables = DynamoDbTables::new(clients.dynamodb.clone());
            let processes = topology.processes.iter();
            let processes = processes.map(|(name, declared)| (name.as_str(), &*declared.view));
            let listed = listed(&tables, processes).await.map_err(said)?;
            let instances: Vec<Value> = listed.rows.iter().map(instance).collect();
            Ok(json!({ "instances": instances, "missing": listed.missing }))
        }
        .boxed()
    }
}

fn said(failure: Failure) -> String {
    failure.reason().to_owned()
}

/// Instances of processes, and what is not among them.
#[derive(Default)]
struct Listed {
    rows: Vec<ProcessRow>,
    /// Lines for people, each once.
    missing: BTreeSet<String>,
}

/// Lists the instances of these processes, each with the name of its view: stuck ones first, and
/// newest first among each kind.
///
/// # Errors
/// A view cannot be read. A row that cannot be read costs no other.
async fn listed(
    tables: &dyn TableReader,
    processes: impl Iterator<Item = (&str, &str)>,
) -> Result<Listed, Failure> {
    let (mut rows, mut missing) = (BTreeMap::new(), BTreeSet::new());
    for (process, view) in processes {
        let view = ProcessRow::table(view);
        for found in [
            any(tables, &view, process).await?,
            // The second look is strongly consistent, and counts.
            stuck(tables, &view, process).await?,
        ] {
            rows.extend(found.rows.into_iter().map(|row| (row.instance.clone(), row)));
            missing.extend(found.missing);
        }
    }
    let mut rows: Vec<ProcessRow> = rows.into_values().collect();
    rows.sort_by(|a, b| {
        let stuck = b.stuck_at.is_some().cmp(&a.stuck_at.is_some());
        stuck.then(b.decided_at.cmp(&a.decided_at)).then(a.instance.cmp(&b.instance))
    });
    if rows.len() > LISTED {
        missing.insert(format!("{LISTED} of {} instances are listed", rows.len()));
        rows.truncate(LISTED);
    }
    Ok(Listed { rows, missing })
}

/// Reads the first pages of a view.
async fn any(tables: &dyn TableReader, view: &Table, process: &str) -> Result<Listed, Failure> {
    let query = Query::of_whole_table(view, Consistency::Eventual)
        .filtered(Filter::equals("process", process));
    let (mut found, mut from) = (Listed::default(), None);
    for _ in 0..PAGES {
        let read = page::<ProcessRow>(tables, &query, from.as_ref()).await?;
        found.rows.extend(read.rows);
        found.missing.extend(read.unreadable.into_iter().map(said));
        from = read.next;
        if from.is_none() {
            return Ok(found);
        }
    }
    found.missing.insert(format!(
        "{process} has more instances than were looked at: `tidegate process ls {process}`"
    ));
    Ok(found)
}

/// Reads the stuck instances of a process, those that wait longest first.
///
/// The index may be behind, so each row is read from the table.
async fn stuck(tables: &dyn TableReader, view: &Table, process: &str) -> Result<Listed, Failure> {
    let query = ProcessRow::stuck(view, process).limit(KEYS);
    let (mut found, mut from) = (Listed::default(), None);
    while found.rows.len() < LISTED {
        let keys = page::<Key>(tables, &query, from.as_ref()).await?;
        found.missing.extend(keys.unreadable.into_iter().map(said));
        let rows = stream::iter(keys.rows).map(async |key| {
            let get = Get::new(view, key.stream.as_str(), Consistency::Strong);
            one::<ProcessRow>(tables, &get).await
        });
        for row in rows.buffered(READS).collect::<Vec<_>>().await {
            match row {
                Ok(row) => found.rows.extend(row.filter(|row| row.stuck_at.is_some())),
                Err(failure) if failure.class() == Class::Permanent => {
                    found.missing.insert(said(failure));
                }
                Err(failure) => return Err(failure),
            }
        }
        from = keys.next;
        if from.is_none() {
            return Ok(found);
        }
    }
    found.missing.insert(format!(
        "more instances of {process} may be stuck: `tidegate process ls {process} --stuck`"
    ));
    Ok(found)
}

/// Returns a timeline as the console shows it: with texts for people.
fn shown(found: &Found) -> Result<Value, String> {
    let timeline = &found.timeline;
    let mut value = serde_json::to_value(found).map_err(|error| error.to_string())?;
    let texts = timeline.entries.iter().map(|entry| entry.what.to_string());
    add(&mut value, "entries", texts);
    add(&mut value, "waits", timeline.waits.iter().map(ToString::to_string));
    if let Some(object) = value.as_object_mut() {
        object.insert("missing".to_owned(), json!(found.missing()));
        object.insert("summary".to_owned(), json!(timeline.about()));
    }
    Ok(value)
}

/// Adds a text to each object of a list.
fn add(value: &mut Value, list: &str, texts: impl Iterator<Item = String>) {
    let objects = value.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
    for (object, text) in objects.zip(texts) {
        if let Some(object) = object.as_object_mut() {
            object.insert("text".to_owned(), Value::String(text));
        }
    }
}

fn instance(row: &ProcessRow) -> Value {
    let stuck = row.stuck_code.as_ref().map(|code| {
        let reason = row.stuck_reason.as_deref().unwrap_or_default();
        format!("{code}: {reason}")
    });
    json!({
        "instance": row.instance,
        "state": row.state,
        "since": row.stuck_at.unwrap_or(row.since),
        "ended": row.ended_at.is_some(),
        "due": row.deadlines.first().map(|deadline| deadline.due),
        "stuck": stuck,
    })
}

#[cfg(test)]
mod tests {
    use tidegate::test::MemoryTables;

    use super::*;

    /// Puts an instance of the process `trip` into the view `trips`.
    fn put(tables: &MemoryTables, key: usize, stuck_at: Option<usize>) {
        let (instance, time) = (format!("trip#{key:04}"), 1_000 + key);
        let mut row = json!({
            "stream": instance, "version": 1, "process": "trip", "state": "Asking",
            "since": time, "started_at": time, "decided_at": time,
        });
        if let Some(at) = stuck_at {
            row["stuck_at"] = json!(at);
            row["stuck_code"] = json!("full");
        }
        tables.put(&ProcessRow::table("trips"), row).unwrap();
    }

    async fn list(tables: &MemoryTables) -> (Vec<String>, Vec<String>) {
        let listed = listed(tables, [("trip", "trips")].into_iter()).await.unwrap();
        let instances = listed.rows.iter().map(|row| row.instance.to_string());
        (instances.collect(), listed.missing.into_iter().collect())
    }

    #[tokio::test]
    async fn stuck_instances_come_first_wherever_they_are_in_the_view() {
        let tables = MemoryTables::default();
        for key in 0..3_100 {
            put(&tables, key, None);
        }
        // Behind the pages that are looked at.
        put(&tables, 9_000, Some(5));
        put(&tables, 9_001, Some(4));
        let (instances, missing) = list(&tables).await;
        assert_eq!(instances[..3], ["trip#9001", "trip#9000", "trip#2999"]);
        assert_eq!(instances.len(), LISTED);
        assert_eq!(
            missing,
            [
                "200 of 3002 instances are listed",
                "trip has more instances than were looked at: `tidegate process ls trip`"
            ]
        );
    }

    #[tokio::test]
    async fn it_says_if_more_may_be_stuck() {
        let tables = MemoryTables::default();
        for key in 0..LISTED + 1 {
            put(&tables, key, Some(key));
        }
        let (instances, missing) = list(&tables).await;
        assert_eq!(instances.len(), LISTED);
        let more = "more instances of trip may be stuck: `tidegate process ls trip --stuck`";
        assert!(missing.contains(&more.to_owned()), "{missing:?}");
    }

    #[tokio::test]
    async fn a_row_that_cannot_be_read_is_said_once_and_costs_no_other() {
        let tables = MemoryTables::default();
        put(&tables, 1, None);
        let row = json!({ "stream": "trip#0002", "process": "trip", "stuck_at": 1 });
        tables.put(&ProcessRow::table("trips"), row).unwrap();
        let (instances, missing) = list(&tables).await;
        assert_eq!(instances, ["trip#0001"]);
        let [line] = &missing[..] else { panic!("{missing:?}") };
        assert!(line.contains("trip#0002"), "{line}");
    }
}
