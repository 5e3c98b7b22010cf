//! The driver of a function's asynchronous invocations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::Message;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use serde::Serialize;
use tokio::sync::watch;

use super::machine::Events;
use super::settings::AsynchronousSettings;
use super::step::{Action, Event, Input};
use crate::activity::Activity;
use crate::destination::{DeliveryFailures, Destination, lost, until_sent};
use crate::invocation::{Invoker, Request};
use crate::own_queue::hidden_for;
use crate::pace::Pace;
use crate::pace::wait::until;
use crate::running::{Running, stopped};
use crate::sqs::{Hides, Receiver, delete, hide, release};
use lambda_shapes::moment::Moment;
use lambda_shapes::queue::sent;
use lambda_shapes::text::shortened;

/// The message attribute that holds the version or alias an event was invoked by.
pub(crate) const QUALIFIER: &str = "Qualifier";
/// Most messages of one ReceiveMessage call.
const RECEIVE_LIMIT: usize = 10;

/// Everything the asynchronous invocation of one function needs.
pub struct Asynchronously {
    /// The function's declared name.
    pub function: String,
    /// The rules.
    pub settings: AsynchronousSettings,
    /// The EventBridge rules with this target, for the status.
    pub rules: Vec<String>,
    /// URL of the engine's own queue that its events are taken into.
    pub queue_url: String,
    /// The client.
    pub sqs: Client,
    /// Runs the function.
    pub invoker: Arc<dyn Invoker>,
    /// Where on-failure records go. Decides about `has_destination` of the settings.
    pub destination: Option<Arc<dyn Destination>>,
    /// Where the records of events go that succeeded. Decides about `tells_success` of the settings.
    pub on_success: Option<Arc<dyn Destination>>,
    /// The engine's activity counter.
    pub activity: Arc<Activity>,
    /// How fast the queue is polled.
    pub pace: Pace,
}

/// State and counts of a function's asynchronous invocations since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AsynchronousStatus {
    /// The function.
    pub function: String,
    /// The rules with this target; Invoke is not among them.
    pub rules: Vec<String>,
    /// Events that wait for an attempt, or the record of whose end is on its way.
    pub waiting: u64,
    /// Invocations going on.
    pub in_flight: u64,
    /// Function errors after which an event is tried again.
    pub retries: u64,
    /// Invocations for which no execution environment was free.
    pub throttled: u64,
    /// Events given up.
    pub failed: u64,
    /// Events the function is done with.
    pub delivered: u64,
    /// Those of them whose success was told to an on-success destination.
    pub told: u64,
    /// Records that a destination refused for good.
    pub destination_failures: DeliveryFailures,
    /// The last failure of a poll, an invocation or a hand-over.
    pub last_error: Option<String>,
    /// The activity counter before polls that found nothing while nothing was going on here; none while there is.
    pub idle_since: Option<u64>,
}

/// A running asynchronous queue. Events that are unfinished when it ends become visible in their queue again.
pub type AsynchronousQueue = Running<AsynchronousStatus>;

/// Starts the asynchronous invocation of a function. Must be called inside a Tokio runtime.
#[must_use]
pub fn start(mut asynchronously: Asynchronously) -> AsynchronousQueue {
    asynchronously.settings.has_destination = asynchronously.destination.is_some();
    asynchronously.settings.tells_success = asynchronously.on_success.is_some();
    let (stop, receiver) = watch::channel(false);
    let status = Arc::new(Mutex::new(AsynchronousStatus {
        function: asynchronously.function.clone(),
        rules: asynchronously.rules.clone(),
        ..AsynchronousStatus::default()
    }));
    let task = tokio::spawn(deliver(asynchronously, Arc::clone(&status), receiver));
    Running::new(move || status.lock().unwrap_or_else(PoisonError::into_inner).clone(), stop, task)
}

enum Done {
    Machine(Input),
    Received {
        receiver: Receiver,
        messages: Result<Vec<Message>, String>,
        /// When the receive began.
        began: Moment,
        seen: u64,
    },
    /// A deletion or an extension is over.
    Kept,
}

async fn deliver(
    own: Asynchronously,
    status: Arc<Mutex<AsynchronousStatus>>,
    mut stop: watch::Receiver<bool>,
) {
    let own = &own;
    let status = &*status;
    let mut events = Events::new(own.settings.clone());
    let mut receipts: HashMap<u64, String> = HashMap::new();
    let mut hides = Hides::default();
    let mut numbers: u64 = 0;
    // It is here while it is not polling.
    let mut receiver =
        Some(Receiver::new(own.sqs.clone(), &own.queue_url, Some(own.settings.hidden), own.pace, &stop));
    let mut empty_poll: Option<u64> = None;
    let mut running: FuturesUnordered<BoxFuture<'_, Done>> = FuturesUnordered::new();
    let mut timer: Option<Moment> = None;
    let mut stopping = false;
    // Deletions that are on their way: an event is not over before its message is gone.
    let mut finishing: usize = 0;
    loop {
        let room = events.room(Moment::now());
        if room > 0
            && !stopping
            && let Some(mut receiver) = receiver.take()
        {
            running.push(Box::pin(async move {
                let limit = room.min(RECEIVE_LIMIT);
                let began = Moment::now();
                let (messages, seen) = receiver.receive(limit, &own.activity).await;
                Done::Received { receiver, messages, began, seen }
            }));
        }
        publish(status, &events, finishing, empty_poll);
        let done = tokio::select! {
            () = stopped(&mut stop), if !stopping => {
                stopping = true;
                Done::Machine(Input::Stop)
            }
            Some(done) = running.next(), if !running.is_empty() => done,
            () = until(timer), if timer.is_some() => Done::Machine(Input::TimerDue),
        };
        let inputs = match done {
            Done::Machine(input) => vec![input],
            Done::Kept => {
                finishing = finishing.saturating_sub(1);
                publish(status, &events, finishing, empty_poll);
                own.activity.bump();
                continue;
            }
            Done::Received { receiver: returned, messages, began, seen } => {
                receiver = Some(returned);
                empty_poll = messages.as_ref().is_ok_and(Vec::is_empty).then_some(seen);
                match messages {
                    Err(message) => {
                        failed(status, &message);
                        Vec::new()
                    }
                    Ok(messages) if messages.is_empty() => vec![Input::Empty { began }],
                    Ok(messages) => messages
                        .into_iter()
                        .map(|message| {
                            numbers += 1;
                            let (receipt, content) = taken(message);
                            receipts.insert(numbers, receipt);
                            Input::Accepted { event: numbers, content }
                        })
                        .collect(),
                }
            }
        };
        let mut released: Vec<String> = Vec::new();
        let mut ended = false;
        for input in inputs {
            let handed_over = matches!(input, Input::HandedOver { .. });
            let actions = match events.handle(input, Moment::now()) {
                Ok(actions) => actions,
                Err(illegal) => return failed(status, &illegal.to_string()),
            };
            timer = None;
            for action in actions {
                match action {
                    Action::Invoke { event, content: Event { request_id, qualifier, payload, .. } } => {
                        let request_id = Some(request_id);
                        let request = Request { request_id, qualifier, ..Request::new(payload) };
                        let request = request.patient(Duration::MAX);
                        running.push(Box::pin(async move {
                            let answer = own.invoker.invoke(&own.function, request).await;
                            Done::Machine(Input::Answered { event, answer })
                        }));
                    }
                    Action::Hide { event } => {
                        if let Some(receipt) = receipts.get(&event).cloned() {
                            finishing += 1;
                            let hiding = hides.begin([&receipt]);
                            running.push(Box::pin(async move {
                                let _hiding = hiding;
                                let hidden = own.settings.hidden;
                                if let Err(message) = hide(&own.sqs, &own.queue_url, receipt, hidden).await {
                                    failed(status, &message);
                                }
                                Done::Kept
                            }));
                        }
                    }
                    Action::Rest { event, wait } => {
                        if let Some(receipt) = receipts.remove(&event) {
                            finishing += 1;
                            let hidden = hides.over(std::slice::from_ref(&receipt));
                            running.push(Box::pin(async move {
                                hidden.await;
                                let wait = hidden_for(wait);
                                if let Err(message) = hide(&own.sqs, &own.queue_url, receipt, wait).await {
                                    failed(status, &message);
                                }
                                Done::Kept
                            }));
                        }
                    }
                    Action::HandOver { event, body } => {
                        running.push(hand(own, own.destination.as_deref(), event, body, status));
                    }
                    Action::Tell { event, body } => {
                        running.push(hand(own, own.on_success.as_deref(), event, body, status));
                    }
                    Action::Finish { event } => {
                        if let Some(receipt) = receipts.remove(&event) {
                            finishing += 1;
                            running.push(Box::pin(async move {
                                if let Err(message) = delete(&own.sqs, &own.queue_url, &[receipt]).await {
                                    failed(status, &message);
                                }
                                Done::Kept
                            }));
                        }
                    }
                    Action::WaitUntil(moment) => timer = Some(moment),
                    Action::Release { event } => released.extend(receipts.remove(&event)),
                    Action::Stopped => ended = true,
                }
            }
            if handed_over {
                publish(status, &events, finishing, empty_poll);
                own.activity.bump();
            }
        }
        if !released.is_empty() {
            finishing += 1;
            let hidden = hides.over(&released);
            running.push(Box::pin(async move {
                hidden.await;
                let released = release(&own.sqs, &own.queue_url, &released).await;
                released.unwrap_or_else(|message| failed(status, &message));
                Done::Kept
            }));
        }
        if ended {
            // What was finished must be deleted, or it would be delivered again; what a receive still
            // brings must not stay hidden from the next engine.
            let (mut over, mut left) = (Vec::new(), Vec::new());
            while finishing > 0 || receiver.is_none() {
                match running.next().await {
                    Some(Done::Kept) => finishing = finishing.saturating_sub(1),
                    Some(Done::Received { receiver: returned, messages, .. }) => {
                        receiver = Some(returned);
                        left.extend(messages.unwrap_or_default().into_iter().map(|message| taken(message).0));
                    }
                    Some(Done::Machine(input)) => {
                        for action in events.handle(input, Moment::now()).unwrap_or_default() {
                            if let Action::Finish { event } = action {
                                over.extend(receipts.remove(&event));
                            }
                        }
                    }
                    None => break,
                }
            }
            left.extend(receipts.into_values());
            let deleted = delete(&own.sqs, &own.queue_url, &over).await;
            let released = release(&own.sqs, &own.queue_url, &left).await;
            deleted.and(released).unwrap_or_else(|message| failed(status, &message));
            return publish(status, &events, finishing, empty_poll);
        }
    }
}

/// Hands the record of an event's end over, until it is there or never can be.
fn hand<'a>(
    own: &'a Asynchronously,
    destination: Option<&'a dyn Destination>,
    event: u64,
    body: String,
    status: &'a Mutex<AsynchronousStatus>,
) -> BoxFuture<'a, Done> {
    Box::pin(async move {
        if let Some(destination) = destination {
            let send = || destination.send(body.clone());
            let sent = until_sent(send, own.settings.time_scale, |message| failed(status, message)).await;
            if let Err(error) = sent {
                let mut status = status.lock().unwrap_or_else(PoisonError::into_inner);
                status.destination_failures.add(&error.message);
                lost(&format_args!("an event of {}", own.function), &error.message, &body);
            }
        }
        Done::Machine(Input::HandedOver { event })
    })
}

/// What deletes a message, and its event. The message's id is the request id of every attempt.
fn taken(message: Message) -> (String, Event) {
    let mut attributes = message.message_attributes.unwrap_or_default();
    let event = Event {
        request_id: message.message_id.unwrap_or_default(),
        qualifier: attributes.remove(QUALIFIER).and_then(|attribute| attribute.string_value),
        accepted: sent(message.attributes.as_ref()),
        payload: Bytes::from(message.body.unwrap_or_default()),
    };
    (message.receipt_handle.unwrap_or_default(), event)
}

fn failed(status: &Mutex<AsynchronousStatus>, message: &str) {
    status.lock().unwrap_or_else(PoisonError::into_inner).last_error = Some(shortened(message));
}

fn publish(status: &Mutex<AsynchronousStatus>, events: &Events, finishing: usize, empty_poll: Option<u64>) {
    let mut status = status.lock().unwrap_or_else(PoisonError::into_inner);
    let counts = events.counts();
    if status.retries != counts.retries || status.failed != counts.failed {
        status.last_error = counts.last_error.as_deref().map(shortened).or(status.last_error.take());
    }
    status.waiting = events.waiting() as u64;
    status.in_flight = events.in_flight() as u64;
    status.retries = counts.retries;
    status.throttled = counts.throttled;
    status.failed = counts.failed;
    status.delivered = counts.delivered;
    status.told = counts.told;
    status.idle_since = empty_poll.filter(|_| events.is_idle() && finishing == 0);
}
