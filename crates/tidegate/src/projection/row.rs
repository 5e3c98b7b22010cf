//! Reads rows of a read model.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::delta::COUNTED;
use super::guard::{Guard, Position};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// Partition key of the table of rows; a string. The table has no sort key.
pub const ROW_KEY: &str = "stream";
/// Attribute of a row: the time at which its aggregate was put on the list of parked aggregates.
pub(super) const LISTED: &str = "parked_at";

pub(super) type Key = HashMap<String, AttributeValue>;

/// Returns the aggregate of a row that DynamoDB returned.
pub(super) fn stream_of(row: &Key) -> Result<StreamId, Failure> {
    let key = row.get(ROW_KEY).and_then(|value| value.as_s().ok()?.parse().ok());
    key.ok_or_else(|| Failure::transient("read_model", "DynamoDB returned a row without its key"))
}

/// Reads the guard of an aggregate.
///
/// # Errors
/// `corrupt_guard` (permanent): an attribute has a value that the projector never writes.
pub(super) fn guard_of(row: &Key, stream: &StreamId) -> Result<Guard, Failure> {
    let corrupt = |name: &str| {
        let what =
            "has a value that the projector never writes; another program may have changed it";
        Failure::permanent(
            "corrupt_guard",
            format!("{stream}: the attribute `{name}` of the row {what}"),
        )
    };
    let read = |name: &str| match row.get(name) {
        None => Ok(None),
        Some(value) => {
            let number = value.as_n().ok().and_then(|text| text.parse::<u64>().ok());
            number.map(Some).ok_or_else(|| corrupt(name))
        }
    };
    let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok()).cloned();
    Ok(Guard {
        position: Position {
            version: read("version")?.map_or(Version::NONE, Version::new),
            part: read("part")?
                .map(u32::try_from)
                .transpose()
                .map_err(|_| corrupt("part"))?
                .unwrap_or(0),
            cut: read("cut")?,
        },
        event_id: text("event_id"),
        counted: row
            .get(COUNTED)
            .map(|value| value.as_s().ok().and_then(|text| text.parse().ok()))
            .map(|counted| counted.ok_or_else(|| corrupt(COUNTED)))
            .transpose()?,
        parked: read("parked")?.map(Version::new),
        parked_code: text("parked_code"),
        parked_reason: text("parked_reason"),
        listed: read(LISTED)?.map(i64::try_from).transpose().map_err(|_| corrupt(LISTED))?,
    })
}
