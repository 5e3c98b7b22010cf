//! Reads the whole event store to find the streams of a correlation id.

use futures::future::try_join_all;
use tidegate::failure::Failure;
use tidegate::ids::StreamId;
use tidegate::store::{Correlated, DynamoDbEventStore};

/// Segments that are read at a time.
const SEGMENTS: u32 = 8;

/// What a scan found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Streams that have the correlation id.
    pub(super) streams: Vec<StreamId>,
    /// Commits in a format that only a newer version of this command reads. They may have it too.
    pub(super) unknown: u64,
}

/// Finds the streams with a correlation id.
///
/// # Errors
/// The table cannot be read, or no commit is known to have the id and others cannot be read.
pub(super) async fn scan(
    store: &DynamoDbEventStore,
    correlation_id: &str,
) -> Result<Scanned, Failure> {
    let segments = (0..SEGMENTS).map(|segment| store.correlated(correlation_id, segment, SEGMENTS));
    let found = try_join_all(segments).await?;
    scanned(found.into_iter().fold(Correlated::default(), Correlated::and))
}

fn scanned(found: Correlated) -> Result<Scanned, Failure> {
    if found.streams.is_empty() && found.unknown > 0 {
        let reason = format!(
            "{} of {} items have a format that only a newer version of this command reads, and no \
             other has the correlation id",
            found.unknown, found.items
        );
        return Err(Failure::permanent(Failure::NEWER, reason));
    }
    Ok(Scanned { streams: found.streams.into_iter().collect(), unknown: found.unknown })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_of_an_unknown_format_are_counted_also_if_streams_were_found() {
        let mut found = Correlated::default();
        assert_eq!(scanned(found.clone()), Ok(Scanned::default()));
        (found.unknown, found.items) = (2, 9);
        let failure = scanned(found.clone()).unwrap_err();
        assert!(failure.reason().starts_with("2 of 9 items have a format"), "{failure}");
        found.streams.insert("order#1".parse().unwrap());
        let both = Scanned { streams: vec!["order#1".parse().unwrap()], unknown: 2 };
        assert_eq!(scanned(found), Ok(both));
    }
}
