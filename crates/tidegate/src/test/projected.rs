//! Tests what a projection makes of a history, in every order of its events.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::batch::{BatchContext, BatchHandler, Item, Outcome, Stopwatch};
use crate::envelope::DataSchema;
use crate::ids::{Cause, StreamId, Version, content_uuid};
use crate::message::MessageSet;
use crate::projection::memory::MemoryReadModel;
use crate::projection::{EntryKey, Guard, Projection, Projector, Value};
use crate::store::memory::MemoryEventStore;
use crate::store::{Commit, CommitChange, EventStore, RecordedCommit, RecordedEvent};

/// Number of orders in which a history is delivered, besides its own and the reverse.
const ORDERS: u32 = 24;
/// Most invocations after which nothing may be left to do.
const INVOCATIONS: usize = 1_000;

/// Starts the test of a projection: `projected(projection).event(stream, event).run().await`.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidegate::failure::Failure;
/// use tidegate::ids::StreamId;
/// use tidegate::message::Message;
/// use tidegate::projection::{EntryKey, Projected, Projection, RowUpdate, Value};
/// use tidegate::store::{RecordedCommit, RecordedEvent};
/// use tidegate::test::projected;
///
/// #[derive(Serialize, Deserialize, Message)]
/// struct Joined { email: String }
/// tidegate::messages! { enum MemberEvent { Joined } }
///
/// struct Members;
///
/// impl Projection for Members {
///     fn concerns(&self, stream: &StreamId) -> bool { stream.kind() == "member" }
///     fn project(&self, _: &RecordedCommit, event: &RecordedEvent) -> Result<Projected, Failure> {
///         let MemberEvent::Joined(Joined { email }) = event.decode()?;
///         let found = EntryKey::of_lookup(format!("email#{email}")).write(RowUpdate::default());
///         let row = RowUpdate::default().set("email", email);
///         Ok(Projected { row, entries: vec![found], ..Projected::default() })
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let joined = MemberEvent::Joined(Joined { email: "anna@example.org".to_owned() });
/// let model = projected(Members).event("member#7", &joined).run().await;
/// let (stream, _) = model.entry(&EntryKey::of_lookup("email#anna@example.org")).unwrap();
/// assert_eq!(stream.as_str(), "member#7");
/// assert_eq!(model.attribute(&stream, "email"), Some(Value::from("anna@example.org")));
/// # });
/// ```
pub fn projected<P: Projection>(projection: P) -> History<P> {
    History { projection, commits: Vec::new(), now: Timestamp::UNIX_EPOCH }
}

/// A history, ready to be projected.
#[derive(Debug)]
pub struct History<P> {
    projection: P,
    commits: Vec<RecordedCommit>,
    now: Timestamp,
}

impl<P: Projection> History<P> {
    /// Sets the time of the events that follow. Without it they are of 1970.
    #[must_use]
    pub fn at(self, time: Timestamp) -> Self {
        Self { now: time, ..self }
    }

    /// Adds the next event of a stream.
    ///
    /// # Panics
    /// Panics if the name of the stream is not valid, or the event cannot be written as JSON.
    #[must_use]
    #[track_caller]
    pub fn event(self, stream: &str, event: &impl MessageSet) -> Self {
        let (kind, data_version) = event.schema();
        match event.encode() {
            Ok(data) => self.stored(stream, kind, data_version, &data),
            Err(error) => fail(&format!("the event {kind} cannot be written: {error}")),
        }
    }

    /// Adds the next event of a stream as an earlier version of the function stored it: its type,
    /// type version and data as JSON.
    ///
    /// # Panics
    /// Panics if the name of the stream is not valid.
    #[must_use]
    #[track_caller]
    pub fn stored(mut self, stream: &str, kind: &str, data_version: u32, data: &str) -> Self {
        let stream: StreamId = match stream.parse() {
            Ok(stream) => stream,
            Err(error) => fail(&format!("{stream:?} is not the name of a stream: {error}")),
        };
        let before = self.commits.iter().rfind(|commit| commit.stream == stream);
        let version = before.map_or(Version::NONE, RecordedCommit::last_version).next();
        let (id, schema) = (format!("{stream} {version}"), DataSchema::new(kind, data_version));
        let event = RecordedEvent::new(&id, version, schema, self.now, data);
        let cause = Cause::new("test", id);
        self.commits.push(RecordedCommit::new(stream, "test", cause, self.now, vec![event]));
        self
    }

    /// Projects the history, and returns the read model.
    ///
    /// The history is delivered in its own order, in reverse, in 24 other orders with some of its
    /// events twice, and as a rebuild delivers it: one event of each stream. A batch has one to
    /// three events. The results must be equal.
    ///
    /// # Panics
    /// Panics if two results differ, or if an event fails. The message shows the order.
    pub async fn run(self) -> MemoryReadModel {
        let own: Vec<usize> = (0..self.commits.len()).collect();
        let first = self.deliver(&own, 1).await;
        let expected = Shown::from_model(&first);
        let mut orders: Vec<Vec<usize>> = vec![own.iter().rev().copied().collect()];
        orders.extend((0..ORDERS).map(|seed| shuffled(&own, seed)));
        let mut newest: BTreeMap<&StreamId, usize> = BTreeMap::new();
        newest.extend((0..).zip(&self.commits).map(|(place, commit)| (&commit.stream, place)));
        orders.push(newest.values().copied().collect());
        orders.push(newest.values().rev().copied().collect());
        for (order, size) in orders.into_iter().zip((1..=3).cycle()) {
            let found = Shown::from_model(&self.deliver(&order, size).await);
            if let Some(difference) = expected.difference(&found) {
                let order: Vec<String> = order.iter().map(|place| self.name(*place)).collect();
                fail(&format!(
                    "the projection depends on the order of its events\n{difference}\n  \
                     delivered in this order: {}",
                    order.join(", ")
                ));
            }
        }
        first
    }

    /// Delivers the commits at these places, so many at a time, until nothing is left to do.
    async fn deliver(&self, order: &[usize], size: usize) -> MemoryReadModel {
        let (store, model) = (MemoryEventStore::default(), MemoryReadModel::default());
        for record in &self.commits {
            let attempt = record.decisions.first().map(|decision| decision.cause.id.clone());
            let commit = Commit { record: record.clone(), attempt: attempt.unwrap_or_default() };
            if let Err(failure) = store.commit(&commit).await {
                fail(&format!("{:?} cannot be stored: {failure:?}", record.stream));
            }
        }
        let projector = Projector::new(&self.projection, Arc::new(model.clone()), Arc::new(store))
            .look_for_parked_every(Duration::ZERO);
        for places in order.chunks(size) {
            self.invoke(&projector, places).await;
        }
        // Aggregates that wait for an entry are tried again while others move on.
        for _ in 0..self.commits.len() {
            self.invoke(&projector, &[]).await;
        }
        model
    }

    async fn invoke(&self, projector: &Projector<&P>, places: &[usize]) {
        let mut left: Vec<usize> = places.to_vec();
        for _ in 0..INVOCATIONS {
            let change = |place: &usize| self.commits.get(*place).cloned();
            let items = left.iter().filter_map(change).map(|commit| Item {
                stopwatch: Stopwatch::default(),
                lane: commit.stream.to_string(),
                arrived_at: None,
                span: tracing::Span::none(),
                delivered: None,
                record: CommitChange::Commit(commit),
            });
            let items: Vec<_> = items.collect();
            let context = BatchContext::new(Duration::from_secs(60));
            let outcomes = projector.handle_batch(&items, &context).await;
            let mut again = Vec::new();
            for (place, outcome) in left.into_iter().zip(outcomes) {
                match outcome {
                    Outcome::Done(_) => {}
                    Outcome::Failed(failure) => {
                        fail(&format!("{} fails: {failure}", self.name(place)));
                    }
                    Outcome::NotRun(_) => again.push(place),
                }
            }
            if again.is_empty() {
                return;
            }
            left = again;
        }
        fail("some events are never applied");
    }

    fn name(&self, place: usize) -> String {
        let commit = self.commits.get(place);
        commit.map_or_else(String::new, |commit| {
            format!("{} {}", commit.stream, commit.first_version())
        })
    }
}

/// Returns the places in another order, some of them twice.
fn shuffled(places: &[usize], seed: u32) -> Vec<usize> {
    let mut all: Vec<usize> = places.iter().chain(places.iter().step_by(3)).copied().collect();
    let mut turn = 0_u32;
    all.sort_by_cached_key(|place| {
        turn += 1;
        content_uuid(&[&seed.to_string(), &place.to_string(), &turn.to_string()])
    });
    all
}

/// Everything that a reader of a read model can see, by a name for people.
struct Shown(BTreeMap<String, String>);

impl Shown {
    fn from_model(model: &MemoryReadModel) -> Self {
        let mut all = BTreeMap::new();
        for row in model.rows() {
            let Guard { position, parked, parked_reason, .. } = row.guard;
            let attributes: BTreeMap<String, Value> = row.attributes.into_iter().collect();
            let parked = parked.map(|at| format!(", parked at {at}: {parked_reason:?}"));
            all.insert(
                format!("row {}", row.stream),
                format!(
                    "version {}{}, {attributes:?}",
                    position.version,
                    parked.unwrap_or_default()
                ),
            );
        }
        for (EntryKey { list, entry }, (owner, attributes)) in model.entries() {
            all.insert(format!("entry {list} / {entry}"), format!("of {owner}, {attributes:?}"));
        }
        for (key, amounts) in model.counters() {
            all.insert(format!("counter {key}"), format!("{amounts:?}"));
        }
        Self(all)
    }

    fn difference(&self, other: &Self) -> Option<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let mut text = String::new();
        for name in names {
            let [own, other] = [&self.0, &other.0].map(|all| all.get(name));
            if own != other {
                let shown = |of: Option<&String>| of.cloned().unwrap_or_else(|| "none".to_owned());
                // Writing to a string cannot fail.
                let _ = writeln!(text, "  {name}");
                let _ = writeln!(text, "    in the order of the history: {}", shown(own));
                let _ = writeln!(text, "    in another order:            {}", shown(other));
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

/// Fails the test that called.
#[track_caller]
#[allow(clippy::panic, reason = "a test kit fails tests by a panic")]
fn fail(message: &str) -> ! {
    panic!("{message}")
}
