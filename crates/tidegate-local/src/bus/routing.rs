//! Routes the events of a bus from its queue to the targets of its rules.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_sqs::types::Message;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::bus_queue::BusQueue;
use super::hand_over::{Taken, hand_over, is_forwarded};
use super::infinity::restored;
use super::letter;
use super::machine::Router;
use super::refusal::GivenUp;
use super::rule::{Rule, Target};
use super::settings::BusSettings;
use super::status::{BusRouter, BusStatus, RuleStatus};
use super::step::{Action, Input};
use crate::destination::{lost, until_sent};
use crate::driver::{drive, note};
use crate::own_queue::{EventAction, Events, OwnQueue, OwnQueuePort};
use crate::pace::Signals;
use crate::running::Running;
use aws_json::Json;
use lambda_shapes::queue::sent;

/// Starts the routing of a bus.
///
/// Must be called within a Tokio runtime.
#[must_use]
pub fn start(own: BusQueue) -> BusRouter {
    let (stop, receiver) = watch::channel(false);
    let rules = own.rules.iter().map(|rule| (rule.name.clone(), RuleStatus::default())).collect();
    let status = BusStatus { bus: own.bus.clone(), rules, ..BusStatus::default() };
    let status = Arc::new(Mutex::new(status));
    let task = tokio::spawn(route(own, Arc::clone(&status), receiver));
    Running::new(move || status.lock().clone(), stop, task)
}

async fn route(own: BusQueue, status: Arc<Mutex<BusStatus>>, stop: watch::Receiver<bool>) {
    let queue = OwnQueue {
        sqs: own.clients.sqs.clone(),
        url: own.queue_url.clone(),
        hidden: own.hidden,
        pace: own.pace,
        signals: Signals { activity: Arc::clone(&own.activity), wake: Arc::clone(&own.wake) },
    };
    let machine = Router::new(BusSettings {
        retries: own.rules.iter().map(|rule| rule.retries).collect(),
        hidden: own.hidden,
        time_scale: own.time_scale,
    });
    let events =
        BusEvents { own: Arc::new(own), status: Arc::clone(&status), taken: HashMap::new() };
    let port = OwnQueuePort::new(events, queue, &stop);
    if let Err(illegal) = drive(machine, port, None, stop).await {
        note(&status, &illegal.to_string());
    }
}

/// What [`OwnQueuePort`] needs for the events of one bus.
struct BusEvents {
    own: Arc<BusQueue>,
    status: Arc<Mutex<BusStatus>>,
    /// Each event in memory.
    taken: HashMap<u64, Taken>,
}

impl BusEvents {
    /// Returns an event in memory, which every event with a hand-over is.
    fn event(&self, event: u64) -> Taken {
        self.taken.get(&event).cloned().unwrap_or_default()
    }

    fn hand_over(&self, event: u64, rule: usize) -> BoxFuture<'static, Input> {
        let (own, status) = (Arc::clone(&self.own), Arc::clone(&self.status));
        let taken = self.event(event);
        async move {
            let result = match own.rules.get(rule) {
                Some(rule) => hand_over(&own, rule, &taken).await,
                None => Ok(()),
            };
            if let Err(refusal) = &result {
                note(&status, &refusal.message);
            }
            Input::Tried { event, rule, result, jitter: fastrand::f64() }
        }
        .boxed()
    }

    fn park(&self, event: u64, rule: usize, given_up: GivenUp) -> BoxFuture<'static, Input> {
        let (own, status) = (Arc::clone(&self.own), Arc::clone(&self.status));
        let body = self.event(event).body;
        async move {
            park(&own, &status, rule, &given_up, &body).await;
            Input::Parked { event, rule }
        }
        .boxed()
    }

    /// Returns the indices of the rules that match an event.
    ///
    /// An event that came from another bus goes to no third one (User Guide: "Sending events
    /// between event buses in the same account and Region").
    fn matching(&self, body: &str, is_forwarded: bool) -> Vec<usize> {
        let (content, _) = match Json::leading(body) {
            Ok(read) => read,
            Err(error) => {
                let bus = &self.own.bus;
                let message =
                    format!("an event of bus {bus} is not JSON and matches no rule: {error}");
                note(&self.status, &message);
                return Vec::new();
            }
        };
        let rules = self.own.rules.iter().enumerate();
        let replay = content.get("replay-name").and_then(Json::as_text);
        let may = |rule: &Rule| {
            let third_bus = is_forwarded && matches!(rule.target, Target::Bus(_));
            let meant = replay
                .is_none_or(|replay| self.own.replays.reaches(replay, &self.own.bus, &rule.arn));
            !third_bus && meant
        };
        let matching = rules.filter(|(_, rule)| may(rule) && rule.pattern.matches(&content));
        matching.map(|(index, _)| index).collect()
    }
}

impl Events for BusEvents {
    type Machine = Router;
    type Status = BusStatus;

    fn status(&self) -> &Arc<Mutex<BusStatus>> {
        &self.status
    }

    fn taken(&mut self, machine: &Router, event: u64, message: Message) -> Input {
        let accepted = sent(message.attributes.as_ref());
        let is_forwarded = is_forwarded(&message);
        let id = message.message_id.unwrap_or_default();
        let body = restored(message.body.unwrap_or_default());
        let rules = self.matching(&body, is_forwarded);
        if !machine.rests(&id) {
            let mut status = self.status.lock();
            status.events += 1;
            let is_archive = |rule: &usize| {
                let rule = self.own.rules.get(*rule);
                rule.is_some_and(|rule| matches!(rule.target, Target::Archive(_)))
            };
            status.unmatched += u64::from(rules.iter().all(is_archive));
        }
        self.taken.insert(event, Taken { body: body.into(), accepted });
        Input::Accepted { event, id, accepted, rules }
    }

    fn sort(&mut self, action: Action) -> EventAction<Input> {
        if let Action::Rest { event, .. } | Action::Release { event } | Action::Finish { event } =
            &action
        {
            self.taken.remove(event);
        }
        match action {
            Action::HandOver { event, rule } => EventAction::Begin(self.hand_over(event, rule)),
            Action::Park { event, rule, given_up } => {
                EventAction::Begin(self.park(event, rule, given_up))
            }
            Action::Hide { event } => EventAction::Extend(event),
            Action::Rest { event, wait } => EventAction::Rest(event, wait),
            Action::Release { event } => EventAction::Release(event),
            Action::Finish { event } => EventAction::Finish(event),
            Action::WaitUntil(moment) => EventAction::WaitUntil(moment),
            Action::Stopped => EventAction::Stopped,
        }
    }

    /// Never counts an input: a target's own activity counts, and an event is done once its message
    /// is deleted.
    fn is_progress(_: &Input) -> bool {
        false
    }

    fn publish(&self, machine: &Router, idle_since: Option<u64>) {
        let mut status = self.status.lock();
        status.waiting = machine.waiting() as u64;
        for (rule, counts) in self.own.rules.iter().zip(machine.counts()) {
            if let Some(known) = status.rules.get_mut(&rule.name) {
                known.clone_from(counts);
            }
        }
        status.idle_since = idle_since;
    }
}

/// Sends a dead letter until it has arrived, or is lost for good.
///
/// EventBridge, too, drops an event if the target's dead-letter queue refuses it or the target has
/// none.
async fn park(
    own: &BusQueue,
    status: &Mutex<BusStatus>,
    rule: usize,
    given_up: &GivenUp,
    body: &str,
) {
    let Some(rule) = own.rules.get(rule) else { return };
    let send =
        || -> BoxFuture<'_, _> { Box::pin(letter::send(&own.clients.sqs, rule, given_up, body)) };
    let sent = until_sent(send, own.time_scale, |message| note(status, message)).await;
    if let Err(error) = sent {
        status.lock().destination_failures.add(&error.message);
        lost(&format_args!("bus {}", own.bus), &error.message, body);
    }
}
