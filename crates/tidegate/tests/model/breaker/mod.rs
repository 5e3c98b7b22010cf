//! The protocol of a circuit breaker: who may call, and when.
//!
//! Time passes in seconds. A second may pass before any request, and ends the invocations that are
//! as old as their lease. The clocks of environments are right or a second ahead.

mod run;

use std::time::Duration;

use jiff::Timestamp;
use stateright::{Model, Property};
use tidegate::breaker::{BreakerState, Count, Phase};

use self::run::{Answer, Ask, End, LEASE, Row, Says, Shown, next};
use crate::check::{counterexample, holds, stuck};
use crate::program::Next;

const TWO_PROBES: &str = "never two probes";
const LOST_OPENING: &str = "no opening is lost";
/// The provider is back after this many changes of the breaker.
const BACK: u8 = 3;
/// A time that is over, however much over.
const OVER: i8 = -3;

/// A guard that is removed, to test that the checker notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    /// A change does not require the number of the state from which it starts.
    Number,
    /// A lease ends for others when it ends for its owner.
    Skew,
    /// The lease of a probe never ends.
    LeaseEnd,
    /// Only the environment that counted a failure may open the breaker.
    OpeningByOthers,
}

struct BreakerModel {
    workers: usize,
    messages: u8,
    faults: u8,
    without: Option<Without>,
}

/// The world. Times are seconds from now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    row: Row,
    /// Token of the last change.
    token: (u8, u8),
    queue: u8,
    runs: Vec<Run>,
    late: Vec<Late>,
    faults: u8,
    /// A run called the provider although it saw that a rule was met.
    ignored: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Run {
    token: u8,
    ahead: i8,
    age: i8,
    answers: Vec<Key>,
}

/// An answer in a form that can be sorted.
type Key = (i8, u8, u8, u8, i8, u8);

/// A request that arrives later than the run waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Late {
    ask: Ask,
    token: u8,
    age: i8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Action {
    Take { ahead: bool },
    Serve(usize),
    LoseAnswer(usize),
    Delay(usize),
    Arrive(usize),
    CrashBefore(usize),
    CrashAfter(usize),
    SecondPasses,
}

fn key(answer: Answer) -> Key {
    let phase = |phase| match phase {
        Shown::Closed => (0, 0),
        Shown::Open(until) => (1, until),
        Shown::HalfOpen(until) => (2, until),
    };
    let row = |says, row: Row| {
        let (kind, until) = phase(row.phase);
        (answer.clock, says, row.number, kind, until, row.failures)
    };
    match answer.says {
        Says::Row(shown) => row(0, shown),
        Says::Changed(false, shown) => row(1, shown),
        Says::Changed(true, shown) => row(2, shown),
        Says::Works(works) => (answer.clock, 3, works.into(), 0, 0, 0),
        Says::Nothing => (answer.clock, 4, 0, 0, 0, 0),
    }
}

fn answer((clock, says, number, kind, until, failures): Key) -> Answer {
    let phase = match kind {
        0 => Shown::Closed,
        1 => Shown::Open(until),
        _ => Shown::HalfOpen(until),
    };
    let row = Row { number, phase, failures };
    let says = match says {
        0 => Says::Row(row),
        1 => Says::Changed(false, row),
        2 => Says::Changed(true, row),
        3 => Says::Works(number == 1),
        _ => Says::Nothing,
    };
    Answer { clock, says }
}

impl Run {
    fn next(&self) -> Next<Ask, End> {
        let answers: Vec<Answer> = self.answers.iter().copied().map(answer).collect();
        next(self.ahead, &answers)
    }

    fn ask(&self) -> Ask {
        match self.next() {
            Next::Asks(ask) => ask,
            Next::Ends(end) => unreachable!("a run that ended, {end:?}, is removed"),
        }
    }
}

/// Moves the times of a phase by this many seconds.
fn moved(phase: Shown, by: i8) -> Shown {
    match phase {
        Shown::Closed => Shown::Closed,
        Shown::Open(until) => Shown::Open(until.saturating_add(by).max(OVER)),
        Shown::HalfOpen(until) => Shown::HalfOpen(until.saturating_add(by).max(OVER)),
    }
}

fn at(seconds: i8) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + i64::from(seconds)).unwrap()
}

/// Returns the row as the toolkit's own state.
fn real(row: Row, token: (u8, u8)) -> BreakerState {
    let mut state = BreakerState::default();
    state.number = row.number.into();
    state.token = format!("{token:?}");
    state.phase = match row.phase {
        Shown::Closed => Phase::Closed,
        Shown::Open(until) => Phase::Open { until: at(until) },
        Shown::HalfOpen(until) => Phase::HalfOpen { lease_until: at(until) },
    };
    if row.failures > 0 {
        state.counts.begun = Some(at(0));
        state.counts.failures = row.failures.into();
    }
    state
}

impl BreakerModel {
    fn provider_works(state: &State) -> bool {
        state.row.number >= BACK
    }

    /// Carries out a request. Returns the answer for a run of this age.
    fn perform(&self, state: &mut State, late: &Late) -> Says {
        let Late { ask, token, age } = *late;
        let row = state.row;
        match ask {
            Ask::Look => Says::Row(self.shown(row, age)),
            Ask::Call { .. } => Says::Works(Self::provider_works(state)),
            Ask::Count { number } => {
                let count = Count {
                    number: number.into(),
                    failures: 1,
                    successes: 0,
                    in_a_row: 1,
                    at: at(0),
                    window: Duration::from_secs(60),
                };
                if real(row, state.token).counted(&count).is_some() {
                    // More than one is not different.
                    state.row.failures = 1;
                }
                Says::Row(self.shown(state.row, age))
            }
            Ask::Change { number, to } => {
                let to = moved(to, -age);
                let phase = match to {
                    Shown::Closed => Phase::Closed,
                    Shown::Open(until) => Phase::Open { until: at(until) },
                    Shown::HalfOpen(until) => Phase::HalfOpen { lease_until: at(until) },
                };
                let there = real(row, state.token);
                let mut from = there.clone();
                if self.without != Some(Without::Number) {
                    from.number = number.into();
                }
                let token = (token, number);
                let change = from.change(phase, at(0), format!("{token:?}"), "");
                let Some(changed) = there.changed(&change) else {
                    return Says::Changed(false, self.shown(row, age));
                };
                if changed != there {
                    let number = u8::try_from(changed.number).unwrap();
                    state.row = Row { number, phase: to, failures: 0 };
                    state.token = token;
                }
                Says::Changed(true, self.shown(state.row, age))
            }
        }
    }

    /// Returns the row as a run of this age sees it.
    fn shown(&self, row: Row, age: i8) -> Row {
        let mut phase = moved(row.phase, age);
        if let Shown::HalfOpen(until) = &mut phase {
            match self.without {
                Some(Without::Skew) => *until -= 1,
                Some(Without::LeaseEnd) => *until = 100,
                _ => {}
            }
        }
        let hides = self.without == Some(Without::OpeningByOthers);
        Row { phase, failures: if hides { 0 } else { row.failures }, ..row }
    }

    fn give(&self, state: &mut State, index: usize, says: Says) {
        let run = &mut state.runs[index];
        let asked = run.ask();
        run.answers.push(key(Answer { clock: run.age + run.ahead, says }));
        let hidden = state.row.phase == Shown::Closed && state.row.failures > 0;
        match run.next() {
            Next::Asks(Ask::Call { probe: false }) if asked == Ask::Look && hidden => {
                state.ignored = true;
            }
            Next::Asks(_) => {}
            Next::Ends(End::Applied) => {
                state.runs.remove(index);
            }
            Next::Ends(End::Again) => {
                state.runs.remove(index);
                state.queue += 1;
            }
        }
    }

    /// Removes what no longer makes a difference.
    fn normalise(&self, state: &mut State) {
        state.runs.sort();
        let number = state.row.number;
        if self.without != Some(Without::Number) {
            // The number never comes back, so such a request is refused.
            state.late.retain(|late| match late.ask {
                Ask::Count { number: of } | Ask::Change { number: of, .. } => of == number,
                Ask::Look | Ask::Call { .. } => false,
            });
        }
        if state.runs.iter().all(|run| run.token != state.token.0) {
            state.token = (0, 0);
        }
    }

    fn probes(state: &State) -> usize {
        let probes = |run: &&Run| matches!(run.ask(), Ask::Call { probe: true });
        state.runs.iter().filter(probes).count()
    }

    fn is_settled(state: &State) -> bool {
        state.queue == 0
            && state.runs.is_empty()
            && state.late.is_empty()
            && state.row.phase == Shown::Closed
    }
}

impl Model for BreakerModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            row: Row { number: 0, phase: Shown::Closed, failures: 0 },
            token: (0, 0),
            queue: self.messages,
            runs: Vec::new(),
            late: Vec::new(),
            faults: self.faults,
            ignored: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.queue > 0 && state.runs.len() < self.workers {
            actions.extend([Action::Take { ahead: false }, Action::Take { ahead: true }]);
        }
        for index in 0..state.runs.len() {
            actions.push(Action::Serve(index));
            if state.faults > 0 {
                actions.extend([Action::LoseAnswer(index), Action::CrashBefore(index)]);
                // The others change nothing in the row, late or before a crash.
                let asked = state.runs[index].ask();
                if matches!(asked, Ask::Count { .. } | Ask::Change { .. }) {
                    actions.extend([Action::Delay(index), Action::CrashAfter(index)]);
                }
            }
        }
        actions.extend((0..state.late.len()).map(Action::Arrive));
        // An invocation that is cut off is a fault.
        let cut = state.runs.iter().filter(|run| run.age + 1 >= LEASE).count();
        if cut <= usize::from(state.faults) {
            actions.push(Action::SecondPasses);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        let request = |index: usize| {
            let run = &before.runs[index];
            Late { ask: run.ask(), token: run.token, age: run.age }
        };
        match action {
            Action::Take { ahead } => {
                state.queue -= 1;
                let is_used = |token: &u8| {
                    state.runs.iter().any(|run| run.token == *token)
                        || state.late.iter().any(|late| late.token == *token)
                        || state.token.0 == *token
                };
                let token = (1..).find(|token| !is_used(token))?;
                let run = Run { token, ahead: ahead.into(), age: 0, answers: Vec::new() };
                state.runs.push(run);
            }
            Action::Serve(index) => {
                let says = self.perform(&mut state, &request(index));
                self.give(&mut state, index, says);
            }
            Action::LoseAnswer(index) => {
                state.faults -= 1;
                self.perform(&mut state, &request(index));
                self.give(&mut state, index, Says::Nothing);
            }
            Action::Delay(index) => {
                state.faults -= 1;
                state.late.push(request(index));
                self.give(&mut state, index, Says::Nothing);
            }
            Action::Arrive(index) => {
                let late = state.late.remove(index);
                self.perform(&mut state, &late);
            }
            Action::CrashBefore(index) | Action::CrashAfter(index) => {
                state.faults -= 1;
                if action == Action::CrashAfter(index) {
                    self.perform(&mut state, &request(index));
                }
                state.runs.remove(index);
                state.queue += 1;
            }
            Action::SecondPasses => {
                state.row.phase = moved(state.row.phase, -1);
                for run in &mut state.runs {
                    run.age += 1;
                }
                for late in &mut state.late {
                    late.age = (late.age + 1).min(LEASE - OVER);
                }
                let before = state.runs.len();
                state.runs.retain(|run| run.age < LEASE);
                let cut = u8::try_from(before - state.runs.len()).unwrap();
                state.queue += cut;
                state.faults = state.faults.checked_sub(cut)?;
            }
        }
        self.normalise(&mut state);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(TWO_PROBES, |_, state: &State| Self::probes(state) <= 1),
            Property::always(LOST_OPENING, |_, state: &State| !state.ignored),
            Property::sometimes("the breaker opens", |_, state: &State| {
                matches!(state.row.phase, Shown::Open(_))
            }),
            Property::sometimes("all is settled after an outage", |_, state: &State| {
                state.row.number >= BACK && Self::is_settled(state)
            }),
        ]
    }
}

fn model(faults: u8, without: Option<Without>) -> BreakerModel {
    BreakerModel { workers: 2, messages: 2, faults, without }
}

#[test]
fn one_probe_at_a_time_and_in_the_end_all_is_done_and_closed() {
    let model = || model(1, None);
    let states = holds(model());
    println!("{states} states");
    assert_eq!(stuck(&model(), BreakerModel::is_settled), None);
}

#[test]
fn without_the_number_two_probes_go_out() {
    let way = counterexample(model(1, Some(Without::Number)), TWO_PROBES);
    println!("{way:?}");
}

#[test]
fn without_the_wait_for_the_clocks_two_probes_go_out() {
    let way = counterexample(model(1, Some(Without::Skew)), TWO_PROBES);
    println!("{way:?}");
}

#[test]
fn without_an_end_of_the_lease_the_breaker_never_closes() {
    let model = model(1, Some(Without::LeaseEnd));
    assert!(stuck(&model, BreakerModel::is_settled).is_some());
}

#[test]
fn without_opening_by_others_an_opening_is_lost() {
    counterexample(model(1, Some(Without::OpeningByOthers)), LOST_OPENING);
}
