//! The world around the invocations: the event store's stream, the read model, dead letters, an
//! operator, and all faults.

use std::collections::BTreeMap;

use futures::FutureExt;
use stateright::{Model, Property};
use tidegate::ids::Version as EventVersion;
use tidegate::projection::{Added, Addition, Amounts, ApplyError, Head, ReadModel};
use tidegate::test::{MemoryReadModel, MemorySlice};

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
    /// A delta is stored whatever the head says.
    ConditionOfHead,
    /// Counters take a delta whatever their number is.
    Number,
    /// The next delta is counted before all counters have the one before: heads say that everything
    /// is confirmed.
    Order,
    /// The delivery is acknowledged before its counters are written.
    Wait,
    /// The guard does not say which delta has its newest step.
    Place,
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
    /// Number of slices. Each environment counts in one of them.
    pub(super) slices: u8,
    /// Whether each request of the protocol is one of its own. See [`Invocation::apart`].
    pub(super) apart: bool,
    /// Whether all events are small.
    pub(super) plain: bool,
    pub(super) without: Option<Without>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// Number of commits in the event store.
    head: u8,
    row: Option<Row>,
    slices: Vec<MemorySlice>,
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
    /// A delivery was acknowledged as applied, but the guard was below it or a counter lacked it.
    FalseSuccess,
    /// The guard moved backwards.
    GuardWentBack,
}

/// An action of the model. Runs have their numbers in the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Commit,
    /// One delivery is taken, even if there are others before it.
    Take(u8, Version, u8),
    /// All deliveries are taken together.
    TakeAll(Version, u8),
    /// Deliveries of other aggregates are taken, and it is time to read the list of parked ones.
    Look(Version, u8),
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
    OperatorReplays(u8, u8),
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
    fn perform(&self, state: &mut State, ask: Ask, slice: u8) -> Answer {
        match ask {
            // Without this guard no digest is read, so any version continues the event.
            Ask::Guard => {
                let mut row = state.row;
                if let Some(row) = &mut row {
                    row.place.cut = row.place.cut.filter(|_| self.without != Some(Without::Cut));
                    row.counted = row.counted.filter(|_| self.without != Some(Without::Place));
                }
                Answer::Guard(row, self.head(state, slice))
            }
            Ask::Head(slice) => Answer::Head(self.head(state, slice)),
            Ask::Heads => {
                let heads = (0..self.slices).map(|slice| self.head(state, slice));
                Answer::Heads(heads.filter(|head| head.last > 0).collect())
            }
            Ask::Deltas(slice) => {
                let deltas = &state.slices[usize::from(slice)].deltas;
                Answer::Deltas(deltas.values().cloned().collect())
            }
            Ask::Add(slice, additions) if self.without == Some(Without::Wait) => {
                let added = vec![None; additions.len()];
                state.late.push(Ask::Add(slice, additions));
                Answer::Added(added)
            }
            Ask::Add(slice, additions) => {
                let slice = &mut state.slices[usize::from(slice)];
                let added = additions.iter().map(|one| self.add(slice, one)).collect();
                Answer::Added(added)
            }
            Ask::AddAll(slice, additions, number) => {
                let slice = &mut state.slices[usize::from(slice)];
                let added: Vec<_> = additions.iter().map(|one| self.add(slice, one)).collect();
                // A counter that has a part of the deltas gets the rest with another request.
                let all =
                    |(one, had): (&Addition, &Option<u64>)| had.is_none_or(|had| had >= one.number);
                if additions.iter().zip(&added).all(all) {
                    slice.confirm(number.into());
                }
                Answer::Added(added)
            }
            Ask::Confirm(slice, number) => {
                state.slices[usize::from(slice)].confirm(number.into());
                Answer::Done
            }
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
                let answer = self.apply(state, advance);
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

    fn head(&self, state: &State, slice: u8) -> Head {
        let of = &state.slices[usize::from(slice)];
        let confirmed = self.without == Some(Without::Order);
        let applied = if confirmed { of.last } else { of.applied };
        Head { slice: slice.into(), last: of.last, applied }
    }

    fn add(&self, slice: &mut MemorySlice, addition: &Addition) -> Option<u64> {
        let mut addition = addition.clone();
        if self.without == Some(Without::Number) {
            addition.first = u64::MAX;
        }
        match slice.add(&addition) {
            Added::Done => None,
            Added::Counted(number) => Some(number),
            added => panic!("{added:?}"),
        }
    }

    fn apply(&self, state: &mut State, mut advance: Move) -> Answer {
        let slice = &state.slices[usize::from(advance.slice)];
        if self.without == Some(Without::ConditionOfHead) && !advance.direct {
            // The delta replaces the one with its number.
            let mut before = slice.clone();
            before.last = u64::from(advance.delta) - 1;
            before.applied = before.applied.min(advance.applied.into());
            state.slices[usize::from(advance.slice)] = before;
        }
        if self.without == Some(Without::Order) {
            advance.applied = u8::try_from(slice_of(state, advance).applied).unwrap();
        }
        let transaction = advance.transaction();
        let answer = write(state, |model| model.apply(&transaction).now_or_never().unwrap());
        if answer == Answer::Done && advance.direct {
            let slice = &mut state.slices[usize::from(advance.slice)];
            for (key, amounts) in advance.counts.counters() {
                let (_, sums) = slice.counters.entry(key).or_default();
                for (name, amount) in amounts {
                    *sums.entry(name).or_default() += amount;
                }
            }
        }
        answer
    }

    /// Returns the slices after the events up to this place were counted.
    fn first_slices(&self, place: Place) -> Vec<MemorySlice> {
        let mut slices = vec![MemorySlice::default(); self.slices.into()];
        let counters = expected(place, 0, self.plain).counters().into_iter();
        slices[0].counters = counters.map(|(key, amounts)| (key, (0, amounts))).collect();
        slices
    }

    /// Gives an answer to a run, which may end the run.
    fn answer(&self, state: &mut State, index: usize, answer: Answer) {
        state.runs[index].answers.push(answer);
        let fates = loop {
            let run = &state.runs[index];
            let answer = match self.runs.next(&run.invocation, &run.answers) {
                // The event store is complete. Its answer is always the same, whenever it is read.
                Next::Asks(Ask::Read) if state.head == COMMITS => Answer::Commits(COMMITS),
                // What may happen between these requests is tried where each is one of its own.
                Next::Asks(ask) if !self.apart && ask.is_of_counters() => {
                    let slice = run.invocation.slice;
                    self.perform(state, ask, slice)
                }
                Next::Asks(_) => return,
                Next::Ends(fates) => break fates,
            };
            state.runs[index].answers.push(answer);
        };
        let invocation = state.runs.remove(index).invocation;
        for (number, fate) in invocation.batch.iter().zip(fates) {
            match fate {
                // A version without deltas knows only the guard.
                Fate::Applied
                    if state.place().version < *number
                        || invocation.version != Version::Direct
                            && !state.has(*number, self.plain) =>
                {
                    state.wrong = Some(Wrong::FalseSuccess);
                }
                Fate::Applied | Fate::Passed => {}
                Fate::DeadLettered => state.dead_letters.push(*number),
                Fate::Redelivered if invocation.replay => state.dead_letters.push(*number),
                Fate::Redelivered => state.queue.push(*number),
            }
        }
    }

    fn take(&self, state: &mut State, batch: Vec<u8>, replay: bool, version: Version, slice: u8) {
        let invocation =
            Invocation { batch, replay, version, slice, apart: self.apart, plain: self.plain };
        state.runs.push(Run { invocation, answers: Vec::new() });
    }
}

fn slice_of(state: &State, advance: Move) -> &MemorySlice {
    &state.slices[usize::from(advance.slice)]
}

impl Ask {
    /// Returns whether the request is about deltas and counters only.
    fn is_of_counters(&self) -> bool {
        matches!(self, Self::Head(_) | Self::Heads | Self::Deltas(_) | Self::AddAll(..))
    }

    /// Returns whether the request changes nothing.
    fn is_read(&self) -> bool {
        matches!(
            self,
            Self::Guard | Self::Read | Self::List | Self::Head(_) | Self::Heads | Self::Deltas(_)
        )
    }
}

/// Writes to the real double, in the state of the model.
fn write(
    state: &mut State,
    write: impl FnOnce(&MemoryReadModel) -> Result<(), ApplyError>,
) -> Answer {
    let model = MemoryReadModel::default();
    let (from, to) = (Place::default(), state.row.unwrap_or_default().place);
    if let Some(row) = state.row {
        let (slice, delta) = row.counted.unwrap_or_default();
        let last = u64::from(delta.saturating_sub(1));
        model.set_slice(slice.into(), MemorySlice { last, ..MemorySlice::default() });
        let before = Move {
            from,
            parked: None,
            to,
            undigested: false,
            direct: false,
            slice,
            delta,
            applied: 0,
            counts: Counts { total: 1, ..Counts::default() },
        };
        model.apply(&before.transaction()).now_or_never().unwrap().unwrap();
    }
    for (number, slice) in (0..).zip(&state.slices) {
        model.set_slice(number, slice.clone());
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
    for (number, slice) in (0..).zip(&mut state.slices) {
        *slice = model.slice_state(number);
    }
    answer
}

/// Returns the counters that belong to a position of the guard. The version that applied the first
/// part determines in which part the shifted counter is.
fn expected(place: Place, shifted: i64, plain: bool) -> Counts {
    let past = |number: u8| i64::from(place.version >= number);
    let begun = (place.version, place.part) >= (IN_PARTS - 1, 1);
    let first = i64::from(begun);
    let shifted =
        if place.version == IN_PARTS - 1 && place.part == 1 { shifted.min(1) } else { first };
    let (of_first, shifted) = if plain { (0, 0) } else { (first, shifted) };
    let total = past(1) + 10 * first + 100 * past(3);
    Counts { total, first: of_first, shifted, second: past(IN_PARTS) }
}

impl State {
    fn place(&self) -> Place {
        self.row.unwrap_or_default().place
    }

    /// Returns the sums of the counters, with or without what is pending.
    fn counts(&self, with_pending: bool) -> Counts {
        let mut sums = BTreeMap::new();
        let mut add = |key: &String, amounts: &Amounts| {
            let sums: &mut Amounts = sums.entry(key.clone()).or_default();
            for (name, amount) in amounts {
                *sums.entry(name.clone()).or_default() += amount;
            }
        };
        for slice in &self.slices {
            slice.counters.iter().for_each(|(key, (_, amounts))| add(key, amounts));
            let waiting = slice.deltas.values().filter(|delta| delta.number > slice.applied);
            for delta in waiting.filter(|_| with_pending) {
                for (key, amounts) in &delta.counters {
                    let counted = slice.counters.get(key).map_or(0, |(counted, _)| *counted);
                    if counted < delta.number {
                        add(key, amounts);
                    }
                }
            }
        }
        Counts::new(&sums)
    }

    /// Returns whether a delta is not in all of its counters.
    fn is_waiting(&self) -> bool {
        self.counts(true) != self.counts(false)
    }

    /// Returns whether the counters have the event of a commit.
    fn has(&self, number: u8, plain: bool) -> bool {
        let counts = self.counts(false);
        let of_all = counts.total / 10i64.pow(u32::from(number) - 1) % 10 > 0;
        let in_parts = plain || (counts.first, counts.shifted) != (0, 0);
        of_all && (number != IN_PARTS || counts.second > 0 && in_parts)
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
            && !self.is_waiting()
    }

    fn normalise(&mut self) {
        // Nobody reads a delta again that is confirmed.
        for slice in &mut self.slices {
            let applied = slice.applied;
            slice.deltas.retain(|_, delta| delta.number > applied);
        }
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
            slices: self.first_slices(place),
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
            // If nothing is left, looking for it changes nothing.
            let left = state.row.is_some_and(|row| row.listed) || state.is_waiting();
            for slice in 0..self.slices {
                for version in self.versions(state) {
                    let take = |number: &u8| Action::Take(*number, version, slice);
                    actions.extend(queued.iter().map(take));
                    let all = state.queue.len() > 1;
                    actions.extend(all.then_some(Action::TakeAll(version, slice)));
                    actions.extend(left.then_some(Action::Look(version, slice)));
                }
                let letters = state.dead_letters.iter();
                actions.extend(letters.map(|number| Action::OperatorReplays(*number, slice)));
            }
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
                    ask if ask.is_read() => actions.push(Action::LoseAnswer(index)),
                    Ask::Add(..) | Ask::Confirm(..) => actions.extend([
                        Action::LoseAnswer(index),
                        Action::Delay(index),
                        Action::CrashAfter(index),
                    ]),
                    _ => actions.extend([
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
        let slice = |index: usize| before.runs[index].invocation.slice;
        match action {
            Action::Commit => {
                state.head += 1;
                state.queue.push(state.head);
            }
            Action::Take(number, version, slice) => {
                let place = state.queue.iter().position(|queued| *queued == number)?;
                state.queue.remove(place);
                self.take(&mut state, vec![number], false, version, slice);
            }
            Action::TakeAll(version, slice) => {
                let batch = std::mem::take(&mut state.queue);
                self.take(&mut state, batch, false, version, slice);
            }
            Action::Look(version, slice) => {
                self.take(&mut state, Vec::new(), false, version, slice);
            }
            Action::OperatorReplays(number, slice) => {
                state.dead_letters.retain(|letter| *letter != number);
                let version = state.version;
                self.take(&mut state, vec![number], true, version, slice);
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
                let answer = self.perform(&mut state, asked(index), slice(index));
                self.answer(&mut state, index, answer);
            }
            Action::LoseAnswer(index) => {
                state.faults -= 1;
                self.perform(&mut state, asked(index), slice(index));
                self.answer(&mut state, index, Answer::Nothing);
            }
            Action::Delay(index) => {
                state.faults -= 1;
                state.late.push(asked(index));
                self.answer(&mut state, index, Answer::Nothing);
            }
            Action::Arrive(index) => {
                let ask = state.late.remove(index);
                // No guard is read late, so the slice has no meaning.
                self.perform(&mut state, ask, 0);
            }
            Action::CutOff(index) => {
                state.faults -= 1;
                let ask = asked(index);
                if !ask.is_read() {
                    state.late.push(ask);
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
                    self.perform(&mut state, asked(index), slice(index));
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
                |model: &Self, state: &State| {
                    let counts = state.counts(true);
                    counts == expected(state.place(), counts.shifted, model.plain)
                },
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
            Property::always(
                "when all is quiet, all is counted or a look finds it",
                |model: &Self, state: &State| {
                    // A version without deltas acknowledges what another has not counted.
                    let listed = state.row.is_some_and(|row| row.listed);
                    let letters = !state.dead_letters.is_empty();
                    let found = model.first == Version::Direct || listed || letters;
                    !state.is_quiet() || !state.is_waiting() || found
                },
            ),
            Property::sometimes("all is applied", |_, state: &State| state.is_done()),
            Property::sometimes("a delta waits for its counters", |_, state: &State| {
                state.is_waiting()
            }),
        ];
        if !self.plain {
            properties.push(Property::sometimes("a part is applied alone", |_, state: &State| {
                state.place().part == 1
            }));
        }
        match self.first {
            Version::Current | Version::Direct => {}
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
