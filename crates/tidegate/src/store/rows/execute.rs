//! Decides commands on an aggregate and rows, and stores both together.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_dynamo::from_item;
use uuid::Uuid;

use super::aggregate::RowAggregate;
use super::port::{RowOutcome, RowStore};
use super::row_change::check_key;
use super::stage::Stage;
use super::stage_cause::cause_of;
use crate::batch::catch;
use crate::failure::{Class, Failure};
use crate::ids::{Cause, StreamId, Version};
use crate::store::commit::{Commit, RecordedCommit};
use crate::store::digest::resent;
use crate::store::executed::{Executed, find};
use crate::store::origin::Origin;
use crate::store::retry::Retry;

/// Decides a command on an aggregate and rows, and stores its events and the changed rows in one
/// transaction.
///
/// A command leads to one decision, however often it is delivered. Every delivery returns its
/// events: those of the last stage, if the command needs several.
///
/// Each stage is a commit of its own, under the condition that the stream did not grow meanwhile.
/// The cause of an earlier stage is derived from the command's, and only the last one has the
/// command's own. So a redelivery after a crash finds how far the command came, and goes on.
///
/// A stage costs one read of the rows and one transaction. A command that does not create the
/// aggregate, or that lost a race, costs one read of the stream.
///
/// # Errors
/// - `version_conflict` (transient): every attempt lost the race for the next version.
/// - `transaction_conflict` (transient): in every attempt, other writers were at work on the rows.
/// - `cause_reused` (permanent): the command came before with other content.
/// - `corrupt_row` (permanent): a row cannot be read as [`RowAggregate::Row`], and the command is
///   not stored yet.
/// - [`Failure::NEWER`] (transient): a newer version of the function wrote to the stream.
/// - The failures of [`RowAggregate::decide`] and of the store.
pub async fn execute_with_rows<A: RowAggregate>(
    store: &dyn RowStore,
    stream: &StreamId,
    command: &A::Command,
    origin: &Origin,
    retry: Retry,
) -> Result<Executed<A::Event>, Failure> {
    let mut guessed = A::creates(command);
    let mut loaded = if guessed { Loaded::<A>::new() } else { Loaded::load(store, stream).await? };
    let mut lost = 0;
    loop {
        if let Some(executed) = loaded.decided(stream, origin)? {
            return Ok(executed);
        }
        let decided = match read::<A>(store, &loaded.aggregate, command).await {
            Ok(rows) => catch(|| loaded.aggregate.decide(command, &rows)),
            Err(failure) if failure.class() == Class::Permanent => Err(failure),
            Err(failure) => return Err(failure),
        };
        let stage = match decided {
            Ok(stage) => stage,
            Err(failure) => {
                // The command may be stored already: a creating one is decided before the stream is
                // read. Or a twin stored it meanwhile. The rows are then newer than the state, and
                // may contradict it.
                let newest = Loaded::load(store, stream).await?;
                if newest.version == loaded.version {
                    return Err(failure);
                }
                (loaded, guessed) = (newest, false);
                continue;
            }
        };
        let record = loaded.record(stream, origin, &stage)?;
        let commit = Commit::new(record, Uuid::new_v4().to_string());
        let outcome = store.commit_with_rows(&commit, &stage.changes).await?;
        if outcome == RowOutcome::Stored {
            let (Stage { decision, last, .. }, version) = (stage, commit.record.last_version());
            if last {
                return Ok(Executed { decision, version, duplicate: false });
            }
            loaded.push(commit.record)?;
            lost = 0;
            continue;
        }
        let elsewhere = matches!(outcome, RowOutcome::Duplicate | RowOutcome::Conflict);
        // The first write of a creating command does not count as an attempt. It is decided without
        // a load, so nothing loaded can be out of date.
        if !(guessed && elsewhere) {
            lost += 1;
            if lost >= retry.attempts.max(1) {
                return Err(out_of_attempts(stream, outcome, lost, &stage));
            }
            tracing::debug!(%stream, ?outcome, lost, "a commit with rows is decided again");
            tokio::time::sleep(retry.pause_after(lost - 1)).await;
        }
        if elsewhere {
            guessed = false;
            loaded = Loaded::load(store, stream).await?;
        }
    }
}

/// Reads the rows that the next stage depends on.
async fn read<A: RowAggregate>(
    store: &dyn RowStore,
    aggregate: &A,
    command: &A::Command,
) -> Result<BTreeMap<String, A::Row>, Failure> {
    let keys: Vec<String> = catch(|| Ok(aggregate.rows(command)))?.into_iter().collect();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    keys.iter().try_for_each(|key| check_key(key))?;
    let items = store.rows(&keys).await?;
    let mut rows = BTreeMap::new();
    for (key, item) in keys.into_iter().zip(items) {
        let Some(item) = item else { continue };
        let row = from_item(item).map_err(|error| {
            let what = "another program may have changed it";
            Failure::permanent("corrupt_row", format!("row {key} cannot be read ({what}): {error}"))
        })?;
        rows.insert(key, row);
    }
    Ok(rows)
}

fn out_of_attempts<E>(
    stream: &StreamId,
    outcome: RowOutcome,
    attempts: u32,
    stage: &Stage<E>,
) -> Failure {
    let rows = stage.changes.len();
    match outcome {
        RowOutcome::Moved | RowOutcome::Busy => Failure::transient(
            "transaction_conflict",
            format!(
                "{stream}: other writers were at work on its {rows} rows in all {attempts} attempts"
            ),
        ),
        _ => Failure::transient(
            "version_conflict",
            format!("{stream}: other writers took the next version in all {attempts} attempts"),
        ),
    }
}

/// An aggregate, with the commits that are in it.
struct Loaded<A> {
    aggregate: A,
    version: Version,
    commits: Vec<RecordedCommit>,
}

impl<A: RowAggregate> Loaded<A> {
    fn new() -> Self {
        Self { aggregate: A::default(), version: Version::NONE, commits: Vec::new() }
    }

    async fn load(store: &dyn RowStore, stream: &StreamId) -> Result<Self, Failure> {
        let mut loaded = Self::new();
        for commit in store.read(stream, Version::NONE).await? {
            loaded.push(commit)?;
        }
        Ok(loaded)
    }

    /// Applies the events of a stored commit.
    fn push(&mut self, commit: RecordedCommit) -> Result<(), Failure> {
        for event in &commit.events {
            let event = event.decode().map_err(|failure| failure.context(&commit.stream))?;
            catch(|| {
                self.aggregate.apply(&event);
                Ok(())
            })?;
        }
        self.version = commit.last_version();
        self.commits.push(commit);
        Ok(())
    }

    /// Returns the decision of the command, if all its stages are stored.
    ///
    /// # Errors
    /// `cause_reused` (permanent): one of its stages was decided for another content.
    fn decided(
        &self,
        stream: &StreamId,
        origin: &Origin,
    ) -> Result<Option<Executed<A::Event>>, Failure> {
        self.same(stream, origin, &origin.cause)?;
        self.same(stream, origin, &cause_of(&origin.cause, 1))?;
        let events = find(&self.commits, &origin.cause);
        events.map(|events| Executed::before(stream, events)).transpose()
    }

    /// Checks that a stage with this cause, if there is one, was decided for this content.
    fn same(&self, stream: &StreamId, origin: &Origin, cause: &Cause) -> Result<(), Failure> {
        let mut decisions = self.commits.iter().flat_map(|commit| &commit.decisions);
        let Some(stored) = decisions.find(|decision| decision.cause == *cause) else {
            return Ok(());
        };
        let now = origin.content.as_ref().and_then(|content| content.digest(stream, cause));
        let at = format!("at or before version {}", self.version);
        resent(stream, cause, at, stored.digest.as_ref(), now.as_ref())
    }

    /// Creates the commit of a stage.
    fn record(
        &self,
        stream: &StreamId,
        origin: &Origin,
        stage: &Stage<A::Event>,
    ) -> Result<RecordedCommit, Failure> {
        let cause = if stage.last { origin.cause.clone() } else { self.next_cause(&origin.cause) };
        let events = RecordedCommit::events_after(
            stream,
            self.version,
            &cause,
            origin.time,
            stage.decision.events(),
        )?;
        let mut record = RecordedCommit::empty(stream.clone(), A::SOURCE, Timestamp::now());
        record.push(origin.decision(stream, cause), events);
        Ok(record)
    }

    /// Returns the cause of the next stage that is not the last.
    fn next_cause(&self, command: &Cause) -> Cause {
        let mut stages = (1..).map(|stage| cause_of(command, stage));
        let free = stages.find(|cause| find(&self.commits, cause).is_none());
        free.unwrap_or_else(|| command.clone())
    }
}
