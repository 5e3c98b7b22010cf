//! The world around the invocations: the event store's stream, the read model, dead letters, an
//! operator, and all faults.

use futures::FutureExt;
use stateright::{Model, Property};
use tidegate::ids::Version as EventVersion;
use tidegate::projection::{ApplyError, ReadModel};
use tidegate::test::MemoryReadModel;

use super::run::{
    Answer, Ask, COMMITS, Counts, Fate, IN_PARTS, Invocation, Move, Place, Row, Runs, Version,
    failure, stream,
};
use crate::program::Next;

/// A guard that is removed, to test that the checker notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// The transaction has no condition. The guard is only read before.
    Condition,
    /// The condition requires a version below the new one, not the version that was read.
    ExactVersion,
    /// The condition does not require the part.
    Part,
    /// The condition does not require that the aggregate is parked or not parked.
    Parked,
    /// An aggregate is parked wherever its guard is.
    ConditionOfPark,
    /// The condition does not require the cut of the event, and no code compares it.
    Cut,
    /// An aggregate is taken off the list wherever its guard is.
    ConditionOfUnlist,
}

/// One aggregate, projected by several environments.
pub(super) struct ProjectionModel {
    pub(super) runs: Runs,
    pub(super) workers: usize,
    /// Total number of faults: crashes, lost answers, conflicts, late requests, duplicated
    /// deliveries and deliveries that become dead letters.
    pub(super) faults: u8,
    /// Whether all commits are in the event store from the start, and the first is applied.
    pub(super) committed: bool,
    /// The version that runs until another is deployed.
    pub(super) first: Version,
    /// Whether both versions run side by side until the deployment is complete.
    pub(super) rolling: bool,
    pub(super) without: Option<Without>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// Number of commits in the event store.
    head: u8,
    row: Option<Row>,
    counts: Counts,
    /// Commits to be delivered, in any order.
    queue: Vec<u8>,
    /// Commits whose delivery was given up. They wait until an operator replays them.
    dead_letters: Vec<u8>,
    runs: Vec<Run>,
    late: Vec<Ask>,
    faults: u8,
    version: Version,
    wrong: Option<Wrong>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Run {
    invocation: Invocation,
    answers: Vec<Answer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wrong {
    /// A delivery was acknowledged as applied, but the guard was below it.
    FalseSuccess,
    /// The guard moved backwards.
    GuardWentBack,
}

/// An action of the model. Runs have their numbers in the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Commit,
    /// One delivery is taken, even if there are others before it.
    Take(u8, Version),
    /// All deliveries are taken together.
    TakeAll(Version),
    /// Deliveries of other aggregates are taken, and it is time to read the list of parked ones.
    Look(Version),
    /// The source gives up. Only a pointer is left, among the dead letters.
    GiveUp(u8),
    /// The source delivers the commit again.
    Duplicate(u8),
    /// The request takes effect and is answered.
    Serve(usize),
    /// The request takes effect and its answer is lost.
    LoseAnswer(usize),
    /// The run gets no answer. The request is still in transit, and may arrive later.
    Delay(usize),
    Arrive(usize),
    /// The run's time ends while it waits for the answer. The request is still in transit, and may
    /// arrive later.
    CutOff(usize),
    /// Another transaction is changing the same rows.
    Conflict(usize),
    CrashBefore(usize),
    CrashAfter(usize),
    /// The version of the function that can project every event is deployed. Runs of the old
    /// version continue.
    Deploy,
    OperatorReplays(u8),
}

impl ProjectionModel {
    /// Returns the versions of the function that may take a delivery.
    fn versions(&self, state: &State) -> Vec<Version> {
        let both = self.rolling && state.version != Version::Current;
        if both { vec![state.version, Version::Current] } else { vec![state.version] }
    }

    fn ask(&self, run: &Run) -> Ask {
        match self.runs.next(&run.invocation, &run.answers) {
            Next::Asks(ask) => ask,
            Next::Ends(fates) => panic!("a run that has ended ({fates:?}) is still there"),
        }
    }

    /// Lets a request take effect.
    fn perform(&self, state: &mut State, ask: Ask) -> Answer {
        match ask {
            // Without this guard no digest is read, so any version continues the event.
            Ask::Guard if self.without == Some(Without::Cut) => Answer::Guard(
                state.row.map(|row| Row { place: Place { cut: None, ..row.place }, ..row }),
            ),
            Ask::Guard => Answer::Guard(state.row),
            Ask::Read => Answer::Commits(state.head),
            Ask::List => Answer::Listed(state.row.is_some_and(|row| row.listed)),
            Ask::Unpark(row) => {
                let guard = row.guard();
                write(state, |model| model.unpark(&stream(), &guard).now_or_never().unwrap())
            }
            Ask::Unlist(mut row) => {
                if self.without == Some(Without::ConditionOfUnlist) {
                    if let Some(row) = &mut state.row {
                        row.listed = false;
                    }
                    return Answer::Done;
                }
                // Each stay on the list has its own number. The model has only one.
                row.listed &= state.row.is_some_and(|row| row.listed);
                let guard = row.guard();
                write(state, |model| model.unlist(&stream(), &guard).now_or_never().unwrap())
            }
            Ask::Apply(advance) => {
                let there = state.row.unwrap_or_default();
                let at = there.place;
                let mut advance = advance;
                if advance.undigested {
                    (advance.from.cut, advance.to.cut) = (at.cut, at.cut);
                }
                match self.without {
                    Some(Without::Condition) => (advance.from, advance.parked) = (at, there.parked),
                    Some(Without::ExactVersion) if at.version < advance.to.version => {
                        advance.from = at
                    }
                    Some(Without::Part) if at.version == advance.from.version => advance.from = at,
                    Some(Without::Parked) => advance.parked = there.parked,
                    Some(Without::Cut)
                        if (at.version, at.part) == (advance.from.version, advance.from.part) =>
                    {
                        advance.from = at;
                    }
                    _ => {}
                }
                let transaction = advance.transaction();
                let answer =
                    write(state, |model| model.apply(&transaction).now_or_never().unwrap());
                if let (Some(row), Some(Without::Parked)) = (&mut state.row, self.without)
                    && row.parked.is_none()
                {
                    // With a list, the next look would find the events that were acknowledged
                    // meanwhile.
                    row.listed = false;
                }
                if state.row.unwrap_or_default().place < at {
                    state.wrong = Some(Wrong::GuardWentBack);
                }
                answer
            }
            Ask::Park { at, newer } => {
                if let (Some(row), Some(Without::ConditionOfPark)) = (&mut state.row, self.without)
                {
                    (row.parked, row.listed) = (Some(at), true);
                    return Answer::Done;
                }
                let at = EventVersion::new(at.into());
                let failure = failure(newer);
                write(state, |model| model.park(&stream(), at, &failure).now_or_never().unwrap())
            }
        }
    }

    /// Gives an answer to a run, which may end the run.
    fn answer(&self, state: &mut State, index: usize, answer: Answer) {
        state.runs[index].answers.push(answer);
        let run = &mut state.runs[index];
        let fates = loop {
            match self.runs.next(&run.invocation, &run.answers) {
                // The event store is complete. Its answer is always the same, whenever it is read.
                Next::Asks(Ask::Read) if state.head == COMMITS => {
                    run.answers.push(Answer::Commits(COMMITS))
                }
                Next::Asks(_) => return,
                Next::Ends(fates) => break fates,
            }
        };
        let invocation = state.runs.remove(index).invocation;
        for (number, fate) in invocation.batch.iter().zip(fates) {
            match fate {
                Fate::Applied if state.row.unwrap_or_default().place.version < *number => {
                    state.wrong = Some(Wrong::FalseSuccess);
                }
                Fate::Applied | Fate::Passed => {}
                Fate::DeadLettered => state.dead_letters.push(*number),
                Fate::Redelivered if invocation.replay => state.dead_letters.push(*number),
                Fate::Redelivered => state.queue.push(*number),
            }
        }
    }

    fn take(&self, state: &mut State, batch: Vec<u8>, replay: bool, version: Version) {
        let invocation = Invocation { batch, replay, version };
        state.runs.push(Run { invocation, answers: Vec::new() });
    }
}

/// Writes to the real double, in the state of the model.
fn write(
    state: &mut State,
    write: impl FnOnce(&MemoryReadModel) -> Result<(), ApplyError>,
) -> Answer {
    let model = MemoryReadModel::default();
    let (from, to) = (Place::default(), state.row.unwrap_or_default().place);
    let before = Move { from, parked: None, to, undigested: false, counts: state.counts };
    if state.row.is_some() {
        model.apply(&before.transaction()).now_or_never().unwrap().unwrap();
    }
    if let Some(row) = state.row.filter(|row| row.parked.is_some() || row.listed) {
        let next = EventVersion::new(u64::from(row.place.version) + 1);
        let parked = model.park(&stream(), next, &failure(row.newer)).now_or_never().unwrap();
        // Only without a guard can it be parked elsewhere. It is then not written any more.
        parked.unwrap();
        let guard = model.guard(&stream()).unwrap();
        if row.parked.is_none() {
            model.unpark(&stream(), &guard).now_or_never().unwrap().unwrap();
        }
        let guard = model.guard(&stream()).unwrap();
        assert_eq!(
            (Row::from_guard(&guard).listed, row.listed),
            (true, true),
            "who is parked is listed"
        );
    }
    let answer = match write(&model) {
        Ok(()) => Answer::Done,
        Err(ApplyError::GuardMoved) => Answer::Moved,
        Err(error) => panic!("{error:?}"),
    };
    state.row = model.guard(&stream()).map(|guard| Row::from_guard(&guard));
    state.counts = Counts::new(&model.counters());
    answer
}

/// Returns the counters that belong to a position of the guard. The version that applied the first
/// part determines in which part the shifted counter is.
fn expected(place: Place, shifted: i64) -> Counts {
    let past = |number: u8| i64::from(place.version >= number);
    let begun = (place.version, place.part) >= (IN_PARTS - 1, 1);
    let first = i64::from(begun);
    let shifted =
        if place.version == IN_PARTS - 1 && place.part == 1 { shifted.min(1) } else { first };
    Counts { total: past(1) + 10 * first + 100 * past(3), first, shifted, second: past(IN_PARTS) }
}

impl State {
    fn place(&self) -> Place {
        self.row.unwrap_or_default().place
    }

    /// Returns whether no delivery is left and no run is in progress.
    fn is_quiet(&self) -> bool {
        self.queue.is_empty() && self.runs.is_empty()
    }

    /// Returns whether everything is applied.
    pub(super) fn is_done(&self) -> bool {
        self.is_quiet()
            && self.head == COMMITS
            && (self.place().version, self.place().part) == (COMMITS, 0)
            && self.dead_letters.is_empty()
            && !self.row.is_some_and(|row| row.listed)
    }

    fn normalise(&mut self) {
        self.queue.sort_unstable();
        self.dead_letters.sort_unstable();
        self.dead_letters.dedup();
        self.runs.sort();
        self.late.sort();
    }
}

impl Model for ProjectionModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let place = Place { version: u8::from(self.committed), ..Place::default() };
        vec![State {
            head: if self.committed { COMMITS } else { 0 },
            row: self.committed.then_some(Row { place, ..Row::default() }),
            counts: expected(place, 0),
            queue: if self.committed { (2..=COMMITS).collect() } else { Vec::new() },
            dead_letters: Vec::new(),
            runs: Vec::new(),
            late: Vec::new(),
            faults: self.faults,
            version: self.first,
            wrong: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.head < COMMITS {
            actions.push(Action::Commit);
        }
        let mut queued = state.queue.clone();
        queued.dedup();
        if state.runs.len() < self.workers {
            for version in self.versions(state) {
                actions.extend(queued.iter().map(|number| Action::Take(*number, version)));
                actions.extend((state.queue.len() > 1).then_some(Action::TakeAll(version)));
                // If nothing is on the list, reading it changes nothing.
                let listed = state.row.is_some_and(|row| row.listed);
                actions.extend(listed.then_some(Action::Look(version)));
            }
            actions
                .extend(state.dead_letters.iter().map(|number| Action::OperatorReplays(*number)));
        }
        if state.faults > 0 {
            actions.extend(queued.iter().map(|number| Action::GiveUp(*number)));
            actions.extend((1..=state.head).map(Action::Duplicate));
        }
        for (index, run) in state.runs.iter().enumerate() {
            actions.push(Action::Serve(index));
            if state.faults > 0 {
                actions.extend([Action::CrashBefore(index), Action::CutOff(index)]);
                match self.ask(run) {
                    Ask::Guard | Ask::Read | Ask::List => actions.push(Action::LoseAnswer(index)),
                    Ask::Apply(_) | Ask::Park { .. } | Ask::Unpark(_) | Ask::Unlist(_) => actions
                        .extend([
                            Action::LoseAnswer(index),
                            Action::Delay(index),
                            Action::Conflict(index),
                            Action::CrashAfter(index),
                        ]),
                }
            }
        }
        actions.extend((0..state.late.len()).map(Action::Arrive));
        if state.version != Version::Current {
            actions.push(Action::Deploy);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        let asked = |index: usize| self.ask(&before.runs[index]);
        match action {
            Action::Commit => {
                state.head += 1;
                state.queue.push(state.head);
            }
            Action::Take(number, version) => {
                let place = state.queue.iter().position(|queued| *queued == number)?;
                state.queue.remove(place);
                self.take(&mut state, vec![number], false, version);
            }
            Action::TakeAll(version) => {
                let batch = std::mem::take(&mut state.queue);
                self.take(&mut state, batch, false, version);
            }
            Action::Look(version) => self.take(&mut state, Vec::new(), false, version),
            Action::OperatorReplays(number) => {
                state.dead_letters.retain(|letter| *letter != number);
                let version = state.version;
                self.take(&mut state, vec![number], true, version);
            }
            Action::GiveUp(number) => {
                let place = state.queue.iter().position(|queued| *queued == number)?;
                state.faults -= 1;
                state.queue.remove(place);
                state.dead_letters.push(number);
            }
            Action::Duplicate(number) => {
                state.faults -= 1;
                state.queue.push(number);
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
                let ask = state.late.remove(index);
                self.perform(&mut state, ask);
            }
            Action::CutOff(index) => {
                state.faults -= 1;
                match asked(index) {
                    Ask::Guard | Ask::Read | Ask::List => {}
                    write => state.late.push(write),
                }
                self.answer(&mut state, index, Answer::Hangs);
            }
            Action::Conflict(index) => {
                state.faults -= 1;
                self.answer(&mut state, index, Answer::Conflict);
            }
            Action::CrashBefore(index) | Action::CrashAfter(index) => {
                state.faults -= 1;
                if action == Action::CrashAfter(index) {
                    self.perform(&mut state, asked(index));
                }
                let invocation = state.runs.remove(index).invocation;
                let back =
                    if invocation.replay { &mut state.dead_letters } else { &mut state.queue };
                back.extend(invocation.batch);
            }
            Action::Deploy => state.version = Version::Current,
        }
        state.normalise();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(
                "counters are the sum of the events up to the guard",
                |_, state: &State| state.counts == expected(state.place(), state.counts.shifted),
            ),
            Property::always("the guard never goes back", |_, state: &State| {
                state.wrong != Some(Wrong::GuardWentBack)
            }),
            Property::always("a delivery reported as applied is", |_, state: &State| {
                state.wrong != Some(Wrong::FalseSuccess)
            }),
            Property::always("it is parked at the event after the guard", |_, state: &State| {
                state.row.is_none_or(|row| {
                    row.parked.is_none_or(|parked| parked == row.place.version + 1)
                })
            }),
            // An operator sees a dead letter. Parking for good writes one, and so does a source
            // that gives up. Aggregates on the list are released without an operator.
            Property::always(
                "when all is quiet, all is applied or an operator knows",
                |_, state: &State| {
                    let by_itself = |row: Row| row.listed && (row.parked.is_none() || row.newer);
                    let known = !state.dead_letters.is_empty() || state.row.is_some_and(by_itself);
                    !state.is_quiet() || state.place().version == state.head || known
                },
            ),
            Property::always("an aggregate that is parked is on the list", |_, state: &State| {
                state.row.is_none_or(|row| row.parked.is_none() || row.listed)
            }),
            Property::sometimes("all is applied", |_, state: &State| state.is_done()),
            Property::sometimes("a part is applied alone", |_, state: &State| {
                state.place().part == 1
            }),
        ];
        match self.first {
            Version::Current => {}
            Version::Undigested => properties.extend([
                Property::always("no aggregate is parked", |_, state: &State| {
                    state.row.is_none_or(|row| row.parked.is_none())
                }),
                Property::sometimes("a digest is left behind", |_, state: &State| {
                    state.place().version >= IN_PARTS && state.place().cut.is_some()
                }),
            ]),
            Version::Broken | Version::Older | Version::Recut => {
                properties
                    .push(Property::sometimes("an aggregate is parked", |_, state: &State| {
                        state.row.is_some_and(|row| row.parked.is_some())
                    }));
            }
        }
        properties
    }
}
