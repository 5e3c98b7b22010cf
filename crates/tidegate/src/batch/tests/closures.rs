//! Tests handlers that are closures.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::batch::*;
use crate::dead_letter::MemoryDeadLetters;
use crate::each;
use crate::failure::Failure;
use crate::message::Message;
use crate::source::{Delivery, Source};
use crate::test::SqsEvent;

#[derive(Debug, Serialize, Deserialize, Message)]
#[message(version = 2, oldest)]
struct LampLit {
    watts: u32,
}

/// Runs these bodies as messages of a queue.
async fn run<H: BatchHandler>(handler: H, bodies: &[&str]) -> (Counts, Vec<(String, String)>) {
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner = Runner::new(Source::Sqs, handler, "f", Arc::<MemoryDeadLetters>::clone(&letters));
    let event = bodies.iter().fold(SqsEvent::new(), |event, body| event.message(body)).build();
    let counts = runner.run(Invocation::new(&event, Duration::from_secs(10))).await.counts;
    let letters = letters.letters().into_iter().map(|letter| (letter.code, letter.reason));
    (counts, letters.collect())
}

fn lamp(kind: &str, version: u32, data: &Value) -> String {
    let mut envelope = json!({
        "specversion": "1.0", "id": "e1", "source": "house", "type": kind, "subject": "lamp#1",
        "time": "2026-01-01T00:00:00Z",
        "dataschema": format!("urn:tidegate:schema:{kind}:{version}"),
    });
    envelope[if data.is_string() { "dataref" } else { "data" }] = data.clone();
    envelope.to_string()
}

#[tokio::test]
async fn a_closure_gets_each_record_and_what_it_captured_and_a_bad_body_fails_alone() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&seen);
    let handler = each!(1, async move |(sensor, celsius): &(String, f64), context| {
        tokio::task::yield_now().await;
        shared.lock().unwrap().push(format!("{sensor} {celsius}"));
        assert!(context.delivered.is_some(), "an effect can be held");
        if sensor == "broken" { Err(Failure::transient("later", "")) } else { Ok(Handled::Applied) }
    });
    let bodies = [r#"["cellar",14.5]"#, "no reading", r#"["broken",0]"#, r#"["roof",-3.25]"#];
    let (counts, letters) = run(handler, &bodies).await;
    assert_eq!((counts.applied, counts.failed, counts.dead_lettered), (2, 1, 1), "{counts:?}");
    assert_eq!(*seen.lock().unwrap(), ["cellar 14.5", "broken 0", "roof -3.25"]);
    assert_eq!(letters[0].0, "invalid_body");
}

#[tokio::test]
async fn a_closure_over_a_message_takes_it_out_of_its_envelope() {
    let handler = each!(1, async |lit: &Routed<LampLit>, _| {
        assert_eq!((lit.message.watts, lit.envelope.id.as_str()), (40, "e1"));
        Ok(Handled::Applied)
    });
    let bodies = [
        lamp("LampLit", 2, &json!({ "watts": 40 })),
        lamp("LampLit", 3, &json!({ "lumens": 400 })),
        lamp("LampBroken", 1, &json!({})),
        lamp("LampLit", 2, &json!("tidegate:lamp%231/1")),
        lamp("LampLit", 1, &json!({ "power": 40 })),
        r#"{"watts":40}"#.to_owned(),
    ];
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let (counts, letters) = run(handler, &bodies).await;
    assert_eq!((counts.applied, counts.failed), (1, 1), "the newer version waits: {counts:?}");
    let codes: Vec<&str> = letters.iter().map(|(code, _)| code.as_str()).collect();
    let expected = ["wrong_type", "data_by_reference", "unsupported_version", "not_an_envelope"];
    assert_eq!(codes, expected);
    assert!(letters[1].1.contains("Routes::resolve"), "{}", letters[1].1);
}

/// A record that needs more of its delivery than the body.
struct Positioned(String);

impl FromDelivery for Positioned {
    fn from_delivery(delivery: &Delivery<'_>) -> Result<Self, Failure> {
        Ok(Self(delivery.position.clone()))
    }
}

async fn positioned(record: &Positioned, _: &BatchContext) -> Result<Handled, Failure> {
    assert!(!record.0.is_empty());
    Ok(Handled::Applied)
}

#[tokio::test]
async fn a_function_over_a_record_of_ones_own_is_a_handler_too() {
    let (counts, _) = run(each!(4, positioned), &["a", "b"]).await;
    assert_eq!((counts.applied, counts.total()), (2, 2));
}

#[tokio::test]
async fn the_concurrency_is_the_number_of_records_at_work() {
    for concurrency in [1, 3] {
        let work = Arc::new(Mutex::new((0, 0)));
        let shared = Arc::clone(&work);
        let handler = each!(concurrency, async move |_: &u8, _| {
            {
                let mut work = shared.lock().unwrap();
                work.0 += 1;
                work.1 = work.1.max(work.0);
            }
            tokio::task::yield_now().await;
            shared.lock().unwrap().0 -= 1;
            Ok(Handled::Applied)
        });
        let (counts, _) = run(handler, &["1", "2", "3", "4", "5"]).await;
        assert_eq!(counts.applied, 5);
        assert_eq!(work.lock().unwrap().1, concurrency);
    }
}
