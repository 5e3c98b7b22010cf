//! Builds events of a DynamoDB stream.

use jiff::Timestamp;
use serde::Serialize;
use serde_dynamo::{Item, to_item};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{ACCOUNT, REGION, raw};
use crate::failure::{Failure, chain};
use crate::ids::content_uuid;
use crate::store::{PARTITION_KEY, RecordedCommit, SORT_KEY, image_of};

/// Builds a batch of changes of a table's items, with new and old images.
///
/// ```
/// use serde_json::json;
/// use tidegate::source::{ChangeKind, Source};
/// use tidegate::test::DynamoDbEvent;
///
/// let item = json!({ "id": "a", "count": 3 });
/// let event = DynamoDbEvent::new(["id"]).insert(&item).unwrap().expire(&item).unwrap().build();
/// let deliveries = Source::DynamoDb.split(&event).unwrap();
/// assert_eq!(deliveries[0].change().unwrap().kind, ChangeKind::Insert);
/// assert_eq!(deliveries[1].change().unwrap().kind, ChangeKind::Expire);
/// ```
#[derive(Clone, Debug)]
pub struct DynamoDbEvent {
    table: String,
    keys: Vec<String>,
    view: &'static str,
    created_at: Timestamp,
    records: Vec<Value>,
}

impl DynamoDbEvent {
    /// Creates an empty batch.
    ///
    /// The table is named `table`, and its key has the attributes `keys`. The time of the changes
    /// is now.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            table: "table".to_owned(),
            keys: keys.into_iter().map(str::to_owned).collect(),
            view: "NEW_AND_OLD_IMAGES",
            created_at: Timestamp::now(),
            records: Vec::new(),
        }
    }

    /// Creates an empty batch of the event store. Its stream carries only new images.
    pub fn event_store() -> Self {
        let view = "NEW_IMAGE";
        Self { view, ..Self::new([PARTITION_KEY, SORT_KEY]).table("event-store") }
    }

    /// Sets the table of the changes that follow.
    #[must_use]
    pub fn table(mut self, name: &str) -> Self {
        name.clone_into(&mut self.table);
        self
    }

    /// Sets the time of the changes that follow.
    #[must_use]
    pub fn created_at(mut self, time: Timestamp) -> Self {
        self.created_at = time;
        self
    }

    /// Adds the changes of a commit that was stored in the event store.
    ///
    /// # Errors
    /// The failure with which the event store would refuse the commit.
    pub fn commit(self, commit: &RecordedCommit) -> Result<Self, Failure> {
        let mut event = self;
        for image in image_of(commit)? {
            event = event.change("INSERT", Some(image), None);
        }
        Ok(event)
    }

    /// Adds the change of an item that was added.
    ///
    /// # Errors
    /// `unencodable` (permanent): the value cannot be written as an item.
    pub fn insert(self, new: &impl Serialize) -> Result<Self, Failure> {
        Ok(self.change("INSERT", Some(item(new)?), None))
    }

    /// Adds the change of an item that was changed.
    ///
    /// # Errors
    /// Same as [`Self::insert`].
    pub fn modify(self, old: &impl Serialize, new: &impl Serialize) -> Result<Self, Failure> {
        Ok(self.change("MODIFY", Some(item(new)?), Some(item(old)?)))
    }

    /// Adds the change of an item that a writer removed.
    ///
    /// # Errors
    /// Same as [`Self::insert`].
    pub fn remove(self, old: &impl Serialize) -> Result<Self, Failure> {
        Ok(self.change("REMOVE", None, Some(item(old)?)))
    }

    /// Adds the change of an item that DynamoDB removed because its time to live was over.
    ///
    /// # Errors
    /// Same as [`Self::insert`].
    pub fn expire(self, old: &impl Serialize) -> Result<Self, Failure> {
        let mut event = self.remove(old)?;
        if let Some(record) = event.records.last_mut().and_then(Value::as_object_mut) {
            let service = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
            record.insert("userIdentity".to_owned(), service);
        }
        Ok(event)
    }

    fn change(mut self, name: &str, new: Option<Item>, old: Option<Item>) -> Self {
        let number = self.records.len() + 1;
        let keys: Item = {
            let whole = new.as_ref().or(old.as_ref());
            let of = |key: &String| Some((key.clone(), whole?.get(key)?.clone()));
            Item::from(self.keys.iter().filter_map(of).collect::<std::collections::HashMap<_, _>>())
        };
        let old = old.filter(|_| self.view == "NEW_AND_OLD_IMAGES");
        let images: Vec<(&str, Value)> =
            [("Keys", Some(keys)), ("NewImage", new), ("OldImage", old)]
                .into_iter()
                // An item is JSON whose keys are strings.
                .filter_map(|(name, image)| Some((name, serde_json::to_value(image?).ok()?)))
                .collect();
        let mut change = json!({
            "ApproximateCreationDateTime": self.created_at.as_second() as f64,
            "SequenceNumber": format!("8000000000031262{number:011}"),
            "SizeBytes": images.iter().map(|(_, image)| image.to_string().len()).sum::<usize>(),
            "StreamViewType": self.view,
        });
        if let Some(change) = change.as_object_mut() {
            change.extend(images.into_iter().map(|(name, image)| (name.to_owned(), image)));
        }
        self.records.push(json!({
            "eventID": content_uuid(&["change", &self.table, &number.to_string()]).simple().to_string(),
            "eventName": name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": change,
            "eventSourceARN": format!(
                "arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{}/stream/2026-01-01T00:00:00.000",
                self.table
            ),
        }));
        self
    }

    /// Returns the event as a JSON tree, which a test can change.
    pub fn value(self) -> Value {
        json!({ "Records": self.records })
    }

    /// Builds the event of the invocation.
    pub fn build(self) -> Box<RawValue> {
        raw(&self.value())
    }
}

fn item(value: &impl Serialize) -> Result<Item, Failure> {
    to_item(value).map_err(|error| Failure::permanent("unencodable", chain(&error)))
}
