//! Asynchronous invocation: what rules and Invoke have in common, and the queues behind Invoke.

use std::sync::{Arc, PoisonError, Weak};

use aws_sdk_sqs::error::DisplayErrorContext;
use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::{Parts, StartError};
use crate::asynchronous::events::AsynchronousSettings;
use crate::asynchronous::{self, Asynchronously, EventQueue, INVOKE, RuleQueue};
use crate::clients::REGION;
use crate::deliveries::{Recorder, RecordingDestination, Way};
use crate::destination::{Destination, QueueDestination};
use crate::environment::{Fleet, function_arn};
use crate::invocation::Invoker;
use crate::mapping::pace::Pace;
use crate::provision::{INVOKE_QUEUE, invoke_queue};
use crate::topology::Function;

/// How fast everything is delivered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Divides the waiting times that AWS fixes.
    pub(super) time_scale: f64,
    /// How fast sources are polled.
    pub(super) pace: Pace,
}

/// The asynchronous invocation of a function, from these queues.
pub(super) fn asynchronously(
    parts: &Parts,
    timing: Timing,
    function: &str,
    declared: &Function,
    rules: Vec<RuleQueue>,
) -> Asynchronously {
    let asynchronous = declared.asynchronous.as_ref();
    let arn = function_arn(REGION, function);
    let settings =
        AsynchronousSettings::of(asynchronous, &arn, declared.maximum_concurrency, timing.time_scale);
    Asynchronously {
        function: function.to_owned(),
        settings,
        rules,
        sqs: parts.clients.sqs.clone(),
        invoker: invoker(parts, Way::events(function)),
        destination: asynchronous
            .and_then(|declared| destination(parts, function, &declared.on_failure.queue)),
        activity: Arc::clone(&parts.activity),
        pace: timing.pace,
    }
}

pub(super) fn invoker(parts: &Parts, way: Way) -> Arc<dyn Invoker> {
    let (inner, deliveries) = (Arc::<Fleet>::clone(&parts.fleet), Arc::clone(&parts.deliveries));
    Arc::new(Recorder { inner, deliveries, way })
}

pub(super) fn destination(parts: &Parts, function: &str, queue: &str) -> Option<Arc<dyn Destination>> {
    let url = &parts.provisioned.queues.get(queue)?.url;
    let inner = Arc::new(QueueDestination::new(parts.clients.sqs.clone(), url));
    let (letters, queue) = (Arc::clone(&parts.letters), queue.to_owned());
    Some(Arc::new(RecordingDestination { inner, letters, function: function.to_owned(), queue }))
}

/// The events that Invoke takes. A function's queue is made, and polled, from its first event on: most functions never get one.
#[derive(Debug)]
pub(super) struct InvokedEvents {
    /// Whoever serves Invoke must not keep a system alive that has ended.
    parts: Weak<Parts>,
    timing: Timing,
    /// Held while a queue is being made.
    making: Mutex<()>,
}

impl InvokedEvents {
    pub(super) fn new(parts: &Arc<Parts>, timing: Timing) -> Self {
        Self { parts: Arc::downgrade(parts), timing, making: Mutex::new(()) }
    }

    /// Goes on with events that an engine before this one has left in the emulator.
    pub(super) async fn resume(&self, parts: &Parts) -> Result<(), StartError> {
        let listed = parts.clients.sqs.list_queues().queue_name_prefix(INVOKE_QUEUE).send().await;
        let listed = listed.map_err(|error| StartError::Events(DisplayErrorContext(error).to_string()))?;
        for url in listed.queue_urls() {
            let function = url.rsplit('/').next().and_then(|name| name.strip_prefix(INVOKE_QUEUE));
            if let Some(function) = function
                && parts.topology.functions.contains_key(function)
            {
                self.queue(parts, function).await.map_err(StartError::Events)?;
            }
        }
        Ok(())
    }

    /// The URL of a function's queue, which is made and polled if it is not yet.
    async fn queue(&self, parts: &Parts, function: &str) -> Result<String, String> {
        let _making = self.making.lock().await;
        let known =
            parts.pollers.lock().unwrap_or_else(PoisonError::into_inner).invoked.get(function).cloned();
        if let Some(url) = known {
            return Ok(url);
        }
        let declared = parts.topology.functions.get(function);
        let declared = declared.ok_or_else(|| format!("no function {function} is declared"))?;
        let url = invoke_queue(&parts.clients, function).await.map_err(|error| error.to_string())?.url;
        let queue = RuleQueue { rule: INVOKE.to_owned(), url: url.clone() };
        let asynchronously = asynchronously(parts, self.timing, function, declared, vec![queue]);
        let mut pollers = parts.pollers.lock().unwrap_or_else(PoisonError::into_inner);
        pollers.asynchronous.push(asynchronous::start(asynchronously));
        pollers.invoked.insert(function.to_owned(), url.clone());
        Ok(url)
    }
}

impl EventQueue for InvokedEvents {
    fn accept<'a>(&'a self, function: &'a str, payload: String) -> BoxFuture<'a, Result<String, String>> {
        Box::pin(async move {
            let parts = self.parts.upgrade().ok_or("the local system is being ended")?;
            let url = self.queue(&parts, function).await?;
            let sent = parts.clients.sqs.send_message().queue_url(&url).message_body(payload).send().await;
            // Whoever waits for idleness must look at the queue again.
            parts.activity.bump();
            let sent =
                sent.map_err(|error| format!("SendMessage to {url}: {}", DisplayErrorContext(error)))?;
            sent.message_id.ok_or_else(|| format!("SendMessage to {url} was answered without a message id"))
        })
    }
}
