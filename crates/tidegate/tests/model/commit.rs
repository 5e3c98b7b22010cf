//! The commit protocol: the real [`execute`] over a store that asks the model, and the store's real double.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use stateright::{Model, Property};
use tidegate::failure::Failure;
use tidegate::ids::{Cause, StreamId, Version};
use tidegate::message::MessageSet;
use tidegate::store::{
    Aggregate, Commit, CommitOutcome, Decision, EventReader, EventStore, Origin, RecordedCommit,
    RecordedEvent, Retry, execute,
};
use tidegate::test::MemoryEventStore;

use crate::check::{counterexample, holds, stuck};
use crate::program::{Next, Programs, Script};

/// The command that creates the aggregate is 1; the others change it.
type Command = u8;

const CREATES: Command = 1;
/// A cause that is not kept.
const FORGOTTEN: Command = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Ask {
    Read,
    Commit { version: u8 },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Answer {
    /// The causes of the commits there are.
    Commits(Vec<Command>),
    Stored,
    Duplicate,
    Conflict,
    /// No answer came; whether the request took effect is not known.
    Nothing,
}

/// A guard that is taken away, to see that the checker notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    /// The write does not ask whether its place is free.
    FreePlace,
    /// Commits do not keep their cause.
    Cause,
}

struct CommitModel {
    runs: Programs<Command, Ask, Answer, bool>,
    /// Duplicates are there from the start.
    deliveries: Vec<Command>,
    workers: usize,
    faults: u8,
    without: Option<Without>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    commits: Vec<Stored>,
    queue: Vec<Command>,
    runs: Vec<Run>,
    late: Vec<Late>,
    faults: u8,
    false_success: bool,
    rewritten: bool,
    /// Numbers the attempts.
    attempts: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Stored {
    cause: Command,
    attempt: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Run {
    command: Command,
    answers: Vec<Answer>,
    attempt: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Late {
    ask: Ask,
    stored: Stored,
}

/// The runs are numbered as the state lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Take(Command),
    Serve(usize),
    LoseAnswer(usize),
    Delay(usize),
    Arrive(usize),
    /// The client sends the request twice: it takes effect, and will again.
    Repeat(usize),
    CrashBefore(usize),
    CrashAfter(usize),
}

fn record(version: u8, cause: Command) -> RecordedCommit {
    RecordedCommit {
        stream: stream(),
        events: vec![RecordedEvent {
            id: format!("{version} {cause}"),
            version: Version::new(version.into()),
            kind: "Happened".to_owned(),
            data_version: 1,
            time: Timestamp::UNIX_EPOCH,
            data: "null".to_owned(),
        }],
        source: "model".to_owned(),
        cause: cause_of(cause),
        correlation_id: String::new(),
        traceparent: None,
        arrived_at: None,
        written_at: Timestamp::UNIX_EPOCH,
    }
}

fn stream() -> StreamId {
    "order#1".parse().unwrap()
}

fn cause_of(command: Command) -> Cause {
    Cause { source: "model".to_owned(), id: command.to_string() }
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
        Ok(Happened)
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

struct AskingStore(Arc<Script<Ask, Answer>>);

fn no_answer() -> Failure {
    Failure::transient("event_store", "no answer")
}

impl EventReader for AskingStore {
    fn read<'a>(
        &'a self,
        _: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        let answer = async move {
            let Answer::Commits(causes) = self.0.ask(Ask::Read).await else { return Err(no_answer()) };
            let commits = (1..).zip(causes).map(|(version, cause)| record(version, cause));
            Ok(commits.filter(|commit| commit.last_version() > after).collect())
        };
        answer.boxed()
    }
}

impl EventStore for AskingStore {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        let version = u8::try_from(commit.record.first_version().number()).unwrap();
        let answer = async move {
            match self.0.ask(Ask::Commit { version }).await {
                Answer::Stored => Ok(CommitOutcome::Stored),
                Answer::Duplicate => Ok(CommitOutcome::Duplicate),
                Answer::Conflict => Ok(CommitOutcome::Conflict),
                _ => Err(no_answer()),
            }
        };
        answer.boxed()
    }
}

impl CommitModel {
    fn next(&self, run: &Run) -> Next<Ask, bool> {
        let command = run.command;
        self.runs.next(&command, &run.answers, async move |script| {
            let origin = Origin {
                cause: cause_of(command),
                correlation_id: String::new(),
                traceparent: None,
                time: Timestamp::UNIX_EPOCH,
                arrived_at: None,
            };
            let store = AskingStore(script);
            execute::<Order>(&store, &stream(), &command, &origin, Retry::default()).await.is_ok()
        })
    }

    fn late(&self, run: &Run) -> Late {
        let Next::Asks(ask) = self.next(run) else { panic!("a run that has ended is still there") };
        Late { ask, stored: Stored { cause: run.command, attempt: run.attempt } }
    }

    /// Lets a request take effect, a commit in the real double that is set up as the state says.
    fn perform(&self, state: &mut State, late: Late) -> Answer {
        let causes = state.commits.iter().map(|commit| match self.without {
            Some(Without::Cause) => FORGOTTEN,
            _ => commit.cause,
        });
        let Ask::Commit { version } = late.ask else { return Answer::Commits(causes.collect()) };
        let store = MemoryEventStore::default();
        let place = usize::from(version - 1);
        for (there, commit) in state.commits.iter().enumerate() {
            if self.without != Some(Without::FreePlace) || there != place {
                put(&store, u8::try_from(there + 1).unwrap(), *commit);
            }
        }
        let outcome = put(&store, version, late.stored);
        if outcome == CommitOutcome::Stored && state.commits.get(place) != Some(&late.stored) {
            state.rewritten |= place < state.commits.len();
            state.commits.truncate(place);
            state.commits.push(late.stored);
        }
        match outcome {
            CommitOutcome::Stored => Answer::Stored,
            CommitOutcome::Duplicate => Answer::Duplicate,
            CommitOutcome::Conflict => Answer::Conflict,
        }
    }

    fn answer(&self, state: &mut State, index: usize, answer: Answer) {
        state.runs[index].answers.push(answer);
        let Next::Ends(done) = self.next(&state.runs[index]) else { return };
        let command = state.runs.remove(index).command;
        if !done {
            state.queue.push(command);
        } else if !state.commits.iter().any(|commit| commit.cause == command) {
            state.false_success = true;
        }
    }
}

fn put(store: &MemoryEventStore, version: u8, commit: Stored) -> CommitOutcome {
    let commit = Commit { record: record(version, commit.cause), attempt: commit.attempt.to_string() };
    store.commit(&commit).now_or_never().unwrap().unwrap()
}

impl State {
    fn is_done(&self) -> bool {
        self.queue.is_empty() && self.runs.is_empty()
    }

    fn decided(&self, command: Command) -> usize {
        self.commits.iter().filter(|commit| commit.cause == command).count()
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
            Action::Take(command) => {
                let place = state.queue.iter().position(|queued| *queued == command)?;
                state.queue.remove(place);
                state.runs.push(Run { command, answers: Vec::new(), attempt: state.attempts });
                state.attempts += 1;
            }
            Action::Serve(index) => {
                let answer = self.perform(&mut state, asked(index));
                self.answer(&mut state, index, answer);
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
                let command = state.runs.remove(index).command;
                state.queue.push(command);
            }
        }
        state.queue.sort_unstable();
        state.runs.sort();
        state.late.sort();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("every command is decided at most once", |model: &Self, state: &State| {
                model.deliveries.iter().all(|command| state.decided(*command) <= 1)
            }),
            Property::always("no command is lost", |model: &Self, state: &State| {
                !state.is_done() || model.deliveries.iter().all(|command| state.decided(*command) > 0)
            }),
            Property::always("a command reported as decided is", |_, state: &State| !state.false_success),
            Property::always("history is never rewritten", |_, state: &State| !state.rewritten),
            Property::sometimes("all is decided", |_, state: &State| state.is_done()),
        ]
    }
}

/// Two commands, each delivered twice, and three workers.
fn model(faults: u8) -> CommitModel {
    CommitModel {
        runs: Programs::default(),
        deliveries: vec![CREATES, CREATES, 2, 2],
        workers: 3,
        faults,
        without: None,
    }
}

#[test]
fn every_command_is_decided_once_whatever_happens() {
    println!("commits: {} states", holds(model(1)));
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
