//! Answers questions about topics and their subscriptions.

use std::collections::BTreeSet;

use super::model::{Subscription, Topic, Topology};

/// Receiver of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subscriber<'a> {
    /// A queue, by its declared name.
    Queue(&'a str),
    /// A function, by its declared name.
    Function(&'a str),
}

impl Topology {
    /// Returns the subscriptions of a topic: name, subscription.
    pub fn subscriptions_of(&self, topic: &str) -> impl Iterator<Item = (&str, &Subscription)> {
        let declared = self.subscriptions.iter().map(|(name, of)| (name.as_str(), of));
        declared.filter(move |(_, subscription)| subscription.topic == topic)
    }

    /// Returns the topics that have a subscription.
    pub fn subscribed_topics(&self) -> BTreeSet<&str> {
        let topics = self.subscriptions.values().map(|subscription| subscription.topic.as_str());
        topics.filter(|topic| self.topics.contains_key(*topic)).collect()
    }

    /// Returns every subscription of a function: subscription, function.
    pub fn function_subscriptions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.subscriptions.iter().filter_map(|(name, subscription)| {
            Some((name.as_str(), subscription.function.as_deref()?))
        })
    }
}

impl Subscription {
    /// Returns the receiver.
    ///
    /// Returns `None` unless exactly one of queue and function is set, as in every checked
    /// topology.
    pub fn subscriber(&self) -> Option<Subscriber<'_>> {
        match (&self.queue, &self.function) {
            (Some(queue), None) => Some(Subscriber::Queue(queue)),
            (None, Some(function)) => Some(Subscriber::Function(function)),
            _ => None,
        }
    }
}

impl Topic {
    /// Returns the topic's name in SNS. Names of FIFO topics end in `.fifo`.
    pub fn physical_name(&self, name: &str) -> String {
        if self.fifo { format!("{name}.fifo") } else { name.to_owned() }
    }
}
