//! Publishes what the event store holds: to buses, streams, topics and queues.
//!
//! A [`Publisher`] reads the DynamoDB stream of the event store and hands each event to its
//! [`Target`]s. It is one of the two readers that AWS allows for a table's stream (AWS docs:
//! DynamoDB Streams and Lambda triggers). Everything else reads what it publishes.
//!
//! - [`Publisher::route`] gives events to a target, by type and source ([`Events`]).
//! - [`Publisher::messages`] says which commands and schedules follow from an event ([`Outgoing`]).
//! - A target is a service: [`EventBus`], [`KinesisStream`], [`Topic`], [`Queue`], [`Scheduler`],
//!   `KafkaTopic`. Each is behind a feature of its own, such as `publish-kinesis`.
//!
//! Publishing is at least once. An event that is published again has the same id. Targets that
//! [keep the order](Target::keeps_order) get the events of a stream in order. The page
//! `docs/concepts/publishing.md` of the repository has guarantees, costs and limits.

#[cfg(any(
    feature = "publish-eventbridge",
    feature = "publish-kinesis",
    feature = "publish-sns",
    feature = "publish-sqs"
))]
mod answer;
mod entry;
#[cfg(feature = "publish-eventbridge")]
mod eventbridge;
mod events;
mod fit;
mod gathering;
#[cfg(any(feature = "publish-kinesis", feature = "publish-sns", feature = "publish-sqs"))]
mod group;
#[cfg(feature = "publish-kafka")]
mod kafka;
#[cfg(feature = "publish-kinesis")]
mod kinesis;
mod outgoing;
mod packing;
mod progress;
mod publisher;
mod route;
mod run;
#[cfg(feature = "publish-scheduler")]
mod scheduler;
mod sending;
#[cfg(feature = "publish-sns")]
mod sns;
#[cfg(feature = "publish-sqs")]
mod sqs;
mod target;

pub use entry::{Action, Entry};
#[cfg(feature = "publish-eventbridge")]
pub use eventbridge::EventBus;
pub use events::Events;
#[cfg(feature = "publish-kafka")]
pub use kafka::KafkaTopic;
#[cfg(feature = "publish-kinesis")]
pub use kinesis::KinesisStream;
pub use outgoing::{Outgoing, Published, schedule_name};
pub use publisher::Publisher;
#[cfg(feature = "publish-scheduler")]
pub use scheduler::Scheduler;
#[cfg(feature = "publish-sns")]
pub use sns::Topic;
#[cfg(feature = "publish-sqs")]
pub use sqs::Queue;
pub use target::{Limits, RefusedRequest, Target};

#[cfg(test)]
mod tests;
