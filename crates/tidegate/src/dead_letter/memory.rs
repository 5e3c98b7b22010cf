//! Keeps dead letters in memory, for tests.

use std::collections::BTreeMap;

use futures::future::{BoxFuture, FutureExt, ready};
use parking_lot::{Mutex, MutexGuard};

use super::keep::{Post, Refusal, keep};
use super::text::is_taken;
use super::{DeadLetter, DeadLetters};
use crate::failure::Failure;

/// Largest message of a queue, in bytes, unless a test sets another size: SQS's own limit.
const MESSAGE_BYTES: usize = 1024 * 1024;

/// Dead letters in memory, for tests: a queue that refuses what SQS refuses, and a bucket.
///
/// As with [`QueueDeadLetters`](super::QueueDeadLetters), the record of a letter that the queue
/// refuses becomes an object. A letter that the queue refuses in every form becomes an object as a
/// whole.
#[derive(Debug, Default)]
pub struct MemoryDeadLetters {
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    letters: Vec<DeadLetter>,
    objects: BTreeMap<String, String>,
    failure: Option<Failure>,
    limit: usize,
    refused: Vec<char>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            letters: Vec::new(),
            objects: BTreeMap::new(),
            failure: None,
            limit: MESSAGE_BYTES,
            refused: Vec::new(),
        }
    }
}

impl MemoryDeadLetters {
    /// Returns the letters in the queue.
    pub fn letters(&self) -> Vec<DeadLetter> {
        self.kept().letters.clone()
    }

    /// Returns the objects in the bucket, by key.
    pub fn objects(&self) -> BTreeMap<String, String> {
        self.kept().objects.clone()
    }

    /// Makes every later letter fail like this; `None` ends that.
    pub fn fail_with(&self, failure: Option<Failure>) {
        self.kept().failure = failure;
    }

    /// Makes the queue refuse messages above this size in bytes; 1 MiB by default.
    pub fn refuse_above(&self, bytes: usize) {
        self.kept().limit = bytes;
    }

    /// Makes the queue refuse messages with these characters too.
    ///
    /// It always refuses characters that XML 1.0 lacks, as SQS does.
    pub fn refuse_characters(&self, characters: impl IntoIterator<Item = char>) {
        self.kept().refused.extend(characters);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock()
    }
}

impl DeadLetters for MemoryDeadLetters {
    fn put<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Failure>> {
        // Larger letters are sent nevertheless, so that the queue refuses them.
        keep(self, letter, usize::MAX).boxed()
    }
}

impl Post for MemoryDeadLetters {
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), Refusal>> {
        ready(self.kept().take(&body)).boxed()
    }

    fn store<'a>(&'a self, key: &'a str, json: String) -> BoxFuture<'a, Result<(), Failure>> {
        let mut kept = self.kept();
        let stored = kept.failure.clone().map_or(Ok(()), Err);
        if stored.is_ok() {
            kept.objects.insert(key.to_owned(), json);
        }
        ready(stored).boxed()
    }

    fn bucket(&self) -> &'static str {
        "dead-letters"
    }
}

impl Kept {
    fn take(&mut self, body: &str) -> Result<(), Refusal> {
        if let Some(failure) = &self.failure {
            return Err(Refusal::ForNow(failure.clone()));
        }
        if body.len() > self.limit {
            return Err(Refusal::ForGood(format!(
                "InvalidParameterValue: above {} bytes",
                self.limit
            )));
        }
        let refused = |character: &char| !is_taken(*character) || self.refused.contains(character);
        if let Some(character) = body.chars().find(refused) {
            let reason = format!("InvalidMessageContents: U+{:04X}", u32::from(character));
            return Err(Refusal::ForGood(reason));
        }
        let letter = serde_json::from_str(body).map_err(|error| Refusal::ForNow(error.into()))?;
        self.letters.push(letter);
        Ok(())
    }
}
