//! One invocation of a projection: the real [`Projector`] over a read model and an event store that ask the model.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use tidegate::batch::{BatchContext, BatchHandler, Handled, Item, Outcome};
use tidegate::envelope::DataSchema;
use tidegate::failure::{Class, Failure};
use tidegate::ids::{Cause, StreamId, Version};
use tidegate::projection::{
    Advance, ApplyError, Guard, Increment, Position, Projected, Projection, Projector, ReadModel, RowUpdate,
    Transaction,
};
use tidegate::store::{CommitChange, EventReader, RecordedCommit, RecordedEvent};

use crate::program::{Next, Programs, Script};

/// The commits of the aggregate; each has one event, and the version of the event is its number.
pub(super) const COMMITS: u8 = 3;
/// The commit whose event touches more rows than a transaction holds, so that it is applied in two parts.
pub(super) const IN_PARTS: u8 = 2;
/// Counters of that event beside the one that all events count: the first part has all but the last.
const ROWS: usize = 99;

/// An invocation of a version of the function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Invocation {
    /// Commits that are delivered.
    pub(super) batch: Vec<u8>,
    /// By an operator, out of the dead letters.
    pub(super) replay: bool,
    /// The function cannot project the event in parts yet.
    pub(super) broken: bool,
}

/// What an invocation asks of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Ask {
    Guard,
    Read,
    Apply(Move),
    Park { at: u8 },
}

/// A transaction: the guard's move and what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Move {
    pub(super) from: Place,
    pub(super) parked: Option<u8>,
    pub(super) to: Place,
    pub(super) counts: Counts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) version: u8,
    pub(super) part: u8,
}

/// Sums of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Counts {
    /// Of the counter that all events count: 1, 10 and 100 for the three of them.
    pub(super) total: i64,
    /// Of each other counter of the first part.
    pub(super) first: i64,
    /// Of that of the second part.
    pub(super) second: i64,
}

/// What the world answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Answer {
    Guard(Option<Row>),
    /// The commits up to this one.
    Commits(u8),
    Done,
    Moved,
    Conflict,
    /// No answer came; whether the request took effect is not known.
    Nothing,
}

/// The row of the aggregate, with its guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Row {
    pub(super) place: Place,
    pub(super) parked: Option<u8>,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Acknowledged as applied, now or before.
    Applied,
    /// Acknowledged unapplied.
    Passed,
    Redelivered,
    DeadLettered,
}

#[derive(Default)]
pub(super) struct Runs {
    programs: Programs<Invocation, Ask, Answer, Vec<Fate>>,
}

impl Runs {
    pub(super) fn next(&self, invocation: &Invocation, answers: &[Answer]) -> Next<Ask, Vec<Fate>> {
        self.programs.next(invocation, answers, async |script| invoke(invocation, script).await)
    }
}

async fn invoke(invocation: &Invocation, script: Arc<Script<Ask, Answer>>) -> Vec<Fate> {
    let world = Arc::new(World { script });
    let projector = Projector::new(Counting { broken: invocation.broken }, world.clone(), world);
    let items: Vec<_> =
        invocation.batch.iter().map(|number| Item::new("", CommitChange::Commit(commit(*number)))).collect();
    let mut context = BatchContext::new(Duration::from_secs(30));
    context.replay = invocation.replay;
    let outcomes = projector.handle_batch(&items, &context).await;
    outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Done(Handled::Applied | Handled::Duplicate) => Fate::Applied,
            Outcome::Failed(failure) if failure.class() == Class::Permanent => Fate::DeadLettered,
            Outcome::Failed(_) | Outcome::NotRun(_) => Fate::Redelivered,
            _ => Fate::Passed,
        })
        .collect()
}

pub(super) fn stream() -> StreamId {
    "order#1".parse().unwrap()
}

fn commit(number: u8) -> RecordedCommit {
    let (time, version) = (Timestamp::UNIX_EPOCH, Version::new(number.into()));
    let event = RecordedEvent::new(event_id(number), version, DataSchema::new("Counted", 1), time, "");
    let cause = Cause::new("model", number.to_string());
    RecordedCommit::new(stream(), "model", cause, time, vec![event])
}

fn event_id(number: u8) -> String {
    format!("event {number}")
}

struct Counting {
    broken: bool,
}

impl Projection for Counting {
    fn concerns(&self, _: &StreamId) -> bool {
        true
    }

    fn project(&self, _: &RecordedCommit, event: &RecordedEvent) -> Result<Projected, Failure> {
        let number = u8::try_from(event.version.number()).unwrap();
        if self.broken && number == IN_PARTS {
            return Err(Failure::permanent("broken", "this version cannot project it"));
        }
        let mut counters = vec![increment("all", 10i64.pow(u32::from(number) - 1))];
        if number == IN_PARTS {
            counters.extend((0..ROWS).map(|row| increment(&counter(row), 1)));
        }
        Ok(Projected { row: RowUpdate::default(), counters })
    }
}

fn counter(row: usize) -> String {
    format!("row {row:03}")
}

fn increment(key: &str, amount: i64) -> Increment {
    Increment { key: key.to_owned(), add: BTreeMap::from([("units", amount)]) }
}

impl Place {
    fn of(position: Position) -> Self {
        let version = u8::try_from(position.version.number()).unwrap();
        Place { version, part: u8::try_from(position.part).unwrap() }
    }

    fn position(self) -> Position {
        Position { version: Version::new(self.version.into()), part: self.part.into() }
    }
}

impl Row {
    pub(super) fn of(guard: &Guard) -> Self {
        let parked = guard.parked.map(|parked| u8::try_from(parked.number()).unwrap());
        Row { place: Place::of(guard.position), parked }
    }

    fn guard(self) -> Guard {
        Guard {
            position: self.place.position(),
            event_id: (self.place.version > 0).then(|| event_id(self.place.version)),
            parked: self.parked.map(|parked| Version::new(parked.into())),
        }
    }
}

impl Counts {
    /// What the counters of a read model say; the first row stands for all of the first part.
    pub(super) fn of(counters: &BTreeMap<String, BTreeMap<&'static str, i64>>) -> Self {
        let units = |key: &str| counters.get(key).map_or(0, |row| row["units"]);
        Counts { total: units("all"), first: units(&counter(0)), second: units(&counter(ROWS - 1)) }
    }
}

impl Move {
    fn of(transaction: &Transaction) -> Self {
        let [(advance, _)] = &transaction.guards[..] else { panic!("one aggregate has one guard") };
        let to = Place::of(advance.to);
        let new = (to.version > Place::of(advance.from).version).then(|| event_id(to.version));
        assert_eq!(advance.event_id, new);
        let counters = transaction.counters.iter().map(|counter| (counter.key.clone(), counter.add.clone()));
        let counters: BTreeMap<_, _> = counters.collect();
        let counts = Counts::of(&counters);
        let rows = (0..ROWS - 1).filter(|row| counters.contains_key(&counter(*row))).count();
        assert!(rows == 0 || rows == ROWS - 1, "a part is applied whole");
        let parked = advance.parked.map(|parked| u8::try_from(parked.number()).unwrap());
        Move { from: Place::of(advance.from), parked, to, counts }
    }

    /// A transaction with one row in place of all the like ones.
    pub(super) fn transaction(self) -> Transaction {
        let Move { from, parked, to, counts } = self;
        let parked = parked.map(|parked| Version::new(parked.into()));
        let event_id = (to.version > from.version).then(|| event_id(to.version));
        let advance =
            Advance { stream: stream(), from: from.position(), parked, to: to.position(), event_id };
        let counters = [
            increment("all", counts.total),
            increment(&counter(0), counts.first),
            increment(&counter(ROWS - 1), counts.second),
        ];
        Transaction { guards: vec![(advance, RowUpdate::default())], counters: counters.into() }
    }
}

/// The read model and the event store of an invocation.
struct World {
    script: Arc<Script<Ask, Answer>>,
}

impl World {
    async fn write(&self, ask: Ask) -> Result<(), ApplyError> {
        match self.script.ask(ask).await {
            Answer::Done => Ok(()),
            Answer::Moved => Err(ApplyError::GuardMoved),
            Answer::Conflict => Err(ApplyError::Conflict),
            _ => Err(ApplyError::Failed(no_answer())),
        }
    }
}

fn no_answer() -> Failure {
    Failure::transient("dynamodb", "no answer")
}

impl ReadModel for World {
    fn guards<'a>(&'a self, _: &'a [StreamId]) -> BoxFuture<'a, Result<HashMap<StreamId, Guard>, Failure>> {
        let answer = async {
            match self.script.ask(Ask::Guard).await {
                Answer::Guard(row) => Ok(row.into_iter().map(|row| (stream(), row.guard())).collect()),
                _ => Err(no_answer()),
            }
        };
        answer.boxed()
    }

    fn apply<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write(Ask::Apply(Move::of(transaction))).boxed()
    }

    fn park<'a>(&'a self, _: &'a StreamId, at: Version, _: &'a str) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write(Ask::Park { at: u8::try_from(at.number()).unwrap() }).boxed()
    }
}

impl EventReader for World {
    fn read<'a>(
        &'a self,
        _: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        let answer = async move {
            match self.script.ask(Ask::Read).await {
                Answer::Commits(head) => {
                    let commits = (1..=head).map(commit);
                    Ok(commits.filter(|commit| commit.last_version() > after).collect())
                }
                _ => Err(no_answer()),
            }
        };
        answer.boxed()
    }
}
