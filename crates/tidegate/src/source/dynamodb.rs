//! Reads records of a table's DynamoDB stream.

use std::collections::BTreeMap;

use serde_dynamo::Item;
use serde_json::value::RawValue;

use super::body::Body;
use super::change::{Change, ChangeKind};
use super::delivery::Delivery;
use super::fields::Fields;

pub(super) fn delivery(record: &RawValue) -> Delivery<'_> {
    let fields = match Fields::parse(record) {
        Ok(fields) => fields,
        Err(error) => return Delivery::nameless(record).unreadable(error),
    };
    let change = fields.object("dynamodb");
    let sequence = change.text("SequenceNumber").filter(|sequence| !sequence.is_empty());
    let event_id = fields.text("eventID").filter(|id| !id.is_empty());
    let named = sequence.is_some() || event_id.is_some();
    let delivery = match sequence.clone().or(event_id) {
        Some(position) => Delivery::at(record, position),
        None => Delivery::nameless(record),
    };
    // A broken record stays in its lane: the text of its keys is its ordering key.
    let keys = change.get("Keys").filter(|keys| keys.get() != "null");
    let read_keys = image(keys);
    let ordering_key = match (&read_keys, keys) {
        (Ok(keys), _) => ordering_key(keys),
        (Err(_), Some(keys)) => keys.get().to_owned(),
        (Err(_), None) => delivery.position.clone(),
    };
    let delivery = Delivery {
        item: sequence,
        ordering_key,
        arrived_at: change.instant("ApproximateCreationDateTime"),
        source_arn: fields.source_arn(),
        ..delivery
    };
    if !named {
        return delivery.unreadable("`SequenceNumber` and `eventID` are missing");
    }
    if fields.get("dynamodb").is_none_or(|change| !change.get().starts_with('{')) {
        return delivery.unreadable("`dynamodb` is not an object");
    }
    let principal = fields.object("userIdentity").text("principalId");
    let kind = match fields.text("eventName").as_deref() {
        Some("INSERT") => ChangeKind::Insert,
        Some("MODIFY") => ChangeKind::Modify,
        Some("REMOVE") if principal.as_deref() == Some("dynamodb.amazonaws.com") => {
            ChangeKind::Expire
        }
        Some("REMOVE") => ChangeKind::Remove,
        other => {
            let other = other.unwrap_or_default();
            return delivery.unreadable(format!(
                "`eventName` is `{other}`; expected INSERT, MODIFY or REMOVE"
            ));
        }
    };
    let change = read_keys.and_then(|keys| {
        let (new_image, old_image) =
            (image(change.get("NewImage"))?, image(change.get("OldImage"))?);
        Ok(Change { kind, keys, new_image, old_image })
    });
    match change {
        Ok(change) => Delivery { body: Ok(Body::Change(change)), ..delivery },
        Err(error) => delivery.unreadable(error),
    }
}

/// Decodes an item. A missing item is empty.
fn image(written: Option<&RawValue>) -> serde_json::Result<Item> {
    let item = written.map(|written| serde_json::from_str::<Option<Item>>(written.get()));
    Ok(item.transpose()?.flatten().unwrap_or_default())
}

/// Returns the item's key as text. The attributes are sorted by name, because a map has another
/// order each time.
fn ordering_key(keys: &Item) -> String {
    let sorted: BTreeMap<_, _> = keys.iter().collect();
    format!("{sorted:?}")
}
