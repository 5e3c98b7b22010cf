//! Loads an aggregate, decides commands on it, and commits the decisions.

use uuid::Uuid;

use super::aggregate::Aggregate;
use super::commit::{Commit, CommitOutcome};
use super::draft::{Draft, decide};
use super::history::{History, Loaded, WholeStream};
use super::origin::Origin;
use super::port::EventStore;
use super::retry::Retry;
use crate::batch::{Handled, NotRun, Outcome};
use crate::failure::{Class, Failure};
use crate::ids::StreamId;

/// Loads an aggregate, decides a command and commits the events.
///
/// A command leads to one decision, however often it is delivered.
///
/// A command that creates the aggregate costs one write. Any other command costs one read and one
/// write. A duplicate makes no write that succeeds. After a lost race, the command is decided again
/// on the winner's state, after a pause.
///
/// # Errors
/// - `version_conflict` (transient): every attempt lost its race.
/// - `cause_reused` (permanent): the cause led to a decision before, and the command then had other
///   content.
/// - [`Failure::NEWER`] (transient): a newer version of the function wrote an event or a commit of
///   the stream.
/// - Any failure of the store.
/// - Any failure to decode stored events.
pub async fn execute<A: Aggregate>(
    store: &dyn EventStore,
    stream: &StreamId,
    command: &A::Command,
    origin: &Origin,
    retry: Retry,
) -> Result<Handled, Failure> {
    let history = WholeStream { store };
    only(run::<A>(store, &history, stream, &[(command, origin)], retry).await)
}

/// Executes consecutive commands of one aggregate, and stores what they lead to in one commit.
///
/// The aggregate is loaded once. The commands are decided one after the other in memory, each on
/// the state that the one before it left. So a hundred commands cost one read and one write. A
/// commit that would be too large for an item is stored in several, cut between decisions.
///
/// Returns one outcome for each command, in the same order:
///
/// - A command that fails for good costs only itself. It is reported once the decisions before it
///   are stored, because a lost race decides it again.
/// - Any other failure stops the commands behind it, after the decisions before it are stored. They
///   have the outcome [`NotRun::Blocked`].
///
/// The failures are those of [`execute`]. A panic in [`Aggregate::decide`] or [`Aggregate::apply`]
/// is a transient failure of its command.
///
/// Use it in a [`StreamHandler`](crate::batch::StreamHandler).
pub async fn execute_all<A: Aggregate>(
    store: &dyn EventStore,
    stream: &StreamId,
    commands: &[(&A::Command, &Origin)],
    retry: Retry,
) -> Vec<Outcome> {
    run::<A>(store, &WholeStream { store }, stream, commands, retry).await
}

/// Converts the outcome of a single command.
pub(super) fn only(outcomes: Vec<Outcome>) -> Result<Handled, Failure> {
    match outcomes.into_iter().next() {
        Some(Outcome::Done(handled)) => Ok(handled),
        Some(Outcome::Failed(failure)) => Err(failure),
        // A single command has no command before it that could block it.
        Some(Outcome::NotRun(_)) | None => {
            Err(Failure::transient("not_run", "the command was not decided"))
        }
    }
}

/// Decides commands on the aggregate that `history` loads, and commits the decisions.
///
/// Invariant: a commit requires that its version is free. Otherwise the item that holds the version
/// shows what happened:
///
/// - It has the id of this attempt: the write succeeded, and its answer was lost.
/// - It has the cause of the only decision: a twin was faster, so the command is a duplicate.
/// - Otherwise another command was faster. The stream is loaded again with the new events, and the
///   commands are decided again.
///
/// A command that creates its aggregate is first decided without a load, on an empty aggregate.
pub(super) async fn run<A: Aggregate>(
    store: &dyn EventStore,
    history: &impl History<A>,
    stream: &StreamId,
    commands: &[(&A::Command, &Origin)],
    retry: Retry,
) -> Vec<Outcome> {
    let mut run = Run {
        store,
        history,
        stream,
        commands,
        outcomes: Vec::with_capacity(commands.len()),
        one_at_a_time: !store.takes_several_decisions(),
    };
    let creates = commands.first().is_some_and(|(command, _)| A::creates(command));
    let mut lost = 0;
    if creates {
        // Not an attempt: nothing was loaded that could have been out of date.
        let _ = run.round(Loaded::new()).await;
    }
    while run.outcomes.len() < commands.len() {
        if lost > 0 {
            tokio::time::sleep(retry.pause_after(lost - 1)).await;
        }
        let left = commands.get(run.outcomes.len()..).unwrap_or_default();
        let origins: Vec<&Origin> = left.iter().map(|(_, origin)| *origin).collect();
        let loaded = match history.load(stream, &origins).await {
            Ok(loaded) => loaded,
            Err(failure) => {
                run.fail(failure);
                continue;
            }
        };
        let before = run.outcomes.len();
        let ended = run.round(loaded).await;
        if run.outcomes.len() > before {
            lost = 0;
        } else if matches!(ended, Round::Lost) {
            lost += 1;
        }
        if lost >= retry.attempts.max(1) {
            run.stop(Failure::transient(
                "version_conflict",
                format!("{stream}: other writers took the next version in all {lost} attempts"),
            ));
        }
    }
    run.outcomes
}

/// The execution of consecutive commands.
struct Run<'a, A: Aggregate, H> {
    store: &'a dyn EventStore,
    history: &'a H,
    stream: &'a StreamId,
    commands: &'a [(&'a A::Command, &'a Origin)],
    /// The outcomes that are certain: those of the first commands.
    outcomes: Vec<Outcome>,
    /// Whether each commit holds one decision.
    one_at_a_time: bool,
}

/// How a round ended.
enum Round {
    /// All commands have outcomes.
    Complete,
    /// Another writer took the place of a commit.
    Lost,
    /// The aggregate in memory is not what is stored. Load again.
    Again,
}

impl<A: Aggregate, H: History<A>> Run<'_, A, H> {
    /// Decides the commands without an outcome, and stores the decisions.
    async fn round(&mut self, mut loaded: Loaded<A, H::Memory>) -> Round {
        let mut draft = Draft::new(self.stream, A::SOURCE);
        let mut stopped = None;
        while let Some((command, origin)) =
            self.commands.get(self.outcomes.len() + draft.outcomes.len())
        {
            let decided = match decide(&loaded, self.stream, command, origin) {
                Ok(decided) => decided,
                Err(failure) if failure.class() == Class::Permanent => {
                    draft.outcomes.push(Outcome::Failed(failure));
                    continue;
                }
                Err(failure) => {
                    stopped = Some(failure);
                    break;
                }
            };
            let Some(decided) = decided else {
                draft.outcomes.push(Outcome::Done(Handled::Duplicate));
                continue;
            };
            let full = self.one_at_a_time && draft.first.is_some() || !draft.has_room_for(&decided);
            if full {
                let full = std::mem::replace(&mut draft, Draft::new(self.stream, A::SOURCE));
                match self.store(full, Some(&mut loaded)).await {
                    Round::Complete => {}
                    ended => return ended,
                }
            }
            if let Err(failure) = draft.push(decided, &mut loaded) {
                // The panic may have left the aggregate half changed.
                return match self.store(draft, None).await {
                    Round::Complete => {
                        self.stop(failure);
                        Round::Complete
                    }
                    ended => ended,
                };
            }
        }
        let ended = self.store(draft, Some(&mut loaded)).await;
        if let (Round::Complete, Some(failure)) = (&ended, stopped) {
            self.stop(failure);
        }
        ended
    }

    /// Stores a draft, and makes the outcomes certain that follow from the answer.
    ///
    /// Takes a snapshot of the aggregate if one is due.
    async fn store(&mut self, draft: Draft, loaded: Option<&mut Loaded<A, H::Memory>>) -> Round {
        let Draft { record, mut outcomes, first, .. } = draft;
        let Some(first) = first else {
            self.outcomes.append(&mut outcomes);
            return Round::Complete;
        };
        let several = record.decisions.len() > 1;
        let commit = Commit::new(record, Uuid::new_v4().to_string());
        match self.store.commit(&commit).await {
            Ok(CommitOutcome::Stored) => {
                self.outcomes.append(&mut outcomes);
                let due = loaded.and_then(|loaded| self.history.snapshot(loaded, &commit.record));
                if let Some(snapshot) = due {
                    self.history.keep(snapshot).await;
                }
                Round::Complete
            }
            Ok(CommitOutcome::Conflict) => Round::Lost,
            // What was decided behind the duplicate was decided on a state that is not stored.
            Ok(CommitOutcome::Duplicate) => {
                self.settle(outcomes, first, Outcome::Done(Handled::Duplicate));
                Round::Again
            }
            Err(failure) if failure.class() == Class::Permanent && several => {
                // One of the decisions cannot be stored. Alone it costs only itself.
                self.one_at_a_time = true;
                Round::Again
            }
            Err(failure) if failure.class() == Class::Permanent => {
                self.settle(outcomes, first, Outcome::Failed(failure));
                Round::Again
            }
            Err(failure) => {
                outcomes.truncate(first);
                self.outcomes.append(&mut outcomes);
                self.stop(failure);
                Round::Complete
            }
        }
    }

    /// Makes the outcomes up to the first decision certain, and sets that of the decision.
    fn settle(&mut self, mut outcomes: Vec<Outcome>, first: usize, outcome: Outcome) {
        outcomes.truncate(first);
        self.outcomes.append(&mut outcomes);
        self.outcomes.push(outcome);
    }

    /// Ends with a failure to load: all commands fail with it if it is permanent.
    fn fail(&mut self, failure: Failure) {
        if failure.class() == Class::Permanent {
            self.outcomes.resize(self.commands.len(), Outcome::Failed(failure));
        } else {
            self.stop(failure);
        }
    }

    /// Ends with a failure of the next command, which blocks those behind it.
    fn stop(&mut self, failure: Failure) {
        if self.outcomes.len() < self.commands.len() {
            self.outcomes.push(Outcome::Failed(failure));
        }
        self.outcomes.resize(self.commands.len(), Outcome::NotRun(NotRun::Blocked));
    }
}
