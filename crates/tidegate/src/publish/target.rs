//! The port to a service that takes messages.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::Entry;
use crate::failure::Failure;

/// A service that takes messages in requests: a bus, a stream, a topic, a queue.
///
/// The [`Publisher`](super::Publisher) packs entries into requests within [`Target::limits`], waits
/// between attempts and keeps the deadline. A target sends one request and reports what became of
/// each entry.
pub trait Target: Send + Sync {
    /// Returns the name for people, such as `bus shop`.
    fn name(&self) -> &str;

    /// Returns how much an entry and a request may hold.
    fn limits(&self) -> Limits;

    /// Returns the size of an entry in bytes, as the service counts it.
    fn size(&self, entry: &Entry) -> usize;

    /// Returns whether the target keeps the order of what it takes. By default it does not.
    ///
    /// If it does, a request holds at most one entry of a stream, and the next one is sent when
    /// this one is confirmed.
    fn keeps_order(&self) -> bool {
        false
    }

    /// Returns whether the target keeps messages until they are due. By default it does not, and a
    /// schedule for it fails permanently.
    fn schedules(&self) -> bool {
        false
    }

    /// Sends one request. Returns what became of each entry, in the order of the request: `None` if
    /// the service has it.
    ///
    /// The future may be dropped at the invocation's deadline.
    ///
    /// # Errors
    /// The request failed as a whole. The service may have taken any of its entries.
    fn send<'a>(
        &'a self,
        request: &'a [&'a Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Failure>>, RefusedRequest>>;
}

/// How much an entry and a request of a [`Target`] may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Most entries in a request.
    pub entries: usize,
    /// Largest sum of the sizes of a request's entries, in bytes.
    pub request_bytes: usize,
    /// Largest size of an entry, in bytes.
    pub entry_bytes: usize,
}

impl Limits {
    /// Creates limits: entries of a request, bytes of a request, bytes of an entry.
    pub fn new(entries: usize, request_bytes: usize, entry_bytes: usize) -> Self {
        Self { entries, request_bytes, entry_bytes }
    }
}

/// A request that failed as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedRequest {
    /// Why it failed.
    pub failure: Failure,
    /// Whether a single entry may be the reason. Each entry is then sent alone, so that it does not
    /// keep the others back.
    pub by_entry: bool,
}

impl RefusedRequest {
    /// Creates the failure of a request of which a single entry may be the reason.
    pub fn by_entry(failure: Failure) -> Self {
        Self { failure, by_entry: true }
    }
}

impl From<Failure> for RefusedRequest {
    fn from(failure: Failure) -> Self {
        Self { failure, by_entry: false }
    }
}

impl<T: Target + ?Sized> Target for Arc<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn limits(&self) -> Limits {
        (**self).limits()
    }

    fn size(&self, entry: &Entry) -> usize {
        (**self).size(entry)
    }

    fn keeps_order(&self) -> bool {
        (**self).keeps_order()
    }

    fn schedules(&self) -> bool {
        (**self).schedules()
    }

    fn send<'a>(
        &'a self,
        request: &'a [&'a Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Failure>>, RefusedRequest>> {
        (**self).send(request)
    }
}
