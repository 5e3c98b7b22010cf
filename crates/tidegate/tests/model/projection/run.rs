//! One invocation of a projection: the real [`Projector`] over a read model and an event store that
//! ask the model.

use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, ready};
use jiff::Timestamp;
use tidegate::batch::{BatchContext, BatchHandler, Handled, Item, Outcome};
use tidegate::envelope::DataSchema;
use tidegate::failure::{Class, Failure};
use tidegate::ids::{Cause, StreamId, Version as EventVersion};
use tidegate::projection::{
    Added, Addition, Advance, Amounts, ApplyError, Aside, Counted, Delta, Guard, Guards, Head,
    Increment, Position, Projected, Projection, Projector, ReadModel, RowUpdate, Transaction,
};
use tidegate::store::{CommitChange, EventReader, RecordedCommit, RecordedEvent};

use crate::program::{Next, Programs, Script};

/// Number of commits of the aggregate. Each has one event, whose version is the number of the
/// commit.
pub(super) const COMMITS: u8 = 3;
/// The commit whose event has more counters than a delta holds. It is applied in two parts.
pub(super) const IN_PARTS: u8 = 2;
/// A name of an attribute that makes the two parts too large for one delta.
const LONG: &str = match std::str::from_utf8(&[b'x'; 4_000]) {
    Ok(text) => text,
    Err(_) => panic!("it is ASCII"),
};
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
    /// Has a toolkit without deltas, whose transactions change the counters.
    Direct,
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
    /// The slice in which its environment counts.
    pub(super) slice: u8,
    /// Whether each request of the protocol is one of its own. Otherwise the guard is read together
    /// with the head, and all counters are written together with the confirmation, right after the
    /// transaction.
    pub(super) apart: bool,
    /// Whether all events are small.
    pub(super) plain: bool,
}

/// A request of an invocation to the world.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Ask {
    Guard,
    Head(u8),
    Heads,
    Deltas(u8),
    Read,
    Apply(Move),
    Add(u8, Vec<Addition>),
    /// Adds to all counters, and confirms the delta with this number.
    AddAll(u8, Vec<Addition>, u8),
    Confirm(u8, u8),
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
    /// Changes the counters itself, without a delta.
    pub(super) direct: bool,
    pub(super) slice: u8,
    /// Number of the delta; 0 without one.
    pub(super) delta: u8,
    /// Number up to which all deltas are confirmed.
    pub(super) applied: u8,
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Answer {
    Guard(Option<Row>, Head),
    Head(Head),
    Heads(Vec<Head>),
    Deltas(Vec<Delta>),
    /// For each addition, `None` if it was done, or the number that the counter has already.
    Added(Vec<Option<u64>>),
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
    /// Slice and number of the delta with the newest step.
    pub(super) counted: Option<(u8, u8)>,
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
    let world = Arc::new(World {
        script,
        looks,
        invocation: invocation.clone(),
        expected: AtomicBool::new(false),
        head: Mutex::default(),
    });
    let projection = Counting(invocation.version, invocation.plain);
    let projector = Projector::new(projection, Arc::<World>::clone(&world), world)
        .look_for_parked_every(Duration::ZERO);
    let items: Vec<_> = invocation
        .batch
        .iter()
        .map(|number| Item::new("", CommitChange::Commit(commit(*number))))
        .collect();
    let mut context = BatchContext::new(Duration::from_secs(30));
    context.replay = invocation.replay;
    if looks {
        // Deltas are finished that were there at the look before.
        projector.handle_batch(&items, &context).await;
    }
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

struct Counting(Version, bool);

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
        if number == IN_PARTS && self.1 {
            counters.push(increment(&counter(ROWS - 1), 1));
        } else if number == IN_PARTS {
            match self.0 {
                Version::Current | Version::Older | Version::Undigested | Version::Direct => {}
                Version::Broken => {
                    return Err(Failure::permanent("broken", "this version cannot project it"));
                }
                Version::Recut => counters.push(increment("a", 1)),
            }
            counters.extend((0..ROWS).map(|row| {
                let mut increment = increment(&counter(row), 1);
                increment.add.insert(LONG, 0);
                increment
            }));
        }
        Ok(Projected { counters, ..Projected::default() })
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
        let small = |number: u64| u8::try_from(number).unwrap();
        Self {
            place: Place::new(guard.position),
            counted: guard.counted.map(|of| (small(of.slice.into()), small(of.number))),
            parked: guard.parked.map(|parked| u8::try_from(parked.number()).unwrap()),
            newer: guard.parked_code.as_deref() == Some(Failure::NEWER),
            listed: guard.listed.is_some(),
        }
    }

    pub(super) fn guard(self) -> Guard {
        let mut guard = Guard::default();
        guard.position = self.place.position();
        guard.counted = self
            .counted
            .map(|(slice, number)| Counted { slice: slice.into(), number: number.into() });
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
    pub(super) fn new<'a>(counters: impl IntoIterator<Item = (&'a String, &'a Amounts)>) -> Self {
        let counters: BTreeMap<&String, &Amounts> = counters.into_iter().collect();
        let units = |key: &str| {
            counters.get(&key.to_owned()).and_then(|row| row.get("units")).copied().unwrap_or(0)
        };
        Self {
            total: units("all"),
            first: units(&counter(0)),
            shifted: units(&counter(SHIFTED)),
            second: units(&counter(ROWS - 1)),
        }
    }
}

impl Move {
    fn new(transaction: &Transaction, invocation: &Invocation) -> Self {
        let [(advance, _)] = &transaction.guards[..] else { panic!("one aggregate has one guard") };
        let to = Place::new(advance.to);
        let new = (to.version > Place::new(advance.from).version).then(|| event_id(to.version));
        assert_eq!(advance.event_id, new);
        let delta = transaction.delta.as_ref().expect("every event changes a counter");
        let rows = (0..SHIFTED).filter(|row| delta.counters.contains_key(&counter(*row))).count();
        assert!(rows == 0 || rows == SHIFTED, "a part is applied whole");
        let small = |number: u64| u8::try_from(number).unwrap();
        let direct = invocation.version == Version::Direct;
        Self {
            from: Place::new(advance.from),
            parked: advance.parked.map(|parked| small(parked.number())),
            to,
            undigested: invocation.version == Version::Undigested,
            direct,
            slice: invocation.slice,
            delta: if direct { 0 } else { small(delta.number) },
            applied: small(transaction.applied),
            counts: Counts::new(&delta.counters),
        }
    }

    /// Returns the transaction. One row stands for all rows that are alike.
    pub(super) fn transaction(self) -> Transaction {
        let parked = self.parked.map(|parked| EventVersion::new(parked.into()));
        let advance = Advance {
            stream: stream(),
            from: self.from.position(),
            parked,
            to: self.to.position(),
            event_id: (self.to.version > self.from.version).then(|| event_id(self.to.version)),
        };
        let delta = (self.delta > 0).then(|| Delta {
            slice: self.slice.into(),
            number: self.delta.into(),
            counters: self.counts.counters(),
        });
        let guards = vec![(advance, RowUpdate::default())];
        Transaction { guards, delta, applied: self.applied.into(), ..Transaction::default() }
    }
}

impl Counts {
    /// Returns the counters with these sums. One row stands for all rows that are alike.
    pub(super) fn counters(self) -> BTreeMap<String, Amounts> {
        let all = [
            ("all".to_owned(), self.total),
            (counter(0), self.first),
            (counter(SHIFTED), self.shifted),
            (counter(ROWS - 1), self.second),
        ];
        let some = all.into_iter().filter(|(_, units)| *units != 0);
        some.map(|(key, units)| (key, Amounts::from([("units".into(), units)]))).collect()
    }
}

/// Returns whether the model keeps this counter. Others are like one that it keeps.
fn is_kept(key: &str) -> bool {
    [counter(0), counter(SHIFTED), counter(ROWS - 1), "all".to_owned()].contains(&key.to_owned())
}

/// The read model and the event store of an invocation.
struct World {
    script: Arc<Script<Ask, Answer>>,
    /// It is time to read the list of parked aggregates.
    looks: bool,
    invocation: Invocation,
    /// The head is in the answer that has the guard.
    expected: AtomicBool,
    head: Mutex<Option<Head>>,
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

    fn is(&self, version: Version) -> bool {
        self.invocation.version == version
    }

    /// Adds to the counters that the model keeps.
    async fn add_kept(&self, slice: u8, additions: &[Addition]) -> Vec<Added> {
        let kept: Vec<_> = additions.iter().filter(|one| is_kept(&one.key)).map(small).collect();
        let number = kept.iter().map(|one| one.number).max().unwrap_or(0);
        let of = if self.invocation.apart { 1 } else { kept.len().max(1) };
        let mut added = BTreeMap::new();
        for requests in kept.chunks(of) {
            let ask = match self.invocation.apart {
                true => Ask::Add(slice, requests.to_vec()),
                false => Ask::AddAll(slice, requests.to_vec(), u8::try_from(number).unwrap()),
            };
            let answer = match self.ask(ask).await {
                Answer::Added(numbers) => numbers
                    .into_iter()
                    .map(|number| number.map_or(Added::Done, Added::Counted))
                    .collect(),
                _ => vec![Added::Failed(no_answer()); requests.len()],
            };
            added.extend(requests.iter().map(|one| one.key.clone()).zip(answer));
        }
        let alike = counter(0);
        let of = |one: &Addition| {
            let key = if is_kept(&one.key) { &one.key } else { &alike };
            added.get(key).cloned().unwrap_or(Added::Done)
        };
        additions.iter().map(of).collect()
    }
}

/// Returns the addition without the attribute that only makes it large.
fn small(addition: &Addition) -> Addition {
    let mut addition = addition.clone();
    addition.add.remove(LONG);
    addition
}

fn no_answer() -> Failure {
    Failure::transient("dynamodb", "no answer")
}

fn slice_of(slice: u32) -> u8 {
    u8::try_from(slice).unwrap()
}

impl ReadModel for World {
    fn guards<'a>(&'a self, _: &'a [StreamId]) -> BoxFuture<'a, Result<Guards, Failure>> {
        let answer = async {
            self.expected.store(!self.invocation.apart, Relaxed);
            match self.ask(Ask::Guard).await {
                Answer::Guard(row, head) => {
                    *self.head.lock().unwrap() = Some(head);
                    let guard = row.map(|mut row| {
                        row.place.cut = row.place.cut.filter(|_| !self.is(Version::Undigested));
                        row.counted = row.counted.filter(|_| !self.is(Version::Direct));
                        (stream(), Ok(row.guard()))
                    });
                    Ok(guard.into_iter().collect())
                }
                _ => Err(no_answer()),
            }
        };
        answer.boxed()
    }

    fn slice(&self) -> u32 {
        self.invocation.slice.into()
    }

    fn head(&self, slice: u32) -> BoxFuture<'_, Result<Head, Failure>> {
        let answer = async move {
            if self.is(Version::Direct) {
                return Ok(Head { slice, ..Head::default() });
            }
            if self.expected.swap(false, Relaxed) {
                // The guard is asked for first, at the same time.
                let head = poll_fn(|_| match self.head.lock().unwrap().take() {
                    Some(head) => Poll::Ready(head),
                    None => Poll::Pending,
                });
                return Ok(head.await);
            }
            match self.ask(Ask::Head(slice_of(slice))).await {
                Answer::Head(head) => Ok(head),
                _ => Err(no_answer()),
            }
        };
        answer.boxed()
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>> {
        let answer = async {
            if self.is(Version::Direct) || !self.looks {
                return Ok(Vec::new());
            }
            match self.ask(Ask::Heads).await {
                Answer::Heads(heads) => Ok(heads),
                _ => Err(no_answer()),
            }
        };
        answer.boxed()
    }

    fn deltas(&self, slice: u32) -> BoxFuture<'_, Result<Vec<Delta>, Failure>> {
        let answer = async move {
            match self.ask(Ask::Deltas(slice_of(slice))).await {
                Answer::Deltas(deltas) => Ok(deltas),
                _ => Err(no_answer()),
            }
        };
        answer.boxed()
    }

    fn apply<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write(Ask::Apply(Move::new(transaction, &self.invocation))).boxed()
    }

    fn add<'a>(&'a self, slice: u32, additions: &'a [Addition]) -> BoxFuture<'a, Vec<Added>> {
        let answer = async move {
            if self.is(Version::Direct) {
                return vec![Added::Done; additions.len()];
            }
            self.add_kept(slice_of(slice), additions).await
        };
        answer.boxed()
    }

    fn confirm(&self, slice: u32, number: u64) -> BoxFuture<'_, Result<(), Failure>> {
        let answer = async move {
            if self.is(Version::Direct) || !self.invocation.apart {
                return Ok(());
            }
            let number = u8::try_from(number).unwrap();
            match self.ask(Ask::Confirm(slice_of(slice), number)).await {
                Answer::Done => Ok(()),
                _ => Err(no_answer()),
            }
        };
        answer.boxed()
    }

    fn set_aside<'a>(&'a self, _: u32, _: &'a Addition, _: &'a Failure) -> BoxFuture<'a, Added> {
        unreachable!("every counter takes what is added")
    }

    fn aside(&self) -> BoxFuture<'_, Result<Vec<Aside>, Failure>> {
        ready(Ok(Vec::new())).boxed()
    }

    fn restore<'a>(&'a self, _: &'a Aside) -> BoxFuture<'a, Result<(), ApplyError>> {
        unreachable!("nothing is set aside")
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
