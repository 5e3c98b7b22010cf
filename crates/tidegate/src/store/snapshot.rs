//! Snapshots: loading an aggregate without its whole stream.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::warn;

use super::aggregate::{History, Loaded, fold, run};
use super::digest::resent;
use super::origin::decided;
use super::{Aggregate, Causes, Decision, EventStore, Origin, RecordedCommit, Retry};
use crate::batch::Handled;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// Events after which a snapshot is taken, unless said otherwise.
const EVERY: u64 = 100;
/// How far back causes are kept by default: a dead letter is replayed for up to 14 days. A function
/// that reads a queue needs more, see [`Origin::REDRIVEN`].
const HORIZON: Duration = Duration::from_secs(15 * 24 * 60 * 60);
/// How long a command waits for its snapshot: it is stored already, and the snapshot is optional.
const PATIENCE: Duration = Duration::from_secs(2);
/// Largest state and causes together, in bytes: an item of 400 KB less its key and names.
const SNAPSHOT_BYTES: usize = 400 * 1024 - 4 * 1024;

/// An aggregate whose state can be kept, so that a long stream need not be folded from its first event.
pub trait Snapshotted: Aggregate + Serialize + DeserializeOwned {
    /// Name and version of the state's shape, such as `account/2`. A new one whenever fields *or the meaning of [`Aggregate::apply`]* change: snapshots of
    /// another shape are not looked at. 1 to 1,024 bytes.
    const SHAPE: &'static str;
}

/// The state of an aggregate at a version. Never the truth: a snapshot that is missing, of another shape, unreadable or of another history is
/// ignored, and the stream folded from its first event.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The stream.
    pub stream: StreamId,
    /// [`Snapshotted::SHAPE`].
    pub shape: String,
    /// Version of the last event in it.
    pub version: Version,
    /// Id of that event: with another event at that version in the stream, it is a snapshot of another history.
    pub event_id: String,
    /// The state as JSON.
    pub state: String,
    /// What led to the commits in it, as far back as the horizon.
    pub causes: Causes,
}

/// Where snapshots are kept. All of it may be deleted at any time.
pub trait SnapshotStore: Send + Sync {
    /// The newest snapshot of this shape. One that is somewhat old does no harm, so the read need not be consistent.
    ///
    /// # Errors
    /// A failure of the store; the snapshot is done without then.
    fn load<'a>(
        &'a self,
        stream: &'a StreamId,
        shape: &'a str,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, Failure>>;

    /// Keeps a snapshot, unless one of a later version is there.
    ///
    /// # Errors
    /// A failure of the store; the snapshot is not kept then.
    fn save<'a>(&'a self, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<(), Failure>>;
}

/// How snapshots are used.
#[derive(Clone)]
pub struct Snapshots {
    store: Arc<dyn SnapshotStore>,
    every: u64,
    horizon: Duration,
}

impl Snapshots {
    /// Snapshots in this store, one after every 100 events, with the causes of the last 15 days.
    pub fn new(store: Arc<dyn SnapshotStore>) -> Self {
        Snapshots { store, every: EVERY, horizon: HORIZON }
    }

    /// Takes a snapshot once this many events came after the last.
    #[must_use]
    pub fn every(mut self, events: u64) -> Self {
        self.every = events;
        self
    }

    /// Keeps causes for this long. The topology passes the table's `cause_retention_days` to the
    /// function as `TIDEGATE_CAUSE_DAYS`.
    ///
    /// A delivery that the transport may have taken earlier ([`Origin::arrived_at`] less
    /// [`Origin::redriven`]), or at an unknown time, is compared with the whole stream. That costs
    /// as much as without snapshots, and still recognises every duplicate. But a command that its
    /// *sender* sends again after that time, as a new message, is a new command.
    #[must_use]
    pub fn horizon(mut self, horizon: Duration) -> Self {
        self.horizon = horizon;
        self
    }

    async fn find(&self, stream: &StreamId, shape: &str) -> Option<Snapshot> {
        match self.store.load(stream, shape).await {
            Ok(found) => found,
            Err(failure) => {
                ignored(stream, &failure);
                None
            }
        }
    }

    async fn keep(&self, snapshot: &Snapshot) {
        let saved = tokio::time::timeout(PATIENCE, self.store.save(snapshot)).await;
        let failure = match saved {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => failure,
            Err(_) => Failure::transient("snapshot", format!("not kept within {PATIENCE:?}")),
        };
        warn!(
            stream = snapshot.stream.as_str(),
            code = failure.code(),
            reason = failure.reason(),
            "snapshot not kept"
        );
    }
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots")
            .field("every", &self.every)
            .field("horizon", &self.horizon)
            .finish_non_exhaustive()
    }
}

/// As [`execute`](super::execute), starting from a snapshot where there is one.
///
/// Costs one read of a snapshot more, and one write for every [`Snapshots::every`] events. The snapshot is written after the commit and awaited for at most two
/// seconds; whether that succeeds changes nothing for the command.
///
/// # Errors
/// As [`execute`](super::execute). A failure of the snapshots is none: it is logged.
pub async fn execute_with_snapshots<A: Snapshotted>(
    store: &dyn EventStore,
    snapshots: &Snapshots,
    stream: &StreamId,
    command: &A::Command,
    origin: &Origin,
    retry: Retry,
) -> Result<Handled, Failure> {
    run::<A>(store, &FromSnapshot { store, snapshots }, stream, command, origin, retry).await
}

struct FromSnapshot<'a> {
    store: &'a dyn EventStore,
    snapshots: &'a Snapshots,
}

/// What is remembered between loading and storing.
struct Memory {
    causes: Causes,
    /// Version of the last snapshot.
    snapshot: Version,
}

impl<A: Snapshotted> History<A> for FromSnapshot<'_> {
    type Memory = Memory;

    async fn load(&self, stream: &StreamId, origin: &Origin) -> Result<Option<Loaded<A, Memory>>, Failure> {
        let found = self.snapshots.find(stream, A::SHAPE).await;
        let usable = found.filter(|snapshot| snapshot.shape == A::SHAPE);
        let mut newest = Version::NONE;
        if let Some(snapshot) = usable {
            // With the last event that is in the snapshot.
            let before = Version::new(snapshot.version.number().saturating_sub(1));
            let commits = self.store.read(stream, before).await?;
            if let Some(loaded) = resume::<A>(snapshot, &commits)? {
                if let Some(stored) = loaded.memory.causes.find(&origin.cause) {
                    let at = format!("at or before version {}", loaded.version);
                    resent(stream, &origin.cause, at, stored, origin.digest(stream).as_ref())?;
                    return Ok(None);
                }
                if loaded.memory.causes.reach_back_to(origin.earliest()) {
                    return Ok(Some(loaded));
                }
                newest = loaded.memory.snapshot;
            }
        }
        let commits = self.store.read(stream, Version::NONE).await?;
        if decided(&commits, origin)? {
            return Ok(None);
        }
        let mut causes = Causes::none();
        commits.iter().for_each(|commit| remember(&mut causes, commit));
        let (mut aggregate, mut version) = (A::default(), Version::NONE);
        fold(&mut aggregate, &mut version, &commits)?;
        Ok(Some(Loaded { aggregate, version, memory: Memory { causes, snapshot: newest } }))
    }

    async fn stored(&self, loaded: Loaded<A, Memory>, decision: Decision<A::Event>, record: RecordedCommit) {
        let Loaded { mut aggregate, memory: Memory { mut causes, snapshot }, .. } = loaded;
        let version = record.last_version();
        if version.number().saturating_sub(snapshot.number()) < self.snapshots.every {
            return;
        }
        decision.events().iter().for_each(|event| aggregate.apply(event));
        remember(&mut causes, &record);
        let taken = take(&aggregate, version, causes, &record, self.snapshots.horizon);
        drop((aggregate, decision)); // they need not be `Sync`
        match taken {
            Ok(snapshot) => self.snapshots.keep(&snapshot).await,
            Err(failure) => ignored(&record.stream, &failure),
        }
    }
}

/// The aggregate at the end of `commits`, which begin with the snapshot's last event. None when that is not so, or the state cannot be read.
fn resume<A: Snapshotted>(
    snapshot: Snapshot,
    commits: &[RecordedCommit],
) -> Result<Option<Loaded<A, Memory>>, Failure> {
    let problem = match serde_json::from_str::<A>(&snapshot.state) {
        _ if !holds(commits, snapshot.version, &snapshot.event_id) => {
            format!("the stream has another event at version {}, or none", snapshot.version)
        }
        Err(error) => format!("its state cannot be read: {error}"),
        Ok(mut aggregate) => {
            let (mut causes, mut version) = (snapshot.causes, snapshot.version);
            for commit in commits.iter().filter(|commit| commit.first_version() > snapshot.version) {
                remember(&mut causes, commit);
            }
            fold(&mut aggregate, &mut version, commits)?;
            let memory = Memory { causes, snapshot: snapshot.version };
            return Ok(Some(Loaded { aggregate, version, memory }));
        }
    };
    ignored(&snapshot.stream, &Failure::permanent("unusable_snapshot", problem));
    Ok(None)
}

fn remember(causes: &mut Causes, commit: &RecordedCommit) {
    causes.push(&commit.cause, commit.written_at, commit.digest.as_ref());
}

fn holds(commits: &[RecordedCommit], version: Version, event_id: &str) -> bool {
    let mut events = commits.iter().flat_map(|commit| &commit.events);
    events.any(|event| event.version == version && event.id == event_id)
}

fn take<A: Snapshotted>(
    aggregate: &A,
    version: Version,
    mut causes: Causes,
    record: &RecordedCommit,
    horizon: Duration,
) -> Result<Snapshot, Failure> {
    let state = serde_json::to_string(aggregate)
        .map_err(|error| Failure::permanent("unencodable", format!("the state: {error}")))?;
    let room = SNAPSHOT_BYTES.checked_sub(state.len()).ok_or_else(|| {
        Failure::permanent(
            "snapshot_too_large",
            format!("the state has {} bytes, a snapshot {SNAPSHOT_BYTES}", state.len()),
        )
    })?;
    causes.forget_before(Timestamp::now().checked_sub(horizon).unwrap_or(Timestamp::MIN));
    causes.fit(room);
    Ok(Snapshot {
        stream: record.stream.clone(),
        shape: A::SHAPE.to_owned(),
        version,
        event_id: record.events.last().map(|event| event.id.clone()).unwrap_or_default(),
        state,
        causes,
    })
}

fn ignored(stream: &StreamId, failure: &Failure) {
    let (code, reason) = (failure.code(), failure.reason());
    warn!(stream = stream.as_str(), code, reason, "done without a snapshot");
}
