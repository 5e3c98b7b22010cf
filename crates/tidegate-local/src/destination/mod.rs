//! Destinations for on-failure records, and for records of successful asynchronous invocations.

mod bucket;
mod bus;
mod hand_over;
mod queue;
mod record;
mod topic;

#[cfg(test)]
mod tests;

pub use bucket::BucketDestination;
pub use bus::BusDestination;
pub use hand_over::DeliveryFailures;
pub(crate) use hand_over::{lost, until_sent};
pub use queue::QueueDestination;
pub use record::Destination;
pub use topic::TopicDestination;
