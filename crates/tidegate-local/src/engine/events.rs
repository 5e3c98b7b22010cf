//! Asynchronous invocation: the queues of functions, which get the events of rules and of Invoke.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use aws_sdk_sqs::error::DisplayErrorContext;
use futures::future::BoxFuture;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::StartError;
use crate::asynchronous::{self, AsynchronousSettings, Asynchronously, EventQueue, QUALIFIER};
use crate::deliveries::{Recorder, RecordingDestination, Way};
use crate::destination::{
    BucketDestination, BusDestination, Destination, QueueDestination, TopicDestination,
};
use crate::environment::function_arn;
use crate::invocation::Invoker;
use crate::parts::Parts;
use crate::pace::Pace;
use crate::provision::{INVOKE_QUEUE, invoke_queue};
use crate::send_error::SendError;
use engine_client::local::REGION;
use lambda_shapes::message;
use topology::{DestinationKind, Function};

/// How fast everything is delivered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Divides the waiting times that AWS fixes.
    pub(super) time_scale: f64,
    /// How fast sources are polled.
    pub(super) pace: Pace,
}

/// The asynchronous invocation of a function, from its queue.
fn asynchronously(
    parts: &Parts,
    timing: Timing,
    function: &str,
    declared: &Function,
    queue_url: String,
) -> Asynchronously {
    let arn = function_arn(REGION, function);
    let settings = AsynchronousSettings::of(
        declared.asynchronous.as_ref(),
        &arn,
        declared.concurrency(),
        timing.time_scale,
    );
    let rules = parts.topology.function_rules().filter(|(_, target)| *target == function);
    Asynchronously {
        function: function.to_owned(),
        settings,
        rules: rules.map(|(rule, _)| rule.to_owned()).collect(),
        queue_url,
        sqs: parts.clients.sqs.clone(),
        invoker: invoker(parts, Way::events(function)),
        destination: declared.on_failure().and_then(|to| failure_destination(parts, to, function)),
        on_success: declared.on_success().and_then(|to| success_destination(parts, to, function)),
        activity: Arc::clone(&parts.activity),
        pace: timing.pace,
    }
}

pub(super) fn invoker(parts: &Parts, way: Way) -> Arc<dyn Invoker> {
    let (inner, deliveries) = (Arc::clone(&parts.invoker), Arc::clone(&parts.deliveries));
    Arc::new(Recorder { inner, deliveries, way })
}

/// Where a stream mapping gives up to.
pub(super) fn stream_destination(
    parts: &Parts,
    declared: &topology::Destination,
    function: &str,
    mapping: Uuid,
) -> Option<Arc<dyn Destination>> {
    let kind = declared.kind()?;
    let inner: Arc<dyn Destination> = match kind {
        DestinationKind::Bucket(bucket) => {
            Arc::new(BucketDestination::of_mapping(parts.clients.s3.clone(), bucket, mapping))
        }
        kind => destination(parts, kind)?,
    };
    Some(recorded(parts, function, kind, inner))
}

/// Where the asynchronous invocation of a function gives up to.
fn failure_destination(
    parts: &Parts,
    declared: &topology::Destination,
    function: &str,
) -> Option<Arc<dyn Destination>> {
    let kind = declared.kind()?;
    let inner: Arc<dyn Destination> = match kind {
        DestinationKind::Bucket(bucket) => {
            Arc::new(BucketDestination::of_function(parts.clients.s3.clone(), bucket, function))
        }
        DestinationKind::Bus(bus) => {
            let (arn, function) = (parts.provisioned.buses.get(bus)?, function_arn(REGION, function));
            Arc::new(BusDestination::on_failure(parts.clients.events.clone(), arn, &function))
        }
        kind => destination(parts, kind)?,
    };
    Some(recorded(parts, function, kind, inner))
}

/// Where the asynchronous invocation of a function tells its successes.
fn success_destination(
    parts: &Parts,
    declared: &topology::Destination,
    function: &str,
) -> Option<Arc<dyn Destination>> {
    match declared.kind()? {
        DestinationKind::Bus(bus) => {
            let (arn, function) = (parts.provisioned.buses.get(bus)?, function_arn(REGION, function));
            Some(Arc::new(BusDestination::on_success(parts.clients.events.clone(), arn, &function)))
        }
        kind => destination(parts, kind),
    }
}

/// A destination of failures, whatever kind it is: the status counts them and the console shows
/// them.
fn recorded(
    parts: &Parts,
    function: &str,
    kind: DestinationKind<'_>,
    inner: Arc<dyn Destination>,
) -> Arc<dyn Destination> {
    let (function, letters) = (function.to_owned(), Arc::clone(&parts.letters));
    Arc::new(RecordingDestination { inner, letters, function, to: kind.into() })
}

fn destination(parts: &Parts, kind: DestinationKind<'_>) -> Option<Arc<dyn Destination>> {
    let (clients, provisioned) = (&parts.clients, &parts.provisioned);
    let queue = match kind {
        DestinationKind::Queue(queue) => provisioned.queues.get(queue)?,
        // Its queue is polled like that of every function that was invoked with the type `Event`.
        DestinationKind::Function(function) => provisioned.destination_queues.get(function)?,
        DestinationKind::Topic(topic) => {
            let arn = provisioned.topics.get(topic)?;
            return Some(Arc::new(TopicDestination::new(clients.sns.clone(), arn)));
        }
        DestinationKind::Bucket(_) | DestinationKind::Bus(_) => return None,
    };
    Some(Arc::new(QueueDestination::new(clients.sqs.clone(), &queue.url)))
}

/// The events that functions are invoked with asynchronously. A function that is no rule's target has its queue made, and polled, from its first event
/// on: most functions never get one.
#[derive(Debug)]
pub(super) struct InvokedEvents {
    /// Whoever hands events over must not keep a system alive that has ended.
    parts: Weak<Parts>,
    timing: Timing,
    /// Held while a queue is being made.
    making: Mutex<()>,
}

impl InvokedEvents {
    pub(super) fn new(parts: &Arc<Parts>, timing: Timing) -> Self {
        Self { parts: Arc::downgrade(parts), timing, making: Mutex::new(()) }
    }

    /// Makes the queues of rules' targets, and goes on with events that an engine before this one has left in the emulator.
    pub(super) async fn resume(&self, parts: &Parts) -> Result<(), StartError> {
        let listed = parts.clients.sqs.list_queues().queue_name_prefix(INVOKE_QUEUE).send().await;
        let listed = listed.map_err(|error| StartError::Events(DisplayErrorContext(error).to_string()))?;
        let left =
            listed.queue_urls().iter().filter_map(|url| url.rsplit('/').next()?.strip_prefix(INVOKE_QUEUE));
        let targets = parts.topology.function_rules().map(|(_, function)| function);
        let targets = targets.chain(parts.topology.destination_functions());
        let functions: BTreeSet<&str> = left.chain(targets).collect();
        for function in functions.into_iter().filter(|name| parts.topology.functions.contains_key(*name)) {
            self.queue(parts, function).await.map_err(StartError::Events)?;
        }
        Ok(())
    }

    /// The URL of a function's queue, which is made and polled if it is not yet.
    async fn queue(&self, parts: &Parts, function: &str) -> Result<String, String> {
        let _making = self.making.lock().await;
        let known = parts.pollers.lock().invoked.get(function).cloned();
        if let Some(url) = known {
            return Ok(url);
        }
        let declared = parts.topology.functions.get(function);
        let declared = declared.ok_or_else(|| format!("no function {function} is declared"))?;
        let url = invoke_queue(&parts.clients, function).await.map_err(|error| error.to_string())?.url;
        let asynchronously = asynchronously(parts, self.timing, function, declared, url.clone());
        let mut pollers = parts.pollers.lock();
        pollers.asynchronous.push(asynchronous::start(asynchronously));
        pollers.invoked.insert(function.to_owned(), url.clone());
        Ok(url)
    }
}

impl EventQueue for InvokedEvents {
    fn accept<'a>(
        &'a self,
        function: &'a str,
        qualifier: Option<&'a str>,
        payload: String,
    ) -> BoxFuture<'a, Result<String, SendError>> {
        Box::pin(async move {
            let parts = self.parts.upgrade().ok_or_else(|| "the local system is being ended".to_owned())?;
            let url = self.queue(&parts, function).await?;
            let qualifier = qualifier.map(|qualifier| (QUALIFIER, qualifier.to_owned()));
            let sent = message::send(&parts.clients.sqs, &url, &payload, qualifier).await;
            // Whoever waits for idleness must look at the queue again.
            parts.activity.bump();
            let sent = sent.map_err(|error| SendError::of("the event", &url, error))?;
            sent.ok_or_else(|| format!("SendMessage to {url} was answered without a message id").into())
        })
    }
}
