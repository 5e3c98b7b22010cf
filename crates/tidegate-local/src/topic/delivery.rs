//! Delivers the messages of a topic from its queue to the receivers of its subscriptions.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as Name};
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use topology::filter_policy::Verdict;

use super::machine::Fanout;
use super::notification::Notification;
use super::queue::TopicQueue;
use super::refusal::Refusal;
use super::sending;
use super::settings::TopicSettings;
use super::status::{SubscriptionStatus, TopicFanout, TopicStatus};
use super::step::{Action, Input};
use super::subscription::Subscription;
use crate::destination::{lost, until_sent};
use crate::driver::{drive, note};
use crate::own_queue::{EventAction, Events, OwnQueue, OwnQueuePort};
use crate::pace::Signals;
use crate::running::Running;

/// Starts the delivery of a topic.
///
/// Must be called within a Tokio runtime.
#[must_use]
pub fn start(own: TopicQueue) -> TopicFanout {
    let (stop, receiver) = watch::channel(false);
    let subscriptions = own.subscriptions.iter();
    let subscriptions =
        subscriptions.map(|of| (of.name.clone(), SubscriptionStatus::default())).collect();
    let status = TopicStatus { topic: own.topic.clone(), subscriptions, ..TopicStatus::default() };
    let status = Arc::new(Mutex::new(status));
    let task = tokio::spawn(run(own, Arc::clone(&status), receiver));
    Running::new(move || status.lock().clone(), stop, task)
}

async fn run(own: TopicQueue, status: Arc<Mutex<TopicStatus>>, stop: watch::Receiver<bool>) {
    let queue = OwnQueue {
        sqs: own.sqs.clone(),
        url: own.queue_url.clone(),
        hidden: own.hidden,
        pace: own.pace,
        signals: Signals { activity: Arc::clone(&own.activity), wake: Arc::clone(&own.wake) },
    };
    let machine = Fanout::new(TopicSettings {
        subscriptions: own.subscriptions.len(),
        hidden: own.hidden,
        time_scale: own.time_scale,
    });
    let filtered = vec![(0, 0); own.subscriptions.len()];
    let messages = TopicMessages {
        own: Arc::new(own),
        status: Arc::clone(&status),
        notifications: HashMap::new(),
        filtered,
    };
    let port = OwnQueuePort::new(messages, queue, &stop);
    if let Err(illegal) = drive(machine, port, None, stop).await {
        note(&status, &illegal.to_string());
    }
}

/// What [`OwnQueuePort`] needs for the messages of one topic.
struct TopicMessages {
    own: Arc<TopicQueue>,
    status: Arc<Mutex<TopicStatus>>,
    /// Content of each message in memory.
    notifications: HashMap<u64, Arc<Notification>>,
    /// Messages that each subscription filtered out, and those of them that could not be compared.
    filtered: Vec<(u64, u64)>,
}

impl TopicMessages {
    /// Returns what a message is delivered with.
    fn parts(
        &self,
        message: u64,
        subscription: usize,
    ) -> Option<(Arc<TopicQueue>, Arc<Notification>)> {
        self.own.subscriptions.get(subscription)?;
        Some((Arc::clone(&self.own), Arc::clone(self.notifications.get(&message)?)))
    }

    fn deliver(&self, message: u64, subscription: usize) -> BoxFuture<'static, Input> {
        let (parts, status) = (self.parts(message, subscription), Arc::clone(&self.status));
        async move {
            let mut result = Ok(());
            if let Some((own, notification)) = &parts
                && let Some(to) = own.subscriptions.get(subscription)
            {
                result = sending::deliver(own, to, notification).await;
            }
            if let Err(refusal) = &result {
                note(&status, &refusal.message);
            }
            Input::Tried { message, subscription, result, jitter: fastrand::f64() }
        }
        .boxed()
    }

    fn park(
        &self,
        message: u64,
        subscription: usize,
        refusal: Refusal,
    ) -> BoxFuture<'static, Input> {
        let (parts, status) = (self.parts(message, subscription), Arc::clone(&self.status));
        async move {
            if let Some((own, notification)) = &parts
                && let Some(of) = own.subscriptions.get(subscription)
            {
                park(own, &status, of, notification, &refusal).await;
            }
            Input::Parked { message, subscription }
        }
        .boxed()
    }

    /// Returns the indices of the subscriptions that a message matches, and counts the others
    /// unless the message was counted before.
    fn matching(&mut self, notification: &Notification, is_new: bool) -> Vec<usize> {
        let mut matching = Vec::new();
        let subscriptions = self.own.subscriptions.iter().zip(&mut self.filtered);
        for (index, (subscription, filtered)) in subscriptions.enumerate() {
            let (differs, invalid) = match subscription.verdict(notification) {
                Verdict::Matches => {
                    matching.push(index);
                    continue;
                }
                Verdict::Differs | Verdict::NoAttributes => (1, 0),
                Verdict::InvalidAttributes | Verdict::InvalidBody => (1, 1),
            };
            if is_new {
                filtered.0 += differs;
                filtered.1 += invalid;
            }
        }
        matching
    }
}

/// Reads a message of the topic's queue.
fn read(message: &mut Message) -> Result<Notification, String> {
    let mut notification = Notification::parse(message.body.as_deref().unwrap_or_default())?;
    let mut system = message.attributes.take().unwrap_or_default();
    notification.group = system.remove(&Name::MessageGroupId);
    if notification.is_fifo() {
        let content = || {
            let digest = Sha256::digest(notification.message.as_bytes());
            digest.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let deduplication = system.remove(&Name::MessageDeduplicationId);
        notification.deduplication = Some(deduplication.unwrap_or_else(content));
        let numbered = system.remove(&Name::SequenceNumber);
        notification.sequence = notification.sequence.take().or(numbered);
    }
    Ok(notification)
}

impl Events for TopicMessages {
    type Machine = Fanout;
    type Status = TopicStatus;

    fn status(&self) -> &Arc<Mutex<TopicStatus>> {
        &self.status
    }

    fn taken(&mut self, machine: &Fanout, number: u64, mut message: Message) -> Input {
        let id = message.message_id.take().unwrap_or_default();
        let notification = match read(&mut message) {
            Ok(notification) => notification,
            Err(why) => {
                // Somebody else wrote to the engine's queue. Its other messages go on.
                let why = format!("topic {}: {why}", self.own.topic);
                self.status.lock().destination_failures.add(&why);
                let content = message.body.as_deref().unwrap_or_default();
                lost(&format_args!("topic {}", self.own.topic), &why, content);
                return Input::Accepted {
                    message: number,
                    id,
                    group: None,
                    subscriptions: Vec::new(),
                };
            }
        };
        let is_new = !machine.rests(&id);
        let subscriptions = self.matching(&notification, is_new);
        if is_new {
            let mut status = self.status.lock();
            status.messages += 1;
            status.unmatched += u64::from(subscriptions.is_empty());
        }
        let group = notification.group.clone().filter(|_| notification.is_fifo());
        self.notifications.insert(number, Arc::new(notification));
        Input::Accepted { message: number, id, group, subscriptions }
    }

    fn sort(&mut self, action: Action) -> EventAction<Input> {
        if let Action::Rest { message, .. }
        | Action::Release { message }
        | Action::Finish { message } = &action
        {
            self.notifications.remove(message);
        }
        match action {
            Action::Deliver { message, subscription } => {
                EventAction::Begin(self.deliver(message, subscription))
            }
            Action::Park { message, subscription, refusal } => {
                EventAction::Begin(self.park(message, subscription, refusal))
            }
            Action::Hide { message } => EventAction::Extend(message),
            Action::Rest { message, wait } => EventAction::Rest(message, wait),
            Action::Release { message } => EventAction::Release(message),
            Action::Finish { message } => EventAction::Finish(message),
            Action::WaitUntil(moment) => EventAction::WaitUntil(moment),
            Action::Stopped => EventAction::Stopped,
        }
    }

    /// Never counts an input: a receiver's own activity counts, and a message is done once it is
    /// deleted.
    fn is_progress(_: &Input) -> bool {
        false
    }

    fn publish(&self, machine: &Fanout, idle_since: Option<u64>) {
        let mut status = self.status.lock();
        status.waiting = machine.waiting() as u64;
        let counts = machine.counts().iter().zip(&self.filtered);
        for (subscription, (counts, filtered)) in self.own.subscriptions.iter().zip(counts) {
            if let Some(known) = status.subscriptions.get_mut(&subscription.name) {
                known.clone_from(counts);
                (known.filtered, known.invalid) = *filtered;
            }
        }
        status.idle_since = idle_since;
    }
}

/// Sends a dead letter until it has arrived, or is lost for good.
///
/// SNS, too, drops a message if the dead-letter queue refuses it or there is none.
async fn park(
    own: &TopicQueue,
    status: &Mutex<TopicStatus>,
    subscription: &Subscription,
    notification: &Notification,
    refusal: &Refusal,
) {
    let send = || -> BoxFuture<'_, _> {
        Box::pin(sending::park(own, subscription, notification, refusal))
    };
    let sent = until_sent(send, own.time_scale, |message| note(status, message)).await;
    if let Err(error) = sent {
        status.lock().destination_failures.add(&error.message);
        lost(&format_args!("topic {}", own.topic), &error.message, &notification.message);
    }
}
