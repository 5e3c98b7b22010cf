//! Double of a target of the publisher.

use std::fmt;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use parking_lot::Mutex;

use super::{Call, Faulty};
use crate::failure::Failure;
use crate::publish::{Entry, Limits, RefusedRequest, Target};

/// What a [`MemoryTarget`] does with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetAnswer {
    /// It takes the entry and says so.
    Taken,
    /// It does not take the entry, for this reason.
    Refused(Failure),
    /// It takes the entry and reports this failure all the same.
    Lost(Failure),
}

/// An entry of a request, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentEntry {
    /// Number of the request, from 1.
    pub request: usize,
    /// Entry.
    pub entry: Entry,
    /// What the target did with it.
    pub answer: TargetAnswer,
}

/// What decides about an entry: number of the request, from 1, and entry.
type Script = dyn Fn(usize, &Entry) -> TargetAnswer + Send + Sync;

/// Double of a [`Target`]: it keeps what it takes, and refuses a request above its limits.
///
/// It fails entries by a script ([`MemoryTarget::answering`]). For requests that fail as a whole,
/// put it behind [`Faulty`] with [`Call::Publish`]. Clones share what was sent.
///
/// # Examples
/// ```
/// use tidegate::failure::Failure;
/// use tidegate::test::{TargetAnswer, MemoryTarget};
///
/// // It loses the first answer for each entry of the first request.
/// let topic = MemoryTarget::new("topic orders").answering(|request, _| match request {
///     1 => TargetAnswer::Lost(Failure::transient("topic", "no answer")),
///     _ => TargetAnswer::Taken,
/// });
/// assert!(topic.taken().is_empty());
/// ```
#[derive(Clone)]
pub struct MemoryTarget {
    name: String,
    limits: Limits,
    is_ordered: bool,
    schedules: bool,
    script: Arc<Script>,
    sent: Arc<Mutex<(usize, Vec<SentEntry>)>>,
}

impl MemoryTarget {
    /// Creates a target that takes 10 entries and 256 KiB in a request, and all entries. It keeps
    /// no order.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            limits: Limits::new(10, 256 * 1024, 256 * 1024),
            is_ordered: false,
            schedules: false,
            script: Arc::new(|_, _| TargetAnswer::Taken),
            sent: Arc::default(),
        }
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Makes the target keep the order of each stream.
    #[must_use]
    pub fn ordered(self) -> Self {
        Self { is_ordered: true, ..self }
    }

    /// Makes the target take schedules, which it keeps in order.
    #[must_use]
    pub fn scheduling(self) -> Self {
        Self { schedules: true, is_ordered: true, ..self }
    }

    /// Sets what decides about an entry. It gets the number of the request, from 1, and the entry.
    #[must_use]
    pub fn answering(
        self,
        script: impl Fn(usize, &Entry) -> TargetAnswer + Send + Sync + 'static,
    ) -> Self {
        Self { script: Arc::new(script), ..self }
    }

    /// Returns all entries that were sent, in order, with their answers.
    pub fn sent(&self) -> Vec<SentEntry> {
        self.sent.lock().1.clone()
    }

    /// Returns the entries that the target has, in order. An entry that was sent again after a lost
    /// answer is there twice.
    pub fn taken(&self) -> Vec<Entry> {
        let sent = self.sent();
        let taken =
            sent.into_iter().filter(|sent| !matches!(sent.answer, TargetAnswer::Refused(_)));
        taken.map(|sent| sent.entry).collect()
    }

    /// Returns the ids of the entries that were sent, request by request.
    pub fn requests(&self) -> Vec<Vec<String>> {
        let (number, sent) = &*self.sent.lock();
        let mut requests = vec![Vec::new(); *number];
        for sent in sent {
            if let Some(ids) = requests.get_mut(sent.request - 1) {
                ids.push(sent.entry.id.clone());
            }
        }
        requests
    }

    /// Returns what a request breaks of the limits.
    fn breach(&self, request: &[&Entry]) -> Option<String> {
        let sizes: Vec<_> = request.iter().map(|entry| self.size(entry)).collect();
        let most = sizes.iter().max().copied().unwrap_or_default();
        let is_within = !request.is_empty()
            && request.len() <= self.limits.entries
            && sizes.iter().sum::<usize>() <= self.limits.request_bytes
            && most <= self.limits.entry_bytes;
        (!is_within)
            .then(|| format!("{}: entries of {sizes:?} bytes break {:?}", self.name, self.limits))
    }
}

impl fmt::Debug for MemoryTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTarget").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Target for MemoryTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn size(&self, entry: &Entry) -> usize {
        entry.body.len()
    }

    fn keeps_order(&self) -> bool {
        self.is_ordered
    }

    fn schedules(&self) -> bool {
        self.schedules
    }

    fn send<'a>(
        &'a self,
        request: &'a [&'a Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Failure>>, RefusedRequest>> {
        async move {
            if let Some(breach) = self.breach(request) {
                return Err(Failure::permanent("limit", breach).into());
            }
            let number = {
                let mut sent = self.sent.lock();
                sent.0 += 1;
                sent.0
            };
            let mut results = Vec::with_capacity(request.len());
            for entry in request {
                let answer = (self.script)(number, entry);
                results.push(match &answer {
                    TargetAnswer::Taken => None,
                    TargetAnswer::Refused(failure) | TargetAnswer::Lost(failure) => {
                        Some(failure.clone())
                    }
                });
                let entry = (*entry).clone();
                self.sent.lock().1.push(SentEntry { request: number, entry, answer });
            }
            Ok(results)
        }
        .boxed()
    }
}

impl<P: Target + ?Sized> Target for Faulty<P> {
    fn name(&self) -> &str {
        self.port().name()
    }

    fn limits(&self) -> Limits {
        self.port().limits()
    }

    fn size(&self, entry: &Entry) -> usize {
        self.port().size(entry)
    }

    fn keeps_order(&self) -> bool {
        self.port().keeps_order()
    }

    fn schedules(&self) -> bool {
        self.port().schedules()
    }

    fn send<'a>(
        &'a self,
        request: &'a [&'a Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Failure>>, RefusedRequest>> {
        self.call(Call::Publish, None, move |port| port.send(request)).boxed()
    }
}
