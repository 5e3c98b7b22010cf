//! A record as an item of the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::from_item;

use super::payload_hash::PayloadHash;
use super::protocol::State;
use super::record::{HeldEffect, Kept, Status, Stored};
use super::repeat::Repeat;
use crate::failure::{Failure, chain};

pub(super) type Item = HashMap<String, AttributeValue>;

/// Partition key of the table, a string.
pub const PARTITION_KEY: &str = "key";
/// Attribute that holds a record's time to live.
pub const TTL_ATTRIBUTE: &str = "expires_at";

/// A record as an item of the table.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) key: String,
    pub(super) status: Status,
    pub(super) owner: String,
    /// Milliseconds since 1970.
    pub(super) lease_until: i64,
    pub(super) payload_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) canonical_hash: Option<String>,
    /// JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<String>,
    /// Size of a result that was too large to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) result_bytes: Option<usize>,
    /// Seconds since 1970, as DynamoDB's time to live requires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// JSON of a [`Repeat`]. Written when the effect is held; earlier versions wrote it with the
    /// claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) repeat: Option<String>,
}

/// Attributes that a look reads: all except those that only an operator needs.
pub(super) const LOOKED_AT: [&str; 9] = [
    PARTITION_KEY,
    "status",
    "owner",
    "lease_until",
    "payload_hash",
    "canonical_hash",
    "result",
    "result_bytes",
    TTL_ATTRIBUTE,
];

impl Record {
    /// Reads a record from an item.
    ///
    /// # Errors
    /// `corrupt_record` (permanent), or [`Failure::NEWER`] (transient) if this version does not
    /// know the status of the record.
    pub(super) fn parse(item: Item) -> Result<Self, Failure> {
        let key = key_of(&item).to_owned();
        let status = item.get("status").and_then(|status| status.as_s().ok()).cloned();
        from_item(item).map_err(|error| {
            let reason = format!("idempotency record {key}: {}", chain(&error));
            let known = ["in_progress", "completed", "held", "released"];
            match status {
                Some(status) if !known.contains(&status.as_str()) => {
                    Failure::transient(Failure::NEWER, reason)
                }
                _ => Failure::permanent("corrupt_record", reason),
            }
        })
    }

    pub(super) fn state(&self) -> Result<State, Failure> {
        let corrupt = |error: jiff::Error| {
            Failure::permanent(
                "corrupt_record",
                format!("idempotency record {}: {error}", self.key),
            )
        };
        Ok(State {
            status: self.status,
            owner: self.owner.clone(),
            lease_until: Timestamp::from_millisecond(self.lease_until).map_err(corrupt)?,
            expires_at: self.expires_at.map(Timestamp::from_second).transpose().map_err(corrupt)?,
            repeat: self.repeat.is_some(),
        })
    }

    pub(super) fn stored(self) -> Result<Stored, Failure> {
        let state = self.state()?;
        Ok(Stored {
            status: state.status,
            owner: state.owner,
            lease_until: state.lease_until,
            payload_hash: PayloadHash {
                written: self.payload_hash,
                canonical: self.canonical_hash,
            },
            repeat: state.repeat,
            result: match (self.result, self.result_bytes) {
                (Some(result), _) => Kept::Result(result),
                (None, Some(bytes)) => Kept::TooLarge { bytes },
                (None, None) => Kept::Unknown,
            },
            expires_at: state.expires_at,
        })
    }

    pub(super) fn held(self) -> Result<HeldEffect, Failure> {
        let state = self.state()?;
        let repeat = self.repeat.as_deref().map(serde_json::from_str::<Repeat>).transpose();
        let repeat = repeat.map_err(|error| {
            let reason =
                format!("idempotency record {}: its event cannot be read: {error}", self.key);
            Failure::permanent("corrupt_record", reason)
        })?;
        Ok(HeldEffect {
            key: self.key,
            status: state.status,
            lease_until: state.lease_until,
            reason: self.reason,
            repeat,
        })
    }
}

/// Returns the key of a record, even if the rest of the record cannot be read.
pub(super) fn key_of(item: &Item) -> &str {
    item.get(PARTITION_KEY).and_then(|key| key.as_s().ok()).map_or("", String::as_str)
}
