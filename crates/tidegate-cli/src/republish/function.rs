//! Which function publishes the events of a store.

use terminal::problem::Problem;
use topology::{Access, Function, Source, Topology};

/// A function that publishes, and the source by which it reads the store's stream.
#[derive(Debug)]
pub(super) struct Publishing<'a> {
    pub(super) name: &'a str,
    pub(super) mapping: &'a Source,
}

/// Returns the function that publishes the events of a store: the named one, or the only one that
/// reads the store's stream and changes no table.
///
/// # Errors
/// The named function does not read the stream, or it is not clear which function publishes.
pub(super) fn publishing<'a>(
    topology: &'a Topology,
    store: &str,
    named: Option<&str>,
) -> Result<Publishing<'a>, Problem> {
    let readers = topology.functions.iter().filter_map(|(name, declared)| {
        let mut sources = declared.sources.values();
        let mapping = sources.find(|source| source.table.as_deref() == Some(store))?;
        Some((declared, Publishing { name, mapping }))
    });
    let readers: Vec<_> = readers.collect();
    let names = |of: &[&str]| if of.is_empty() { "none".to_owned() } else { of.join(", ") };
    let all: Vec<&str> = readers.iter().map(|(_, reader)| reader.name).collect();
    if let Some(named) = named {
        let mut readers = readers.into_iter().map(|(_, reader)| reader);
        return readers.find(|reader| reader.name == named).ok_or_else(|| {
            Problem::new(format!(
                "`{named}` is not a function that reads the stream of {store}; those are: {}",
                names(&all)
            ))
        });
    }
    let mut publishers: Vec<Publishing<'a>> = readers
        .into_iter()
        .filter(|(declared, _)| !changes_a_table(declared))
        .map(|(_, reader)| reader)
        .collect();
    match (publishers.pop(), publishers.is_empty()) {
        (Some(only), true) => Ok(only),
        (last, _) => {
            let mut found: Vec<&str> = publishers.iter().map(|reader| reader.name).collect();
            found.extend(last.map(|reader| reader.name));
            let found = if found.is_empty() { all } else { found };
            Err(Problem::new(format!(
                "it is not clear which function publishes the events of {store}; name it with \
                 --function NAME: {}",
                names(&found)
            )))
        }
    }
}

fn changes_a_table(function: &Function) -> bool {
    function.uses.values().any(|used| used.table.is_some() && used.access != Access::Read)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPOLOGY: &str = r#"
tables = {
  events = {
    partition_key = { name = "stream", type = "S" }, sort_key = { name = "version", type = "N" }
    stream_view   = "NEW_IMAGE"
  }
  view = { partition_key = { name = "stream", type = "S" } }
}
queues = { dead = { retention_seconds = 1209600 } }
functions = {
  idle    = {}
  publish = { sources = { events = { table = "events", starting_position = "LATEST",
    maximum_retry_attempts = 9, on_failure = { queue = "dead" } } } }
  view    = { uses = { VIEW = { table = "view", access = "read-write" } }
    sources = { events = { table = "events", starting_position = "LATEST",
    maximum_retry_attempts = 9, on_failure = { queue = "dead" } } } }
}
"#;

    #[test]
    fn the_publisher_is_the_reader_of_the_stream_that_changes_no_table() {
        let mut topology =
            topology::parse(TOPOLOGY).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
        assert_eq!(publishing(&topology, "events", None).unwrap().name, "publish");
        assert_eq!(publishing(&topology, "events", Some("view")).unwrap().name, "view");
        let said = |topology: &Topology, named| {
            publishing(topology, "events", named).unwrap_err().to_string()
        };
        for named in ["idle", "unknown"] {
            let said = said(&topology, Some(named));
            assert!(said.ends_with("those are: publish, view"), "{said}");
        }
        topology.functions.get_mut("view").unwrap().uses.clear();
        let both = said(&topology, None);
        assert!(both.ends_with("--function NAME: publish, view"), "{both}");
        topology.functions.clear();
        assert!(said(&topology, None).ends_with("none"));
    }
}
