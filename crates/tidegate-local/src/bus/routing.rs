//! The driver of a bus.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::Message;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::failure::{Failure, GivenUp};
use super::infinity::restored;
use super::letter;
use super::machine::{BusSettings, Events};
use super::rule::{Rule, Target};
use super::status::{BusStatus, RuleStatus};
use super::step::{Action, Input};
use crate::activity::Activity;
use crate::asynchronous::EventQueue;
use crate::destination::{lost, until_sent};
use crate::own_queue::hidden_for;
use crate::pace::Pace;
use crate::pace::wait::until;
use crate::running::{Running, stopped};
use crate::send_error::SendError;
use crate::sqs::{Hides, Receiver, delete, hide, release};
use aws_json::Json;
use lambda_shapes::message;
use lambda_shapes::moment::Moment;
use lambda_shapes::queue::sent;
use lambda_shapes::text::shortened;

/// Most messages of one ReceiveMessage call.
const RECEIVE_LIMIT: usize = 10;

/// Everything the routing of one bus needs.
pub struct BusQueue {
    /// The bus's declared name.
    pub bus: String,
    /// URL of the engine's own queue that gets every event of the bus.
    pub queue_url: String,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// The client.
    pub sqs: Client,
    /// Takes events for functions.
    pub events: Arc<dyn EventQueue>,
    /// The engine's activity counter.
    pub activity: Arc<Activity>,
    /// How fast the queue is polled.
    pub pace: Pace,
    /// For how long a received event is hidden in its queue at a time.
    pub hidden: Duration,
    /// Divides the waits between tries; 1 is AWS's own pace.
    pub time_scale: f64,
}

/// A running bus. Events that some target does not have when it ends become visible in its queue again.
pub type BusRouter = Running<BusStatus>;

/// Starts the routing of a bus. Must be called inside a Tokio runtime.
#[must_use]
pub fn start(own: BusQueue) -> BusRouter {
    let (stop, receiver) = watch::channel(false);
    let rules = own.rules.iter().map(|rule| (rule.name.clone(), RuleStatus::default())).collect();
    let status = BusStatus { bus: own.bus.clone(), rules, ..BusStatus::default() };
    let status = Arc::new(Mutex::new(status));
    let task = tokio::spawn(route(own, Arc::clone(&status), receiver));
    Running::new(move || status.lock().unwrap_or_else(PoisonError::into_inner).clone(), stop, task)
}

/// An event as it lies in its queue.
#[derive(Clone)]
struct Taken {
    receipt: String,
    body: Arc<str>,
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

async fn route(own: BusQueue, status: Arc<Mutex<BusStatus>>, mut stop: watch::Receiver<bool>) {
    let own = &own;
    let status = &*status;
    let mut events = Events::new(BusSettings {
        retries: own.rules.iter().map(|rule| rule.retries).collect(),
        hidden: own.hidden,
        time_scale: own.time_scale,
    });
    let mut taken: HashMap<u64, Taken> = HashMap::new();
    let mut hides = Hides::default();
    let mut numbers: u64 = 0;
    // It is here while it is not polling.
    let mut receiver =
        Some(Receiver::new(own.sqs.clone(), &own.queue_url, Some(own.hidden), own.pace, &stop));
    let mut empty_poll: Option<u64> = None;
    let mut running: FuturesUnordered<BoxFuture<'_, Done>> = FuturesUnordered::new();
    let mut timer: Option<Moment> = None;
    let mut stopping = false;
    // Deletions and extensions that are on their way: an event is not over before its message is gone.
    let mut finishing: usize = 0;
    loop {
        let room = events.room(Moment::now());
        if room > 0
            && !stopping
            && let Some(mut receiver) = receiver.take()
        {
            running.push(Box::pin(async move {
                let began = Moment::now();
                let (messages, seen) = receiver.receive(room.min(RECEIVE_LIMIT), &own.activity).await;
                Done::Received { receiver, messages, began, seen }
            }));
        }
        publish(own, status, &events, finishing, empty_poll);
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
                publish(own, status, &events, finishing, empty_poll);
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
                            let id = message.message_id.clone().unwrap_or_default();
                            let is_new = !events.rests(&id);
                            let (event, input) = matched(own, status, (numbers, id), is_new, message);
                            taken.insert(numbers, event);
                            input
                        })
                        .collect(),
                }
            }
        };
        let (mut over, mut released, mut ended) = (Vec::new(), Vec::new(), false);
        for input in inputs {
            let actions = match events.handle(input, Moment::now()) {
                Ok(actions) => actions,
                Err(illegal) => return failed(status, &illegal.to_string()),
            };
            timer = None;
            for action in actions {
                match action {
                    Action::HandOver { event, rule } => {
                        let body = taken.get(&event).map(|taken| Arc::clone(&taken.body)).unwrap_or_default();
                        running.push(Box::pin(async move {
                            let outcome = hand_over(own, rule, &body).await;
                            if let Err(failure) = &outcome {
                                failed(status, &failure.message);
                            }
                            Done::Machine(Input::Tried { event, rule, outcome, jitter: rand::random() })
                        }));
                    }
                    Action::Park { event, rule, given_up } => {
                        let body = taken.get(&event).map(|taken| Arc::clone(&taken.body)).unwrap_or_default();
                        running.push(Box::pin(async move {
                            park(own, status, rule, &given_up, &body).await;
                            Done::Machine(Input::Parked { event, rule })
                        }));
                    }
                    Action::Hide { event } => {
                        if let Some(Taken { receipt, .. }) = taken.get(&event).cloned() {
                            finishing += 1;
                            let hiding = hides.begin([&receipt]);
                            running.push(Box::pin(async move {
                                let _hiding = hiding;
                                let hidden = hide(&own.sqs, &own.queue_url, receipt, own.hidden).await;
                                hidden.unwrap_or_else(|message| failed(status, &message));
                                Done::Kept
                            }));
                        }
                    }
                    Action::Rest { event, wait } => {
                        if let Some(Taken { receipt, .. }) = taken.remove(&event) {
                            finishing += 1;
                            let before = hides.over(std::slice::from_ref(&receipt));
                            running.push(Box::pin(async move {
                                before.await;
                                let hidden = hide(&own.sqs, &own.queue_url, receipt, hidden_for(wait)).await;
                                hidden.unwrap_or_else(|message| failed(status, &message));
                                Done::Kept
                            }));
                        }
                    }
                    Action::Finish { event } => over.extend(taken.remove(&event).map(|taken| taken.receipt)),
                    Action::WaitUntil(moment) => timer = Some(moment),
                    Action::Release { event } => {
                        released.extend(taken.remove(&event).map(|taken| taken.receipt));
                    }
                    Action::Stopped => ended = true,
                }
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
        if !over.is_empty() {
            finishing += 1;
            running.push(Box::pin(async move {
                let deleted = delete(&own.sqs, &own.queue_url, &over).await;
                deleted.unwrap_or_else(|message| failed(status, &message));
                Done::Kept
            }));
        }
        if ended {
            // What everybody has must be deleted, or it would be handed over again; what a receive
            // still brings must not stay hidden from the next engine.
            let (mut over, mut left) = (Vec::new(), Vec::new());
            while finishing > 0 || receiver.is_none() {
                match running.next().await {
                    Some(Done::Kept) => finishing = finishing.saturating_sub(1),
                    Some(Done::Received { receiver: returned, messages, .. }) => {
                        receiver = Some(returned);
                        let messages = messages.unwrap_or_default().into_iter();
                        left.extend(messages.filter_map(|message| message.receipt_handle));
                    }
                    Some(Done::Machine(input)) => {
                        for action in events.handle(input, Moment::now()).unwrap_or_default() {
                            if let Action::Finish { event } = action {
                                over.extend(taken.remove(&event).map(|taken| taken.receipt));
                            }
                        }
                    }
                    None => break,
                }
            }
            left.extend(taken.into_values().map(|taken| taken.receipt));
            let deleted = delete(&own.sqs, &own.queue_url, &over).await;
            let released = release(&own.sqs, &own.queue_url, &left).await;
            deleted.and(released).unwrap_or_else(|message| failed(status, &message));
            return publish(own, status, &events, finishing, empty_poll);
        }
    }
}

/// An event that has come, and the rules that mean it.
fn matched(
    own: &BusQueue,
    status: &Mutex<BusStatus>,
    (event, id): (u64, String),
    is_new: bool,
    message: Message,
) -> (Taken, Input) {
    let body = restored(message.body.unwrap_or_default());
    let rules: Vec<usize> = match Json::leading(&body) {
        Ok((content, _)) => {
            let matching = own.rules.iter().enumerate().filter(|(_, rule)| rule.pattern.matches(&content));
            matching.map(|(index, _)| index).collect()
        }
        Err(error) => {
            failed(status, &format!("an event of bus {} is not JSON and matches no rule: {error}", own.bus));
            Vec::new()
        }
    };
    if is_new {
        let mut status = status.lock().unwrap_or_else(PoisonError::into_inner);
        status.events += 1;
        status.unmatched += u64::from(rules.is_empty());
    }
    let accepted = sent(message.attributes.as_ref());
    let taken = Taken { receipt: message.receipt_handle.unwrap_or_default(), body: body.into() };
    (taken, Input::Accepted { event, id, accepted, rules })
}

/// Tries once.
async fn hand_over(own: &BusQueue, rule: usize, body: &str) -> Result<(), Failure> {
    let Some(rule) = own.rules.get(rule) else { return Ok(()) };
    match &rule.target {
        Target::Function(function) => {
            let accepted = own.events.accept(function, None, body.to_owned()).await;
            accepted.map(drop).map_err(Failure::from)
        }
        Target::Queue(url) => {
            let sent = match &rule.message_group_id {
                Some(group) => message::send_in_group(&own.sqs, url, body, group).await,
                None => message::send(&own.sqs, url, body, []).await,
            };
            own.activity.bump();
            sent.map(drop).map_err(|error| SendError::of("the event", url, error).into())
        }
    }
}

/// Sends a dead letter until it has arrived or never can. EventBridge, too, drops an event that its
/// target's dead-letter queue refuses, or that has none.
async fn park(own: &BusQueue, status: &Mutex<BusStatus>, rule: usize, given_up: &GivenUp, body: &str) {
    let Some(rule) = own.rules.get(rule) else { return };
    let send = || -> BoxFuture<'_, _> { Box::pin(letter::send(&own.sqs, rule, given_up, body)) };
    let sent = until_sent(send, own.time_scale, |message| failed(status, message)).await;
    if let Err(error) = sent {
        let mut status = status.lock().unwrap_or_else(PoisonError::into_inner);
        status.destination_failures.add(&error.message);
        lost(&format_args!("bus {}", own.bus), &error.message, body);
    }
}

fn failed(status: &Mutex<BusStatus>, message: &str) {
    status.lock().unwrap_or_else(PoisonError::into_inner).last_error = Some(shortened(message));
}

fn publish(
    own: &BusQueue,
    status: &Mutex<BusStatus>,
    events: &Events,
    finishing: usize,
    empty_poll: Option<u64>,
) {
    let mut status = status.lock().unwrap_or_else(PoisonError::into_inner);
    status.waiting = events.waiting() as u64;
    for (rule, counts) in own.rules.iter().zip(events.counts()) {
        if let Some(known) = status.rules.get_mut(&rule.name) {
            known.clone_from(counts);
        }
    }
    status.idle_since = empty_poll.filter(|_| events.waiting() == 0 && finishing == 0);
}
