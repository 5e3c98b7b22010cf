//! Keeps deliveries that could not be applied.
//!
//! A dead letter has the reason and everything that a replay needs.

mod keep;
mod letter;
#[cfg(any(test, feature = "test-kit"))]
pub(crate) mod memory;
mod queue;
mod text;

use futures::future::BoxFuture;

pub(crate) use letter::event_of;
pub use letter::{DeadLetter, Payload};
#[cfg(test)]
pub(crate) use memory::MemoryDeadLetters;
pub use queue::QueueDeadLetters;
pub use text::json_text_for_messages;

use crate::failure::Failure;

/// Stores dead letters.
pub trait DeadLetters: Send + Sync {
    /// Stores a letter durably. Once this succeeds, the delivery is acknowledged.
    ///
    /// # Errors
    /// The letter could not be stored. The delivery then stays failed and comes again.
    fn put<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Failure>>;
}

#[cfg(test)]
mod tests;
