//! Properties of every decoder: it accepts any bytes and JSON and never panics, and a bad record
//! does not change how others are read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::dead_letter::{DeadLetter, Payload};
use crate::envelope::Envelope;
use crate::failure::Failure;
use crate::source::aggregate::sealed;
use crate::source::*;

fn raw(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap()
}

/// Returns a record as its source writes it.
fn good(source: Source, number: u64) -> Value {
    match source {
        Source::Kinesis => json!({
            "eventID": format!("shardId-000000000000:{number}"), "eventSource": "aws:kinesis", "eventVersion": "1.0",
            "kinesis": {
                "sequenceNumber": number.to_string(), "partitionKey": "order#1", "data": "eyJuIjoxfQ==",
                "approximateArrivalTimestamp": 1_545_084_650.987, "kinesisSchemaVersion": "1.0",
            },
        }),
        Source::DynamoDb => json!({
            "eventID": "e", "eventName": "MODIFY", "awsRegion": "us-east-1",
            "userIdentity": { "type": "Service", "principalId": "someone" },
            "dynamodb": {
                "ApproximateCreationDateTime": 1_479_499_740, "Keys": { "stream": { "S": "order#1" } },
                "NewImage": { "stream": { "S": "order#1" }, "n": { "N": "3" }, "tags": { "SS": ["a"] }, "raw": { "B": "AQI=" },
                    "list": { "L": [{ "M": { "deep": { "BOOL": true } } }, { "NULL": true }] } },
                "OldImage": { "stream": { "S": "order#1" } },
                "SequenceNumber": number.to_string(), "SizeBytes": 26, "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        }),
        Source::Sqs => json!({
            "messageId": format!("m{number}"), "receiptHandle": "r", "body": "{\"n\":1}", "md5OfBody": "x",
            "attributes": { "MessageGroupId": "g", "SentTimestamp": "1545082649183", "ApproximateReceiveCount": "2" },
            "messageAttributes": { "a": { "stringValue": "s", "dataType": "String" } },
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:orders.fifo",
        }),
        Source::Sns => json!({
            "EventVersion": "1.0", "EventSource": "aws:sns", "EventSubscriptionArn": "arn:aws:sns:a:b:t:s",
            "Sns": {
                "Type": "Notification", "MessageId": format!("n{number}"), "TopicArn": "arn:aws:sns:a:b:t",
                "Subject": null, "Message": "{\"n\":1}", "Timestamp": "2026-01-01T00:00:00.000Z",
                "SignatureVersion": "1", "MessageAttributes": { "a": { "Type": "String", "Value": "s" } },
            },
        }),
        Source::S3 => json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "eventTime": "2026-01-01T00:00:00.000Z", "responseElements": { "x-amz-request-id": number },
            "s3": { "bucket": { "name": "photos" }, "object": { "key": "a.png", "size": 3, "sequencer": "0A" } },
        }),
        Source::EventBridge => json!({
            "id": format!("e{number}"), "detail-type": "OrderPlaced", "source": "shop.orders", "version": "0",
            "time": "2026-01-01T00:00:00Z", "detail": { "n": 1 },
        }),
    }
}

const SOURCES: [Source; 6] =
    [Source::Kinesis, Source::DynamoDb, Source::Sqs, Source::EventBridge, Source::Sns, Source::S3];

/// Returns the parts without which the body of a good record cannot be read, as JSON pointers.
/// Values inside these parts belong to them.
fn needed(source: Source) -> &'static [&'static str] {
    match source {
        Source::Kinesis => &["/kinesis/sequenceNumber", "/kinesis/partitionKey", "/kinesis/data"],
        Source::DynamoDb => {
            &["/eventName", "/dynamodb/Keys", "/dynamodb/NewImage", "/dynamodb/OldImage"]
        }
        Source::Sqs => &["/messageId", "/body"],
        Source::EventBridge => &["/detail"],
        Source::Sns => &["/Sns/Message"],
        Source::S3 => &[],
    }
}

/// Returns whether a record can be read without the value at this pointer. False for a value that
/// contains a needed part.
fn may_be_anything(source: Source, pointer: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
    };
    !pointer.is_empty()
        && !needed(source).iter().any(|needed| within(pointer, needed) || within(needed, pointer))
}

/// JSON that a parser of values rejects, and that a tree of values cannot hold.
fn odd_json() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        r#""\ud800""#.to_owned(),
        r#"{"\ud800":"\udfff\ud800"}"#.to_owned(),
        "1e999999".to_owned(),
        "-123456789012345678901234567890.5e-400".to_owned(),
        r#"{"a":1,"a":2}"#.to_owned(),
        format!("{}{}", "[".repeat(2000), "]".repeat(2000)),
        format!("{}1{}", r#"{"a":"#.repeat(2000), "}".repeat(2000)),
    ]);
    prop_oneof![odd, any_json().prop_map(|value| value.to_string())]
}

fn letter() -> Value {
    let event = raw(&json!({ "Records": [good(Source::Sqs, 1)] }));
    let deliveries = Source::Sqs.split(&event).unwrap();
    let failure = Failure::permanent("never", "because");
    serde_json::to_value(DeadLetter::new("probe", Source::Sqs, &deliveries[0], &failure)).unwrap()
}

fn envelope() -> Value {
    json!({
        "specversion": "1.0", "id": "e1", "source": "shop.orders", "type": "OrderPlaced", "subject": "order#1",
        "time": "2010-12-01T08:26:00Z", "dataschema": "urn:tidegate:schema:OrderPlaced:1", "sequence": 1,
        "correlationid": "c1", "causationid": "c1", "traceparent": "t", "tenant": "x",
        "dataref": "tidegate:order%231/1",
    })
}

/// Any JSON, with numbers and strings at the limits of what the decoders convert.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            1e300,
            -1e300,
            9.3e18,
            -62_135_596_801.0,
            253_402_300_800.0,
            0.5
        ])
        .prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "8wEB",
            "84mawg==",
            "-1",
            "99999999999999999999999",
            "9223372036854775807",
            "%",
            "tidegate:%2/1",
            "tidegate:order%23é/1",
            "é#",
            "dynamodb.amazonaws.com",
            "INSERT",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[A-Za-z]{0,6}", inner, 0..5)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

/// A change that makes a good value a bad one.
#[derive(Clone, Debug)]
enum Damage {
    Replace(Value),
    Remove,
}

fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, Damage)>> {
    let one = prop_oneof![any_json().prop_map(Damage::Replace), Just(Damage::Remove)];
    prop::collection::vec((any::<prop::sample::Index>(), one), 0..4)
}

/// Collects the JSON pointers of all values inside.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(name, inner)| {
            pointers(inner, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
        }),
        Value::Array(list) => {
            list.iter()
                .enumerate()
                .for_each(|(index, inner)| pointers(inner, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

fn damaged(mut value: Value, damage: &[(prop::sample::Index, Damage)]) -> Value {
    for (index, damage) in damage {
        let mut found = Vec::new();
        pointers(&value, "", &mut found);
        let pointer = index.get(&found).clone();
        match damage {
            Damage::Replace(with) => {
                if let Some(slot) = value.pointer_mut(&pointer) {
                    *slot = with.clone();
                }
            }
            Damage::Remove => {
                let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
                if let Some(map) = value.pointer_mut(parent).and_then(Value::as_object_mut) {
                    map.remove(name);
                }
            }
        }
    }
    value
}

/// Does everything that a handler may do with a delivery, and checks what must hold even for a bad
/// one.
fn decode(delivery: &Delivery<'_>) -> Result<(), TestCaseError> {
    let _ = delivery.bytes().map(Envelope::parse);
    let _ = delivery.json::<Value>();
    let _ = crate::store::CommitChange::from_delivery(delivery);
    prop_assert!(delivery.item.as_deref() != Some(""), "an empty identifier fails the whole batch");
    Ok(())
}

fn all_equal(left: &[Delivery<'_>], right: &[Delivery<'_>]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|(left, right)| {
            (&left.item, &left.position, &left.ordering_key, left.arrived_at, &left.body)
                == (
                    &right.item,
                    &right.position,
                    &right.ordering_key,
                    right.arrived_at,
                    &right.body,
                )
                && left.record.get() == right.record.get()
        })
}

fn good_wrapper() -> Value {
    crate::test::EventBridgeEvent::new("shop.orders", "OrderPlaced", json!({ "n": 1 })).value()
}

/// Returns the event with only this record.
fn event_of(source: Source, record: &str) -> Box<RawValue> {
    let event = match source {
        Source::EventBridge => record.to_owned(),
        _ => format!(r#"{{"Records":[{record}]}}"#),
    };
    RawValue::from_string(event).unwrap()
}

fn batch_source() -> impl Strategy<Value = Source> {
    prop::sample::select(vec![
        Source::Kinesis,
        Source::DynamoDb,
        Source::Sqs,
        Source::Sns,
        Source::S3,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_record_changes_nothing_for_its_neighbours(source in batch_source(), damage in damage()) {
        let (before, after) = (good(source, 1), good(source, 9));
        let bad = damaged(good(source, 5), &damage);
        let alone = |record: &Value| raw(&json!({ "Records": [record] }));
        let (event, first, last, middle) = (
            raw(&json!({ "Records": [before, bad, after] })),
            alone(&before), alone(&after), alone(&bad),
        );
        let deliveries = source.split(&event).unwrap();
        prop_assert!(all_equal(&deliveries[..1], &source.split(&first).unwrap()));
        prop_assert!(all_equal(&deliveries[deliveries.len() - 1..], &source.split(&last).unwrap()));
        // A redelivery of the record reads the same, including the position.
        let again = source.split(&middle).unwrap();
        prop_assert!(all_equal(&deliveries[1..deliveries.len() - 1], &again));
        for delivery in &again {
            decode(delivery)?;
            let letter = DeadLetter::new("probe", source, delivery, &Failure::permanent("never", ""));
            let letter: DeadLetter = serde_json::from_str(&serde_json::to_string(&letter).unwrap()).unwrap();
            let Payload::Record(record) = &letter.payload else { return Err(TestCaseError::fail("moved")) };
            let replayed = letter.event(record).unwrap();
            prop_assert!(all_equal(std::slice::from_ref(delivery), &source.split(&replayed).unwrap()));
        }
    }

    #[test]
    fn whatever_an_aggregate_holds_costs_no_neighbour_and_each_user_record_can_be_replayed_alone(
        keys in prop::collection::vec("[a-z]{0,3}", 0..3),
        records in prop::collection::vec((0..4_u64, prop::collection::vec(any::<u8>(), 0..20)), 0..5),
        nested in any::<bool>(),
        noise in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut records: Vec<(u64, &[u8])> =
            records.iter().map(|(index, data)| (*index, data.as_slice())).collect();
        let inner = aggregated(&["k"], &[(0, b"inner")]);
        if nested {
            records.push((0, &inner));
        }
        for data in [aggregated(&keys, &records), sealed(&noise)] {
            let mut record = good(Source::Kinesis, 5);
            record["kinesis"]["data"] = STANDARD.encode(&data).into();
            let alone = raw(&json!({ "Records": [record] }));
            let event = raw(&json!({ "Records": [good(Source::Kinesis, 1), record, good(Source::Kinesis, 9)] }));
            let (all, again) = (Source::Kinesis.split(&event).unwrap(), Source::Kinesis.split(&alone).unwrap());
            prop_assert!(all_equal(&all[1..all.len() - 1], &again));
            prop_assert_eq!(all[0].item.as_deref(), Some("1"));
            prop_assert_eq!(all[all.len() - 1].item.as_deref(), Some("9"));
            for delivery in &again {
                decode(delivery)?;
                prop_assert_eq!(delivery.item.as_deref(), Some("5"));
                let failure = Failure::permanent("never", "");
                let letter = DeadLetter::new("probe", Source::Kinesis, delivery, &failure);
                let Payload::Record(record) = &letter.payload else { return Err(TestCaseError::fail("moved")) };
                let replayed = letter.event(record).unwrap();
                let replayed = Source::Kinesis.split(&replayed).unwrap();
                if delivery.body.is_err() {
                    continue;
                }
                prop_assert_eq!(replayed.len(), 1);
                prop_assert_eq!(
                    (&replayed[0].position, &replayed[0].ordering_key, &replayed[0].body, replayed[0].arrived_at),
                    (&delivery.position, &delivery.ordering_key, &delivery.body, delivery.arrived_at)
                );
            }
            if data == aggregated(&keys, &records) && !records.is_empty() {
                prop_assert_eq!(again.len(), records.len());
                for (number, (delivery, (index, data))) in again.iter().zip(&records).enumerate() {
                    prop_assert_eq!(&delivery.position, &format!("shardId-000000000000:5:{number}"));
                    match keys.get(usize::try_from(*index).unwrap()) {
                        Some(key) => {
                            prop_assert_eq!(delivery.bytes().unwrap(), *data);
                            prop_assert_eq!(&delivery.ordering_key, key);
                        }
                        None => prop_assert!(delivery.body.is_err()),
                    }
                }
            }
        }
    }

    #[test]
    fn a_good_record_is_read_whatever_stands_in_a_field_that_is_not_needed(
        source in prop::sample::select(SOURCES.to_vec()),
        place in any::<prop::sample::Index>(),
        odd in odd_json(),
        added in any::<bool>(),
    ) {
        const MARK: &str = "what is replaced";
        let whole = good(source, 5);
        let undamaged = event_of(source, &whole.to_string());
        let wanted = source.split(&undamaged).unwrap();
        let mut found = Vec::new();
        pointers(&whole, "", &mut found);
        found.retain(|pointer| may_be_anything(source, pointer));
        let mut damaged = whole.clone();
        let pointer = place.get(&found);
        match damaged.pointer_mut(pointer) {
            _ if added => damaged["added"] = MARK.into(),
            Some(slot) => *slot = MARK.into(),
            None => return Err(TestCaseError::fail("no such place")),
        }
        let written = damaged.to_string().replace(&format!("\"{MARK}\""), &odd);
        let event = event_of(source, &written);
        let deliveries = source.split(&event).unwrap();
        prop_assert_eq!(deliveries.len(), 1);
        if source == Source::S3 {
            // The body is the record.
            prop_assert_eq!(deliveries[0].bytes().unwrap(), written.as_bytes());
        } else {
            prop_assert_eq!(
                &deliveries[0].body, &wanted[0].body, "{} of {:?}: {}", pointer, source, odd
            );
        }
    }

    #[test]
    fn a_message_with_odd_wrappers_is_read_as_it_is_or_unwrapped(damage in damage(), in_topic in any::<bool>()) {
        let whole = damaged(good_wrapper(), &damage);
        let event = whole.to_string();
        let body = if in_topic {
            let message = crate::test::SqsEvent::new().notification("t", &event).value();
            message["Records"][0]["body"].as_str().unwrap().to_owned()
        } else {
            event.clone()
        };
        let queue = crate::test::SqsEvent::new().message(&body).build();
        let delivery = &Source::Sqs.split(&queue).unwrap()[0];
        let bytes = delivery.bytes().unwrap();
        match &delivery.event {
            Some(_) => {
                let detail = whole["detail"].to_string();
                prop_assert_eq!(bytes, detail.as_bytes());
            }
            None => prop_assert_eq!(bytes, event.as_bytes()),
        }
        prop_assert_eq!(delivery.topic_arn.is_some(), in_topic);
        decode(delivery)?;
    }

    #[test]
    fn any_json_is_an_event_or_refused(event in any_json()) {
        let event = raw(&event);
        for source in SOURCES {
            if let Ok(deliveries) = source.split(&event) {
                deliveries.iter().try_for_each(decode)?;
            }
        }
        let _ = serde_json::from_str::<DeadLetter>(event.get());
        let _ = Envelope::parse(event.get().as_bytes());
    }

    #[test]
    fn a_damaged_event_of_the_bus_is_a_delivery_or_a_failure(damage in damage()) {
        let event = raw(&damaged(good(Source::EventBridge, 1), &damage));
        let deliveries = Source::EventBridge.split(&event).unwrap();
        prop_assert_eq!(deliveries.len(), 1);
        decode(&deliveries[0])?;
    }

    #[test]
    fn damaged_letters_and_envelopes_are_read_or_refused(damage in damage()) {
        if let Ok(letter) = serde_json::from_value::<DeadLetter>(damaged(letter(), &damage)) {
            prop_assert!(letter.event(RawValue::NULL).is_ok());
            prop_assert!(serde_json::to_string(&letter).is_ok());
        }
        if let Ok(envelope) = Envelope::parse(damaged(envelope(), &damage).to_string().as_bytes()) {
            let written = serde_json::to_string(&envelope).unwrap();
            let read = Envelope::parse(written.as_bytes()).unwrap();
            prop_assert_eq!(serde_json::to_string(&read).unwrap(), written);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,40}") {
        let _ = Envelope::parse(&bytes);
        let _ = serde_json::from_slice::<DeadLetter>(&bytes);
        let mut record = good(Source::Kinesis, 1);
        record["kinesis"]["data"] = STANDARD.encode(&bytes).into();
        let event = raw(&json!({ "Records": [record] }));
        let deliveries = Source::Kinesis.split(&event).unwrap();
        prop_assert_eq!(deliveries[0].bytes().unwrap(), &bytes[..]);
        deliveries.iter().try_for_each(decode)?;
        let mut message = good(Source::Sqs, 1);
        message["body"] = text.as_str().into();
        let event = raw(&json!({ "Records": [message] }));
        let deliveries = Source::Sqs.split(&event).unwrap();
        prop_assert_eq!(deliveries[0].bytes().unwrap(), text.as_bytes());
        deliveries.iter().try_for_each(decode)?;
    }
}
