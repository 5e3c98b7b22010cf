//! Publishes the commits of a batch, and decides how each delivery ends.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::gathering::Gathering;
use super::packing::Placed;
use super::progress::Progress;
use super::route::{Messages, Route, Takes};
use super::run::Run;
use super::sending::Sender;
use super::{Events, Outgoing, Published, Target};
use crate::batch::{
    BatchContext, BatchHandler, Concurrency, Decode, Handled, Item, NotRun, Outcome,
};
use crate::failure::{Class, Failure};
use crate::ids::{StreamId, Version};
use crate::source::Delivery;
use crate::store::{CommitChange, EventReader, RecordedCommit, RecordedEvent, Retry};

/// Most requests to a target at a time. They need not wait for each other: a target that keeps the
/// order has one entry of a stream in flight.
pub(super) const REQUESTS: usize = 4;
/// Most split commits that are read at a time. Each may be 4 MB.
pub(super) const READS: usize = 4;
/// How often an entry that a target does not accept is sent within one invocation.
pub(super) const RETRY: Retry = Retry { attempts: 5, pause: Duration::from_millis(100) };

/// Publishes what the event store holds, from the store's DynamoDB stream.
///
/// Every event reaches each target that [`Publisher::route`] gives it to, at least once and with
/// the same id each time. The publisher looks at the type and source of an event and not at its
/// content, so it also publishes types that are newer than itself.
///
/// # Examples
/// ```no_run
/// # #[cfg(all(feature = "publish-eventbridge", feature = "publish-kinesis"))]
/// # fn publisher(
/// #     store: tidegate::store::DynamoDbEventStore,
/// #     eventbridge: aws_sdk_eventbridge::Client,
/// #     kinesis: aws_sdk_kinesis::Client,
/// # ) {
/// use tidegate::publish::{EventBus, Events, KinesisStream, Publisher};
///
/// let publisher = Publisher::new(store)
///     .route(Events::all(), EventBus::new(eventbridge, "shop", 262_144))
///     .route(Events::all().of_type("Order*"), KinesisStream::new(kinesis, "orders"));
/// # let _ = publisher;
/// # }
/// ```
pub struct Publisher {
    events: Arc<dyn EventReader>,
    pub(super) routes: Vec<Route>,
    messages: Option<Box<Messages>>,
    reads: Concurrency,
}

impl Publisher {
    /// Creates a publisher without targets. It reads commits that are too large for a record of the
    /// DynamoDB stream from this store.
    pub fn new(events: impl EventReader + 'static) -> Self {
        Self {
            events: Arc::new(events),
            routes: Vec::new(),
            messages: None,
            reads: Concurrency::new(READS),
        }
    }

    /// Adds a target that gets these events.
    #[must_use]
    pub fn route(self, events: Events, target: impl Target + 'static) -> Self {
        self.with(Takes::Events(events), target)
    }

    /// Adds a target for the messages that [`Publisher::messages`] addresses to `name`.
    ///
    /// If several targets have the same name, each gets the messages.
    #[must_use]
    pub fn address(self, name: impl Into<String>, target: impl Target + 'static) -> Self {
        self.with(Takes::Addressed(name.into()), target)
    }

    /// Sets the function that says which messages follow from an event: commands, schedules and
    /// their cancellations.
    ///
    /// It must be pure: it is called again each time that the event is delivered, and must return
    /// the same messages. A transient failure, such as that of an event that only a newer version
    /// can read, lets the event come again. It then keeps back the later messages of its stream.
    #[must_use]
    pub fn messages(
        mut self,
        messages: impl Fn(&Published<'_>) -> Result<Vec<Outgoing>, Failure> + Send + Sync + 'static,
    ) -> Self {
        self.messages = Some(Box::new(messages));
        self
    }

    fn with(mut self, takes: Takes, target: impl Target + 'static) -> Self {
        let target = Box::new(target);
        let sender = Sender { target, retry: RETRY, requests: Concurrency::new(REQUESTS) };
        self.routes.push(Route { takes, sender });
        self
    }

    /// Publishes commits, each from the delivery at the same index, and records how these
    /// deliveries end.
    async fn publish<'a>(
        &self,
        commits: impl Iterator<Item = (usize, &'a RecordedCommit)>,
        run: &mut Run,
    ) {
        let mut progress = Vec::new();
        let mut entries: Vec<Vec<Placed>> = self.routes.iter().map(|_| Vec::new()).collect();
        for (place, commit) in commits {
            let lane = run.lane(&commit.stream);
            let mut gathering = Gathering {
                routes: &self.routes,
                entries: &mut entries,
                progress: Progress::default(),
                at: (progress.len(), lane),
            };
            let asked = |event: &&RecordedEvent| run.asked.have(&event.kind, &commit.source);
            for event in commit.events.iter().filter(asked) {
                gathering.event(commit, event);
                if let Some(messages) = &self.messages {
                    gathering.messages(messages, &Published::new(commit, event), &mut run.unknown);
                }
            }
            progress.push((place, gathering.progress));
        }
        let deadline = run.deadline;
        let sending = self.routes.iter().zip(entries).zip(&mut run.stopped);
        let sending = sending
            .map(|((route, entries), stopped)| route.sender.send(entries, stopped, deadline));
        for (place, left) in join_all(sending).await.into_iter().flatten() {
            if let Some((_, of_commit)) = progress.get_mut(place) {
                of_commit.left(left);
            }
        }
        for (place, of_commit) in progress {
            run.end(place, of_commit.outcome());
        }
    }

    /// Reads a split commit from the store.
    async fn read(
        &self,
        stream: &StreamId,
        version: Version,
        deadline: Instant,
    ) -> Result<RecordedCommit, Outcome> {
        if Instant::now() >= deadline {
            return Err(Outcome::NotRun(NotRun::OutOfTime));
        }
        let commit = match timeout_at(deadline, self.events.read_at(stream, version)).await {
            Ok(commit) => commit.map_err(Outcome::Failed)?,
            Err(_) => {
                let late = format!(
                    "{stream}: the event store did not answer before the invocation's deadline"
                );
                return Err(Outcome::Failed(Failure::transient("deadline", late)));
            }
        };
        commit.filter(|commit| commit.first_version() == version).ok_or_else(|| {
            let missing =
                format!("{stream}: the commit at version {version} is not in the event store");
            Outcome::Failed(Failure::transient("not_in_store", missing))
        })
    }

    /// Reads split commits from the store. A commit that cannot be read ends its delivery, and
    /// stops its stream unless it never can be.
    async fn read_all(
        &self,
        split: Vec<(usize, &StreamId, Version)>,
        run: &mut Run,
    ) -> Vec<(usize, RecordedCommit)> {
        let deadline = run.deadline;
        let read = |(place, stream, version)| async move {
            (place, stream, self.read(stream, version, deadline).await)
        };
        let throttled = |(_, _, read): &(_, _, Result<_, Outcome>)| matches!(read, Err(Outcome::Failed(failure)) if failure.code() == Failure::THROTTLED);
        let mut commits = Vec::new();
        for (place, stream, read) in self.reads.each(split, read, throttled).await {
            match read {
                Ok(commit) => commits.push((place, commit)),
                Err(outcome) => {
                    if stops_stream(&outcome) {
                        run.stop(stream);
                    }
                    run.end(place, outcome);
                }
            }
        }
        commits
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets: Vec<_> = self.routes.iter().map(|route| route.sender.target.name()).collect();
        f.debug_struct("Publisher").field("targets", &targets).finish_non_exhaustive()
    }
}

impl Decode for Publisher {
    type Record = CommitChange;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<CommitChange, Failure> {
        CommitChange::from_delivery(delivery)
    }

    fn lane(&self, delivery: &Delivery<'_>) -> String {
        CommitChange::lane(delivery)
    }
}

impl BatchHandler for Publisher {
    async fn handle_batch(
        &self,
        items: &[Item<CommitChange>],
        context: &BatchContext,
    ) -> Vec<Outcome> {
        let types = context.types.iter().flat_map(|types| types.iter());
        let asked = types.fold(Events::all(), Events::of_type);
        let mut run = Run::new(items.len(), self.routes.len(), context.deadline, asked);
        let (mut whole, mut split, mut behind) = (Vec::new(), Vec::new(), Vec::new());
        let (mut waiting, mut unreadable) = (HashSet::new(), Vec::new());
        for (place, item) in items.iter().enumerate() {
            match &item.record {
                CommitChange::Commit(commit) if waiting.contains(&commit.stream) => {
                    behind.push((place, commit));
                }
                CommitChange::Commit(commit) => whole.push((place, commit)),
                CommitChange::Split { stream, version, .. } => {
                    waiting.insert(stream);
                    split.push((place, stream, *version));
                }
                CommitChange::Newer { stream, version } => {
                    waiting.insert(stream);
                    unreadable.push(stream);
                    run.end(place, newer(stream, *version));
                }
                CommitChange::Other | CommitChange::Hint { .. } => {
                    run.end(place, Outcome::Done(Handled::Filtered));
                }
            }
        }
        // Complete commits do not wait for the store, unless a commit before them must be read.
        self.publish(whole.into_iter(), &mut run).await;
        unreadable.into_iter().for_each(|stream| run.stop(stream));
        let read = self.read_all(split, &mut run).await;
        let mut commits: Vec<_> = read.iter().map(|(place, commit)| (*place, commit)).collect();
        commits.extend(behind);
        commits.sort_unstable_by_key(|(place, _)| *place);
        self.publish(commits.into_iter(), &mut run).await;
        run.outcomes
    }
}

/// Returns the outcome of a delivery whose commit this version cannot read: it comes again until a
/// newer version runs.
fn newer(stream: &StreamId, version: Version) -> Outcome {
    let newer = format!("{stream}: the commit at version {version} has a newer format");
    Outcome::Failed(Failure::transient(Failure::NEWER, newer))
}

/// Returns whether the later commits of a stream must wait for one that ended in this way.
fn stops_stream(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Done(_) => false,
        Outcome::Failed(failure) => failure.class() != Class::Permanent,
        Outcome::NotRun(_) => true,
    }
}
