//! Tests messages that are hidden until their delay is over.

use super::*;

/// Records the messages to be hidden.
#[derive(Default)]
struct Hidden {
    seen: Mutex<Vec<(String, HiddenMessage)>>,
    down: bool,
}

impl Visibility for Hidden {
    fn hide<'a>(
        &'a self,
        queue: &'a str,
        messages: &'a [HiddenMessage],
    ) -> futures::future::BoxFuture<'a, Result<(), Failure>> {
        let mut seen = self.seen.lock().unwrap();
        seen.extend(messages.iter().map(|message| (queue.to_owned(), message.clone())));
        let answer = if self.down { Err(Failure::transient("visibility", "down")) } else { Ok(()) };
        Box::pin(std::future::ready(answer))
    }
}

async fn run_hidden(hidden: &Arc<Hidden>, bodies: &[&str], replay: bool) -> Report {
    let records: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| {
            json!({
                "messageId": number.to_string(), "receiptHandle": format!("receipt {number}"), "body": body,
                "attributes": {}, "eventSourceARN": "arn:aws:sqs:eu-west-1:1:orders",
            })
        })
        .collect();
    let event = RawValue::from_string(json!({ "Records": records }).to_string()).unwrap();
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner =
        Runner::new(Source::Sqs, EachRecord::new(Obedient::default(), 4), "probe", letters)
            .visibility(Arc::<Hidden>::clone(hidden));
    runner
        .run(Invocation {
            event: &event,
            request_id: "r",
            remaining: Duration::from_secs(9),
            replay,
        })
        .await
}

#[tokio::test]
async fn a_failed_message_is_hidden_for_as_long_as_its_failure_says() {
    let hidden = Arc::new(Hidden::default());
    let report =
        run_hidden(&hidden, &["ok", "after 0.2", "transient", "after 1e6", "permanent"], false)
            .await;
    assert_eq!(report.response.unwrap().items().collect::<Vec<_>>(), ["1", "2", "3"]);
    let of = |number: u32, seconds| {
        let message = HiddenMessage {
            message_id: number.to_string(),
            receipt_handle: format!("receipt {number}"),
            seconds,
        };
        ("arn:aws:sqs:eu-west-1:1:orders".to_owned(), message)
    };
    assert_eq!(*hidden.seen.lock().unwrap(), [of(1, 1), of(3, 42_300)]);
}

#[tokio::test]
async fn a_message_that_cannot_be_hidden_is_reported_all_the_same_and_a_replay_hides_nothing() {
    let hidden = Arc::new(Hidden { down: true, ..Hidden::default() });
    let report = run_hidden(&hidden, &["after 5"], false).await;
    assert_eq!(report.response.unwrap().items().collect::<Vec<_>>(), ["0"]);
    assert_eq!(hidden.seen.lock().unwrap().len(), 1);
    run_hidden(&hidden, &["after 5"], true).await;
    assert_eq!(hidden.seen.lock().unwrap().len(), 1, "its receipt is long out of date");
}

#[tokio::test]
async fn a_stream_ignores_delays() {
    let hidden = Arc::new(Hidden::default());
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner =
        Runner::new(Source::Kinesis, EachRecord::new(Obedient::default(), 4), "probe", letters)
            .visibility(Arc::<Hidden>::clone(&hidden));
    let event = event(Source::Kinesis, &[("a", "after 5")]);
    let remaining = Duration::from_secs(9);
    let report =
        runner.run(Invocation { event: &event, request_id: "r", remaining, replay: false }).await;
    assert_eq!(report.response.unwrap().items().collect::<Vec<_>>(), ["1"]);
    assert!(hidden.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn messages_behind_a_failed_one_in_their_group_come_again_right_after_it() {
    let hidden = Arc::new(Hidden::default());
    let records: Vec<_> =
        [("g", "ok"), ("g", "after 5"), ("h", "transient"), ("g", "ok"), ("h", "ok"), ("g", "ok")]
            .iter()
            .enumerate()
            .map(|(number, (group, body))| {
                json!({
                    "messageId": number.to_string(), "receiptHandle": "r", "body": body,
                    "attributes": { "MessageGroupId": group },
                    "eventSourceARN": "arn:aws:sqs:eu-west-1:1:orders.fifo",
                })
            })
            .collect();
    let event = RawValue::from_string(json!({ "Records": records }).to_string()).unwrap();
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner =
        Runner::new(Source::Sqs, EachRecord::new(Obedient::default(), 4), "probe", letters)
            .visibility(Arc::<Hidden>::clone(&hidden));
    let report = runner.run(Invocation::new(&event, Duration::from_secs(9))).await;
    assert_eq!(report.response.unwrap().items().collect::<Vec<_>>(), ["1", "2", "3", "4", "5"]);
    let seen = hidden.seen.lock().unwrap();
    let seen: Vec<_> =
        seen.iter().map(|(_, message)| (message.message_id.as_str(), message.seconds)).collect();
    assert_eq!(seen, [("1", 5), ("3", 5), ("5", 5)], "group h comes when its queue brings it");
}
