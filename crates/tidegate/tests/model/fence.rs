//! The fence and the move of the pointer, against projectors and another command.

use std::time::Duration;

use jiff::Timestamp;
use stateright::{Model, Property};
use tidegate::generation::{Generations, Pointer, Refused, Segment};

use crate::check::{counterexample, holds, stuck};

const OWNER: &str = "only the owner of a rebuild, behind its own fence, changes it";
const STILL: &str = "no guard moves between the two readings of a proof";
const WAITS: &str = "nobody begins a transaction behind a fence that is closed long enough";
const MOVES: &str = "a generation becomes live";

/// Time for which a projector believes in an open fence, in seconds.
const FRESH: i64 = 2;
/// Time that a command waits after the close.
const SETTLE: i64 = 4;
/// Time for which a fence is closed.
const PAUSE: Duration = Duration::from_secs(30);
/// Steps of time: longer than a projector believes, and longer than any lease. How often each may
/// be taken. Commands do nothing after the last long one, so that everything can come to rest.
const STEPS: [(i64, u8); 2] = [(SETTLE, 2), (61, 2)];

/// A protection that is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    /// Writing a pointer requires the revision that was read.
    Revision,
    /// The guards are read again.
    SecondReading,
    /// A projector reads the fence again after a while.
    Freshness,
    /// A fence opens by itself.
    Expiry,
}

struct FenceModel {
    commands: usize,
    generations: Generations,
    without: Option<Without>,
}

/// A projector that applies the same event to one generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Writer {
    Waits,
    /// It read an open fence then.
    Believes(i64),
    /// Its transaction is under way, and may be late.
    Sent,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Begin,
    Fold,
    Close,
    /// Compares, not before this time.
    Verify(i64),
    /// Reads the guards again. They were so.
    Vector([bool; 2]),
    Move,
    Ended,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Command {
    phase: Phase,
    /// The pointer that it read, and what it makes of it.
    writes: Option<(u64, Pointer)>,
    attempts: u8,
    /// Whether a guard moved since it compared.
    disturbed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    now: i64,
    /// How often each step of time was taken.
    steps: [u8; 2],
    pointer: Pointer,
    /// Since when the fence is closed.
    closed_at: i64,
    writers: [Writer; 2],
    guards: [bool; 2],
    commands: Vec<Command>,
    broken: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Pass(usize),
    /// A projector reads the fence.
    Check(usize),
    Send(usize),
    /// A transaction takes effect.
    Arrives(usize),
    /// A command reads the pointer, or the tables.
    Reads(usize),
    Writes(usize),
    Dies(usize),
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn name(command: usize) -> &'static str {
    ["anna", "bob"][command]
}

impl FenceModel {
    fn new(commands: usize, without: Option<Without>) -> Self {
        let generations = Generations::new("order-view", [1, 2]).unwrap();
        Self { commands, generations, without }
    }

    /// Returns what a command makes of the pointer that it reads.
    fn next(&self, state: &State, command: usize) -> Option<Result<Pointer, Refused>> {
        let (owner, now, pointer) = (name(command), at(state.now), &state.pointer);
        match state.commands[command].phase {
            Phase::Begin => Some(pointer.begin(2, owner, 1, false, &self.generations, now)),
            Phase::Fold => {
                Some(pointer.record(owner, 0, Segment::default().after(None, 1, 1), now))
            }
            Phase::Close => Some(pointer.close(owner, PAUSE, now)),
            Phase::Move => Some(pointer.moved(2, owner, now)),
            Phase::Verify(_) | Phase::Vector(_) | Phase::Ended => None,
        }
    }

    fn is_closed(&self, state: &State) -> bool {
        match self.without {
            Some(Without::Expiry) => state.pointer.fence.is_some(),
            _ => state.pointer.closed(at(state.now)).is_some(),
        }
    }

    fn reads(&self, state: &mut State, number: usize) {
        match state.commands[number].phase {
            Phase::Verify(_) => {
                // It brings both generations up to date first.
                if state.guards[0] != state.guards[1] {
                    state.guards = [true; 2];
                    disturb(state, Some(number));
                }
                state.commands[number].disturbed = false;
                state.commands[number].phase = Phase::Vector(state.guards);
            }
            Phase::Vector(before) => {
                let again = self.without == Some(Without::SecondReading);
                let same = again || before == state.guards && before[0] == before[1];
                if same && state.commands[number].disturbed {
                    state.broken = Some(STILL);
                }
                let command = &mut state.commands[number];
                command.attempts += 1;
                command.phase = match (same, command.attempts) {
                    (true, _) => Phase::Move,
                    (false, 1) => Phase::Close,
                    (false, _) => Phase::Ended,
                };
            }
            _ => {
                let revision = state.pointer.revision;
                match self.next(state, number) {
                    // As `change` does: what is there already is not written.
                    Some(Ok(next)) if next == state.pointer => {
                        state.commands[number].phase = Phase::Ended;
                    }
                    Some(Ok(next)) => state.commands[number].writes = Some((revision, next)),
                    _ => state.commands[number].phase = Phase::Ended,
                }
            }
        }
    }

    fn writes(&self, state: &mut State, number: usize) {
        let Some((revision, next)) = state.commands[number].writes.take() else { return };
        if revision != state.pointer.revision && self.without != Some(Without::Revision) {
            return;
        }
        let phase = state.commands[number].phase;
        let owner = state.pointer.rebuild.as_ref().map(|rebuild| rebuild.owner.as_str());
        let fence = state.pointer.fence.as_ref().map(|fence| fence.owner.as_str());
        let owns = phase == Phase::Begin || owner == Some(name(number));
        if !owns || phase == Phase::Move && fence != Some(name(number)) {
            state.broken = Some(OWNER);
        }
        state.pointer = Pointer::clone(&next);
        state.pointer.revision = revision + 1;
        state.commands[number].phase = match phase {
            Phase::Begin => Phase::Fold,
            Phase::Fold => Phase::Close,
            Phase::Close => {
                state.closed_at = state.now;
                Phase::Verify(state.now + SETTLE)
            }
            _ => Phase::Ended,
        };
    }
}

/// A guard moved. All commands but the one that did it notice it only by a second reading.
fn disturb(state: &mut State, by: Option<usize>) {
    for (number, command) in state.commands.iter_mut().enumerate() {
        command.disturbed |= by != Some(number);
    }
}

impl Model for FenceModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut pointer = Pointer::new("order-view");
        pointer.live = Some(1);
        pointer.built = vec![1];
        let command = Command { phase: Phase::Begin, writes: None, attempts: 0, disturbed: false };
        vec![State {
            now: 0,
            steps: [0; 2],
            pointer,
            closed_at: 0,
            writers: [Writer::Waits; 2],
            guards: [false; 2],
            commands: vec![command; self.commands],
            broken: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.broken.is_some() {
            return;
        }
        let left = |step: &usize| state.steps[*step] < STEPS[*step].1;
        actions.extend([0, 1].into_iter().filter(left).map(Action::Pass));
        for (number, writer) in state.writers.into_iter().enumerate() {
            match writer {
                Writer::Waits => actions.push(Action::Check(number)),
                Writer::Believes(_) => actions.push(Action::Send(number)),
                Writer::Sent => actions.push(Action::Arrives(number)),
                Writer::Done => {}
            }
        }
        for (number, command) in state.commands.iter().enumerate() {
            let waits = matches!(command.phase, Phase::Verify(from) if state.now < from);
            if command.phase == Phase::Ended || state.steps[1] == STEPS[1].1 {
                continue;
            }
            actions.push(Action::Dies(number));
            match command.writes {
                Some(_) => actions.push(Action::Writes(number)),
                None if !waits => actions.push(Action::Reads(number)),
                None => {}
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Pass(step) => {
                state.now += STEPS[step].0;
                state.steps[step] += 1;
            }
            Action::Check(number) => {
                if self.is_closed(&state) {
                    return None;
                }
                state.writers[number] = Writer::Believes(state.now);
            }
            Action::Send(number) => {
                let Writer::Believes(checked) = state.writers[number] else { return None };
                let fresh = self.without == Some(Without::Freshness);
                if !fresh && state.now - checked > FRESH {
                    state.writers[number] = Writer::Waits;
                    return Some(state);
                }
                if self.is_closed(&state) && state.now >= state.closed_at + SETTLE {
                    state.broken = Some(WAITS);
                }
                state.writers[number] = Writer::Sent;
            }
            Action::Arrives(number) => {
                state.writers[number] = Writer::Done;
                // The guard makes a second application impossible.
                if !std::mem::replace(&mut state.guards[number], true) {
                    disturb(&mut state, None);
                }
            }
            Action::Reads(number) => self.reads(&mut state, number),
            Action::Writes(number) => self.writes(&mut state, number),
            Action::Dies(number) => {
                state.commands[number].phase = Phase::Ended;
                state.commands[number].writes = None;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(OWNER, |_, state: &State| state.broken != Some(OWNER)),
            Property::always(STILL, |_, state: &State| state.broken != Some(STILL)),
            Property::always(WAITS, |_, state: &State| state.broken != Some(WAITS)),
            Property::sometimes(MOVES, |_, state: &State| state.pointer.live == Some(2)),
        ]
    }
}

#[test]
fn nothing_becomes_live_but_by_a_proof_that_nothing_disturbed() {
    for commands in [1, 2] {
        let states = holds(FenceModel::new(commands, None));
        println!("fence, {commands} commands: {states} states");
    }
}

#[test]
fn whoever_dies_everything_is_applied() {
    let applied = |state: &State| state.writers == [Writer::Done; 2];
    assert_eq!(stuck(&FenceModel::new(1, None), applied), None);
    assert!(stuck(&FenceModel::new(1, Some(Without::Expiry)), applied).is_some());
}

#[test]
fn without_the_revision_a_command_writes_over_its_successor() {
    counterexample(FenceModel::new(2, Some(Without::Revision)), OWNER);
}

#[test]
fn without_a_second_reading_a_late_write_is_part_of_no_proof() {
    counterexample(FenceModel::new(1, Some(Without::SecondReading)), STILL);
}

#[test]
fn a_fence_that_is_read_once_stops_nobody() {
    counterexample(FenceModel::new(1, Some(Without::Freshness)), WAITS);
}
