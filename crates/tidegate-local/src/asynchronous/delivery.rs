//! Delivers the events of a function from their queue to the function.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::Message;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::machine::Invocations;
use super::settings::AsynchronousSettings;
use super::status::{AsynchronousQueue, AsynchronousStatus};
use super::step::{Action, Input, QueuedInvocation};
use crate::activity::Activity;
use crate::destination::{Destination, lost, until_sent};
use crate::driver::{drive, note};
use crate::invocation::{Invoker, Request};
use crate::own_queue::{EventAction, Events, OwnQueue, OwnQueuePort};
use crate::pace::{Pace, Signals};
use crate::running::Running;
use crate::wake::Wake;
use lambda_shapes::moment::Moment;
use lambda_shapes::queue::sent;
use lambda_shapes::text::shortened;

/// Message attribute for the version or alias by which the function was invoked.
pub(crate) const QUALIFIER: &str = "Qualifier";

/// Everything that the asynchronous invocation of one function needs.
pub struct Asynchronously {
    /// Declared name of the function.
    pub function: String,
    /// Rules of delivery.
    pub settings: AsynchronousSettings,
    /// Names of the EventBridge rules with this target, for the status.
    pub rules: Vec<String>,
    /// URL of the engine's own queue for the events.
    pub queue_url: String,
    /// Client of SQS.
    pub sqs: Client,
    /// Invokes the function.
    pub invoker: Arc<dyn Invoker>,
    /// Destination of on-failure records. Overrides `has_destination` of the settings.
    pub destination: Option<Arc<dyn Destination>>,
    /// Destination of on-success records. Overrides `has_success_destination` of the settings.
    pub on_success: Option<Arc<dyn Destination>>,
    /// Activity counter of the engine.
    pub activity: Arc<Activity>,
    /// Writes to the queue.
    pub wake: Arc<Wake>,
    /// How often the queue is polled.
    pub pace: Pace,
}

/// Starts the asynchronous invocation of a function.
///
/// Must be called within a Tokio runtime.
#[must_use]
pub fn start(mut asynchronously: Asynchronously) -> AsynchronousQueue {
    asynchronously.settings.has_destination = asynchronously.destination.is_some();
    asynchronously.settings.has_success_destination = asynchronously.on_success.is_some();
    let (stop, receiver) = watch::channel(false);
    let status = Arc::new(Mutex::new(AsynchronousStatus {
        function: asynchronously.function.clone(),
        rules: asynchronously.rules.clone(),
        ..AsynchronousStatus::default()
    }));
    let task = tokio::spawn(deliver(asynchronously, Arc::clone(&status), receiver));
    Running::new(move || status.lock().clone(), stop, task)
}

async fn deliver(
    own: Asynchronously,
    status: Arc<Mutex<AsynchronousStatus>>,
    stop: watch::Receiver<bool>,
) {
    let queue = OwnQueue {
        sqs: own.sqs.clone(),
        url: own.queue_url.clone(),
        hidden: own.settings.hidden,
        pace: own.pace,
        signals: Signals { activity: Arc::clone(&own.activity), wake: Arc::clone(&own.wake) },
    };
    let machine = Invocations::new(own.settings.clone());
    let events = FunctionEvents { own: Arc::new(own), status: Arc::clone(&status) };
    let port = OwnQueuePort::new(events, queue, &stop);
    if let Err(illegal) = drive(machine, port, None, stop).await {
        note(&status, &illegal.to_string());
    }
}

/// What [`OwnQueuePort`] needs for the events of one function.
struct FunctionEvents {
    own: Arc<Asynchronously>,
    status: Arc<Mutex<AsynchronousStatus>>,
}

impl FunctionEvents {
    fn invoke(&self, event: u64, queued: QueuedInvocation) -> BoxFuture<'static, Input> {
        let own = Arc::clone(&self.own);
        let QueuedInvocation { request_id, qualifier, payload, .. } = queued;
        let request = Request { request_id: Some(request_id), qualifier, ..Request::new(payload) };
        let request = request.patient(Duration::MAX);
        async move {
            let answer = own.invoker.invoke(&own.function, request).await;
            Input::Answered { event, answer }
        }
        .boxed()
    }

    /// Sends the record of an event until it has arrived, or is lost for good.
    fn hand_over(
        &self,
        to: Option<&Arc<dyn Destination>>,
        event: u64,
        body: String,
    ) -> BoxFuture<'static, Input> {
        let (own, status, to) = (Arc::clone(&self.own), Arc::clone(&self.status), to.cloned());
        async move {
            if let Some(destination) = to {
                let send = || destination.send(body.clone());
                let failed = |message: &str| note(&status, message);
                if let Err(error) = until_sent(send, own.settings.time_scale, failed).await {
                    status.lock().destination_failures.add(&error.message);
                    lost(&format_args!("an event of {}", own.function), &error.message, &body);
                }
            }
            Input::HandedOver { event }
        }
        .boxed()
    }
}

impl Events for FunctionEvents {
    type Machine = Invocations;
    type Status = AsynchronousStatus;

    fn status(&self) -> &Arc<Mutex<AsynchronousStatus>> {
        &self.status
    }

    /// Uses the message's id as the request id of every attempt.
    fn taken(&mut self, _: &Invocations, event: u64, message: Message) -> Input {
        let mut attributes = message.message_attributes.unwrap_or_default();
        let content = QueuedInvocation {
            request_id: message.message_id.unwrap_or_default(),
            qualifier: attributes.remove(QUALIFIER).and_then(|attribute| attribute.string_value),
            accepted: sent(message.attributes.as_ref()),
            payload: Bytes::from(message.body.unwrap_or_default()),
        };
        Input::Accepted { event, content }
    }

    fn sort(&mut self, action: Action) -> EventAction<Input> {
        match action {
            Action::Invoke { event, content } => EventAction::Begin(self.invoke(event, content)),
            Action::HandOver { event, body } => {
                EventAction::Begin(self.hand_over(self.own.destination.as_ref(), event, body))
            }
            Action::SendSuccess { event, body } => {
                EventAction::Begin(self.hand_over(self.own.on_success.as_ref(), event, body))
            }
            Action::Hide { event } => EventAction::Extend(event),
            Action::Rest { event, wait } => EventAction::Rest(event, wait),
            Action::Release { event } => EventAction::Release(event),
            Action::Finish { event } => EventAction::Finish(event),
            Action::WaitUntil(moment) => EventAction::WaitUntil(moment),
            Action::Stopped => EventAction::Stopped,
        }
    }

    /// Counts only hand-overs: the effects of an invocation count once its message is deleted.
    fn is_progress(input: &Input) -> bool {
        matches!(input, Input::HandedOver { .. })
    }

    fn publish(&self, machine: &Invocations, idle_since: Option<u64>) {
        let mut status = self.status.lock();
        let counts = machine.counts();
        // A later failure of a poll or a hand-over stays.
        let at = counts.last_error_at.map(Moment::with_millis);
        if at > status.last_error_at {
            status.last_error = counts.last_error.as_deref().map(shortened);
            status.last_error_at = at;
        }
        status.waiting = machine.waiting() as u64;
        status.in_flight = machine.in_flight() as u64;
        status.retries = counts.retries;
        status.throttled = counts.throttled;
        status.failed = counts.failed;
        status.delivered = counts.delivered;
        status.told = counts.told;
        status.idle_since = idle_since;
    }
}
