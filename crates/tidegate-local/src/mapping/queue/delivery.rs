//! The driver of a queue mapping.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sqs::Client;
use futures::StreamExt;
use futures::future::{BoxFuture, OptionFuture};
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::machine::Queue;
use super::settings::QueueSettings;
use super::step::{Action, Input};
use crate::activity::Activity;
use crate::destination::DeliveryFailures;
use crate::invocation::{Invoker, Request};
use crate::mapping::status::{Mapping, MappingStatus, age};
use crate::pace::Pace;
use crate::pace::wait::until;
use crate::running::stopped;
use crate::sqs::{Hides, Receiver, delete, hide_all, release};
use lambda_shapes::moment::Moment;
use lambda_shapes::queue::message;
use lambda_shapes::text::shortened;

/// Everything a queue mapping needs.
pub struct QueueMapping {
    /// The function's declared name.
    pub function: String,
    /// The queue's declared name.
    pub source_name: String,
    /// The rules.
    pub settings: QueueSettings,
    /// The client.
    pub sqs: Client,
    /// The queue's URL.
    pub queue_url: String,
    /// The queue's ARN, as events say it.
    pub queue_arn: String,
    /// The region, as events say it.
    pub region: String,
    /// Runs the function.
    pub invoker: Arc<dyn Invoker>,
    /// The engine's activity counter.
    pub activity: Arc<Activity>,
    /// How fast the queue is polled.
    pub pace: Pace,
}

/// Starts a queue mapping. Must be called inside a Tokio runtime.
#[must_use]
pub fn start(mapping: QueueMapping) -> Mapping {
    let (stop, receiver) = watch::channel(false);
    let oldest = Arc::new(Mutex::new(None));
    let status = Arc::new(Mutex::new(MappingStatus {
        name: format!("{} → {}", mapping.source_name, mapping.function),
        function: mapping.function.clone(),
        source: mapping.source_name.clone(),
        kind: "sqs",
        positions: BTreeMap::new(),
        lag: 0,
        millis_behind: None,
        oldest_ms: None,
        in_flight: 0,
        failures: 0,
        invocations: 0,
        retries: 0,
        throttled: 0,
        discarded: 0,
        destination_failures: DeliveryFailures::default(),
        filtered: 0,
        records_delivered: 0,
        last_error: None,
        idle_since: None,
    }));
    let task = tokio::spawn(deliver(mapping, Arc::clone(&status), Arc::clone(&oldest), receiver));
    let shown = move || {
        let oldest = *oldest.lock().unwrap_or_else(PoisonError::into_inner);
        let status = status.lock().unwrap_or_else(PoisonError::into_inner);
        MappingStatus { oldest_ms: age(oldest), ..status.clone() }
    };
    Mapping::new(shown, stop, task)
}

async fn deliver(
    mapping: QueueMapping,
    status: Arc<Mutex<MappingStatus>>,
    oldest: Arc<Mutex<Option<Moment>>>,
    mut stop: watch::Receiver<bool>,
) {
    let mapping = &mapping;
    let mut queue = Queue::new(mapping.settings.clone());
    let mut receiver = Some(Receiver::new(
        mapping.sqs.clone(),
        &mapping.queue_url,
        Some(mapping.settings.visibility),
        mapping.pace,
        &stop,
    ));
    let mut receive: OptionFuture<BoxFuture<'_, _>> = None.into();
    let mut running: FuturesUnordered<BoxFuture<'_, Input>> = FuturesUnordered::new();
    let mut timer: Option<Moment>;
    let mut stopping = false;
    // Extensions and releases: a release waits for extensions, so that both go on together.
    let mut releases: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
    let mut hides = Hides::default();
    let mut input = Input::Start;
    let mut empty_poll: Option<u64> = None;
    loop {
        let completed = matches!(input, Input::Answered { .. } | Input::Deleted { .. });
        let polled = matches!(input, Input::Received(_) | Input::ReceiveFailed);
        let actions = match queue.handle(input, Moment::now()) {
            Ok(actions) => actions,
            Err(illegal) => return failed(&status, &illegal.to_string()),
        };
        timer = None;
        let mut ended = false;
        for action in actions {
            match action {
                Action::Receive { limit } => {
                    if let Some(mut receiver) = receiver.take() {
                        let once: BoxFuture<'_, _> = Box::pin(async move {
                            let received = receiver.receive(limit, &mapping.activity).await;
                            (receiver, received)
                        });
                        receive = Some(once).into();
                    }
                }
                Action::Invoke { batch, payload, patience } => running.push(Box::pin(async move {
                    let request = Request::new(payload).patient(patience);
                    let answer = mapping.invoker.invoke(&mapping.function, request).await;
                    Input::Answered { batch, answer }
                })),
                Action::Delete { batch, receipts } => {
                    let status = &status;
                    running.push(Box::pin(async move {
                        if let Err(message) = delete(&mapping.sqs, &mapping.queue_url, &receipts).await {
                            failed(status, &message);
                        }
                        Input::Deleted { batch }
                    }));
                }
                Action::Hide { receipts } => {
                    let (status, hidden) = (&status, mapping.settings.visibility);
                    let hiding = hides.begin(&receipts);
                    releases.push(Box::pin(async move {
                        let _hiding = hiding;
                        let hide = hide_all(&mapping.sqs, &mapping.queue_url, &receipts, hidden).await;
                        hide.unwrap_or_else(|message| failed(status, &message));
                    }));
                }
                Action::Release { receipts } => {
                    let status = &status;
                    let hidden = hides.over(&receipts);
                    releases.push(Box::pin(async move {
                        hidden.await;
                        let released = release(&mapping.sqs, &mapping.queue_url, &receipts).await;
                        released.unwrap_or_else(|message| failed(status, &message));
                    }));
                }
                Action::WaitUntil(moment) => timer = Some(moment),
                Action::Stopped => ended = true,
            }
        }
        publish(&status, &queue, polled, empty_poll.take());
        *oldest.lock().unwrap_or_else(PoisonError::into_inner) = queue.oldest(Moment::now());
        if completed {
            mapping.activity.bump();
        }
        if ended {
            // What a receive still brings must not stay hidden from the next engine.
            if let Some((_, (Ok(messages), _))) = receive.await {
                let receipts: Vec<String> =
                    messages.into_iter().filter_map(|message| message.receipt_handle).collect();
                let released = release(&mapping.sqs, &mapping.queue_url, &receipts).await;
                released.unwrap_or_else(|message| failed(&status, &message));
            }
            while releases.next().await.is_some() {}
            return;
        }
        input = tokio::select! {
            () = stopped(&mut stop), if !stopping => {
                stopping = true;
                Input::Stop
            }
            Some(done) = running.next(), if !running.is_empty() => done,
            Some(()) = releases.next(), if !releases.is_empty() => Input::TimerDue,
            Some((returned, (received, seen))) = &mut receive => {
                receive = None.into();
                receiver = Some(returned);
                let messages = received.and_then(|messages| {
                    if messages.is_empty() {
                        empty_poll = Some(seen);
                    }
                    messages
                        .iter()
                        .map(|source| message(source, &mapping.queue_arn, &mapping.region))
                        .collect::<Result<Vec<_>, _>>()
                        .map_err(|error| error.to_string())
                });
                match messages {
                    Ok(messages) => Input::Received(messages),
                    Err(reason) => {
                        failed(&status, &reason);
                        Input::ReceiveFailed
                    }
                }
            }
            () = until(timer), if timer.is_some() => Input::TimerDue,
        };
    }
}

fn failed(status: &Mutex<MappingStatus>, message: &str) {
    status.lock().unwrap_or_else(PoisonError::into_inner).last_error = Some(shortened(message));
}

fn publish(status: &Mutex<MappingStatus>, queue: &Queue, polled: bool, empty_poll: Option<u64>) {
    let mut status = status.lock().unwrap_or_else(PoisonError::into_inner);
    let counts = queue.counts();
    status.lag = queue.lag() as u64;
    status.in_flight = queue.in_flight() as u64;
    status.invocations = counts.invocations;
    status.throttled = counts.throttled;
    status.filtered = counts.filtered;
    status.records_delivered = counts.delivered;
    if status.retries != counts.retries {
        status.retries = counts.retries;
        if let Some(error) = &counts.last_error {
            status.last_error = Some(shortened(error));
        }
    }
    status.idle_since = match (queue.is_idle(), polled) {
        (false, _) => None,
        (true, true) => empty_poll,
        (true, false) => status.idle_since,
    };
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Json;
    use serde_json::{Value, json};

    use super::*;
    use crate::clients::Clients;
    use topology::pattern::filter::{Filter, Filtered};

    /// Holds one message that is no JSON until it is deleted, and notes what was deleted.
    async fn holding(deleted: Arc<Mutex<Vec<Value>>>) -> String {
        let answer = move |headers: axum::http::HeaderMap, body: String| async move {
            let request: Value = serde_json::from_str(&body).unwrap();
            let mut deleted = deleted.lock().unwrap();
            if headers["x-amz-target"] == "AmazonSQS.DeleteMessageBatch" {
                deleted.extend(request["Entries"].as_array().unwrap().clone());
                return Json(json!({"Successful": [{"Id": "0"}], "Failed": []}));
            }
            let message = json!({"MessageId": "m", "ReceiptHandle": "r", "Body": "text"});
            Json(json!({"Messages": if deleted.is_empty() { vec![message] } else { vec![] }}))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
        format!("http://{address}")
    }

    /// A function that nobody may invoke.
    struct Never;

    impl Invoker for Never {
        fn invoke<'a>(&'a self, _: &'a str, request: Request) -> BoxFuture<'a, crate::invocation::Answer> {
            panic!("invoked with {request:?}")
        }
    }

    #[tokio::test]
    async fn a_message_that_passes_no_filter_is_deleted_from_its_queue_and_counted_in_the_status() {
        let deleted = Arc::default();
        let endpoint = holding(Arc::clone(&deleted)).await;
        let filter = Filter::parse(Filtered::Sqs, [r#"{"body": {"n": [1]}}"#]).unwrap();
        let mapping = start(QueueMapping {
            function: "f".to_owned(),
            source_name: "q".to_owned(),
            settings: QueueSettings {
                batch_size: 10,
                batching_window: Duration::ZERO,
                maximum_concurrency: 2,
                report_batch_item_failures: true,
                visibility: Duration::from_secs(60),
                timeout: Duration::from_secs(10),
                filter: Some(Arc::new(filter)),
                time_scale: 1.0,
            },
            sqs: Clients::new(&endpoint).sqs,
            queue_url: format!("{endpoint}/000000000000/q"),
            queue_arn: "arn:aws:sqs:us-east-1:000000000000:q".to_owned(),
            region: "us-east-1".to_owned(),
            invoker: Arc::new(Never),
            activity: Arc::new(Activity::new()),
            pace: Pace::Fast,
        });
        tokio::time::timeout(Duration::from_secs(30), async {
            while deleted.lock().unwrap().is_empty() || mapping.status().idle_since.is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{mapping:?}"));
        assert_eq!(deleted.lock().unwrap()[0]["ReceiptHandle"], "r");
        let status = mapping.status();
        assert_eq!((status.filtered, status.records_delivered, status.lag), (1, 0, 0), "{status:?}");
        assert_eq!(status.last_error, None);
        mapping.stop().await;
    }
}
