//! Dead letters: what is left of a delivery that could not be applied, with the reason and everything needed to replay it.

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

/// Where dead letters are put.
pub trait DeadLetters: Send + Sync {
    /// Puts a letter. Once this succeeds the delivery is acknowledged, so the letter must be durable.
    ///
    /// # Errors
    /// When the letter could not be stored; the delivery then stays failed and comes again.
    fn put<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Failure>>;
}

#[cfg(test)]
mod tests;
