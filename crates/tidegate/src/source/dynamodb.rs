use std::collections::BTreeMap;

use aws_lambda_events::dynamodb::EventRecord;
use jiff::Timestamp;
use serde::Deserialize;
use serde_dynamo::Item;
use serde_json::value::RawValue;

use super::{Body, Delivery, Identity, unreadable};

/// A change of one item of a table.
#[derive(Debug, PartialEq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The item's key.
    pub keys: Item,
    /// The item after the change, where the stream carries it.
    pub new_image: Item,
    /// The item before the change, where the stream carries it.
    pub old_image: Item,
}

/// What happened to the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was added.
    Insert,
    /// It was changed.
    Modify,
    /// It was removed by a writer.
    Remove,
    /// It was removed because its time to live had passed: garbage collection, not a business fact.
    Expire,
}

pub(super) fn delivery(record: &RawValue) -> Delivery<'_> {
    let read = match serde_json::from_str::<EventRecord>(record.get()) {
        Ok(read) => read,
        Err(error) => return unreadable(record, identity(record), &error),
    };
    let expired =
        read.user_identity.as_ref().is_some_and(|identity| identity.principal_id == "dynamodb.amazonaws.com");
    let kind = match read.event_name.as_str() {
        "INSERT" => ChangeKind::Insert,
        "MODIFY" => ChangeKind::Modify,
        "REMOVE" if expired => ChangeKind::Expire,
        "REMOVE" => ChangeKind::Remove,
        other => {
            let error = serde::de::Error::custom(format!("`eventName` is `{other}`"));
            return unreadable(record, identity(record), &error);
        }
    };
    let sequence = read.change.sequence_number.unwrap_or_default();
    // A record without a creation time reads as 1970, which is no age to act on.
    let arrived_at =
        Timestamp::from_millisecond(read.change.approximate_creation_date_time.timestamp_millis())
            .ok()
            .filter(|at| *at > Timestamp::UNIX_EPOCH);
    Delivery {
        item: (!sequence.is_empty()).then_some(sequence.clone()),
        position: if sequence.is_empty() { read.event_id } else { sequence },
        subsequence: None,
        event: None,
        ordering_key: ordering_key(&read.change.keys),
        arrived_at,
        attempts: None,
        body: Ok(Body::Change(Change {
            kind,
            keys: read.change.keys,
            new_image: read.change.new_image,
            old_image: read.change.old_image,
        })),
        record,
    }
}

/// The item's key, its attributes in the order of their names: a map would give them in a different order each time.
fn ordering_key(keys: &Item) -> String {
    let sorted: BTreeMap<_, _> = keys.iter().collect();
    format!("{sorted:?}")
}

/// What can be told of a record whose images are broken.
fn identity(record: &RawValue) -> Identity {
    #[derive(Deserialize)]
    struct Record<'a> {
        #[serde(borrow)]
        dynamodb: Change<'a>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Change<'a> {
        sequence_number: Option<String>,
        #[serde(borrow)]
        keys: Option<&'a RawValue>,
    }
    match serde_json::from_str::<Record<'_>>(record.get()) {
        Ok(read) => Identity {
            position: read.dynamodb.sequence_number.clone(),
            item: read.dynamodb.sequence_number.filter(|sequence| !sequence.is_empty()),
            ordering_key: read.dynamodb.keys.map(|keys| keys.get().to_owned()),
        },
        Err(_) => Identity::default(),
    }
}
