use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_dynamo::Item;
use serde_json::value::RawValue;

use super::{Body, Delivery, Identity, instant, unreadable};

/// A change of one item of a table.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
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

/// The parts of a record that a delivery needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(rename = "eventID")]
    event_id: Option<String>,
    event_name: String,
    user_identity: Option<UserIdentity>,
    dynamodb: StreamRecord,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity {
    principal_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamRecord {
    /// Seconds since 1970. Not every record has it.
    approximate_creation_date_time: Option<f64>,
    keys: Option<Item>,
    new_image: Option<Item>,
    old_image: Option<Item>,
    sequence_number: Option<String>,
}

pub(super) fn delivery(record: &RawValue) -> Delivery<'_> {
    let read = match serde_json::from_str::<Record>(record.get()) {
        Ok(read) => read,
        Err(error) => return unreadable(record, identity(record), &error),
    };
    let principal = read.user_identity.and_then(|identity| identity.principal_id);
    let expired = principal.as_deref() == Some("dynamodb.amazonaws.com");
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
    let item = read.dynamodb.sequence_number.filter(|sequence| !sequence.is_empty());
    let Some(position) = item.clone().or(read.event_id).filter(|position| !position.is_empty()) else {
        let error = serde::de::Error::custom("`SequenceNumber` and `eventID` are missing");
        return unreadable(record, identity(record), &error);
    };
    let keys = read.dynamodb.keys.unwrap_or_default();
    Delivery {
        item,
        position,
        subsequence: None,
        event: None,
        ordering_key: ordering_key(&keys),
        // A creation time of 1970 is none, and no age to act on.
        arrived_at: read
            .dynamodb
            .approximate_creation_date_time
            .and_then(instant)
            .filter(|at| *at > Timestamp::UNIX_EPOCH),
        attempts: None,
        body: Ok(Body::Change(Change {
            kind,
            keys,
            new_image: read.dynamodb.new_image.unwrap_or_default(),
            old_image: read.dynamodb.old_image.unwrap_or_default(),
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
        Ok(read) => {
            let sequence = read.dynamodb.sequence_number.filter(|sequence| !sequence.is_empty());
            let ordering_key = read.dynamodb.keys.map(|keys| keys.get().to_owned());
            Identity { item: sequence.clone(), position: sequence, ordering_key }
        }
        Err(_) => Identity::default(),
    }
}
