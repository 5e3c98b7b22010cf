//! Makes a runner the tower service that Lambda's runtime calls.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use futures::future::{BoxFuture, FutureExt};
use lambda_runtime::{Diagnostic, LambdaEvent, Service};
use serde::Deserialize;
use serde_json::value::RawValue;
use tracing::{Instrument, info_span};

use super::client_context::{Asked, is_replay};
use super::delivered::SharedEvent;
use super::handler::BatchHandler;
use super::invocation::Invocation;
use super::runner::Runner;
use crate::failure::Failure;
use crate::source::Response;
use crate::time_left::time_left;

/// A [`Runner`] as a tower service, for `lambda_runtime`'s `Runtime` and for layers around it.
///
/// Created by [`Runner::into_service`].
///
/// ```no_run
/// # use std::sync::Arc;
/// # use tidegate::{batch::{EachRecord, Handler, Runner}, source::Source, test::MemoryDeadLetters};
/// use lambda_runtime::{Runtime, layers::TracingLayer, tower::ServiceBuilder};
///
/// # async fn run(handler: impl Handler + 'static) -> Result<(), lambda_runtime::Error> {
/// # let dead_letters = Arc::new(MemoryDeadLetters::default());
/// let runner = Runner::new(Source::Sqs, EachRecord::new(handler, 16), "orders", dead_letters);
/// let service = ServiceBuilder::new()
///     .map_request(|event| event) // any layer around the function
///     .service(runner.into_service());
/// Runtime::new(service).layer(TracingLayer::new()).run().await
/// # }
/// ```
#[derive(Debug)]
pub struct RunnerService<H> {
    runner: Arc<Runner<H>>,
}

impl<H> Clone for RunnerService<H> {
    fn clone(&self) -> Self {
        Self { runner: Arc::clone(&self.runner) }
    }
}

impl<H> Runner<H> {
    /// Returns the runner as a tower service that takes Lambda's invocations and returns partial
    /// batch responses.
    pub fn into_service(self) -> RunnerService<H> {
        RunnerService { runner: Arc::new(self) }
    }
}

impl<H: BatchHandler + 'static> Service<LambdaEvent<Box<RawValue>>> for RunnerService<H> {
    type Response = Response;
    type Error = Diagnostic;
    type Future = BoxFuture<'static, Result<Response, Diagnostic>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Diagnostic>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaEvent<Box<RawValue>>) -> Self::Future {
        let runner = Arc::clone(&self.runner);
        async move { invoke(&runner, event).await }.boxed()
    }
}

async fn invoke<H: BatchHandler>(
    runner: &Runner<H>,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<Response, Diagnostic> {
    let (event, context) = event.into_parts();
    let replay = is_replay(&context);
    let asked = Asked::from_context(&context).map_err(diagnostic)?;
    let event = SharedEvent::new(event);
    let invocation = Invocation {
        event: event.raw(),
        request_id: &context.request_id,
        remaining: time_left(context.deadline, SystemTime::now()),
        replay,
    };
    let span = info_span!("invocation", request_id = context.request_id);
    if let Some(request) = rebuild_request(event.raw()) {
        let answer = runner.rebuild(&request, &invocation).instrument(span).await;
        return answer.map(Response::answer).map_err(diagnostic);
    }
    let again = runner.run_again(invocation, &event, asked);
    let report = again.instrument(span).await;
    report.response.map_err(diagnostic)
}

/// Returns the request for a rebuild, if the event is one. Costs a look at the first bytes of any
/// other event.
fn rebuild_request(event: &RawValue) -> Option<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Event {
        #[serde(rename = "tidegate.rebuild")]
        request: Box<RawValue>,
    }
    let text = event.get().trim_start().strip_prefix('{')?.trim_start();
    if !text.starts_with("\"tidegate.rebuild\"") {
        return None;
    }
    serde_json::from_str::<Event>(event.get()).ok().map(|event| event.request)
}

/// Uses class and code as the error type.
///
/// They are stable, while the name of a Rust type changes with a refactoring.
fn diagnostic(failure: Failure) -> Diagnostic {
    Diagnostic {
        error_type: format!("{}.{}", failure.class(), failure.code()),
        error_message: failure.reason().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use lambda_runtime::tower::{ServiceBuilder, ServiceExt};
    use serde_json::json;

    use super::*;
    use crate::batch::{
        BatchContext, Decode, EachRecord, Handled, Handler, OCCASION, REPLAY, TYPES,
    };
    use crate::dead_letter::MemoryDeadLetters;
    use crate::source::{Delivery, Source};

    /// Decodes numbers. Every handled record fails.
    struct Obliging;

    impl Decode for Obliging {
        type Record = u32;

        fn decode(&self, delivery: &Delivery<'_>) -> Result<u32, Failure> {
            delivery.json()
        }
    }

    impl Handler for Obliging {
        async fn handle(&self, _: &u32, context: &BatchContext) -> Result<Handled, Failure> {
            let types = context.types.as_ref().map(|types| types.join(" and "));
            Err(Failure::transient("later", types.unwrap_or_else(|| "not yet".to_owned())))
        }
    }

    fn message(body: &str, replay: bool) -> LambdaEvent<Box<RawValue>> {
        let event = json!({ "Records": [{ "messageId": "m", "body": body }] });
        let mut context = lambda_runtime::Context::default();
        context.deadline = 60_000;
        context.request_id = "r".to_owned();
        if replay {
            let client = json!({ "custom": { REPLAY: "true" } });
            context.client_context = Some(serde_json::from_value(client).unwrap());
        }
        LambdaEvent::new(RawValue::from_string(event.to_string()).unwrap(), context)
    }

    fn service(source: Source) -> (RunnerService<EachRecord<Obliging>>, Arc<MemoryDeadLetters>) {
        let letters = Arc::new(MemoryDeadLetters::default());
        (
            Runner::new(
                source,
                EachRecord::new(Obliging, 1),
                "probe",
                Arc::<MemoryDeadLetters>::clone(&letters),
            )
            .into_service(),
            letters,
        )
    }

    #[tokio::test]
    async fn the_runner_is_a_service_that_layers_go_around() {
        let seen = Arc::new(AtomicUsize::new(0));
        let (counted, (service, _)) = (Arc::clone(&seen), service(Source::Sqs));
        let mut layered = ServiceBuilder::new()
            .map_request(move |event: LambdaEvent<Box<RawValue>>| {
                counted.fetch_add(1, Ordering::Relaxed);
                event
            })
            .service(service);
        let response = layered.ready().await.unwrap().call(message("7", false)).await.unwrap();
        assert_eq!(response.items().collect::<Vec<_>>(), ["m"]);
        assert_eq!(seen.load(Ordering::Relaxed), 1);
    }

    /// Rebuilds; its answer is the request.
    struct Rebuilding;

    impl Decode for Rebuilding {
        type Record = ();

        fn decode(&self, _: &Delivery<'_>) -> Result<(), Failure> {
            Ok(())
        }
    }

    impl BatchHandler for Rebuilding {
        async fn handle_batch(
            &self,
            items: &[crate::batch::Item<()>],
            _: &BatchContext,
        ) -> Vec<crate::batch::Outcome> {
            items.iter().map(|_| crate::batch::Outcome::Done(Handled::Applied)).collect()
        }

        async fn rebuild(
            &self,
            request: &RawValue,
            context: &BatchContext,
        ) -> Result<Box<RawValue>, Failure> {
            assert_eq!(context.request_id, "r");
            assert_ne!(request.get(), "\"panic\"", "a rebuild that panics");
            Ok(request.to_owned())
        }
    }

    fn event(text: &str) -> LambdaEvent<Box<RawValue>> {
        let mut event = message("7", false);
        event.payload = RawValue::from_string(text.to_owned()).unwrap();
        event
    }

    #[tokio::test]
    async fn a_rebuild_is_answered_by_a_handler_that_rebuilds_and_by_no_other() {
        let letters = Arc::new(MemoryDeadLetters::default());
        let mut rebuilding =
            Runner::new(Source::DynamoDb, Rebuilding, "probe", letters).into_service();
        for text in [r#"{"tidegate.rebuild":{"a":1}}"#, r#" { "tidegate.rebuild" : {"a":1} }"#] {
            let answer = rebuilding.call(event(text)).await.unwrap();
            assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"a":1}"#);
            let (mut other, letters) = service(Source::Sqs);
            let failed = other.call(event(text)).await.unwrap_err();
            assert_eq!(failed.error_type, "permanent.no_rebuild");
            assert!(letters.letters().is_empty());
        }
        let failed = rebuilding.call(event(r#"{"tidegate.rebuild":"panic"}"#)).await.unwrap_err();
        assert_eq!(failed.error_type, "transient.panic");
        let batch = rebuilding.call(event(r#"{"Records":[]}"#)).await.unwrap();
        assert_eq!(serde_json::to_string(&batch).unwrap(), r#"{"batchItemFailures":[]}"#);
    }

    #[tokio::test]
    async fn an_event_of_the_bus_that_failed_fails_its_invocation_by_class_and_code() {
        let (mut service, _) = service(Source::EventBridge);
        let event = RawValue::from_string(json!({ "id": "e", "detail": 7 }).to_string()).unwrap();
        let mut context = lambda_runtime::Context::default();
        context.deadline = 60_000;
        let failed = service.call(LambdaEvent::new(event, context)).await.unwrap_err();
        assert_eq!(
            (failed.error_type.as_str(), failed.error_message.as_str()),
            ("transient.later", "not yet")
        );
    }

    #[tokio::test]
    async fn the_client_context_says_which_types_leave_or_the_invocation_fails() {
        let (mut service, _) = service(Source::EventBridge);
        for (types, kind, reason) in [
            (r#"["Order*","Paid"]"#, "transient.later", "Order* and Paid"),
            (
                "Order*",
                "permanent.client_context",
                "tidegate-types in the client context is not a list",
            ),
        ] {
            let event = json!({ "id": "e", "detail": 7 }).to_string();
            let mut context = lambda_runtime::Context::default();
            context.deadline = 60_000;
            let client = json!({ "custom": { TYPES: types } });
            context.client_context = Some(serde_json::from_value(client).unwrap());
            let event = LambdaEvent::new(RawValue::from_string(event).unwrap(), context);
            let failed = service.call(event).await.unwrap_err();
            assert_eq!(failed.error_type, kind);
            assert!(failed.error_message.starts_with(reason), "{}", failed.error_message);
        }
    }

    #[tokio::test]
    async fn the_client_context_says_that_an_invocation_is_a_replay() {
        let (mut service, letters) = service(Source::Sqs);
        let response = service.call(message("no number", true)).await.unwrap();
        assert_eq!((response.items().count(), letters.letters().len()), (1, 0));
        let response = service.call(message("no number", false)).await.unwrap();
        assert_eq!((response.items().count(), letters.letters().len()), (0, 1));
    }

    /// Records the positions of its deliveries.
    struct Positions(Arc<std::sync::Mutex<Vec<String>>>);

    impl Decode for Positions {
        type Record = ();

        fn decode(&self, delivery: &Delivery<'_>) -> Result<(), Failure> {
            self.0.lock().unwrap().push(delivery.position.clone());
            Err(Failure::transient("later", ""))
        }
    }

    impl Handler for Positions {
        async fn handle(&self, (): &(), _: &BatchContext) -> Result<Handled, Failure> {
            Ok(Handled::Applied)
        }
    }

    #[tokio::test]
    async fn a_replay_of_an_event_without_an_id_is_the_delivery_of_the_invocation_that_it_names() {
        let letters = Arc::new(MemoryDeadLetters::default());
        let positions = Arc::default();
        let handler = EachRecord::new(Positions(Arc::clone(&positions)), 1);
        let runner = Arc::new(Runner::new(Source::EventBridge, handler, "probe", letters));
        let mut service = RunnerService { runner };
        for (request_id, occasion) in
            [("r1", None), ("r2", None), ("r3", Some("r1")), ("r4", Some("r1"))]
        {
            let event = RawValue::from_string("{}".to_owned()).unwrap();
            let mut context = lambda_runtime::Context::default();
            context.deadline = 60_000;
            context.request_id = request_id.to_owned();
            if let Some(occasion) = occasion {
                // The run of a released effect is not a replay.
                let replay = (request_id == "r3").to_string();
                let client = json!({ "custom": { REPLAY: replay, OCCASION: occasion } });
                context.client_context = Some(serde_json::from_value(client).unwrap());
            }
            assert!(service.call(LambdaEvent::new(event, context)).await.is_err());
        }
        let positions = positions.lock().unwrap();
        assert_ne!(positions[0], positions[1]);
        assert_eq!((&positions[2], &positions[3]), (&positions[0], &positions[0]));
    }
}
