//! Checks topics, and what subscribes to them.

use std::collections::BTreeMap;

use super::Check;
use super::names::{FIFO_TOPIC, SUBSCRIPTION, TOPIC};
use crate::filter_policy::FilterPolicy;
use crate::filter_policy::limits::{BYTES, POLICIES_OF_A_TOPIC};
use crate::model::Subscription;
use crate::subscribers::Subscriber;

/// Most subscriptions of a FIFO topic (AWS: SNS endpoints and quotas).
const OF_A_FIFO_TOPIC: usize = 100;

impl Check<'_> {
    pub(super) fn subscriptions(&mut self) {
        let topology = self.topology;
        for (name, topic) in &topology.topics {
            self.name(&["topics", name], name, if topic.fifo { &FIFO_TOPIC } else { &TOPIC });
            if topic.content_based_deduplication && !topic.fifo {
                let what = "is for a FIFO topic; add fifo = true, or remove it";
                self.mistake(&["topics", name, "content_based_deduplication"], what);
            }
            self.quotas(name, topic.fifo);
        }
        let mut seen = BTreeMap::new();
        for (name, subscription) in &topology.subscriptions {
            self.name(&["subscriptions", name], name, &SUBSCRIPTION);
            let path = ["subscriptions", name, "topic"];
            self.declared(&path, "topics", &subscription.topic, &topology.topics);
            self.subscriber(name, subscription);
            self.filter_policy(name, subscription);
            self.undelivered(name, subscription);
            let Some(subscriber) = subscription.subscriber() else { continue };
            let key = (subscription.topic.as_str(), subscriber);
            if let Some(first) = seen.insert(key, name) {
                let what = format!(
                    "subscribes the same receiver to {} as {first}; SNS keeps one subscription of \
                     a receiver: join their filter policies",
                    subscription.topic
                );
                self.mistake(&["subscriptions", name], what);
            }
        }
    }

    fn quotas(&mut self, topic: &str, is_fifo: bool) {
        let of_topic = || self.topology.subscriptions_of(topic).map(|(_, of)| of);
        let (all, filtered) =
            (of_topic().count(), of_topic().filter(|of| of.filter_policy.is_some()).count());
        if is_fifo && all > OF_A_FIFO_TOPIC {
            let what = format!(
                "has {all} subscriptions; a FIFO topic takes at most {OF_A_FIFO_TOPIC}: use \
                 several topics"
            );
            self.mistake(&["topics", topic], what);
        }
        if filtered > POLICIES_OF_A_TOPIC {
            let what = format!(
                "has {filtered} subscriptions with a filter policy; SNS takes \
                 {POLICIES_OF_A_TOPIC} of a topic unless AWS raises the quota: use several topics"
            );
            self.mistake(&["topics", topic], what);
        }
    }

    fn subscriber(&mut self, name: &str, subscription: &Subscription) {
        let topology = self.topology;
        let topic = topology.topics.get(&subscription.topic);
        let from_fifo = topic.is_some_and(|topic| topic.fifo);
        let at = |field| ["subscriptions", name, field];
        match subscription.subscriber() {
            None => {
                self.mistake(&["subscriptions", name], "needs exactly one of queue and function")
            }
            Some(Subscriber::Queue(queue)) => {
                self.declared(&at("queue"), "queues", queue, &topology.queues);
                if topic.is_some() && !from_fifo && self.is_fifo(queue) {
                    let what = format!(
                        "is {queue}, a FIFO queue, and {} is a standard topic; use a FIFO topic, \
                         or a standard queue",
                        subscription.topic
                    );
                    self.mistake(&at("queue"), what);
                } else if from_fifo && topology.queues.get(queue).is_some_and(|queue| !queue.fifo) {
                    let what = format!(
                        "is {queue}, a standard queue: it keeps neither the order nor the \
                         deduplication of the FIFO topic {}; use a FIFO queue if they matter",
                        subscription.topic
                    );
                    self.warning(&at("queue"), what);
                }
            }
            Some(Subscriber::Function(function)) => {
                self.declared(&at("function"), "functions", function, &topology.functions);
                if from_fifo {
                    let what = format!(
                        "is a function, and {} is a FIFO topic, which delivers to queues alone; \
                         subscribe a FIFO queue, and let the function read it",
                        subscription.topic
                    );
                    self.mistake(&at("function"), what);
                }
                if subscription.raw_message_delivery {
                    let what = "is for queues: a function gets the notification in any case; \
                        remove it";
                    self.mistake(&at("raw_message_delivery"), what);
                }
                let declared = topology.functions.get(function);
                if declared.is_some_and(|function| function.asynchronous.is_none()) {
                    let what = format!(
                        "is {function}, which declares no asynchronous with an on_failure: a \
                         message that fails three times is lost"
                    );
                    self.warning(&at("function"), what);
                }
            }
        }
    }

    fn filter_policy(&mut self, name: &str, subscription: &Subscription) {
        let path = ["subscriptions", name, "filter_policy"];
        let Some(policy) = &subscription.filter_policy else {
            let scope = ["subscriptions", name, "filter_policy_scope"];
            if self.document.has(&scope) {
                self.warning(
                    &scope,
                    "is set without a filter_policy, so every message is delivered",
                );
            }
            return;
        };
        if let Err(error) = FilterPolicy::parse(policy, subscription.filter_policy_scope) {
            self.faults(&path, &error);
        }
        let bytes = policy.to_string().len();
        if bytes > BYTES {
            self.mistake(&path, format!("has {bytes} bytes; at most {BYTES} are allowed"));
        }
    }

    fn undelivered(&mut self, name: &str, subscription: &Subscription) {
        let topology = self.topology;
        let path = ["subscriptions", name, "dead_letter_queue"];
        let Some(letters) = &subscription.dead_letter_queue else {
            let what = "is not set; messages that SNS cannot deliver would be lost";
            return self.warning(&path, what);
        };
        self.declared(&path, "queues", letters, &topology.queues);
        let kind = |fifo| if fifo { "FIFO" } else { "standard" };
        if let (Some(queue), Some(topic)) =
            (topology.queues.get(letters), topology.topics.get(&subscription.topic))
            && queue.fifo != topic.fifo
        {
            let (is, needs) = (kind(queue.fifo), kind(topic.fifo));
            let what = format!(
                "is {letters}, a {is} queue; the dead-letter queue of a subscription to a {needs} \
                 topic is a {needs} queue"
            );
            self.mistake(&path, what);
        }
        if subscription.queue.as_ref() == Some(letters) {
            let what = "is the subscribed queue itself, which would refuse the dead letter as it \
                refused the message; use another queue";
            self.warning(&path, what);
        }
    }
}
