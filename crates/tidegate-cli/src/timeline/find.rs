//! Finds the timeline of what was asked for.

use tidegate::failure::Failure;
use tidegate::ids::StreamId;
use tidegate::store::DynamoDbEventStore;
use tidegate::timeline::{Trail, read};

use super::found::Found;
use super::scan::scan;

/// What was asked for: a stream or a correlation id.
#[derive(Debug)]
pub(crate) struct Asked {
    id: String,
    /// The stream, if the id is one.
    stream: Option<StreamId>,
    /// Streams that were named besides.
    named: Vec<StreamId>,
    /// Instances of processes that may belong to the streams.
    instances: Vec<StreamId>,
    events: usize,
}

impl Asked {
    /// Creates the question for an id. `processes` are the kinds of the streams of processes.
    pub(crate) fn new(id: &str, named: &[StreamId], events: usize, processes: &[String]) -> Self {
        let stream: Option<StreamId> = id.parse().ok();
        let of = |stream: &StreamId| {
            let of_process = |kind: &String| StreamId::new(kind, stream.key()).ok();
            processes.iter().filter_map(of_process).collect::<Vec<_>>()
        };
        let instances = stream.iter().chain(named).flat_map(of).collect();
        Self { id: id.to_owned(), stream, named: named.to_vec(), instances, events }
    }

    /// Returns whether the whole event store has to be read.
    pub(crate) fn reads_all(&self) -> bool {
        self.stream.is_none() && self.named.is_empty()
    }

    /// Returns what to say if nothing was found.
    pub(crate) fn nothing(&self, table: &str) -> String {
        let id = &self.id;
        match (&self.stream, self.reads_all()) {
            (Some(_), _) => format!("table {table} has no stream {id}"),
            (None, true) => format!(
                "no event in table {table} has the correlation id `{id}`; a stream is written like \
                 order#536365"
            ),
            (None, false) => format!(
                "no event of the named streams has the correlation id `{id}`; without --stream the \
                 whole of table {table} is read"
            ),
        }
    }
}

/// Finds a timeline.
///
/// # Errors
/// The event store cannot be read.
pub(crate) async fn find(store: &DynamoDbEventStore, asked: &Asked) -> Result<Found, Failure> {
    let mut unknown_commits = 0;
    let trail = match &asked.stream {
        Some(stream) => Trail::from_streams([stream.clone()]).also(asked.named.clone()),
        None if asked.reads_all() => {
            let scanned = scan(store, &asked.id).await?;
            unknown_commits = scanned.unknown;
            Trail::from_correlation(&asked.id, scanned.streams)
        }
        None => Trail::from_correlation(&asked.id, asked.named.clone()),
    };
    let trail = trail.also(asked.instances.clone()).at_most(Trail::STREAMS, asked.events);
    Ok(Found { timeline: read(store, &trail).await?, unknown_commits })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_a_kind_and_a_key_is_a_stream_and_instances_have_its_key() {
        let processes = ["trip".to_owned()];
        let asked = Asked::new("order#1", &[], 10, &processes);
        assert_eq!(asked.stream.as_ref().unwrap().as_str(), "order#1");
        assert_eq!(asked.instances, ["trip#1".parse().unwrap()]);
        assert!(!asked.reads_all());
        let asked = Asked::new("1f0c", &[], 10, &processes);
        assert!(asked.reads_all() && asked.instances.is_empty());
        let asked = Asked::new("1f0c", &["order#7".parse().unwrap()], 10, &processes);
        assert!(!asked.reads_all());
        assert_eq!(asked.instances, ["trip#7".parse().unwrap()]);
        assert!(asked.nothing("t").contains("without --stream"));
    }
}
