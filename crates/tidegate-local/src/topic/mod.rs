//! Delivers the messages of SNS topics: filters each for every subscription and hands it over.
//!
//! In the emulator a topic has one subscription of the engine: every message goes to a queue of the
//! engine's own, in a notification. The emulator checks and answers a `Publish`, and its answer
//! means that the message is in that queue. The engine itself decides which subscriptions get the
//! message, what they get, how a delivery is retried and where it ends, since no emulator does so
//! as SNS does. A queue gets the message or a notification, a function the notification, by
//! asynchronous invocation.
//!
//! A message leaves the topic's queue only when every matching subscription, or its dead-letter
//! queue, has it. So an end of the engine at any moment loses nothing; as with SNS, a message may
//! be delivered twice.
//!
//! The messages of a FIFO topic stay in the order of their groups, for each subscription.
//!
//! [`machine::Fanout`] holds the rules of delivery, as a state machine without clock and I/O.
//! [`start`] runs it.

mod delivery;
mod life;
pub mod machine;
mod notification;
mod pace;
mod queue;
mod refusal;
mod sending;
pub mod settings;
mod status;
pub mod step;
mod subscription;
#[cfg(test)]
mod tests;

pub use delivery::start;
pub use notification::{Attribute, Notification};
pub use queue::TopicQueue;
pub use refusal::Refusal;
pub use status::{SubscriptionStatus, TopicFanout, TopicStatus};
pub use subscription::{Receiver, Subscription};
