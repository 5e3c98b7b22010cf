//! The commit protocol: the real [`execute_all`] over a store that asks the model and over the
//! store's real double.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use stateright::{Model, Property};
use tidegate::batch::Outcome;
use tidegate::envelope::DataSchema;
use tidegate::failure::{Class, Failure};
use tidegate::ids::{Cause, StreamId, Version};
use tidegate::message::MessageSet;
use tidegate::store::{
    Aggregate, Commit, CommitOutcome, Content, Decision, EventReader, EventStore, Origin,
    RecordedCommit, RecordedDecision, RecordedEvent, Retry, execute_all,
};
use tidegate::test::MemoryEventStore;

use crate::check::{counterexample, holds, stuck};
use crate::program::{Next, Programs, Script};

/// A command: 1 creates the aggregate, the others change it. The events of the others are so large
/// that they are split over chunks.
type Command = u8;

const CREATES: Command = 1;
/// Has the id of command 2, but other content.
const REUSES: Command = 3;
/// A cause that is not kept.
const FORGOTTEN: Command = 0;

/// Commands that one invocation handles together.
type Batch = Vec<Command>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Ask {
    Read,
    Commit { version: u8, commands: Batch },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Answer {
    /// The commands of each commit that exists. The given number of reads of a split commit miss
    /// its last chunk.
    Commits(Vec<Batch>, u32),
    Stored,
    Duplicate,
    Conflict,
    /// There is a commit with the same cause and other content.
    Reused,
    /// No answer came. It is not known whether the request took effect.
    Nothing,
}

/// A guard that is removed, to test that the checker notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    /// The write does not require that its place is free.
    FreePlace,
    /// Commits do not keep their cause.
    Cause,
    /// Commits do not keep the digest of their cause's content.
    Digest,
    /// A part of a commit counts as a broken commit.
    Patience,
}

/// The end of a run for one of its commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum End {
    Done,
    /// The command is delivered again.
    Again,
    /// The command has failed permanently.
    Letter,
}

struct CommitModel {
    runs: Programs<Batch, Ask, Answer, Vec<End>>,
    /// Batches to deliver. Duplicates are in the list from the start.
    deliveries: Vec<Batch>,
    workers: usize,
    faults: u8,
    without: Option<Without>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    commits: Vec<Stored>,
    queue: Vec<Batch>,
    runs: Vec<Run>,
    late: Vec<Late>,
    letters: Vec<Command>,
    faults: u8,
    false_success: bool,
    rewritten: bool,
    /// Number of attempts to write; numbers the next one.
    attempts: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Stored {
    /// The commands that led to the commit's decisions.
    commands: Batch,
    attempt: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Run {
    commands: Batch,
    answers: Vec<Answer>,
    attempt: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Late {
    ask: Ask,
    stored: Stored,
}

/// An action of the model. Runs have their numbers in the state.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Take(Batch),
    Serve(usize),
    LoseAnswer(usize),
    /// A read sees only a part of a split commit the given number of times.
    Tear(usize, u32),
    Delay(usize),
    Arrive(usize),
    /// The client sends the request twice. It takes effect now, and again later.
    Repeat(usize),
    CrashBefore(usize),
    CrashAfter(usize),
}

/// Returns the commit of these commands, each of which led to one event.
fn record(first: u8, commands: &[Command], data: &str, digest: bool) -> RecordedCommit {
    let time = Timestamp::UNIX_EPOCH;
    let mut record = RecordedCommit::empty(stream(), "model", time);
    for (version, command) in (first..).zip(commands) {
        let (id, schema) = (format!("{version} {command}"), DataSchema::new("Happened", 1));
        let data = if *command == CREATES { "null" } else { data };
        let event = RecordedEvent::new(id, Version::new(version.into()), schema, time, data);
        let mut decision = RecordedDecision::new(cause_of(*command));
        let content = content_of(*command).digest(&record.stream, &decision.cause);
        decision.digest = content.filter(|_| digest);
        record.push(decision, vec![event]);
    }
    record
}

fn content_of(command: Command) -> Content {
    Content::new("Command", 1, &command.to_string()).unwrap()
}

fn stream() -> StreamId {
    "order#1".parse().unwrap()
}

fn cause_of(command: Command) -> Cause {
    Cause::new("model", if command == REUSES { "2".to_owned() } else { command.to_string() })
}

#[derive(Default)]
struct Order;

struct Happened;

impl MessageSet for Happened {
    fn schema(&self) -> (&'static str, u32) {
        ("Happened", 1)
    }

    fn encode(&self) -> Result<String, serde_json::Error> {
        Ok("null".to_owned())
    }

    fn decode(_: &str, _: u32, _: &str) -> Result<Self, Failure> {
        Ok(Self)
    }
}

impl Aggregate for Order {
    type Command = Command;
    type Event = Happened;
    const SOURCE: &'static str = "model";

    fn creates(command: &Command) -> bool {
        *command == CREATES
    }

    fn apply(&mut self, _: &Happened) {}

    fn decide(&self, _: &Command) -> Decision<Happened> {
        Decision::one(Happened)
    }
}

struct AskingStore {
    script: Arc<Script<Ask, Answer>>,
    without: Option<Without>,
}

fn no_answer() -> Failure {
    Failure::transient("event_store", "no answer")
}

impl EventReader for AskingStore {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        let answer = async move {
            let Answer::Commits(commands, torn) = self.script.ask(Ask::Read).await else {
                return Err(no_answer());
            };
            // The real double puts the commits together.
            let store = MemoryEventStore::default();
            let large = format!("\"{}\"", "x".repeat(if torn > 0 { 410_000 } else { 0 }));
            let mut version = 1;
            for commands in commands {
                let digest = self.without != Some(Without::Digest);
                let record = record(version, &commands, &large, digest);
                version += u8::try_from(commands.len()).unwrap();
                store.commit(&Commit::new(record, "there")).await?;
            }
            store.tear_reads(torn);
            let read = store.read(stream, after).await;
            read.map_err(|failure| match self.without {
                Some(Without::Patience) => Failure::permanent("corrupt_commit", failure.reason()),
                _ => failure,
            })
        };
        answer.boxed()
    }
}

impl EventStore for AskingStore {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        let version = u8::try_from(commit.record.first_version().number()).unwrap();
        let contents = |decision: &RecordedDecision| {
            let digest = decision.digest.clone().unwrap();
            let is_it = |command: &Command| {
                content_of(*command).digest(&stream(), &decision.cause) == Some(digest.clone())
            };
            (CREATES..=REUSES).find(is_it).unwrap()
        };
        let commands = commit.record.decisions.iter().map(contents).collect();
        let answer = async move {
            match self.script.ask(Ask::Commit { version, commands }).await {
                Answer::Stored => Ok(CommitOutcome::Stored),
                Answer::Duplicate => Ok(CommitOutcome::Duplicate),
                Answer::Conflict => Ok(CommitOutcome::Conflict),
                Answer::Reused => Err(Failure::permanent("cause_reused", "")),
                _ => Err(no_answer()),
            }
        };
        answer.boxed()
    }
}

impl CommitModel {
    fn next(&self, run: &Run) -> Next<Ask, Vec<End>> {
        let commands = run.commands.clone();
        self.runs.next(&run.commands, &run.answers, async move |script| {
            let origins: Vec<Origin> = commands
                .iter()
                .map(|command| {
                    let mut origin = Origin::new(cause_of(*command), Timestamp::UNIX_EPOCH);
                    origin.content = Some(content_of(*command));
                    origin
                })
                .collect();
            let store = AskingStore { script, without: self.without };
            let commands: Vec<_> = commands.iter().zip(&origins).collect();
            let retry = Retry::default();
            let outcomes = execute_all::<Order>(&store, &stream(), &commands, retry).await;
            let end = |outcome: Outcome| match outcome {
                Outcome::Done(_) => End::Done,
                Outcome::Failed(failure) if failure.class() == Class::Permanent => End::Letter,
                _ => End::Again,
            };
            outcomes.into_iter().map(end).collect()
        })
    }

    fn late(&self, run: &Run) -> Late {
        let Next::Asks(ask) = self.next(run) else { panic!("a run that has ended is still there") };
        let commands = match &ask {
            Ask::Read => Vec::new(),
            Ask::Commit { commands, .. } => commands.clone(),
        };
        Late { ask, stored: Stored { commands, attempt: run.attempt } }
    }

    /// Lets a request take effect. A commit is written to the real double, in the state of the
    /// model.
    fn perform(&self, state: &mut State, late: Late) -> Answer {
        let causes = state.commits.iter().map(|commit| match self.without {
            Some(Without::Cause) => vec![FORGOTTEN; commit.commands.len()],
            _ => commit.commands.clone(),
        });
        let Ask::Commit { version, .. } = late.ask else {
            return Answer::Commits(causes.collect(), 0);
        };
        let store = MemoryEventStore::default();
        let mut first = 1;
        let mut place = state.commits.len();
        for (there, commit) in state.commits.iter().enumerate() {
            if first == version {
                place = there;
            }
            if self.without != Some(Without::FreePlace) || first != version {
                self.put(&store, first, commit).unwrap();
            }
            first += u8::try_from(commit.commands.len()).unwrap();
        }
        let outcome = self.put(&store, version, &late.stored);
        if outcome == Ok(CommitOutcome::Stored) && state.commits.get(place) != Some(&late.stored) {
            // A version that no commit begins at is that of an event inside a commit, or a gap.
            state.rewritten |= place < state.commits.len() || version != first;
            state.commits.truncate(place);
            state.commits.push(late.stored);
        }
        match outcome {
            Ok(CommitOutcome::Stored) => Answer::Stored,
            Ok(CommitOutcome::Duplicate) => Answer::Duplicate,
            Ok(CommitOutcome::Conflict) => Answer::Conflict,
            Err(_) => Answer::Reused,
        }
    }

    fn put(
        &self,
        store: &MemoryEventStore,
        version: u8,
        commit: &Stored,
    ) -> Result<CommitOutcome, Failure> {
        let digest = self.without != Some(Without::Digest);
        let record = record(version, &commit.commands, "null", digest);
        store.commit(&Commit::new(record, commit.attempt.to_string())).now_or_never().unwrap()
    }

    fn answer(&self, state: &mut State, index: usize, answer: Answer) {
        state.runs[index].answers.push(answer);
        let Next::Ends(ends) = self.next(&state.runs[index]) else { return };
        let commands = state.runs.remove(index).commands;
        let mut again = Vec::new();
        for (command, end) in commands.into_iter().zip(ends) {
            match end {
                End::Again => again.push(command),
                End::Letter => state.letters.push(command),
                End::Done => state.false_success |= state.decided(command) == 0,
            }
        }
        if !again.is_empty() {
            state.queue.push(again);
        }
    }
}

impl State {
    fn is_done(&self) -> bool {
        self.queue.is_empty() && self.runs.is_empty()
    }

    fn decided(&self, command: Command) -> usize {
        let commands = self.commits.iter().flat_map(|commit| &commit.commands);
        commands.filter(|decided| **decided == command).count()
    }

    /// Returns whether another command with the same id is decided.
    fn is_reused(&self, command: Command) -> bool {
        let mut commands = self.commits.iter().flat_map(|commit| &commit.commands);
        commands.any(|other| *other != command && cause_of(*other) == cause_of(command))
    }
}

impl Model for CommitModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            commits: Vec::new(),
            queue: self.deliveries.clone(),
            runs: Vec::new(),
            late: Vec::new(),
            letters: Vec::new(),
            faults: self.faults,
            false_success: false,
            rewritten: false,
            attempts: 0,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.runs.len() < self.workers {
            let mut queue = state.queue.clone();
            queue.dedup();
            actions.extend(queue.into_iter().map(Action::Take));
        }
        for index in 0..state.runs.len() {
            actions.push(Action::Serve(index));
            if state.faults > 0 {
                let large = |commit: &Stored| commit.commands.iter().any(|one| *one != CREATES);
                let split = state.commits.iter().any(large);
                if split && self.late(&state.runs[index]).ask == Ask::Read {
                    actions.extend([Action::Tear(index, 1), Action::Tear(index, u32::MAX)]);
                }
                actions.extend([
                    Action::LoseAnswer(index),
                    Action::Delay(index),
                    Action::Repeat(index),
                    Action::CrashBefore(index),
                    Action::CrashAfter(index),
                ]);
            }
        }
        actions.extend((0..state.late.len()).map(Action::Arrive));
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        let asked = |index: usize| self.late(&before.runs[index]);
        match action {
            Action::Take(commands) => {
                let place = state.queue.iter().position(|queued| *queued == commands)?;
                state.queue.remove(place);
                state.runs.push(Run { commands, answers: Vec::new(), attempt: state.attempts });
                state.attempts += 1;
            }
            Action::Serve(index) => {
                let answer = self.perform(&mut state, asked(index));
                self.answer(&mut state, index, answer);
            }
            Action::Tear(index, looks) => {
                state.faults -= 1;
                let Answer::Commits(commands, _) = self.perform(&mut state, asked(index)) else {
                    return None;
                };
                self.answer(&mut state, index, Answer::Commits(commands, looks));
            }
            Action::LoseAnswer(index) => {
                state.faults -= 1;
                self.perform(&mut state, asked(index));
                self.answer(&mut state, index, Answer::Nothing);
            }
            Action::Delay(index) => {
                state.faults -= 1;
                state.late.push(asked(index));
                self.answer(&mut state, index, Answer::Nothing);
            }
            Action::Arrive(index) => {
                let late = state.late.remove(index);
                self.perform(&mut state, late);
            }
            Action::Repeat(index) => {
                state.faults -= 1;
                self.perform(&mut state, asked(index));
            }
            Action::CrashBefore(index) | Action::CrashAfter(index) => {
                state.faults -= 1;
                if action == Action::CrashAfter(index) {
                    self.perform(&mut state, asked(index));
                }
                let commands = state.runs.remove(index).commands;
                state.queue.push(commands);
            }
        }
        state.queue.sort();
        state.runs.sort();
        state.late.sort();
        state.letters.sort_unstable();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "every command is decided at most once",
                |model: &Self, state: &State| {
                    let deliveries = || model.deliveries.iter().flatten();
                    deliveries().all(|command| state.decided(*command) <= 1)
                        && deliveries().all(|command| {
                            state.decided(*command) == 0 || !state.is_reused(*command)
                        })
                },
            ),
            Property::always("no command is lost", |model: &Self, state: &State| {
                let kept = |command| state.decided(command) > 0 || state.letters.contains(&command);
                !state.is_done() || model.deliveries.iter().flatten().all(|command| kept(*command))
            }),
            Property::always("only a command with a used id fails for good", |_, state: &State| {
                state.letters.iter().all(|command| state.is_reused(*command))
            }),
            Property::always("a command reported as decided is", |_, state: &State| {
                !state.false_success
            }),
            Property::always("history is never rewritten", |_, state: &State| !state.rewritten),
            Property::sometimes("all is decided", |_, state: &State| state.is_done()),
        ]
    }
}

/// Two commands, each delivered twice, and three workers.
fn model(faults: u8) -> CommitModel {
    CommitModel {
        runs: Programs::default(),
        deliveries: [CREATES, CREATES, 2, 2].map(|command| vec![command]).to_vec(),
        workers: 3,
        faults,
        without: None,
    }
}

/// Like [`model`], but with a command that has the id of another. It has only two workers, because
/// three different commands have many more states.
fn reusing(faults: u8) -> CommitModel {
    let deliveries = [CREATES, 2, 2, REUSES].map(|command| vec![command]).to_vec();
    CommitModel { deliveries, workers: 2, ..model(faults) }
}

/// Batches of two commands, which overlap: what one run stores in one commit, another decides in
/// part.
fn together(faults: u8) -> CommitModel {
    let deliveries = vec![vec![CREATES, 2], vec![2, REUSES], vec![2, CREATES]];
    CommitModel { deliveries, workers: 2, ..model(faults) }
}

#[test]
fn commands_that_are_stored_together_are_decided_once_whatever_happens() {
    println!("commits of several decisions: {} states", holds(together(1)));
}

#[test]
fn whatever_happens_commands_that_are_stored_together_can_still_be_decided() {
    assert_eq!(stuck(&together(1), State::is_done), None);
}

#[test]
fn several_decisions_without_their_causes_decide_a_command_twice() {
    let model = CommitModel { without: Some(Without::Cause), ..together(0) };
    counterexample(model, "every command is decided at most once");
}

#[test]
fn every_command_is_decided_once_whatever_happens() {
    println!("commits: {} states", holds(model(1)));
}

#[test]
fn of_two_commands_with_one_id_one_is_decided_and_the_other_is_not_swallowed() {
    println!("commits with a used id: {} states", holds(reusing(1)));
}

#[test]
fn whatever_happens_every_command_can_still_be_decided() {
    assert_eq!(stuck(&model(1), State::is_done), None);
}

#[test]
fn a_write_that_does_not_ask_for_a_free_place_rewrites_history() {
    let model = CommitModel { without: Some(Without::FreePlace), ..model(0) };
    counterexample(model, "history is never rewritten");
}

#[test]
fn commits_without_their_cause_decide_a_command_twice() {
    let model = CommitModel { without: Some(Without::Cause), ..model(0) };
    counterexample(model, "every command is decided at most once");
}

#[test]
fn without_a_digest_a_command_with_a_used_id_is_reported_as_decided() {
    let model = CommitModel { without: Some(Without::Digest), ..reusing(0) };
    counterexample(model, "a command reported as decided is");
}

#[test]
fn a_part_of_a_commit_that_counts_as_broken_costs_a_command() {
    let model = CommitModel { without: Some(Without::Patience), ..model(1) };
    counterexample(model, "only a command with a used id fails for good");
}
