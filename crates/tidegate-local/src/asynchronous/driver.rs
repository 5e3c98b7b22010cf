//! The driver of a function's asynchronous invocations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::events::{Action, AsynchronousSettings, Event, Events, Input};
use crate::activity::Activity;
use crate::destination::Destination;
use crate::invocation::{Invoker, Request};
use crate::mapping::moment::Moment;
use crate::mapping::pace::Pace;
use crate::mapping::queue_deletion::delete;
use crate::mapping::queue_receiver::Receiver;
use crate::mapping::shortened;
use crate::mapping::stopped;
use crate::mapping::stream::{hand_over, now, until};

/// Stands for a rule's name where events were given to Invoke.
pub const INVOKE: &str = "Invoke";
/// Most messages of one ReceiveMessage call.
const RECEIVE_LIMIT: usize = 10;

/// Everything the asynchronous invocation of one function needs.
pub struct Asynchronously {
    /// The function's declared name.
    pub function: String,
    /// The rules.
    pub settings: AsynchronousSettings,
    /// The queues that EventBridge rules with this target point to.
    pub rules: Vec<RuleQueue>,
    /// The client.
    pub sqs: Client,
    /// Runs the function.
    pub invoker: Arc<dyn Invoker>,
    /// Where on-failure records go. Decides about `has_destination` of the settings.
    pub destination: Option<Arc<dyn Destination>>,
    /// The engine's activity counter.
    pub activity: Arc<Activity>,
    /// How fast the queues are polled.
    pub pace: Pace,
}

/// The engine's own queue behind a rule, or behind Invoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleQueue {
    /// The rule's declared name; [`INVOKE`] for what was given to Invoke.
    pub rule: String,
    /// The queue's URL.
    pub url: String,
}

/// State and counts of a function's asynchronous invocations since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AsynchronousStatus {
    /// The function.
    pub function: String,
    /// The rules.
    pub rules: Vec<String>,
    /// Events that wait for an attempt, or whose on-failure record is on its way.
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
    /// The last failure of a poll, an invocation or a hand-over.
    pub last_error: Option<String>,
    /// The activity counter before polls that found nothing while nothing was going on here; none while there is.
    pub idle_since: Option<u64>,
}

/// A running asynchronous queue. Dropping it ends it at once; unfinished events become visible in their queues again.
pub struct AsynchronousQueue {
    status: Arc<Mutex<AsynchronousStatus>>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl AsynchronousQueue {
    /// How it stands.
    #[must_use]
    pub fn status(&self) -> AsynchronousStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins nothing new, and waits for what is in flight.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = &mut self.task {
            // An error is a panic or an abort of the task: it has ended in any case.
            let _ = task.await;
        }
    }
}

impl Drop for AsynchronousQueue {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// Starts the asynchronous invocation of a function. Must be called inside a Tokio runtime.
#[must_use]
pub fn start(mut asynchronously: Asynchronously) -> AsynchronousQueue {
    asynchronously.settings.has_destination = asynchronously.destination.is_some();
    let (stop, receiver) = watch::channel(false);
    let status = Arc::new(Mutex::new(AsynchronousStatus {
        function: asynchronously.function.clone(),
        rules: asynchronously.rules.iter().map(|queue| queue.rule.clone()).collect(),
        ..AsynchronousStatus::default()
    }));
    let task = tokio::spawn(deliver(asynchronously, Arc::clone(&status), receiver));
    AsynchronousQueue { status, stop, task: Some(task) }
}

/// Where an event came from.
struct Origin {
    url: String,
    receipt: String,
    /// The message's id is the request id of every attempt.
    message_id: Option<String>,
}

enum Done {
    Machine(Input),
    Received {
        queue: usize,
        receiver: Receiver,
        messages: Result<Vec<Message>, String>,
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
    let mut origins: HashMap<u64, Origin> = HashMap::new();
    let mut numbers: u64 = 0;
    // A receiver is here while it is not polling.
    let hidden = Some(own.settings.hidden);
    let mut receivers: Vec<Option<Receiver>> = own
        .rules
        .iter()
        .map(|queue| Some(Receiver::new(own.sqs.clone(), &queue.url, hidden, own.pace)))
        .collect();
    let mut empty_polls: Vec<Option<u64>> = vec![None; own.rules.len()];
    let mut running: FuturesUnordered<BoxFuture<'_, Done>> = FuturesUnordered::new();
    let mut timer: Option<Moment> = None;
    let mut stopping = false;
    // Deletions that are on their way: an event is not over before its message is gone.
    let mut finishing: usize = 0;
    loop {
        let room = events.room(now());
        for (queue, slot) in receivers.iter_mut().enumerate() {
            if room > 0
                && !stopping
                && let Some(mut receiver) = slot.take()
            {
                running.push(Box::pin(async move {
                    let limit = room.min(RECEIVE_LIMIT);
                    let (messages, seen) = receiver.receive(limit, &own.activity).await;
                    Done::Received { queue, receiver, messages, seen }
                }));
            }
        }
        publish(status, &events, finishing, &empty_polls);
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
                publish(status, &events, finishing, &empty_polls);
                own.activity.bump();
                continue;
            }
            Done::Received { queue, receiver, messages, seen } => {
                let url = receiver.url.clone();
                if let Some(slot) = receivers.get_mut(queue) {
                    *slot = Some(receiver);
                }
                let messages = messages.unwrap_or_else(|message| {
                    failed(status, &message);
                    Vec::new()
                });
                if let Some(poll) = empty_polls.get_mut(queue) {
                    *poll = messages.is_empty().then_some(seen);
                }
                messages
                    .into_iter()
                    .map(|message| {
                        numbers += 1;
                        let (origin, content) = taken(message, &url);
                        origins.insert(numbers, origin);
                        Input::Accepted { event: numbers, content }
                    })
                    .collect()
            }
        };
        for input in inputs {
            let handed_over = matches!(input, Input::HandedOver { .. });
            let actions = match events.handle(input, now()) {
                Ok(actions) => actions,
                Err(illegal) => return failed(status, &illegal.to_string()),
            };
            timer = None;
            for action in actions {
                match action {
                    Action::Invoke { event, payload } => {
                        let request_id = origins.get(&event).and_then(|origin| origin.message_id.clone());
                        let request = Request { request_id, ..Request::of(payload) };
                        running.push(Box::pin(async move {
                            let answer = own.invoker.invoke(&own.function, request).await;
                            Done::Machine(Input::Answered { event, answer })
                        }));
                    }
                    Action::Hide { event } => {
                        if let Some(origin) = origins.get(&event) {
                            let (url, receipt) = (origin.url.clone(), origin.receipt.clone());
                            finishing += 1;
                            running.push(Box::pin(async move {
                                if let Err(message) = hide(own, url, receipt).await {
                                    failed(status, &message);
                                }
                                Done::Kept
                            }));
                        }
                    }
                    Action::HandOver { event, body } => running.push(Box::pin(async move {
                        let destination = own.destination.as_deref();
                        hand_over(destination, &body, own.settings.time_scale, |message| {
                            failed(status, message)
                        })
                        .await;
                        Done::Machine(Input::HandedOver { event })
                    })),
                    Action::Finish { event } => {
                        if let Some(origin) = origins.remove(&event) {
                            finishing += 1;
                            running.push(Box::pin(async move {
                                if let Err(message) = delete(&own.sqs, &origin.url, &[origin.receipt]).await {
                                    failed(status, &message);
                                }
                                Done::Kept
                            }));
                        }
                    }
                    Action::WaitUntil(moment) => timer = Some(moment),
                    Action::Stopped => {
                        // What was finished must be deleted, or it would be delivered again.
                        drop(receivers);
                        while finishing > 0 {
                            match running.next().await {
                                Some(Done::Kept) => finishing -= 1,
                                Some(_) => {}
                                None => return,
                            }
                        }
                        return publish(status, &events, finishing, &empty_polls);
                    }
                }
            }
            if handed_over {
                publish(status, &events, finishing, &empty_polls);
                own.activity.bump();
            }
        }
    }
}

fn taken(message: Message, url: &str) -> (Origin, Event) {
    let sent = message
        .attributes
        .as_ref()
        .and_then(|attributes| attributes.get(&MessageSystemAttributeName::SentTimestamp))
        .and_then(|millis| millis.parse().ok())
        .map_or_else(now, Moment::from_millis);
    let origin = Origin {
        url: url.to_owned(),
        receipt: message.receipt_handle.unwrap_or_default(),
        message_id: message.message_id,
    };
    (origin, Event { accepted: sent, payload: Bytes::from(message.body.unwrap_or_default()) })
}

async fn hide(own: &Asynchronously, url: String, receipt: String) -> Result<(), String> {
    let seconds = i32::try_from(own.settings.hidden.as_secs()).unwrap_or(i32::MAX);
    let request = own
        .sqs
        .change_message_visibility()
        .queue_url(&url)
        .receipt_handle(receipt)
        .visibility_timeout(seconds);
    request
        .send()
        .await
        .map(|_| ())
        .map_err(|error| format!("ChangeMessageVisibility of {url}: {}", DisplayErrorContext(error)))
}

fn failed(status: &Mutex<AsynchronousStatus>, message: &str) {
    status.lock().unwrap_or_else(PoisonError::into_inner).last_error = Some(shortened(message));
}

fn publish(
    status: &Mutex<AsynchronousStatus>,
    events: &Events,
    finishing: usize,
    empty_polls: &[Option<u64>],
) {
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
    status.idle_since = if events.is_idle() && finishing == 0 {
        empty_polls.iter().copied().collect::<Option<Vec<_>>>().and_then(|polls| polls.into_iter().min())
    } else {
        None
    };
}
