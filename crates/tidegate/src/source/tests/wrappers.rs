//! Tests of which bodies count as wrappers, and which only resemble one.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::source::fields::Fields;
use crate::test::{EventBridgeEvent, SnsEvent, SqsEvent};

fn of_queue(body: &str) -> Box<RawValue> {
    SqsEvent::new().message(body).build()
}

fn event(detail: Value) -> Value {
    EventBridgeEvent::new("shop.orders", "OrderPlaced", detail).id("e-1").value()
}

fn notification(message: &str) -> Value {
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    let event = SqsEvent::new().sent_at(at).notification("orders", message).value();
    serde_json::from_str(event["Records"][0]["body"].as_str().unwrap()).unwrap()
}

#[test]
fn a_detail_keeps_its_bytes_through_both_wrappers() {
    let detail = r#"{"n": 1.50, "big":123456789012345678901234567890, "half":"\ud800","n":2}"#;
    let text =
        event(json!({})).to_string().replace("\"detail\":{}", &format!("\"detail\":{detail}"));
    for body in [text.clone(), format!(" \n{text}\n"), notification(&text).to_string()] {
        let event = of_queue(&body);
        let delivery = &Source::Sqs.split(&event).unwrap()[0];
        assert_eq!(std::str::from_utf8(delivery.bytes().unwrap()).unwrap(), detail);
        assert_eq!(delivery.event, Some(EventName::new("shop.orders", "OrderPlaced")));
        assert_eq!(delivery.event_id.as_deref(), Some("e-1"));
        assert_eq!(delivery.position, SqsEvent::message_id(0), "redelivery is by the message");
        assert_eq!(delivery.item.as_deref(), Some(delivery.position.as_str()));
        assert_eq!(
            delivery.record.get(),
            Fields::parse(&event)
                .unwrap()
                .get("Records")
                .unwrap()
                .get()
                .trim_start_matches('[')
                .trim_end_matches(']')
        );
    }
    let direct = SnsEvent::new().topic("orders").message(&text).build();
    let delivery = &Source::Sns.split(&direct).unwrap()[0];
    assert_eq!(delivery.bytes().unwrap(), detail.as_bytes());
    assert_eq!(delivery.event, Some(EventName::new("shop.orders", "OrderPlaced")));
    assert!(delivery.topic_arn.as_deref().unwrap().ends_with(":orders"));
    assert_eq!(delivery.item, None);
}

#[test]
fn what_lacks_a_field_of_a_wrapper_or_has_it_in_another_form_is_a_message_of_its_own() {
    let damages = |whole: Value, optional: &[&str]| {
        let mut bodies = Vec::new();
        for name in
            whole.as_object().unwrap().keys().filter(|name| !optional.contains(&name.as_str()))
        {
            let mut lacking = whole.clone();
            lacking.as_object_mut().unwrap().remove(name);
            bodies.push(lacking.to_string());
            for other in [json!(null), json!(7), json!("")] {
                let mut odd = whole.clone();
                odd[name] = other;
                bodies.push(odd.to_string());
            }
            // Two fields with the same name: neither can be trusted.
            bodies.push(format!("{{\"{name}\":{},{}", whole[name], &whole.to_string()[1..]));
        }
        bodies
    };
    let mut bodies = damages(event(json!({ "n": 1 })), &[]);
    let signed = [
        "Subject",
        "Signature",
        "SignatureVersion",
        "SigningCertURL",
        "UnsubscribeURL",
        "MessageAttributes",
        "Message",
    ];
    bodies.extend(damages(notification("hello"), &signed));
    for (name, other) in [("Type", "SubscriptionConfirmation"), ("TopicArn", "arn:aws:sqs:a:b:c")] {
        let mut odd = notification("hello");
        odd[name] = other.into();
        bodies.push(odd.to_string());
    }
    for version in ["1", "0.0"] {
        let mut odd = event(json!({}));
        odd["version"] = version.into();
        bodies.push(odd.to_string());
    }
    // Only Scheduler sends JSON as a string in `detail`.
    bodies.push(event(json!("{}")).to_string());
    // A CloudEvent, raw message delivery, no JSON, a body cut off, the wrapper inside another
    // value.
    let whole = event(json!({})).to_string();
    bodies.extend([
        json!({ "id": "e", "source": "s", "type": "t", "specversion": "1.0", "data": {} })
            .to_string(),
        String::new(),
        "{".to_owned(),
        "hello".to_owned(),
        whole[..whole.len() - 1].to_owned(),
        format!("{whole}{whole}"),
        format!("[{whole}]"),
        json!({ "event": event(json!({})) }).to_string(),
        json!({ "Records": [] }).to_string(),
        json!({ "Records": [{ "eventSource": "aws:sqs", "s3": {}, "eventName": "x" }] })
            .to_string(),
        json!({ "Records": [{ "eventSource": "aws:s3", "s3": 7, "eventName": "x" }] }).to_string(),
    ]);
    assert!(bodies.len() > 60);
    for body in bodies {
        let event = of_queue(&body);
        let deliveries = Source::Sqs.split(&event).unwrap();
        assert_eq!(deliveries.len(), 1);
        assert_eq!(std::str::from_utf8(deliveries[0].bytes().unwrap()).unwrap(), body);
        let Delivery { event, event_id, topic_arn, .. } = &deliveries[0];
        assert_eq!((event, event_id, topic_arn), (&None, &None, &None), "{body}");
    }
}

#[test]
fn a_wrapper_is_taken_off_once() {
    let inner = event(json!({ "inner": true }));
    let bodies = [
        // An event about an event, a notification about a notification: the inner one is content.
        (event(inner.clone()).to_string(), inner.to_string()),
        (
            notification(&notification("hello").to_string()).to_string(),
            notification("hello").to_string(),
        ),
        (event(notification("hello")).to_string(), notification("hello").to_string()),
    ];
    for (body, content) in bodies {
        let event = of_queue(&body);
        let delivery = &Source::Sqs.split(&event).unwrap()[0];
        let seen: Value = delivery.json().unwrap();
        assert_eq!(seen, serde_json::from_str::<Value>(&content).unwrap());
    }
    let direct = SnsEvent::new().message(&notification("hello").to_string()).build();
    let delivery = &Source::Sns.split(&direct).unwrap()[0];
    assert_eq!(delivery.bytes().unwrap(), notification("hello").to_string().as_bytes());
}

#[test]
fn an_archive_replay_is_an_event() {
    let mut replayed = event(json!({ "n": 1 }));
    replayed["replay-name"] = "again".into();
    let event = of_queue(&replayed.to_string());
    assert_eq!(Source::Sqs.split(&event).unwrap()[0].bytes().unwrap(), br#"{"n":1}"#);
}

#[test]
fn what_an_input_path_or_a_transformer_made_is_a_message_as_a_whole() {
    let envelope = json!({ "specversion": "1.0", "id": "c", "type": "OrderPlaced", "data": {} });
    for input in [envelope, json!([1, 2]), json!("text"), json!({ "detail": { "n": 1 } }), json!(7)]
    {
        let event = raw(&input);
        let deliveries = Source::EventBridge.split_on(&event, "r").unwrap();
        assert_eq!(deliveries[0].json::<Value>().unwrap(), input);
        assert_eq!((&deliveries[0].event, &deliveries[0].event_id), (&None, &None));
        assert_eq!(deliveries[0].occasion.as_deref(), Some("r"));
    }
}
