//! Asynchronous invocation: the queues of functions, which receive the events of rules and of
//! Invoke.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use aws_sdk_sqs::error::DisplayErrorContext;
use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::StartError;
use super::destinations::{failure_destination, invoker, success_destination};
use super::timing::Timing;
use crate::asynchronous::{self, AsynchronousSettings, Asynchronously, EventQueue, QUALIFIER};
use crate::environment::function_arn;
use crate::history::Way;
use crate::parts::Parts;
use crate::provision::{INVOKE_QUEUE, ProvisionedQueue, invoke_queue};
use crate::send_error::SendError;
use crate::wake::Polled;
use engine_client::local::REGION;
use lambda_shapes::message;
use topology::Function;

/// Returns the asynchronous invocation of a function, from its queue.
fn asynchronously(
    parts: &Parts,
    timing: Timing,
    function: &str,
    declared: &Function,
    queue: &ProvisionedQueue,
) -> Asynchronously {
    let arn = function_arn(REGION, function);
    let settings = AsynchronousSettings::new(
        declared.asynchronous.as_ref(),
        &arn,
        declared.concurrency(),
        timing.time_scale,
    );
    let rules = parts.topology.function_rules().filter(|(_, target)| *target == function);
    Asynchronously {
        function: function.to_owned(),
        settings,
        rules: rules.map(|(rule, _)| rule.into_owned()).collect(),
        queue_url: queue.url.clone(),
        sqs: parts.clients.sqs.clone(),
        invoker: invoker(parts, Way::events(function)),
        destination: declared.on_failure().and_then(|to| failure_destination(parts, to, function)),
        on_success: declared.on_success().and_then(|to| success_destination(parts, to, function)),
        activity: Arc::clone(&parts.activity),
        wake: parts.wakes.of(Polled::Queue, queue.name()),
        pace: timing.pace,
    }
}

/// The queues of asynchronous invocations.
///
/// A function that is neither the target of a rule nor subscribed to a topic gets its queue, and a
/// poller, with its first event: most functions never get one.
#[derive(Debug)]
pub(super) struct InvokedEvents {
    /// Weak: a sender of events must not keep a system alive that has ended.
    parts: Weak<Parts>,
    timing: Timing,
    /// Held while a queue is created.
    making: Mutex<()>,
}

impl InvokedEvents {
    pub(super) fn new(parts: &Arc<Parts>, timing: Timing) -> Self {
        Self { parts: Arc::downgrade(parts), timing, making: Mutex::new(()) }
    }

    /// Creates the queues of rules' targets and of subscribed functions, and resumes the events
    /// that an earlier engine has left in the emulator.
    pub(super) async fn resume(&self, parts: &Parts) -> Result<(), StartError> {
        let listed = parts.clients.sqs.list_queues().queue_name_prefix(INVOKE_QUEUE).send().await;
        let listed =
            listed.map_err(|error| StartError::Events(DisplayErrorContext(error).to_string()))?;
        let left = listed
            .queue_urls()
            .iter()
            .filter_map(|url| url.rsplit('/').next()?.strip_prefix(INVOKE_QUEUE));
        let targets = parts.topology.function_rules().map(|(_, function)| function);
        let subscribed = parts.topology.function_subscriptions().map(|(_, function)| function);
        let targets = targets.chain(subscribed).chain(parts.topology.destination_functions());
        let functions: BTreeSet<&str> = left.chain(targets).collect();
        for function in
            functions.into_iter().filter(|name| parts.topology.functions.contains_key(*name))
        {
            self.queue(parts, function).await.map_err(StartError::Events)?;
        }
        Ok(())
    }

    /// Returns the URL of a function's queue. Creates the queue and its poller if needed.
    async fn queue(&self, parts: &Parts, function: &str) -> Result<String, String> {
        let _making = self.making.lock().await;
        let known = parts.pollers.lock().invoked.get(function).cloned();
        if let Some(url) = known {
            return Ok(url);
        }
        let declared = parts.topology.functions.get(function);
        let declared = declared.ok_or_else(|| format!("no function {function} is declared"))?;
        let queue = invoke_queue(&parts.clients, function).await;
        let queue = queue.map_err(|error| error.to_string())?;
        let asynchronously = asynchronously(parts, self.timing, function, declared, &queue);
        let mut pollers = parts.pollers.lock();
        pollers.asynchronous.push(asynchronous::start(asynchronously));
        pollers.invoked.insert(function.to_owned(), queue.url.clone());
        Ok(queue.url)
    }
}

/// Returns the name of a function's queue.
fn queue_name(function: &str) -> String {
    format!("{INVOKE_QUEUE}{function}")
}

impl EventQueue for InvokedEvents {
    fn accept<'a>(
        &'a self,
        function: &'a str,
        qualifier: Option<&'a str>,
        payload: String,
    ) -> BoxFuture<'a, Result<String, SendError>> {
        Box::pin(async move {
            let parts = self
                .parts
                .upgrade()
                .ok_or_else(|| "the local system is shutting down".to_owned())?;
            let url = self.queue(&parts, function).await?;
            let qualifier = qualifier.map(|qualifier| (QUALIFIER, qualifier.to_owned()));
            let sent = message::send(&parts.clients.sqs, &url, &payload, qualifier).await;
            if let Some(wake) = parts.wakes.polled(Polled::Queue, &queue_name(function)) {
                wake.written();
            }
            // A client that waits for idleness must read the queue again.
            parts.activity.bump();
            let sent = sent.map_err(|error| SendError::from_call("the event", &url, error))?;
            sent.ok_or_else(|| {
                format!("SendMessage to {url} was answered without a message id").into()
            })
        })
    }
}
