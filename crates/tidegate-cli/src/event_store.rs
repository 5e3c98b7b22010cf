//! `tidegate events`: shows the events of a stream in the event store.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::Value;
use terminal::account::Intent;
use terminal::escape::{escaped, escaped_json, escaped_lines};
use terminal::name_prefix::PhysicalName;
use terminal::output;
use terminal::problem::Problem;
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::ids::Version;
use tidegate::store::{
    DynamoDbEventStore, EventReader, PARTITION_KEY, RecordedCommit, RecordedEvent, SORT_KEY,
};
use topology::{KeyType, Topology};

use crate::arguments::EventsShow;
use crate::connection::System;

/// Most lines of an event's data that are shown to people.
const DATA_LINES: usize = 24;

/// Shows the events of one stream.
///
/// # Errors
/// The system cannot be reached, or the stream has no events.
pub(crate) async fn show(options: &EventsShow) -> Result<ExitCode, Problem> {
    let system = System::open(&options.place, Intent::Read).await?;
    let table = match &options.table {
        Some(table) => PhysicalName::given(table),
        None => system.prefix().physical(&declared_store(&system.topology()?)?),
    };
    let store = DynamoDbEventStore::new(system.dynamodb(), table.as_str());
    let commits = match store.read(&options.stream, Version::NONE).await {
        Ok(commits) => commits,
        Err(failure) => return Err(system.explain_table(&table, failure.reason()).await),
    };
    if commits.is_empty() {
        return Err(Problem::new(format!("table {table} has no stream {}", options.stream)));
    }
    if options.json {
        let envelopes: Result<Vec<Envelope>, Failure> =
            events(&commits).map(|(commit, event)| commit.envelope(event)).collect();
        output::json(&envelopes.map_err(|failure| said(&system, &table, &failure))?)?;
    } else {
        let blocks: Vec<String> =
            events(&commits).map(|(commit, event)| block(commit, event)).collect();
        output::line(&blocks.join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn said(system: &System, table: &PhysicalName, failure: &Failure) -> Problem {
    system.explain(Problem::new(format!("table {table}: {}", failure.reason())))
}

/// Returns the name of the event store in a topology.
///
/// # Errors
/// The topology has none.
pub(crate) fn declared_store(topology: &Topology) -> Result<String, Problem> {
    table_of(topology).ok_or_else(|| {
        Problem::new(format!(
            "the topology has no event store (a table with a stream and the keys \
             `{PARTITION_KEY}` and `{SORT_KEY}`); name it with --table NAME"
        ))
    })
}

fn table_of(topology: &Topology) -> Option<String> {
    let found = topology.tables.iter().find(|(_, table)| {
        let sort = table.sort_key.as_ref();
        table.stream_view.is_some()
            && (table.partition_key.name.as_str(), table.partition_key.kind)
                == (PARTITION_KEY, KeyType::S)
            && sort.is_some_and(|key| (key.name.as_str(), key.kind) == (SORT_KEY, KeyType::N))
    });
    found.map(|(name, _)| name.clone())
}

fn events(commits: &[RecordedCommit]) -> impl Iterator<Item = (&RecordedCommit, &RecordedEvent)> {
    commits.iter().flat_map(|commit| commit.events.iter().map(move |event| (commit, event)))
}

/// Formats one event for people.
fn block(commit: &RecordedCommit, event: &RecordedEvent) -> String {
    let kind = escaped(&event.kind);
    let mut text = format!("{}  {kind} v{}  {}\n", event.version, event.data_version, event.time);
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "   id           {}", escaped(&event.id));
    if let Some(decision) = commit.decision(event.version) {
        let (id, source) = (escaped(&decision.cause.id), escaped(&decision.cause.source));
        let _ = writeln!(text, "   cause        {id} of {source}");
        let _ = writeln!(text, "   correlation  {}", escaped(&decision.correlation_id));
    }
    let laid_out = serde_json::from_str::<Value>(&event.data)
        .and_then(|value| serde_json::to_string_pretty(&value));
    let data = match &laid_out {
        Ok(json) => escaped_json(json),
        Err(_) => escaped_lines(&event.data),
    };
    let lines: Vec<&str> = data.lines().collect();
    for line in lines.iter().take(DATA_LINES) {
        let _ = writeln!(text, "   {line}");
    }
    if lines.len() > DATA_LINES {
        let _ =
            writeln!(text, "   … {} more lines; --json shows everything", lines.len() - DATA_LINES);
    }
    text
}

#[cfg(test)]
mod tests {
    use tidegate::envelope::DataSchema;
    use tidegate::ids::Cause;

    use super::*;

    fn commit(data: &str) -> RecordedCommit {
        let (time, schema) = (jiff::Timestamp::UNIX_EPOCH, DataSchema::new("OrderPlaced", 1));
        let event = RecordedEvent::new("e1", Version::new(1), schema, time, data);
        let cause = Cause::new("shop.import", "c1");
        let stream = "order#1".parse().unwrap();
        let mut commit = RecordedCommit::new(stream, "shop.orders", cause, time, vec![event]);
        commit.decisions[0].correlation_id = "k1".to_owned();
        commit
    }

    #[test]
    fn long_data_is_cut_and_says_so() {
        let numbers: Vec<u32> = (0..100).collect();
        let long = commit(&serde_json::to_string(&numbers).unwrap());
        let text = block(&long, &long.events[0]);
        assert!(text.contains("… 78 more lines; --json"), "{text}");
        let short = commit("[1]");
        assert!(!block(&short, &short.events[0]).contains("more lines"));
    }

    #[test]
    fn an_event_moves_no_cursor_and_turns_no_text_around() {
        let mut commit = commit("\"\u{202e}\u{9b}2J");
        commit.decisions[0].correlation_id = "k\x1b[2J\nforged".to_owned();
        let text = block(&commit, &commit.events[0]);
        assert!(
            text.contains(r"k\u{1b}[2J\nforged") && text.contains(r"\u{202e}\u{9b}2J"),
            "{text}"
        );
        assert!(!text.contains(['\x1b', '\u{202e}', '\u{9b}']), "{text:?}");
    }

    #[test]
    fn the_data_of_an_event_can_be_copied_as_json() {
        let data = "{\"na\u{200f}me\":\"Acme\u{200e}\u{feff}\"}";
        let commit = commit(data);
        let text = block(&commit, &commit.events[0]);
        assert!(text.is_ascii(), "{text}");
        let shown = text.get(text.find('{').unwrap()..).unwrap();
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(value(shown), value(data));
    }

    #[test]
    fn a_block_names_version_type_cause_and_correlation() {
        let commit = commit("{}");
        let text = block(&commit, &commit.events[0]);
        for part in ["1  OrderPlaced v1  1970-01-01T00:00:00Z", "e1", "c1 of shop.import", "k1"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
