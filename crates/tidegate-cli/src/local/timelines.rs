//! Reads timelines and instances of processes for the console of the local system.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tidegate::failure::Failure;
use tidegate::process::ProcessRow;
use tidegate::query::{Consistency, DynamoDbTables, Filter, NextPage, Query, page};
use tidegate::store::DynamoDbEventStore;
use tidegate::timeline::{Timeline, Trail};
use tidegate_local::clients::Clients;
use tidegate_local::timelines::Timelines;
use topology::Topology;

use crate::event_store::declared_store;
use crate::timeline::{Asked, find, processes};

/// Pages of a view that are read, of a megabyte each.
const PAGES: usize = 3;
/// Instances that are listed.
const LISTED: usize = 200;

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
            if found.is_empty() { Ok(None) } else { shown(&found).map(Some) }
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
            let mut rows: Vec<ProcessRow> = Vec::new();
            for (name, declared) in &topology.processes {
                let view = ProcessRow::table(declared.view.as_str());
                let query = Query::of_whole_table(&view, Consistency::Eventual)
                    .filtered(Filter::equals("process", name.as_str()));
                let mut from: Option<NextPage> = None;
                for _ in 0..PAGES {
                    let read = page::<ProcessRow>(&tables, &query, from.as_ref());
                    let read = read.await.map_err(said)?;
                    rows.extend(read.rows);
                    from = read.next;
                    if from.is_none() {
                        break;
                    }
                }
            }
            rows.sort_by(|a, b| {
                let stuck = b.stuck_at.is_some().cmp(&a.stuck_at.is_some());
                stuck.then(b.decided_at.cmp(&a.decided_at)).then(a.instance.cmp(&b.instance))
            });
            Ok(rows.iter().take(LISTED).map(instance).collect())
        }
        .boxed()
    }
}

fn said(failure: Failure) -> String {
    failure.reason().to_owned()
}

/// Returns a timeline as the console shows it: with texts for people.
fn shown(timeline: &Timeline) -> Result<Value, String> {
    let mut value = serde_json::to_value(timeline).map_err(|error| error.to_string())?;
    let texts = timeline.entries.iter().map(|entry| entry.what.to_string());
    add(&mut value, "entries", texts);
    add(&mut value, "waits", timeline.waits.iter().map(ToString::to_string));
    if let Some(object) = value.as_object_mut() {
        object.insert("missing".to_owned(), json!(timeline.missing()));
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
