//! Loads an aggregate from a snapshot instead of its whole stream.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::warn;

use super::aggregate::Aggregate;
use super::causes::Causes;
use super::commit::{RecordedCommit, RecordedDecision, RecordedEvent};
use super::digest::Digest;
use super::execute::run;
use super::executed::Executed;
use super::history::{History, Loaded, Memory, fold};
use super::origin::Origin;
use super::port::{EventReader, EventStore};
use super::retry::Retry;
use super::verdict::Verdict;
use crate::batch::Outcome;
use crate::failure::Failure;
use crate::ids::{Cause, StreamId, Version};

/// Default number of events between two snapshots.
const EVERY: u64 = 100;
/// Default horizon: how far back causes are kept. A dead letter is replayed for up to 14 days. A
/// function that reads a queue needs a longer horizon, see [`Origin::REDRIVEN`].
const HORIZON: Duration = Duration::from_secs(15 * 24 * 60 * 60);
/// Longest time for which a command waits for its snapshot. The command's commit is stored by then,
/// and the snapshot is optional.
const PATIENCE: Duration = Duration::from_secs(2);
/// Largest size of state and causes together, in bytes: an item of 400 KB, less its key and names.
const SNAPSHOT_BYTES: usize = 400 * 1024 - 4 * 1024;

/// An aggregate whose state can be stored in a snapshot.
///
/// A long stream then need not be folded from its first event.
pub trait Snapshotted: Aggregate + Serialize + DeserializeOwned {
    /// Name and version of the state's shape, such as `account/2`; 1 to 1,024 bytes.
    ///
    /// Change it whenever fields *or the meaning of [`Aggregate::apply`]* change. Snapshots of
    /// another shape are ignored.
    const SHAPE: &'static str;
}

/// The state of an aggregate at a version.
///
/// A snapshot is never the truth. One that is missing, unreadable, of another shape or of another
/// history is ignored. The stream is then folded from its first event.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Stream of the aggregate.
    pub stream: StreamId,
    /// Shape of the state: [`Snapshotted::SHAPE`].
    pub shape: String,
    /// Version of the last event in the state.
    pub version: Version,
    /// Id of that event. If the stream has another event at that version, the snapshot is of
    /// another history.
    pub event_id: String,
    /// State as JSON.
    pub state: String,
    /// Causes of the commits in the state, as far back as the horizon.
    pub causes: Causes,
}

/// Stores snapshots.
///
/// You may delete any or all of them at any time.
pub trait SnapshotStore: Send + Sync {
    /// Loads the newest snapshot of this shape.
    ///
    /// The read need not be consistent: an older snapshot does no harm.
    ///
    /// # Errors
    /// Any failure of the store. The command then runs without a snapshot.
    fn load<'a>(
        &'a self,
        stream: &'a StreamId,
        shape: &'a str,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, Failure>>;

    /// Saves a snapshot, unless the store holds one of a later version.
    ///
    /// # Errors
    /// Any failure of the store. The snapshot is then not saved.
    fn save<'a>(&'a self, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<(), Failure>>;
}

/// Settings for the use of snapshots.
#[derive(Clone)]
pub struct Snapshots {
    store: Arc<dyn SnapshotStore>,
    every: u64,
    horizon: Duration,
}

impl Snapshots {
    /// Uses snapshots in this store: one after every 100 events, with the causes of the last 15
    /// days.
    pub fn new(store: Arc<dyn SnapshotStore>) -> Self {
        Self { store, every: EVERY, horizon: HORIZON }
    }

    /// Sets how many events after the last snapshot the next one is taken.
    #[must_use]
    pub fn every(mut self, events: u64) -> Self {
        self.every = events;
        self
    }

    /// Sets how long a snapshot remembers causes.
    ///
    /// The topology passes the table's `cause_retention_days` to the function as
    /// `TIDEGATE_CAUSE_DAYS`.
    ///
    /// Some deliveries may be older: the transport may have accepted them earlier
    /// ([`Origin::arrived_at`] less [`Origin::redriven`]), or at an unknown time. They are compared
    /// with the whole stream. That costs as much as without snapshots, and still recognises every
    /// duplicate. But if the *sender* sends a command again after that time, as a new message, it
    /// is a new command.
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
            Err(_) => Failure::transient("snapshot", format!("not saved within {PATIENCE:?}")),
        };
        warn!(
            stream = snapshot.stream.as_str(),
            code = failure.code(),
            reason = failure.reason(),
            "snapshot not saved"
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

/// Executes a command like [`execute`](super::execute()), starting from a snapshot if there is one.
///
/// This costs one more read, and one more write for every [`Snapshots::every`] events. A duplicate
/// whose decision is in the snapshot costs a read of the whole stream. The snapshot
/// is written after the commit, and the command waits for it at most two seconds. A snapshot that
/// fails does not change the result of the command.
///
/// # Errors
/// Same as [`execute`](super::execute()). A failure of the snapshots is not an error: it is logged.
pub async fn execute_with_snapshots<A: Snapshotted>(
    store: &dyn EventStore,
    snapshots: &Snapshots,
    stream: &StreamId,
    command: &A::Command,
    origin: &Origin,
    retry: Retry,
) -> Result<Executed<A::Event>, Failure> {
    let history = FromSnapshot { store, snapshots };
    let verdicts = run::<A>(store, &history, stream, &[(command, origin)], retry).await;
    Executed::from_verdicts(verdicts, store, stream, &origin.cause).await
}

/// Executes consecutive commands like [`execute_all`](super::execute_all), starting from a snapshot
/// if there is one.
///
/// Costs and failures of the snapshots are those of [`execute_with_snapshots`].
pub async fn execute_all_with_snapshots<A: Snapshotted>(
    store: &dyn EventStore,
    snapshots: &Snapshots,
    stream: &StreamId,
    commands: &[(&A::Command, &Origin)],
    retry: Retry,
) -> Vec<Outcome> {
    let history = FromSnapshot { store, snapshots };
    let verdicts = run::<A>(store, &history, stream, commands, retry).await;
    verdicts.into_iter().map(Verdict::outcome).collect()
}

/// Loads aggregates from their snapshots.
pub(super) struct FromSnapshot<'a> {
    pub(super) store: &'a dyn EventReader,
    pub(super) snapshots: &'a Snapshots,
}

/// The causes in an aggregate, and where its last snapshot is.
pub(super) struct Remembered {
    causes: Causes,
    /// Version of the last snapshot.
    snapshot: Version,
    /// Events of the commands that are executed now and were decided before, as far as they were
    /// read.
    read: HashMap<Cause, Vec<RecordedEvent>>,
}

impl Default for Remembered {
    fn default() -> Self {
        Self { causes: Causes::none(), snapshot: Version::NONE, read: HashMap::new() }
    }
}

impl Memory for Remembered {
    fn find(&self, cause: &Cause) -> Option<Option<&Digest>> {
        self.causes.find(cause)
    }

    fn events(&self, cause: &Cause) -> Option<Vec<RecordedEvent>> {
        self.read.get(cause).cloned()
    }

    fn remember(&mut self, decision: &RecordedDecision, written_at: Timestamp) {
        self.causes.push(&decision.cause, written_at, decision.digest.as_ref());
    }
}

impl Remembered {
    fn remember_all(&mut self, commit: &RecordedCommit) {
        for decision in &commit.decisions {
            self.remember(decision, commit.written_at);
        }
    }

    /// Keeps the events of the decisions that these origins led to.
    fn keep(&mut self, commits: &[RecordedCommit], origins: &[&Origin]) {
        let wanted: HashSet<&Cause> = origins.iter().map(|origin| &origin.cause).collect();
        for (decision, events) in commits.iter().flat_map(RecordedCommit::parts) {
            if wanted.contains(&decision.cause) {
                self.read.insert(decision.cause.clone(), events.to_vec());
            }
        }
    }

    /// Returns whether a cause that is not found here was never decided.
    fn answers_for(&self, origin: &Origin) -> bool {
        self.causes.contain(&origin.cause) || self.causes.reach_back_to(origin.earliest())
    }
}

impl<A: Snapshotted> History<A> for FromSnapshot<'_> {
    type Memory = Remembered;
    type Due = Snapshot;

    async fn load(
        &self,
        stream: &StreamId,
        origins: &[&Origin],
    ) -> Result<Loaded<A, Remembered>, Failure> {
        let found = self.snapshots.find(stream, A::SHAPE).await;
        let usable = found.filter(|snapshot| snapshot.shape == A::SHAPE);
        let mut newest = Version::NONE;
        if let Some(snapshot) = usable {
            // Include the last event that is in the snapshot: it proves that the histories match.
            let before = Version::new(snapshot.version.number().saturating_sub(1));
            let commits = self.store.read(stream, before).await?;
            if let Some(mut loaded) = resume::<A>(snapshot, &commits)? {
                loaded.memory.keep(&commits, origins);
                if origins.iter().all(|origin| loaded.memory.answers_for(origin)) {
                    return Ok(loaded);
                }
                newest = loaded.memory.snapshot;
            }
        }
        let commits = self.store.read(stream, Version::NONE).await?;
        let mut loaded: Loaded<A, Remembered> = Loaded::new();
        loaded.memory.snapshot = newest;
        commits.iter().for_each(|commit| loaded.memory.remember_all(commit));
        loaded.memory.keep(&commits, origins);
        fold(&mut loaded.aggregate, &mut loaded.version, &commits)?;
        Ok(loaded)
    }

    fn snapshot(
        &self,
        loaded: &mut Loaded<A, Remembered>,
        commit: &RecordedCommit,
    ) -> Option<Snapshot> {
        let version = commit.last_version();
        if version.number().saturating_sub(loaded.memory.snapshot.number()) < self.snapshots.every {
            return None;
        }
        let causes = loaded.memory.causes.clone();
        match take(&loaded.aggregate, version, causes, commit, self.snapshots.horizon) {
            Ok(snapshot) => {
                loaded.memory.snapshot = version;
                Some(snapshot)
            }
            Err(failure) => {
                ignored(&commit.stream, &failure);
                None
            }
        }
    }

    async fn keep(&self, snapshot: Snapshot) {
        self.snapshots.keep(&snapshot).await;
    }
}

/// Resumes from a snapshot: returns the aggregate at the end of `commits`.
///
/// `commits` must begin with the snapshot's last event. Returns `None` if they do not, or if the
/// state cannot be read.
fn resume<A: Snapshotted>(
    snapshot: Snapshot,
    commits: &[RecordedCommit],
) -> Result<Option<Loaded<A, Remembered>>, Failure> {
    let problem = match serde_json::from_str::<A>(&snapshot.state) {
        _ if !holds(commits, snapshot.version, &snapshot.event_id) => {
            format!("the stream has another event at version {}, or none", snapshot.version)
        }
        Err(error) => format!("its state cannot be read: {error}"),
        Ok(mut aggregate) => {
            let mut version = snapshot.version;
            let (causes, read) = (snapshot.causes, HashMap::new());
            let mut memory = Remembered { causes, snapshot: snapshot.version, read };
            for commit in commits {
                for (decision, events) in commit.parts() {
                    if events.last().is_some_and(|event| event.version > snapshot.version) {
                        memory.remember(decision, commit.written_at);
                    }
                }
            }
            fold(&mut aggregate, &mut version, commits)?;
            return Ok(Some(Loaded { aggregate, version, memory }));
        }
    };
    ignored(&snapshot.stream, &Failure::permanent("unusable_snapshot", problem));
    Ok(None)
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
            format!("the state has {} bytes; a snapshot holds {SNAPSHOT_BYTES}", state.len()),
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
    warn!(stream = stream.as_str(), code, reason, "continuing without a snapshot");
}
