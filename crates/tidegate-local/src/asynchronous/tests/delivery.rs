//! Tests of records that a destination refuses.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::activity::Activity;
use crate::asynchronous::{AsynchronousSettings, AsynchronousStatus, Asynchronously, start};
use crate::destination::{Destination, QueueDestination};
use crate::invocation::{Answer, InvocationResult, Invoker, Request};
use crate::pace::Pace;
use crate::tests::stand_in::StandIn;

/// A function that gives every event the same answer.
struct Function(InvocationResult);

impl Invoker for Function {
    fn invoke<'a>(&'a self, _: &'a str, _: Request) -> BoxFuture<'a, Answer> {
        let result = self.0.clone();
        Box::pin(async { Answer { request_id: "r".to_owned(), result } })
    }
}

/// Delivers one event, with a queue for failures and successes, until the event has ended.
async fn delivered(
    sqs: &StandIn,
    result: InvocationResult,
    destination: &str,
) -> AsynchronousStatus {
    let to: Arc<dyn Destination> =
        Arc::new(QueueDestination::new(sqs.sqs(), &sqs.url(destination)));
    let running = start(Asynchronously {
        function: "f".to_owned(),
        settings: AsynchronousSettings::new(None, "arn:f", 2, 100_000.0),
        rules: Vec::new(),
        queue_url: sqs.url("tidegate-invoke-f"),
        sqs: sqs.sqs(),
        invoker: Arc::new(Function(result)),
        destination: Some(Arc::clone(&to)),
        on_success: Some(to),
        activity: Arc::new(Activity::new()),
        wake: Arc::default(),
        pace: Pace::Fast,
    });
    let status = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let status = running.status();
            if sqs.deleted() == 1 && status.idle_since.is_some() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let status = status.await.unwrap_or_else(|_| panic!("{running:?}"));
    running.stop().await;
    status
}

#[tokio::test]
async fn a_record_that_its_destination_refuses_for_good_is_lost_counted_and_over() {
    let failure = InvocationResult::FunctionError(Bytes::from_static(b"{}"));
    let success = InvocationResult::Success(Bytes::from_static(b"{}"));
    for (destination, why) in [("gone", "QueueDoesNotExist"), ("closed", "AccessDenied")] {
        for result in [&failure, &success] {
            let sqs = StandIn::start(["{}"]).await;
            let lost = delivered(&sqs, result.clone(), destination).await.destination_failures;
            assert_eq!((lost.count, sqs.refused()), (1, 1), "{destination}: {lost:?}");
            assert!(lost.last.as_ref().is_some_and(|last| last.contains(why)), "{lost:?}");
        }
    }
}

#[tokio::test]
async fn a_record_is_sent_again_to_a_destination_that_is_busy() {
    let sqs = StandIn::start(["{}"]).await;
    let status = delivered(&sqs, InvocationResult::FunctionError(Bytes::new()), "busy").await;
    assert_eq!((status.destination_failures.count, status.failed), (0, 1));
    assert_eq!((sqs.refused(), sqs.bodies("busy").len()), (1, 1));
}
