//! Finds the read models of a topology's projections.

use terminal::name_prefix::PhysicalName;
use terminal::problem::Problem;
use tidegate::projection::{
    COUNTER_PARTITION_KEY, COUNTER_SORT_KEY, DynamoDbReadModel, ROW_KEY, ReadModelTables,
};
use tidegate::store::{PARTITION_KEY, SORT_KEY};
use topology::{Access, Function, KeyType, Table, Topology};

use super::feed::Feed;
use crate::connection::System;
use crate::invoke::short_name;

/// A read model, and the function that maintains it.
pub(super) struct Place {
    pub(super) function: PhysicalName,
    pub(super) event_store: PhysicalName,
    pub(super) rows: PhysicalName,
    pub(super) counters: PhysicalName,
    pub(super) feed: Feed,
    pub(super) read_model: DynamoDbReadModel,
}

/// Returns the read models of all projections, or of one function.
///
/// # Errors
/// The topology cannot be read, or declares no such projection.
pub(super) fn places(system: &System, function: Option<&str>) -> Result<Vec<Place>, Problem> {
    let topology = system.topology()?;
    let prefix = system.prefix();
    let wanted = function.map(|function| prefix.declared(short_name(function)));
    let mut places = Vec::new();
    for (name, declared) in &topology.functions {
        if wanted.is_some_and(|wanted| wanted != name) {
            continue;
        }
        for Tables { event_store, rows, counters } in tables(&topology, declared) {
            let feed = Feed::of(declared, event_store);
            let [event_store, rows, counters] =
                [event_store, rows, counters].map(|table| prefix.physical(table));
            let own = ReadModelTables {
                rows: rows.to_string(),
                counters: counters.to_string(),
                slice: 0,
            };
            let read_model = DynamoDbReadModel::new(system.dynamodb(), own);
            let function = prefix.physical(name);
            places.push(Place { function, event_store, rows, counters, feed, read_model });
        }
    }
    if places.is_empty() {
        let whose = function
            .map_or_else(|| "the topology has no".to_owned(), |name| format!("{name} is not a"));
        return Err(Problem::new(format!(
            "{whose} projection: a function that reads the event store, and reads and writes a \
             table with the key `{ROW_KEY}` and one with the keys `{COUNTER_PARTITION_KEY}` and \
             `{COUNTER_SORT_KEY}`"
        )));
    }
    Ok(places)
}

/// Tables of a projection, by their declared names.
pub(crate) struct Tables<'a> {
    pub(crate) event_store: &'a str,
    pub(crate) rows: &'a str,
    pub(crate) counters: &'a str,
}

/// Returns the tables of each projection of a function: none if it is not a projection.
///
/// A function with several projections has a table of rows and a table of counters for each. A
/// declared projection names both. The other tables belong together in the order of the variables
/// that name them: the first table of rows and the first of counters, then the second of each.
pub(crate) fn tables<'a>(topology: &'a Topology, function: &'a Function) -> Vec<Tables<'a>> {
    let has = |name: &str, partition: &str, sort: Option<&str>| {
        topology.tables.get(name).is_some_and(|table| keys(table, partition, sort))
    };
    let sources = function.sources.values().filter_map(|source| source.table.as_deref());
    // Messages may feed it too. Then it reads the event store.
    let mut read = sources.chain(function.uses.values().filter_map(|used| used.table.as_deref()));
    let Some(event_store) = read.find(|table| has(table, PARTITION_KEY, Some(SORT_KEY))) else {
        return Vec::new();
    };
    let written = || {
        let uses = function.uses.values().filter(|used| used.access == Access::ReadWrite);
        uses.filter_map(|used| used.table.as_deref())
    };
    let mut rows: Vec<&str> = written().filter(|table| has(table, ROW_KEY, None)).collect();
    let counts = |table: &&str| has(table, COUNTER_PARTITION_KEY, Some(COUNTER_SORT_KEY));
    let mut counters: Vec<&str> = written().filter(counts).collect();
    let mut pairs = Vec::new();
    for projection in topology.projections.values() {
        let Some(of_rows) = projection.counters.as_deref() else { continue };
        if rows.contains(&&*projection.rows) && counters.contains(&of_rows) {
            rows.retain(|table| *table != projection.rows);
            counters.retain(|table| *table != of_rows);
            pairs.push((&*projection.rows, of_rows));
        }
    }
    pairs.extend(rows.into_iter().zip(counters));
    pairs.into_iter().map(|(rows, counters)| Tables { event_store, rows, counters }).collect()
}

fn keys(table: &Table, partition: &str, sort: Option<&str>) -> bool {
    let own = &table.partition_key;
    let found = table.sort_key.as_ref().map(|key| (key.name.as_str(), key.kind));
    (own.name.as_str(), own.kind) == (partition, KeyType::S)
        && found == sort.map(|name| (name, KeyType::N))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_is_found_by_its_tables_whatever_feeds_it() {
        let declared = |source: &str, store: &str| {
            let uses = format!(
                r#"ROWS = {{ table = "view", access = "read-write" }}
      SUMS = {{ table = "sums", access = "read-write" }}
      {store}"#
            );
            let text = format!(
                r#"
streams = {{ hints = {{}} }}
queues  = {{ hints = {{}} }}
tables  = {{
  events = {{
    partition_key = {{ name = "stream", type = "S" }}
    sort_key      = {{ name = "version", type = "N" }}
    stream_view   = "NEW_IMAGE"
  }}
  view = {{ partition_key = {{ name = "stream", type = "S" }} }}
  sums = {{
    partition_key = {{ name = "key", type = "S" }}
    sort_key      = {{ name = "slice", type = "N" }}
  }}
}}
functions = {{
  projection = {{
    uses = {{
      {uses}
    }}
    {source}
  }}
}}
"#
            );
            topology::parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
        };
        let from = |source: &str| format!("sources = {{ events = {{ {source} }} }}");
        let table = from(r#"table = "events", starting_position = "LATEST""#);
        let stream = from(r#"stream = "hints", starting_position = "LATEST""#);
        let queue = from(r#"queue = "hints""#);
        let store = r#"STORE = { table = "events", access = "read" }"#;
        for (source, store, feed) in [
            (table.as_str(), "", Some(Feed::Table)),
            (&queue, store, Some(Feed::Queue)),
            (&stream, store, Some(Feed::Stream)),
            ("", store, Some(Feed::Event)),
            (&queue, "", None),
        ] {
            let topology = declared(source, store);
            let function = &topology.functions["projection"];
            let found = tables(&topology, function).pop();
            let feeds = found.map(|tables| Feed::of(function, tables.event_store));
            assert_eq!(feeds, feed, "{source} {store}");
        }
    }

    #[test]
    fn a_function_with_several_projections_has_the_tables_of_each() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/topology.auto.tfvars");
        let topology = topology::load(std::path::Path::new(file)).unwrap();
        let found = tables(&topology, &topology.functions["order-projection"]);
        let found: Vec<_> = found.iter().map(|tables| (tables.rows, tables.counters)).collect();
        assert_eq!(found, [("fulfilments", "fulfilment-counters"), ("order-view", "sales")]);
    }

    #[test]
    fn a_declared_projection_says_which_tables_belong_together() {
        let rows = |name: &str| {
            format!("{name} = {{ partition_key = {{ name = \"stream\", type = \"S\" }} }}")
        };
        let sums = |name: &str| {
            format!(
                "{name} = {{ partition_key = {{ name = \"key\", type = \"S\" }}, \
                 sort_key = {{ name = \"slice\", type = \"N\" }} }}"
            )
        };
        let [orders, returns] = ["orders", "returns"].map(rows);
        let [sold, back] = ["sold", "back"].map(sums);
        let uses =
            [("ORDERS", "orders"), ("RETURNS", "returns"), ("BACK", "back"), ("SOLD", "sold")]
                .map(|(variable, table)| {
                    format!("{variable} = {{ table = \"{table}\", access = \"read-write\" }}")
                })
                .join("\n");
        let text = format!(
            r#"
tables = {{
  events = {{
    partition_key = {{ name = "stream", type = "S" }}
    sort_key      = {{ name = "version", type = "N" }}
    stream_view   = "NEW_IMAGE"
  }}
  pointers = {{ partition_key = {{ name = "projection", type = "S" }} }}
  {orders}
  {returns}
  {sold}
  {back}
}}
projections = {{
  orders = {{
    function = "view", store = "events", rows = "orders", counters = "sold", pointers = "pointers"
  }}
}}
functions = {{
  view = {{
    uses    = {{
      STORE = {{ table = "events", access = "read" }}
      {uses}
    }}
    sources = {{ events = {{ table = "events", starting_position = "LATEST" }} }}
  }}
}}
"#
        );
        let topology = topology::parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let found = tables(&topology, &topology.functions["view"]);
        let found: Vec<_> = found.iter().map(|tables| (tables.rows, tables.counters)).collect();
        assert_eq!(found, [("orders", "sold"), ("returns", "back")]);
    }
}
