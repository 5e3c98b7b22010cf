//! Tests delays of single messages on a real queue.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use serde_json::value::RawValue;
use tidegate::batch::{
    BatchContext, Decode, EachRecord, Handled, Handler, Invocation, Runner, SqsVisibility,
};
use tidegate::failure::Failure;
use tidegate::source::{Delivery, Source};
use tidegate::test::MemoryDeadLetters;

use crate::contract::{Tables, unique};

/// A handler that fails with the delay in the body, in seconds.
struct Later;

impl Decode for Later {
    type Record = u64;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<u64, Failure> {
        delivery.json()
    }
}

impl Handler for Later {
    async fn handle(&self, seconds: &u64, _: &BatchContext) -> Result<Handled, Failure> {
        Err(Failure::transient("later", "not yet").retry_after(Duration::from_secs(*seconds)))
    }
}

/// Messages without a delay become visible again at once.
///
/// The queue hides messages for ten minutes. There are twelve messages, which is more than one
/// request can have.
#[tokio::test]
async fn a_queue_hides_each_message_for_as_long_as_its_failure_says() {
    let backend = Tables::create().await;
    let sqs = backend.clients.sqs.clone();
    let name = unique("delays").replace('#', "-");
    let url = sqs.create_queue().queue_name(&name).send().await.unwrap().queue_url.unwrap();
    for number in 0..12 {
        let delay = if number % 2 == 0 { "0" } else { "600" };
        sqs.send_message().queue_url(&url).message_body(delay).send().await.unwrap();
    }
    let mut records = Vec::new();
    while records.len() < 12 {
        let received = sqs
            .receive_message()
            .queue_url(&url)
            .max_number_of_messages(10)
            .visibility_timeout(600)
            .wait_time_seconds(5)
            .send()
            .await
            .unwrap();
        let received = received.messages.unwrap_or_default();
        assert!(!received.is_empty(), "{} of 12 messages came", records.len());
        records.extend(received.into_iter().map(|message| {
            json!({
                "messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": message.body,
                "attributes": {}, "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{name}"),
            })
        }));
    }
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner = Runner::new(Source::Sqs, EachRecord::new(Later, 4), "probe", letters)
        .visibility(Arc::new(SqsVisibility::new(sqs.clone())));
    let event = RawValue::from_string(json!({ "Records": records }).to_string()).unwrap();
    let invocation = Invocation::new(&event, Duration::from_secs(30));
    assert_eq!(runner.run(invocation).await.response.unwrap().items().count(), 12);
    let mut again = Vec::new();
    loop {
        let received = sqs
            .receive_message()
            .queue_url(&url)
            .max_number_of_messages(10)
            .visibility_timeout(600)
            .send()
            .await
            .unwrap();
        let received = received.messages.unwrap_or_default();
        if received.is_empty() {
            break;
        }
        again.extend(received.into_iter().filter_map(|message| message.body));
    }
    assert_eq!(again, ["0"; 6]);
    backend.end().await;
}
