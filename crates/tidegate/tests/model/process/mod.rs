//! The protocol of processes: the real [`ProcessHandler`](tidegate::process::ProcessHandler), the
//! publisher's real messages, and the store's real double. Services, Scheduler and operators are
//! the model's.

mod run;
mod trip;
mod world;

use std::sync::Arc;

use serde_json::json;
use serde_json::value::to_raw_value;
use stateright::{Model, Property};
use tidegate::envelope::Data;
use tidegate::process::{ResumeProcess, SkipInput};
use tidegate::publish::schedule_name;
use tidegate::store::CommitOutcome;

use self::run::{Answer, Ask, End, handle};
use self::trip::*;
use self::world::{Facts, Leaves, Number, Record, Without, World, inline_data};
use crate::check::{counterexample, holds, stuck};
use crate::program::{Next, Programs};

const ONCE: &str = "every message is decided at most once";
const ONE_ID: &str = "no command leaves with two ids";
const TRUE: &str = "a message reported as decided is";
const HISTORY: &str = "history is never rewritten";
const DEADLINES: &str = "a deadline acts once, in its state, or is ignored";
const COMES: &str = "every open deadline still comes";
const HELD: &str = "held inputs wait for an operator, and are then decided";
const WORDS: &str = "a word takes effect on what its operator saw";
const RESERVED: &str = "a trip that ended holds exactly what it booked";
const LETTERS: &str = "no message becomes a dead letter";

struct ProcessModel {
    world: Arc<World>,
    runs: Programs<Number, Ask, Answer, End>,
    init: State,
    workers: usize,
    without: Option<Without>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct State {
    /// Contents of the commits, and the attempts that wrote them.
    commits: Vec<(Record, u8)>,
    /// Messages in the queue of inputs.
    queue: Vec<Number>,
    runs: Vec<Run>,
    /// Writes that arrive late.
    late: Vec<(Record, u8)>,
    /// Number of commits that the publisher has published.
    published: usize,
    /// Commands on their way to services.
    requests: Vec<Number>,
    /// Messages of schedules that have not fired.
    schedules: Vec<Number>,
    /// Commands that services have taken, and whether they did what was asked.
    served: Vec<(Number, bool)>,
    letters: Vec<Number>,
    /// Words that operators may still send.
    words: u8,
    faults: u8,
    attempts: u8,
    false_success: bool,
    rewritten: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Run {
    message: Number,
    /// The message as it is without the removed guard.
    seen: Number,
    answers: Vec<Answer>,
    attempt: u8,
}

/// An action of the model. Runs, requests and schedules have their numbers in the state.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Take(Number),
    Answer(usize),
    LoseAnswer(usize),
    Delay(usize),
    Arrive(usize),
    Repeat(usize),
    CrashBefore(usize),
    CrashAfter(usize),
    /// The queue delivers a message twice.
    Duplicate(Number),
    /// The publisher publishes the next commit.
    Publish,
    /// The publisher died before it noted what it published last.
    PublishAgain,
    /// A service takes a command, and does what it asks or not.
    Serve(usize, bool),
    Fire(usize),
    FireTwice(usize),
    Resume,
    Skip,
}

impl ProcessModel {
    fn ask(&self, run: &Run) -> Ask {
        match self.next(run) {
            Next::Asks(ask) => ask,
            Next::Ends(_) => panic!("a run that has ended is still there"),
        }
    }

    fn next(&self, run: &Run) -> Next<Ask, End> {
        let (world, message) = (Arc::clone(&self.world), self.world.message(run.seen));
        self.runs.next(&run.seen, &run.answers, async move |script| {
            handle(script, world, self.without, &message.envelope).await
        })
    }

    fn facts(&self, state: &State) -> Arc<Facts> {
        self.world.facts(&state.commits)
    }

    /// Lets a request take effect.
    fn perform(&self, state: &mut State, ask: Ask, attempt: u8) -> Answer {
        let record = match ask {
            Ask::Read => {
                return Answer::Commits(state.commits.iter().map(|(record, _)| *record).collect());
            }
            Ask::Commit(record) => record,
        };
        let place = self.world.record(record).first_version();
        match self.world.write(&state.commits, (record, attempt), self.without).unwrap() {
            CommitOutcome::Duplicate => Answer::Duplicate,
            CommitOutcome::Conflict => Answer::Conflict,
            CommitOutcome::Stored => {
                if !state.commits.contains(&(record, attempt)) {
                    let before = |(record, _): &(Record, u8)| {
                        self.world.record(*record).first_version() < place
                    };
                    let kept = state.commits.iter().filter(|commit| before(commit)).count();
                    state.rewritten |= kept < state.commits.len();
                    state.commits.truncate(kept);
                    state.commits.push((record, attempt));
                }
                Answer::Stored
            }
        }
    }

    fn answer(&self, state: &mut State, index: usize, answer: Answer) {
        state.runs[index].answers.push(answer);
        let Next::Ends(end) = self.next(&state.runs[index]) else { return };
        let message = state.runs.remove(index).message;
        match end {
            End::Again => state.queue.push(message),
            End::Letter => state.letters.push(message),
            End::Done => {
                let cause = self.world.message(message).envelope.cause();
                state.false_success |= !self.facts(state).causes.contains(&cause);
            }
        }
    }

    fn publish(&self, state: &mut State, place: usize) {
        for leaves in self.world.leaves(state.commits[place].0) {
            match leaves {
                Leaves::Command(command) => state.requests.push(command),
                Leaves::Set(message) if !state.schedules.contains(&message) => {
                    state.schedules.push(message);
                }
                Leaves::Set(_) => {}
                Leaves::Cancel(name) => {
                    state.schedules.retain(|message| self.schedule_of(*message) != name);
                }
            }
        }
    }

    fn schedule_of(&self, message: Number) -> String {
        schedule_name(&stream(), self.world.message(message).deadline.as_deref().unwrap())
    }

    /// Lets a service take a command. Returns its answer.
    fn serve(&self, state: &mut State, command: Number, agrees: bool) -> Option<Number> {
        let known = state.served.iter().find(|(served, _)| *served == command);
        let agrees = known.map_or(agrees, |(_, agreed)| *agreed);
        if known.is_none() {
            state.served.push((command, agrees));
            state.served.sort_unstable();
        }
        let sent = self.world.message(command);
        let envelope = &sent.envelope;
        let id = &envelope.id;
        Some(match (envelope.kind.as_str(), agrees) {
            ("ReserveFlight", true) => self.world.sent("flights", id, &FlightReserved {}),
            ("ReserveFlight", false) => self.world.sent("flights", id, &FlightRefused {}),
            ("ReserveHotel", true) => self.world.sent("hotels", id, &HotelReserved {}),
            ("ReserveHotel", false) => self.world.sent("hotels", id, &HotelRefused {}),
            ("CancelFlight", true) => self.world.sent("flights", id, &FlightCancelled {}),
            ("CancelFlight", false) => self.world.sent("flights", id, &NotCancelled {}),
            ("CancelHotel", _) => return None,
            (kind, _) => panic!("no service takes {kind}"),
        })
    }

    /// Returns whether a service has done this.
    fn has_done(&self, state: &State, kind: &str) -> bool {
        let mut done = state.served.iter().filter(|(_, agreed)| *agreed);
        done.any(|(command, _)| self.world.message(*command).envelope.kind == kind)
    }

    /// Returns whether the service can do what a command asks: what was cancelled before is not
    /// reserved any more.
    fn may_agree(&self, state: &State, command: Number) -> bool {
        match self.world.message(command).envelope.kind.as_str() {
            "ReserveFlight" => !self.has_done(state, "CancelFlight"),
            "ReserveHotel" => !self.has_done(state, "CancelHotel"),
            _ => true,
        }
    }

    /// Returns whether the service can refuse. Only the model with operators has services that
    /// refuse to cancel.
    fn may_refuse(&self, command: Number) -> bool {
        match self.world.message(command).envelope.kind.as_str() {
            "CancelHotel" => false,
            "CancelFlight" => self.init.words > 0,
            _ => true,
        }
    }

    fn is_settled(&self, state: &State) -> bool {
        state.queue.is_empty()
            && state.runs.is_empty()
            && state.late.is_empty()
            && state.requests.is_empty()
            && state.published == state.commits.len()
    }

    fn has_ended(&self, state: &State) -> bool {
        self.is_settled(state) && self.facts(state).instance.has_ended()
    }

    /// Returns whether what services hold is what the state says.
    fn is_consistent(&self, state: &State) -> bool {
        let holds =
            |reserve, cancel| self.has_done(state, reserve) && !self.has_done(state, cancel);
        let flight = holds("ReserveFlight", "CancelFlight");
        let hotel = holds("ReserveHotel", "CancelHotel");
        match self.facts(state).instance.state_name() {
            "Booked" => flight && hotel,
            "Nothing" => !flight && !hotel,
            _ => true,
        }
    }

    /// Returns whether every open deadline has a schedule, or its message is on its way.
    fn deadlines_come(&self, state: &State) -> bool {
        let runs = state.runs.iter().map(|run| run.message);
        let coming = state.schedules.iter().chain(&state.queue).copied().chain(runs);
        let coming: Vec<_> =
            coming.filter_map(|message| self.world.message(message).deadline.clone()).collect();
        let instance = &self.facts(state).instance;
        let mut open = instance.deadlines().iter().filter(|open| !open.passed);
        state.published < state.commits.len() || open.all(|open| coming.contains(&open.deadline.id))
    }

    /// Returns the message without the removed guard.
    fn seen(&self, state: &State, message: Number) -> Number {
        let sent = self.world.message(message);
        let facts = self.facts(state);
        let instance = &facts.instance;
        let changes = match (self.without, instance.deadlines().first()) {
            (Some(Without::DeadlineId), Some(open)) if sent.deadline.is_some() => {
                vec![("id", json!(open.deadline.id)), ("due", json!(open.deadline.due))]
            }
            (Some(Without::SeenVersion), _) if sent.envelope.source == "operator" => {
                vec![("version", json!(instance.version()))]
            }
            _ => return message,
        };
        let mut envelope = sent.envelope.clone();
        let mut content: serde_json::Value = serde_json::from_str(inline_data(&envelope)).unwrap();
        changes.into_iter().for_each(|(field, value)| content[field] = value);
        envelope.data = Data::Inline(to_raw_value(&content).unwrap());
        self.world.number(envelope)
    }

    /// Lets an operator look, and send a word.
    fn word(&self, state: &mut State, skip: bool) {
        let version = self.facts(state).instance.version();
        let (operator, note) = (format!("operator {}", state.words), String::new());
        // Words that differ have different ids, also those of other runs of the model.
        let id = format!("{operator} {skip} {version}");
        let word = if skip {
            self.world.sent("operator", &id, &SkipInput { operator, note, version })
        } else {
            self.world.sent("operator", &id, &ResumeProcess { operator, note, version })
        };
        state.words -= 1;
        state.queue.push(word);
    }

    fn faults(&self, state: &State, actions: &mut Vec<Action>) {
        for index in 0..state.runs.len() {
            actions.extend([
                Action::LoseAnswer(index),
                Action::CrashBefore(index),
                Action::CrashAfter(index),
            ]);
            if matches!(self.ask(&state.runs[index]), Ask::Commit(_)) {
                actions.extend([Action::Delay(index), Action::Repeat(index)]);
            }
        }
        let mut queue = state.queue.clone();
        queue.dedup();
        actions.extend(queue.into_iter().map(Action::Duplicate));
        actions.extend((0..state.schedules.len()).map(Action::FireTwice));
        if state.published > 0 {
            actions.push(Action::PublishAgain);
        }
    }
}

impl Model for ProcessModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.init.clone()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.runs.len() < self.workers {
            let mut queue = state.queue.clone();
            queue.dedup();
            actions.extend(queue.into_iter().map(Action::Take));
        }
        actions.extend((0..state.runs.len()).map(Action::Answer));
        actions.extend((0..state.late.len()).map(Action::Arrive));
        actions.extend((0..state.schedules.len()).map(Action::Fire));
        if state.published < state.commits.len() {
            actions.push(Action::Publish);
        }
        for (index, command) in state.requests.iter().enumerate() {
            if self.may_agree(state, *command) {
                actions.push(Action::Serve(index, true));
            }
            if self.may_refuse(*command) {
                actions.push(Action::Serve(index, false));
            }
        }
        if state.words > 0 && self.facts(state).instance.stuck().is_some() {
            actions.extend([Action::Resume, Action::Skip]);
        }
        if state.faults > 0 {
            self.faults(state, actions);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        let request = |index: usize| {
            let run = &before.runs[index];
            (self.ask(run), run.attempt)
        };
        state.faults -= u8::from(is_fault(&action));
        match action {
            Action::Take(message) => {
                let place = state.queue.iter().position(|queued| *queued == message)?;
                state.queue.remove(place);
                let (seen, attempt) = (self.seen(&state, message), state.attempts);
                state.runs.push(Run { message, seen, answers: Vec::new(), attempt });
                state.attempts += 1;
            }
            Action::Answer(index) => {
                let (ask, attempt) = request(index);
                let answer = self.perform(&mut state, ask, attempt);
                self.answer(&mut state, index, answer);
            }
            Action::LoseAnswer(index) => {
                let (ask, attempt) = request(index);
                self.perform(&mut state, ask, attempt);
                self.answer(&mut state, index, Answer::Nothing);
            }
            Action::Delay(index) => {
                let (Ask::Commit(record), attempt) = request(index) else { return None };
                state.late.push((record, attempt));
                self.answer(&mut state, index, Answer::Nothing);
            }
            Action::Arrive(index) => {
                let (record, attempt) = state.late.remove(index);
                self.perform(&mut state, Ask::Commit(record), attempt);
            }
            Action::Repeat(index) => {
                let (ask, attempt) = request(index);
                self.perform(&mut state, ask, attempt);
            }
            Action::CrashBefore(index) | Action::CrashAfter(index) => {
                if action == Action::CrashAfter(index) {
                    let (ask, attempt) = request(index);
                    self.perform(&mut state, ask, attempt);
                }
                let message = state.runs.remove(index).message;
                state.queue.push(message);
            }
            Action::Duplicate(message) => state.queue.push(message),
            Action::Publish => {
                self.publish(&mut state, before.published);
                state.published += 1;
            }
            Action::PublishAgain => self.publish(&mut state, before.published - 1),
            Action::Serve(index, agrees) => {
                let command = state.requests.remove(index);
                let answer = self.serve(&mut state, command, agrees);
                state.queue.extend(answer);
            }
            Action::Fire(index) => {
                let message = state.schedules.remove(index);
                state.queue.push(message);
            }
            Action::FireTwice(index) => state.queue.push(before.schedules[index]),
            Action::Resume => self.word(&mut state, false),
            Action::Skip => self.word(&mut state, true),
        }
        state.queue.sort_unstable();
        state.runs.sort();
        state.late.sort_unstable();
        state.requests.sort_unstable();
        state.schedules.sort_unstable();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONCE, |model: &Self, state: &State| {
                let causes = &model.facts(state).causes;
                causes.iter().enumerate().all(|(place, cause)| !causes[..place].contains(cause))
            }),
            Property::always(ONE_ID, |model: &Self, state: &State| {
                let facts = model.facts(state);
                let mut kinds: Vec<_> = facts.commands.iter().map(|(kind, _)| kind).collect();
                kinds.sort();
                kinds.windows(2).all(|pair| pair[0] != pair[1])
            }),
            Property::always(TRUE, |_, state: &State| !state.false_success),
            Property::always(HISTORY, |_, state: &State| !state.rewritten),
            Property::always(DEADLINES, |model: &Self, state: &State| {
                model.facts(state).broken.is_none()
            }),
            Property::always(COMES, Self::deadlines_come),
            Property::always(HELD, |model: &Self, state: &State| {
                let facts = model.facts(state);
                let waits = facts.instance.stuck().is_some() || facts.waiting.is_empty();
                waits && facts.forgotten.is_empty()
            }),
            Property::always(WORDS, |model: &Self, state: &State| {
                let facts = model.facts(state);
                facts.words.iter().all(|(saw, since, at)| (since..=at).contains(&saw))
            }),
            Property::always(RESERVED, |model: &Self, state: &State| {
                // A skipped answer is one that the process does not know.
                !model.is_settled(state) || model.init.words > 0 || model.is_consistent(state)
            }),
            Property::always(LETTERS, |_, state: &State| state.letters.is_empty()),
            Property::sometimes("a trip ends", Self::has_ended),
        ]
    }
}

fn is_fault(action: &Action) -> bool {
    !matches!(
        action,
        Action::Take(_)
            | Action::Answer(_)
            | Action::Arrive(_)
            | Action::Publish
            | Action::Serve(..)
            | Action::Fire(_)
            | Action::Resume
            | Action::Skip
    )
}

/// A trip from its start, with this many workers.
fn whole(workers: usize, faults: u8) -> ProcessModel {
    let world = Arc::new(World::default());
    let book = world.sent("customers", "book", &BookTrip {});
    let init = State { queue: vec![book], faults, ..State::default() };
    ProcessModel { world, runs: Programs::default(), init, workers, without: None }
}

/// Plays a trip without faults, up to the first state of which `is_there` holds.
fn played(
    mut model: ProcessModel,
    is_there: impl Fn(&ProcessModel, &State) -> bool,
) -> ProcessModel {
    let mut state = State { faults: 0, ..model.init.clone() };
    while !is_there(&model, &state) {
        let mut actions = Vec::new();
        model.actions(&state, &mut actions);
        let is_next = |action: &&Action| !matches!(action, Action::Fire(_));
        let action = actions.iter().find(is_next).expect("a next action").clone();
        state = model.next_state(&state, action).unwrap();
    }
    let State { faults, words, .. } = model.init;
    model.init = State { faults, words, ..state };
    model
}

/// The flight is reserved and the hotel asked for. Both deadlines may be on their way: that of the
/// flight has fired when the answer came.
fn race(workers: usize, faults: u8) -> ProcessModel {
    let mut model = played(whole(workers, faults), |model, state| {
        model.facts(state).instance.state_name() == "Hotel" && state.published == 1
    });
    let late = std::mem::take(&mut model.init.schedules);
    model.init.queue.extend(late);
    model
}

/// The hotel was asked for. A flight that is to be cancelled may stay, so that the instance is
/// stuck and the late answer of the hotel is held. Two operators may each send a word.
fn operators(workers: usize, faults: u8) -> ProcessModel {
    let mut model = played(whole(workers, faults), |model, state| {
        model.facts(state).instance.state_name() == "Hotel" && state.published == 2
    });
    model.init.words = 2;
    model
}

#[test]
fn a_process_keeps_its_promises_whatever_happens() {
    println!("processes, from the start: {} states", holds(whole(1, 1)));
    println!("processes, two workers: {} states", holds(whole(2, 0)));
    for (workers, faults) in [(2, 0), (1, 1)] {
        let states = holds(race(workers, faults));
        println!("processes, a race with a deadline, {workers}, {faults}: {states} states");
    }
}

#[test]
fn operators_and_inputs_do_not_get_in_each_others_way() {
    println!("processes, operators: {} states", holds(operators(1, 0)));
}

#[test]
fn whatever_happens_a_trip_can_still_end() {
    for model in [whole(1, 1), race(2, 0)] {
        assert_eq!(stuck(&model, |state| model.has_ended(state)), None);
    }
}

fn without(guard: Without, model: ProcessModel) -> ProcessModel {
    ProcessModel { without: Some(guard), ..model }
}

#[test]
fn a_write_that_does_not_ask_for_a_free_place_rewrites_the_history_of_a_process() {
    counterexample(without(Without::FreePlace, race(2, 0)), HISTORY);
}

#[test]
fn without_causes_an_answer_that_comes_twice_is_decided_twice() {
    counterexample(without(Without::Cause, whole(1, 1)), ONCE);
}

#[test]
fn a_deadline_that_is_known_by_its_name_alone_acts_for_the_next_step() {
    counterexample(without(Without::DeadlineId, race(1, 0)), DEADLINES);
}

#[test]
fn a_deadline_that_is_not_cancelled_acts_in_another_state() {
    counterexample(without(Without::Cancelled, race(1, 0)), DEADLINES);
}

#[test]
fn inputs_that_are_not_held_are_lost() {
    counterexample(without(Without::Held, operators(1, 0)), HELD);
}

#[test]
fn a_word_that_does_not_say_what_its_operator_saw_drops_something_else() {
    counterexample(without(Without::SeenVersion, operators(1, 0)), WORDS);
}
