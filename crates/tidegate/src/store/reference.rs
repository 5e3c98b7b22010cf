//! Follows the data reference of an event whose content is in the event store.

use super::commit::RecordedEvent;
use super::port::EventReader;
use crate::envelope::{Data, DataRef, Envelope};
use crate::failure::Failure;

/// Reads the event that a data reference points to.
///
/// # Errors
/// - `dangling_reference` (permanent): the store has no such event.
/// - The errors of [`EventReader::read_at`].
pub async fn resolve(
    reader: &dyn EventReader,
    reference: &DataRef,
) -> Result<RecordedEvent, Failure> {
    reader
        .read_at(&reference.stream, reference.version)
        .await?
        .into_iter()
        .flat_map(|commit| commit.events)
        .find(|event| event.version == reference.version)
        .ok_or_else(|| {
            Failure::permanent(
                "dangling_reference",
                format!("the event store has no event {reference}"),
            )
        })
}

/// Returns the JSON content of an envelope.
///
/// If the envelope has a data reference, this reads the content from the store.
///
/// # Errors
/// Same as [`resolve`].
pub async fn content(reader: &dyn EventReader, envelope: &Envelope) -> Result<String, Failure> {
    match &envelope.data {
        Data::Inline(data) => Ok(data.get().to_owned()),
        Data::Reference(reference) => Ok(resolve(reader, reference).await?.data),
    }
}
