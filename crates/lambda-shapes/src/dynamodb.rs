//! Lambda's event record for DynamoDB Streams (AWS docs: "Using AWS Lambda with Amazon DynamoDB",
//! example event).

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodbstreams::types::{AttributeValue, Record as Source};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::moment::Moment;
use crate::record::{OrderingKey, Record};
use crate::sequence::SequenceNumber;

/// Turns a record that `GetRecords` returned into one with its element of the event. A change
/// without a creation time was made when it was read.
///
/// Returns `None` for a record without change or sequence number. AWS does not send such records.
///
/// # Errors
/// The element cannot be serialised. This does not occur with these types.
pub fn record(
    source: &Source,
    stream_arn: &str,
    region: &str,
    read: Moment,
) -> serde_json::Result<Option<Record>> {
    let Some(change) = &source.dynamodb else { return Ok(None) };
    let Some(sequence) = &change.sequence_number else { return Ok(None) };
    let arrived = Moment::arrival(change.approximate_creation_date_time).unwrap_or(read);
    let event = EventRecord {
        event_id: source.event_id.as_deref().unwrap_or_default(),
        event_name: source.event_name.as_ref().map_or("", |name| name.as_str()),
        event_version: "1.1",
        event_source: "aws:dynamodb",
        aws_region: source.aws_region.as_deref().unwrap_or(region),
        dynamodb: Change {
            created: Seconds(arrived.as_millis()),
            keys: change.keys.as_ref().map(Attributes),
            new_image: change.new_image.as_ref().map(Attributes),
            old_image: change.old_image.as_ref().map(Attributes),
            sequence_number: sequence,
            size_bytes: change.size_bytes.unwrap_or(0),
            stream_view_type: change.stream_view_type.as_ref().map(|view| view.as_str()),
        },
        user_identity: source.user_identity.as_ref().map(|identity| Identity {
            principal_id: identity.principal_id.as_deref(),
            kind: identity.r#type.as_deref(),
        }),
        event_source_arn: stream_arn,
    };
    Ok(Some(Record {
        sequence: SequenceNumber::new(sequence.as_str()),
        key: ordering_key(change.keys.as_ref())?,
        arrived,
        json: Bytes::from(serde_json::to_vec(&event)?),
    }))
}

/// Returns the ordering key of a change.
///
/// For tables, Lambda keeps the order per *item*. So all key attributes count, in an order that
/// does not depend on the map.
fn ordering_key(keys: Option<&HashMap<String, AttributeValue>>) -> serde_json::Result<OrderingKey> {
    let sorted: BTreeMap<&str, Attribute<'_>> =
        keys.into_iter().flatten().map(|(name, value)| (name.as_str(), Attribute(value))).collect();
    Ok(OrderingKey::new(&serde_json::to_vec(&sorted)?))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventRecord<'a> {
    #[serde(rename = "eventID")]
    event_id: &'a str,
    event_name: &'a str,
    event_version: &'static str,
    event_source: &'static str,
    aws_region: &'a str,
    dynamodb: Change<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_identity: Option<Identity<'a>>,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Change<'a> {
    #[serde(rename = "ApproximateCreationDateTime")]
    created: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Attributes<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_image: Option<Attributes<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_image: Option<Attributes<'a>>,
    sequence_number: &'a str,
    size_bytes: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_view_type: Option<&'a str>,
}

/// Who removed an item. For time to live it is the DynamoDB service.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    principal_id: Option<&'a str>,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
}

/// Milliseconds that are serialised as seconds, and as an integer if they are whole seconds.
struct Seconds(i64);

impl Serialize for Seconds {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of this age fit exactly into an f64"
    )]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1000 == 0 {
            serializer.serialize_i64(self.0 / 1000)
        } else {
            serializer.serialize_f64(self.0 as f64 / 1000.0)
        }
    }
}

struct Attributes<'a>(&'a HashMap<String, AttributeValue>);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Attribute(value))))
    }
}

/// An attribute value with its type, such as `{"S": "text"}`.
struct Attribute<'a>(&'a AttributeValue);

impl Serialize for Attribute<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut typed = serializer.serialize_map(Some(1))?;
        match self.0 {
            AttributeValue::S(text) => typed.serialize_entry("S", text)?,
            AttributeValue::N(number) => typed.serialize_entry("N", number)?,
            AttributeValue::B(bytes) => typed.serialize_entry("B", &STANDARD.encode(bytes))?,
            AttributeValue::Ss(texts) => typed.serialize_entry("SS", texts)?,
            AttributeValue::Ns(numbers) => typed.serialize_entry("NS", numbers)?,
            AttributeValue::Bs(list) => {
                let list: Vec<String> = list.iter().map(|bytes| STANDARD.encode(bytes)).collect();
                typed.serialize_entry("BS", &list)?;
            }
            AttributeValue::M(map) => typed.serialize_entry("M", &Attributes(map))?,
            AttributeValue::L(list) => typed.serialize_entry("L", &List(list))?,
            AttributeValue::Bool(value) => typed.serialize_entry("BOOL", value)?,
            AttributeValue::Null(value) => typed.serialize_entry("NULL", value)?,
            _ => {
                return Err(serde::ser::Error::custom(
                    "a DynamoDB attribute of a type this engine does not know",
                ));
            }
        }
        typed.end()
    }
}

struct List<'a>(&'a [AttributeValue]);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for value in self.0 {
            list.serialize_element(&Attribute(value))?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodbstreams::types::{Identity, OperationType, StreamRecord, StreamViewType};
    use aws_smithy_types::{Blob, DateTime};
    use serde_json::{Value, json};

    use super::*;

    fn source(image: HashMap<String, AttributeValue>) -> Source {
        let change = StreamRecord::builder()
            .approximate_creation_date_time(DateTime::from_secs(1_428_537_600))
            .keys("Id", AttributeValue::N("101".to_owned()))
            .keys("Area", AttributeValue::S("x".to_owned()))
            .set_new_image(Some(image))
            .sequence_number("4421584500000000017450439091")
            .size_bytes(26)
            .stream_view_type(StreamViewType::NewImage)
            .build();
        Source::builder()
            .event_id("c4ca4238a0b923820dcc509a6f75849b")
            .event_name(OperationType::Insert)
            .aws_region("us-east-1")
            .dynamodb(change)
            .build()
    }

    const READ: Moment = Moment::from_millis(1_428_537_700_000);

    #[test]
    fn a_changes_time_is_read_in_every_form_and_one_without_was_made_when_it_was_read() {
        for (time, expected) in [
            (Some(DateTime::from_secs(1_428_537_600)), json!(1_428_537_600)),
            (Some(DateTime::from_secs_f64(1_428_537_600.965)), json!(1_428_537_600.965)),
            (Some(DateTime::from_secs(1_428_537_600_965)), json!(1_428_537_600.965)),
            (None, json!(1_428_537_700)),
        ] {
            let mut source = source(HashMap::new());
            source.dynamodb.as_mut().unwrap().approximate_creation_date_time = time;
            let event = written(&source);
            assert_eq!(event["dynamodb"]["ApproximateCreationDateTime"], expected, "{time:?}");
        }
    }

    fn written(source: &Source) -> Value {
        let record = record(source, "arn:stream", "eu-west-1", READ).unwrap().unwrap();
        serde_json::from_slice(&record.json).unwrap()
    }

    #[test]
    fn a_record_has_lambdas_shape() {
        let image =
            HashMap::from([("Message".to_owned(), AttributeValue::S("New item!".to_owned()))]);
        assert_eq!(
            written(&source(image)),
            json!({
                "eventID": "c4ca4238a0b923820dcc509a6f75849b",
                "eventName": "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "us-east-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_428_537_600,
                    "Keys": {"Id": {"N": "101"}, "Area": {"S": "x"}},
                    "NewImage": {"Message": {"S": "New item!"}},
                    "SequenceNumber": "4421584500000000017450439091",
                    "SizeBytes": 26,
                    "StreamViewType": "NEW_IMAGE"
                },
                "eventSourceARN": "arn:stream"
            })
        );
    }

    #[test]
    fn every_attribute_type_is_written_with_its_type() {
        let blob = || Blob::new([1_u8, 2, 3]);
        let value = AttributeValue::L(vec![
            AttributeValue::B(blob()),
            AttributeValue::Bs(vec![blob()]),
            AttributeValue::Ss(vec!["a".to_owned()]),
            AttributeValue::Ns(vec!["1.5".to_owned()]),
            AttributeValue::Bool(true),
            AttributeValue::Null(true),
            AttributeValue::M(HashMap::from([("k".to_owned(), AttributeValue::N("7".to_owned()))])),
        ]);
        let event = written(&source(HashMap::from([("v".to_owned(), value)])));
        assert_eq!(
            event["dynamodb"]["NewImage"]["v"],
            json!({"L": [{"B": "AQID"}, {"BS": ["AQID"]}, {"SS": ["a"]}, {"NS": ["1.5"]}, {"BOOL": true}, {"NULL": true},
                {"M": {"k": {"N": "7"}}}]})
        );
    }

    #[test]
    fn a_removal_by_time_to_live_names_the_service() {
        let mut source = source(HashMap::new());
        source.event_name = Some(OperationType::Remove);
        source.user_identity = Some(
            Identity::builder().principal_id("dynamodb.amazonaws.com").r#type("Service").build(),
        );
        let event = written(&source);
        assert_eq!(
            event["userIdentity"],
            json!({"principalId": "dynamodb.amazonaws.com", "type": "Service"})
        );
        assert_eq!(event["eventName"], "REMOVE");
    }

    #[test]
    fn one_item_has_one_ordering_key_whatever_the_order_of_its_attributes() {
        let key = |n: &str| {
            let mut source = source(HashMap::new());
            let change = source.dynamodb.as_mut().unwrap();
            change.keys = Some(HashMap::from([
                ("Area".to_owned(), AttributeValue::S("x".to_owned())),
                ("Id".to_owned(), AttributeValue::N(n.to_owned())),
            ]));
            record(&source, "arn", "r", READ).unwrap().unwrap().key
        };
        assert_eq!(key("101"), key("101"));
        assert_ne!(key("101"), key("102"));
    }
}
