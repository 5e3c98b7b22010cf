//! Loads an aggregate, decides commands on it, and commits the decisions.

use uuid::Uuid;

use super::aggregate::Aggregate;
use super::commit::{Commit, CommitOutcome};
use super::draft::{Draft, decide};
use super::executed::Executed;
use super::history::{History, Loaded, Memory, WholeStream};
use super::origin::Origin;
use super::port::EventStore;
use super::retry::Retry;
use super::verdict::Verdict;
use crate::batch::{NotRun, Outcome};
use crate::failure::{Class, Failure};
use crate::ids::StreamId;

/// Loads an aggregate, decides a command and commits the events.
///
/// A command leads to one decision, however often it is delivered. Every delivery returns it.
///
/// A command that creates the aggregate costs one write. Any other command costs one read and one
/// write. A duplicate costs one read. If it creates the aggregate, it also costs the write that was
/// tried first and refused. After a lost race, the command is decided again on the winner's state,
/// after a pause.
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
) -> Result<Executed<A::Event>, Failure> {
    let history = WholeStream { store };
    let verdicts = run::<A>(store, &history, stream, &[(command, origin)], retry).await;
    Executed::from_verdicts(verdicts, store, stream, &origin.cause).await
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
    execute_all_noting::<A>(store, stream, commands, retry, |_| {}).await
}

/// Executes consecutive commands as [`execute_all`] does. Passes the events of each decision that
/// is stored now to `note`.
pub(crate) async fn execute_all_noting<A: Aggregate>(
    store: &dyn EventStore,
    stream: &StreamId,
    commands: &[(&A::Command, &Origin)],
    retry: Retry,
    note: impl Fn(&[A::Event]) + Send,
) -> Vec<Outcome> {
    let verdicts = run::<A>(store, &WholeStream { store }, stream, commands, retry).await;
    for verdict in &verdicts {
        if let Verdict::Applied { decision, .. } = verdict {
            note(decision.events());
        }
    }
    verdicts.into_iter().map(Verdict::outcome).collect()
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
) -> Vec<Verdict<A::Event>> {
    let mut run = Run {
        store,
        history,
        stream,
        commands,
        verdicts: Vec::with_capacity(commands.len()),
        one_at_a_time: !store.takes_several_decisions(),
    };
    let creates = commands.first().is_some_and(|(command, _)| A::creates(command));
    let mut lost = 0;
    if creates {
        // Not an attempt: nothing was loaded that could have been out of date.
        let _ = run.round(Loaded::new()).await;
    }
    while run.verdicts.len() < commands.len() {
        if lost > 0 {
            tokio::time::sleep(retry.pause_after(lost - 1)).await;
        }
        let left = commands.get(run.verdicts.len()..).unwrap_or_default();
        let origins: Vec<&Origin> = left.iter().map(|(_, origin)| *origin).collect();
        let loaded = match history.load(stream, &origins).await {
            Ok(loaded) => loaded,
            Err(failure) => {
                run.fail(failure);
                continue;
            }
        };
        let before = run.verdicts.len();
        let ended = run.round(loaded).await;
        if run.verdicts.len() > before {
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
    run.verdicts
}

/// The execution of consecutive commands.
struct Run<'a, A: Aggregate, H> {
    store: &'a dyn EventStore,
    history: &'a H,
    stream: &'a StreamId,
    commands: &'a [(&'a A::Command, &'a Origin)],
    /// The verdicts that are certain: those on the first commands.
    verdicts: Vec<Verdict<A::Event>>,
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
            self.commands.get(self.verdicts.len() + draft.verdicts.len())
        {
            let decided = match decide(&loaded, self.stream, command, origin) {
                Ok(decided) => decided,
                Err(failure) if failure.class() == Class::Permanent => {
                    draft.verdicts.push(Verdict::Failed(failure));
                    continue;
                }
                Err(failure) => {
                    stopped = Some(failure);
                    break;
                }
            };
            let Some(decided) = decided else {
                let events = loaded.memory.events(&origin.cause);
                draft.verdicts.push(Verdict::Duplicate(events));
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
    async fn store(
        &mut self,
        draft: Draft<A::Event>,
        loaded: Option<&mut Loaded<A, H::Memory>>,
    ) -> Round {
        let Draft { record, mut verdicts, first, .. } = draft;
        let Some(first) = first else {
            self.verdicts.append(&mut verdicts);
            return Round::Complete;
        };
        let several = record.decisions.len() > 1;
        let commit = Commit::new(record, Uuid::new_v4().to_string());
        match self.store.commit(&commit).await {
            Ok(CommitOutcome::Stored) => {
                self.verdicts.append(&mut verdicts);
                let due = loaded.and_then(|loaded| self.history.snapshot(loaded, &commit.record));
                if let Some(snapshot) = due {
                    self.history.keep(snapshot).await;
                }
                Round::Complete
            }
            Ok(CommitOutcome::Conflict) => Round::Lost,
            // What was decided behind the duplicate was decided on a state that is not stored.
            Ok(CommitOutcome::Duplicate) => {
                self.settle(verdicts, first, Verdict::Duplicate(None));
                Round::Again
            }
            Err(failure) if failure.class() == Class::Permanent && several => {
                // One of the decisions cannot be stored. Alone it costs only itself.
                self.one_at_a_time = true;
                Round::Again
            }
            Err(failure) if failure.class() == Class::Permanent => {
                self.settle(verdicts, first, Verdict::Failed(failure));
                Round::Again
            }
            Err(failure) => {
                verdicts.truncate(first);
                self.verdicts.append(&mut verdicts);
                self.stop(failure);
                Round::Complete
            }
        }
    }

    /// Makes the outcomes up to the first decision certain, and sets that of the decision.
    fn settle(
        &mut self,
        mut verdicts: Vec<Verdict<A::Event>>,
        first: usize,
        verdict: Verdict<A::Event>,
    ) {
        verdicts.truncate(first);
        self.verdicts.append(&mut verdicts);
        self.verdicts.push(verdict);
    }

    /// Ends with a failure to load: all commands fail with it if it is permanent.
    fn fail(&mut self, failure: Failure) {
        if failure.class() == Class::Permanent {
            let left = self.commands.len() - self.verdicts.len();
            self.verdicts.extend(std::iter::repeat_n(failure, left).map(Verdict::Failed));
        } else {
            self.stop(failure);
        }
    }

    /// Ends with a failure of the next command, which blocks those behind it.
    fn stop(&mut self, failure: Failure) {
        if self.verdicts.len() < self.commands.len() {
            self.verdicts.push(Verdict::Failed(failure));
        }
        self.verdicts.resize_with(self.commands.len(), || Verdict::NotRun(NotRun::Blocked));
    }
}
