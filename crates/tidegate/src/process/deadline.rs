//! Names and messages of deadlines.

use jiff::Timestamp;

use super::json::Json;
use super::words::PassDeadline;
use crate::envelope::{Data, DataSchema, Envelope};
use crate::failure::Failure;
use crate::ids::{StreamId, Version, content_id};
use crate::message::Message;

/// Attribute `source` of the messages of deadlines.
pub const DEADLINES_SOURCE: &str = "tidegate.deadlines";

/// Returns the id of the deadline `name` that the event at this version sets.
pub fn deadline_id(name: &str, set_by: Version) -> String {
    format!("{name}@{set_by}")
}

/// Creates the message that a deadline of an instance passed.
///
/// Its id follows from the instance, the deadline's id and its time alone. The schedule and the
/// sweep send the same message, so a deadline that comes by both passes once.
///
/// # Errors
/// `unencodable` (permanent): never in practice; the message is two texts.
pub fn deadline_message(
    instance: &StreamId,
    name: &str,
    id: &str,
    due: Timestamp,
) -> Result<Envelope, Failure> {
    let pass = PassDeadline { name: name.to_owned(), id: id.to_owned(), due };
    let data = Json::of(&pass)
        .map_err(|error| Failure::permanent("unencodable", format!("deadline {id}: {error}")))?;
    let message_id = content_id(&["deadline", instance.as_str(), id, &due.to_string()]);
    let schema = DataSchema::new(PassDeadline::TYPE, PassDeadline::VERSION);
    let data = Data::Inline(data.into_raw());
    Ok(Envelope::new(message_id, DEADLINES_SOURCE, instance.clone(), due, schema, data))
}

/// Returns the name in the id of a deadline.
pub(super) fn deadline_name(id: &str) -> &str {
    id.rsplit_once('@').map_or(id, |(name, _)| name)
}
