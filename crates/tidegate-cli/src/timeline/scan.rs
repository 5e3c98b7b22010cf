//! Reads the whole event store to find the streams of a correlation id.

use futures::future::try_join_all;
use tidegate::failure::Failure;
use tidegate::ids::StreamId;
use tidegate::store::{Correlated, DynamoDbEventStore};

/// Segments that are read at a time.
const SEGMENTS: u32 = 8;

/// Returns the streams with a correlation id.
///
/// # Errors
/// The table cannot be read, or it has nothing but commits that only a newer version can read.
pub(super) async fn scan(
    store: &DynamoDbEventStore,
    correlation_id: &str,
) -> Result<Vec<StreamId>, Failure> {
    let segments = (0..SEGMENTS).map(|segment| store.correlated(correlation_id, segment, SEGMENTS));
    let found = try_join_all(segments).await?;
    let found = found.into_iter().fold(Correlated::default(), Correlated::and);
    if found.streams.is_empty() && found.unknown > 0 {
        let reason = format!(
            "{} of {} items have a format that only a newer version of this command reads, and no \
             other has the correlation id",
            found.unknown, found.items
        );
        return Err(Failure::permanent(Failure::NEWER, reason));
    }
    Ok(found.streams.into_iter().collect())
}
