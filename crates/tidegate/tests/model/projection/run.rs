//! One invocation of a projection: the real [`Projector`] over a read model and an event store that
//! ask the model.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use tidegate::batch::{BatchContext, BatchHandler, Handled, Item, Outcome};
use tidegate::envelope::DataSchema;
use tidegate::failure::{Class, Failure};
use tidegate::ids::{Cause, StreamId, Version as EventVersion};
use tidegate::projection::{
    Advance, ApplyError, Guard, Guards, Increment, Position, Projected, Projection, Projector,
    ReadModel, RowUpdate, Transaction,
};
use tidegate::store::{CommitChange, EventReader, RecordedCommit, RecordedEvent};

use crate::program::{Next, Programs, Script};

/// Number of commits of the aggregate. Each has one event, whose version is the number of the
/// commit.
pub(super) const COMMITS: u8 = 3;
/// The commit whose event changes more rows than a transaction holds. It is applied in two parts.
pub(super) const IN_PARTS: u8 = 2;
/// Number of counters of that event, without the one that all events count. The first part has all
/// but the last.
const ROWS: usize = 99;
/// The counter that is in the second part if a version cuts the event at another place.
const SHIFTED: usize = ROWS - 2;

/// A version of the function, by the way in which it handles the event in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Version {
    /// Can project every event.
    Current,
    /// Can never project the event.
    Broken,
    /// Does not know the types of that event and of the next, which are newer.
    Older,
    /// Has one more counter in front. So the last counter of the first part moves into the second.
    Recut,
    /// Has a toolkit without digests of cuts, which neither reads, requires nor writes them.
    Undigested,
}

/// An invocation of a version of the function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Invocation {
    /// Commits in the batch.
    pub(super) batch: Vec<u8>,
    /// Whether an operator replays dead letters.
    pub(super) replay: bool,
    /// The version of the function.
    pub(super) version: Version,
}

/// A request of an invocation to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Ask {
    Guard,
    Read,
    Apply(Move),
    Park {
        at: u8,
        newer: bool,
    },
    /// Reads the list of parked aggregates.
    List,
    Unpark(Row),
    Unlist(Row),
}

/// A transaction: the guard's move, and the amounts that it adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Move {
    pub(super) from: Place,
    pub(super) parked: Option<u8>,
    pub(super) to: Place,
    /// Leaves the digest of a cut in the row as it is.
    pub(super) undigested: bool,
    pub(super) counts: Counts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) version: u8,
    pub(super) part: u8,
    pub(super) cut: Option<u64>,
}

/// Sums of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Counts {
    /// Sum of the counter that all events count: 1, 10 and 100 for the three events.
    pub(super) total: i64,
    /// Sum of each other counter that is always in the first part.
    pub(super) first: i64,
    /// Sum of the counter that is in the first or the second part, depending on the version.
    pub(super) shifted: i64,
    /// Sum of the counter in the second part.
    pub(super) second: i64,
}

/// An answer of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Answer {
    Guard(Option<Row>),
    /// Whether the aggregate is on the list of parked ones.
    Listed(bool),
    /// The commits up to this number.
    Commits(u8),
    Done,
    Moved,
    Conflict,
    /// No answer came. It is not known whether the request took effect.
    Nothing,
    /// No answer comes before the end of the invocation's time.
    Hangs,
}

/// The row of the aggregate, with its guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Row {
    pub(super) place: Place,
    pub(super) parked: Option<u8>,
    /// The aggregate waits for a newer version of the function.
    pub(super) newer: bool,
    /// The aggregate is on the list of parked aggregates.
    pub(super) listed: bool,
}

/// The fate of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Acknowledged as applied, now or before.
    Applied,
    /// Acknowledged without being applied.
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
    let looks = invocation.batch.is_empty();
    let undigested = invocation.version == Version::Undigested;
    let world = Arc::new(World { script, looks, undigested });
    let projector =
        Projector::new(Counting(invocation.version), Arc::<World>::clone(&world), world);
    let items: Vec<_> = invocation
        .batch
        .iter()
        .map(|number| Item::new("", CommitChange::Commit(commit(*number))))
        .collect();
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
    let (time, version) = (Timestamp::UNIX_EPOCH, EventVersion::new(number.into()));
    let event =
        RecordedEvent::new(event_id(number), version, DataSchema::new("Counted", 1), time, "");
    let cause = Cause::new("model", number.to_string());
    RecordedCommit::new(stream(), "model", cause, time, vec![event])
}

fn event_id(number: u8) -> String {
    format!("event {number}")
}

struct Counting(Version);

impl Projection for Counting {
    fn concerns(&self, _: &StreamId) -> bool {
        true
    }

    fn project(&self, _: &RecordedCommit, event: &RecordedEvent) -> Result<Projected, Failure> {
        let number = u8::try_from(event.version.number()).unwrap();
        if self.0 == Version::Older && number >= IN_PARTS {
            return Err(newer());
        }
        let mut counters = vec![increment("all", 10i64.pow(u32::from(number) - 1))];
        if number == IN_PARTS {
            match self.0 {
                Version::Current | Version::Older | Version::Undigested => {}
                Version::Broken => {
                    return Err(Failure::permanent("broken", "this version cannot project it"));
                }
                Version::Recut => counters.push(increment("a", 1)),
            }
            counters.extend((0..ROWS).map(|row| increment(&counter(row), 1)));
        }
        Ok(Projected { row: RowUpdate::default(), counters })
    }
}

fn newer() -> Failure {
    Failure::transient(Failure::NEWER, "this version does not know its type")
}

fn counter(row: usize) -> String {
    format!("row {row:03}")
}

fn increment(key: &str, amount: i64) -> Increment {
    Increment { key: key.to_owned(), add: BTreeMap::from([("units", amount)]) }
}

impl Place {
    fn new(position: Position) -> Self {
        let version = u8::try_from(position.version.number()).unwrap();
        Self { version, part: u8::try_from(position.part).unwrap(), cut: position.cut }
    }

    fn position(self) -> Position {
        let version = EventVersion::new(self.version.into());
        Position { version, part: self.part.into(), cut: self.cut }
    }
}

impl Row {
    pub(super) fn from_guard(guard: &Guard) -> Self {
        Self {
            place: Place::new(guard.position),
            parked: guard.parked.map(|parked| u8::try_from(parked.number()).unwrap()),
            newer: guard.parked_code.as_deref() == Some(Failure::NEWER),
            listed: guard.listed.is_some(),
        }
    }

    pub(super) fn guard(self) -> Guard {
        let mut guard = Guard::default();
        guard.position = self.place.position();
        guard.event_id = (self.place.version > 0).then(|| event_id(self.place.version));
        guard.parked = self.parked.map(|parked| EventVersion::new(parked.into()));
        guard.parked_code = self.parked.map(|_| failure(self.newer).code().to_owned());
        guard.listed = self.listed.then_some(1);
        guard
    }
}

/// Returns the failure that parks the aggregate.
pub(super) fn failure(is_newer: bool) -> Failure {
    if is_newer { newer() } else { Failure::permanent("broken", "this version cannot project it") }
}

impl Counts {
    /// Reads the sums from a read model. The first row stands for all rows of the first part.
    pub(super) fn new(counters: &BTreeMap<String, BTreeMap<&'static str, i64>>) -> Self {
        let units = |key: &str| counters.get(key).map_or(0, |row| row["units"]);
        Self {
            total: units("all"),
            first: units(&counter(0)),
            shifted: units(&counter(SHIFTED)),
            second: units(&counter(ROWS - 1)),
        }
    }
}

impl Move {
    fn new(transaction: &Transaction) -> Self {
        let [(advance, _)] = &transaction.guards[..] else { panic!("one aggregate has one guard") };
        let to = Place::new(advance.to);
        let new = (to.version > Place::new(advance.from).version).then(|| event_id(to.version));
        assert_eq!(advance.event_id, new);
        let counters =
            transaction.counters.iter().map(|counter| (counter.key.clone(), counter.add.clone()));
        let counters: BTreeMap<_, _> = counters.collect();
        let counts = Counts::new(&counters);
        let rows = (0..SHIFTED).filter(|row| counters.contains_key(&counter(*row))).count();
        assert!(rows == 0 || rows == SHIFTED, "a part is applied whole");
        let parked = advance.parked.map(|parked| u8::try_from(parked.number()).unwrap());
        Self { from: Place::new(advance.from), parked, to, undigested: false, counts }
    }

    /// Returns a transaction in which one row stands for all rows that are alike.
    pub(super) fn transaction(self) -> Transaction {
        let Self { from, parked, to, undigested: _, counts } = self;
        let parked = parked.map(|parked| EventVersion::new(parked.into()));
        let event_id = (to.version > from.version).then(|| event_id(to.version));
        let advance = Advance {
            stream: stream(),
            from: from.position(),
            parked,
            to: to.position(),
            event_id,
        };
        let counters = [
            increment("all", counts.total),
            increment(&counter(0), counts.first),
            increment(&counter(SHIFTED), counts.shifted),
            increment(&counter(ROWS - 1), counts.second),
        ];
        Transaction { guards: vec![(advance, RowUpdate::default())], counters: counters.into() }
    }
}

/// The read model and the event store of an invocation.
struct World {
    script: Arc<Script<Ask, Answer>>,
    /// It is time to read the list of parked aggregates.
    looks: bool,
    undigested: bool,
}

impl World {
    async fn ask(&self, ask: Ask) -> Answer {
        match self.script.ask(ask).await {
            Answer::Hangs => pending().await,
            answer => answer,
        }
    }

    async fn write(&self, ask: Ask) -> Result<(), ApplyError> {
        match self.ask(ask).await {
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
    fn guards<'a>(&'a self, _: &'a [StreamId]) -> BoxFuture<'a, Result<Guards, Failure>> {
        let answer = async {
            match self.ask(Ask::Guard).await {
                Answer::Guard(row) => {
                    let guard = row.map(|mut row| {
                        row.place.cut = row.place.cut.filter(|_| !self.undigested);
                        (stream(), Ok(row.guard()))
                    });
                    Ok(guard.into_iter().collect())
                }
                _ => Err(no_answer()),
            }
        };
        answer.boxed()
    }

    fn apply<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write(Ask::Apply(Move { undigested: self.undigested, ..Move::new(transaction) }))
            .boxed()
    }

    fn park<'a>(
        &'a self,
        _: &'a StreamId,
        at: EventVersion,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        let newer = failure.code() == Failure::NEWER;
        self.write(Ask::Park { at: u8::try_from(at.number()).unwrap(), newer }).boxed()
    }

    fn parked<'a>(
        &'a self,
        _: Option<&'a StreamId>,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, Failure>> {
        let answer = async {
            if !self.looks {
                return Ok(Vec::new());
            }
            match self.ask(Ask::List).await {
                Answer::Listed(listed) => Ok(listed.then(stream).into_iter().collect()),
                _ => Err(no_answer()),
            }
        };
        answer.boxed()
    }

    fn unpark<'a>(
        &'a self,
        _: &'a StreamId,
        guard: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write(Ask::Unpark(Row::from_guard(guard))).boxed()
    }

    fn unlist<'a>(
        &'a self,
        _: &'a StreamId,
        guard: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write(Ask::Unlist(Row::from_guard(guard))).boxed()
    }
}

impl EventReader for World {
    fn read<'a>(
        &'a self,
        _: &'a StreamId,
        after: EventVersion,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        let answer = async move {
            match self.ask(Ask::Read).await {
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
