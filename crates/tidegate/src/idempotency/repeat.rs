//! The invocation that runs an effect again, and the place of its event.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use futures::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::EffectKey;
use crate::failure::Failure;
use crate::ids::content_id;

/// An invocation that runs an effect again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Shape", into = "Shape")]
#[non_exhaustive]
pub struct Repeat {
    /// Name of the function.
    pub function: String,
    /// Event of the invocation.
    pub event: RepeatEvent,
    /// Request id of the repeated invocation, if the event has no id. With it, the event is the
    /// same delivery as in that invocation.
    pub occasion: Option<String>,
}

/// The event of an invocation that runs an effect again, by value or in a bucket.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RepeatEvent {
    /// Event.
    Inline(Box<RawValue>),
    /// The event is too large for a record and is an object in a bucket.
    Object {
        /// Name of the bucket.
        bucket: String,
        /// Key of the object.
        key: String,
    },
}

impl Repeat {
    /// Largest event that a record holds, in bytes. A DynamoDB item holds 400 KB.
    pub const INLINE_LIMIT: usize = 300 * 1024;

    /// Creates the invocation of this function with this event.
    pub fn new(function: impl Into<String>, event: Box<RawValue>) -> Self {
        Self { function: function.into(), event: RepeatEvent::Inline(event), occasion: None }
    }

    /// Sets the request id of the repeated invocation, for an event without an id.
    ///
    /// See [`Delivery::occasion`](crate::source::Delivery::occasion).
    #[must_use]
    pub fn of_occasion(mut self, occasion: Option<String>) -> Self {
        self.occasion = occasion;
        self
    }

    /// Returns the event, or `None` if it is in a bucket.
    pub fn inline(&self) -> Option<&RawValue> {
        match &self.event {
            RepeatEvent::Inline(event) => Some(event),
            RepeatEvent::Object { .. } => None,
        }
    }

    /// Returns whether this contains or names `event` of the effect with this key.
    ///
    /// An object must have the name under which this or an older version of the toolkit stores that
    /// event. The check is needed because anyone who writes records can name the object of another
    /// effect.
    pub fn names(&self, key: &str, event: &RawValue) -> bool {
        match &self.event {
            RepeatEvent::Inline(own) => own.get() == event.get(),
            RepeatEvent::Object { key: object, .. } => {
                let id = object_id(key, event);
                *object == object_name(&self.function, &id) || *object == format!("held/{id}.json")
            }
        }
    }

    /// Returns a copy whose event fits a record: inline, or moved to `large`.
    ///
    /// `None` if the event is too large and there is no `large`.
    pub(super) async fn stored(
        self,
        key: &EffectKey,
        large: Option<&dyn LargeEvents>,
    ) -> Result<Option<Self>, Failure> {
        let RepeatEvent::Inline(event) = &self.event else { return Ok(Some(self)) };
        let bytes = event.get().len();
        let large = large.filter(|large| bytes > large.above().min(Self::INLINE_LIMIT));
        let Some(large) = large else {
            return Ok((bytes <= Self::INLINE_LIMIT).then_some(self));
        };
        let name = object_name(&self.function, &object_id(key.as_str(), event));
        let event = large.put(&name, event).await?;
        Ok(Some(Self { event, ..self }))
    }
}

fn object_id(key: &str, event: &RawValue) -> String {
    content_id(&["held-effect", key, event.get()])
}

/// Returns an object name below the function's name, which is all that the function's role may
/// write.
fn object_name(function: &str, id: &str) -> String {
    format!("held/{function}/{id}.json")
}

/// The JSON form: `{"function", "event"}` or `{"function", "object": {"bucket", "key"}}`,
/// optionally with an `occasion`.
#[derive(Serialize, Deserialize)]
struct Shape {
    function: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<Object>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occasion: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Object {
    bucket: String,
    key: String,
}

impl TryFrom<Shape> for Repeat {
    type Error = &'static str;

    fn try_from(shape: Shape) -> Result<Self, Self::Error> {
        let event = match (shape.event, shape.object) {
            (Some(event), None) => RepeatEvent::Inline(event),
            (None, Some(Object { bucket, key })) => RepeatEvent::Object { bucket, key },
            _ => return Err("it has neither an `event` nor an `object`, or both"),
        };
        Ok(Self { function: shape.function, event, occasion: shape.occasion })
    }
}

impl From<Repeat> for Shape {
    fn from(repeat: Repeat) -> Self {
        let (event, object) = match repeat.event {
            RepeatEvent::Inline(event) => (Some(event), None),
            RepeatEvent::Object { bucket, key } => (None, Some(Object { bucket, key })),
        };
        Self { function: repeat.function, event, object, occasion: repeat.occasion }
    }
}

/// Stores events of held effects that are too large for a record.
pub trait LargeEvents: Send + Sync {
    /// Returns the size in bytes above which events are put here instead of into the record.
    ///
    /// At most [`Repeat::INLINE_LIMIT`].
    fn above(&self) -> usize {
        Repeat::INLINE_LIMIT
    }

    /// Puts an event under this name and returns where it is. Must be idempotent.
    ///
    /// # Errors
    /// The event could not be stored. Its delivery then fails and comes again.
    fn put<'a>(
        &'a self,
        name: &'a str,
        event: &'a RawValue,
    ) -> BoxFuture<'a, Result<RepeatEvent, Failure>>;
}

/// A bucket for the events of held effects that are too large for a record.
///
/// The bucket must keep `held/…` without an expiry, because effects may wait without limit: an
/// effect whose event has expired cannot be released. `tidegate effects` deletes an object once its
/// effect took place. The name of an object is `held/<function>/<id>.json`.
#[derive(Clone, Debug)]
pub struct EventBucket {
    client: Client,
    bucket: String,
}

impl EventBucket {
    /// Keeps events in this bucket, such as the dead-letter bucket.
    ///
    /// The function needs `s3:PutObject` on it.
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }

    async fn put_object(&self, name: &str, event: &RawValue) -> Result<RepeatEvent, Failure> {
        let body = ByteStream::from(event.get().as_bytes().to_vec());
        let put = self.client.put_object().bucket(&self.bucket).key(name);
        put.content_type("application/json")
            .body(body)
            .send()
            .await
            .map_err(|error| Failure::aws("event_bucket", &error))?;
        Ok(RepeatEvent::Object { bucket: self.bucket.clone(), key: name.to_owned() })
    }
}

impl LargeEvents for EventBucket {
    fn put<'a>(
        &'a self,
        name: &'a str,
        event: &'a RawValue,
    ) -> BoxFuture<'a, Result<RepeatEvent, Failure>> {
        self.put_object(name, event).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_the_event_of_one_effect_of_one_function_by_its_name() {
        let event = RawValue::from_string(r#"{"n":1.50}"#.to_owned()).unwrap();
        let id = content_id(&["held-effect", "f#mail#1", event.get()]);
        let names = |key: String, effect: &str, event: &RawValue| {
            let event_place = RepeatEvent::Object { bucket: "b".to_owned(), key };
            let repeat = Repeat { event: event_place, ..Repeat::new("f", event.to_owned()) };
            repeat.names(effect, event)
        };
        let other = RawValue::from_string("{}".to_owned()).unwrap();
        for own in [format!("held/f/{id}.json"), format!("held/{id}.json")] {
            assert!(names(own.clone(), "f#mail#1", &event), "{own}");
            assert!(!names(own.clone(), "f#mail#2", &event), "{own}: of another effect");
            assert!(!names(own.clone(), "f#mail#1", &other), "{own}: another event");
        }
        for foreign in [format!("held/g/{id}.json"), format!("held/f/{id}"), format!("f/{id}.json")]
        {
            assert!(!names(foreign.clone(), "f#mail#1", &event), "{foreign}");
        }
    }

    #[test]
    fn a_repeat_is_written_as_before_and_names_an_object_where_there_is_one() {
        let old = r#"{"function":"f","event":{"n":1.50}}"#;
        let inline: Repeat = serde_json::from_str(old).unwrap();
        assert_eq!(inline.inline().unwrap().get(), r#"{"n":1.50}"#);
        assert_eq!(serde_json::to_string(&inline).unwrap(), old);
        let object = r#"{"function":"f","object":{"bucket":"b","key":"k"}}"#;
        let large: Repeat = serde_json::from_str(object).unwrap();
        assert!(large.inline().is_none());
        assert_eq!(serde_json::to_string(&large).unwrap(), object);
        assert!(serde_json::from_str::<Repeat>(r#"{"function":"f"}"#).is_err());
    }
}
