use std::sync::{Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt, ready};

use super::{DeadLetter, DeadLetters};
use crate::failure::Failure;

/// Dead letters in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryDeadLetters {
    letters: Mutex<Vec<DeadLetter>>,
    failure: Mutex<Option<Failure>>,
}

impl MemoryDeadLetters {
    /// The letters put so far.
    pub fn letters(&self) -> Vec<DeadLetter> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on every letter fails like this; `None` ends it.
    pub fn fail_with(&self, failure: Option<Failure>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

impl DeadLetters for MemoryDeadLetters {
    fn put<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Failure>> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let result = match failure {
            Some(failure) => Err(failure),
            None => {
                self.letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter.clone());
                Ok(())
            }
        };
        ready(result).boxed()
    }
}
