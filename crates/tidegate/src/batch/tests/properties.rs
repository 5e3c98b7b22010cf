//! Compares the batch runner with a reference model.
//!
//! The response depends only on the outcome of each record.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;
use serde_json::value::RawValue;

use crate::batch::*;
use crate::dead_letter::{DeadLetters, MemoryDeadLetters};
use crate::failure::Failure;
use crate::source::{Delivery, Source, aggregated};

/// How a record ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Ends(Handled),
    Permanent,
    Transient,
    Busy,
    Panic,
    Undecodable,
    NewerVersion,
    DecodePanic,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    lane: u8,
    act: Act,
    /// Work time in milliseconds: a multiple of 10, which no deadline is.
    work: u64,
    /// Whether the record arrived longer ago than `dead_letter_after`.
    old: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Kinesis,
    /// Kinesis with three user records in each record.
    Aggregates,
    DynamoDb,
    Fifo,
    Standard,
}

#[derive(Clone, Debug)]
struct Case {
    transport: Transport,
    records: Vec<Record>,
    first_sequence: u64,
    concurrency: usize,
    remaining: u64,
    gives_up_old: bool,
    letters_fail: bool,
    replay: bool,
}

fn record() -> impl Strategy<Value = Record> {
    let act = prop_oneof![
        6 => Just(Act::Ends(Handled::Applied)),
        1 => Just(Act::Ends(Handled::Duplicate)),
        1 => Just(Act::Ends(Handled::Filtered)),
        1 => Just(Act::Ends(Handled::Held)),
        2 => Just(Act::Permanent),
        1 => Just(Act::Transient),
        1 => Just(Act::Busy),
        1 => Just(Act::Panic),
        1 => Just(Act::Undecodable),
        1 => Just(Act::NewerVersion),
        1 => Just(Act::DecodePanic),
    ];
    let work = prop_oneof![4 => Just(0), 3 => (0..30_u64).prop_map(|tens| tens * 10), 1 => Just(1_000_000)];
    (0..4_u8, act, work, any::<bool>()).prop_map(|(lane, act, work, old)| Record {
        lane,
        act,
        work,
        old,
    })
}

fn case() -> impl Strategy<Value = Case> {
    let transport = prop_oneof![
        Just(Transport::Kinesis),
        Just(Transport::Aggregates),
        Just(Transport::DynamoDb),
        Just(Transport::Fifo),
        Just(Transport::Standard)
    ];
    (
        transport,
        prop::collection::vec(record(), 0..14),
        // Sequence numbers that gain a digit within the batch.
        prop_oneof![Just(1_u64), Just(5), Just(95), Just(999_999_999_999_999_995)],
        1..6_usize,
        (1..12_u64).prop_map(|step| 50 * (2 * step + 1)),
        any::<bool>(),
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.15),
    )
        .prop_map(
            |(
                transport,
                records,
                first_sequence,
                concurrency,
                remaining,
                gives_up_old,
                letters_fail,
                replay,
            )| Case {
                transport,
                records,
                first_sequence,
                concurrency,
                remaining,
                gives_up_old,
                letters_fail,
                replay,
            },
        )
}

impl Case {
    fn source(&self) -> Source {
        match self.transport {
            Transport::Kinesis | Transport::Aggregates => Source::Kinesis,
            Transport::DynamoDb => Source::DynamoDb,
            Transport::Fifo | Transport::Standard => Source::Sqs,
        }
    }

    fn is_stream(&self) -> bool {
        matches!(self.transport, Transport::Kinesis | Transport::Aggregates | Transport::DynamoDb)
    }

    fn item(&self, place: usize) -> String {
        let number =
            if self.transport == Transport::Aggregates { place / AGGREGATE } else { place };
        (self.first_sequence + number as u64).to_string()
    }

    fn position(&self, place: usize) -> String {
        let item = self.item(place);
        match self.transport {
            Transport::Kinesis => format!("shard:{item}"),
            Transport::Aggregates => format!("shard:{item}:{}", place % AGGREGATE),
            _ => item,
        }
    }

    fn lane(&self, place: usize) -> u64 {
        // A message without a group does not depend on any other.
        if self.transport == Transport::Standard {
            place as u64
        } else {
            u64::from(self.records[place].lane)
        }
    }

    fn event(&self) -> Box<RawValue> {
        let now = jiff::Timestamp::now().as_millisecond();
        if self.transport == Transport::Aggregates {
            return self.aggregates(now);
        }
        let records: Vec<_> = self
            .records
            .iter()
            .enumerate()
            .map(|(place, record)| {
                let (item, lane) = (self.item(place), record.lane.to_string());
                let arrived = if record.old { 1_545_084_650_987 } else { now };
                match self.transport {
                    Transport::Kinesis | Transport::Aggregates => {
                        json!({ "eventID": format!("shard:{item}"), "kinesis": {
                            "sequenceNumber": item, "partitionKey": lane, "data": "",
                            "approximateArrivalTimestamp": arrived / 1000,
                        } })
                    }
                    Transport::DynamoDb => json!({
                        "eventID": "e", "eventName": "INSERT", "awsRegion": "us-east-1", "dynamodb": {
                            "ApproximateCreationDateTime": arrived / 1000, "Keys": { "k": { "S": lane } },
                            "SequenceNumber": item, "SizeBytes": 1, "StreamViewType": "KEYS_ONLY",
                        },
                    }),
                    Transport::Fifo => json!({ "messageId": item, "body": "", "attributes": {
                        "MessageGroupId": lane, "SentTimestamp": arrived.to_string(),
                    } }),
                    Transport::Standard => json!({ "messageId": item, "body": "", "attributes": {
                        "SentTimestamp": arrived.to_string(),
                    } }),
                }
            })
            .collect();
        RawValue::from_string(json!({ "Records": records }).to_string()).unwrap()
    }

    /// User records arrive with their aggregate: the first one determines the time.
    fn aggregates(&self, now: i64) -> Box<RawValue> {
        let records: Vec<_> = (0..self.records.len())
            .step_by(AGGREGATE)
            .map(|first| {
                let places = first..(first + AGGREGATE).min(self.records.len());
                let records: Vec<(u64, &[u8])> =
                    places.map(|place| (u64::from(self.records[place].lane), &b""[..])).collect();
                let item = self.item(first);
                json!({ "eventID": format!("shard:{item}"), "kinesis": {
                    "sequenceNumber": item, "partitionKey": "aggregate",
                    "data": STANDARD.encode(aggregated(&["0", "1", "2", "3"], &records)),
                    "approximateArrivalTimestamp": if self.old(first) { 1_545_084_650 } else { now / 1000 },
                } })
            })
            .collect();
        RawValue::from_string(json!({ "Records": records }).to_string()).unwrap()
    }

    fn old(&self, place: usize) -> bool {
        let of =
            if self.transport == Transport::Aggregates { place - place % AGGREGATE } else { place };
        self.records[of].old
    }
}

/// Number of user records in an aggregate.
const AGGREGATE: usize = 3;

/// Handles each record as the case prescribes.
struct Scripted {
    records: HashMap<String, (usize, Record)>,
    begun: Arc<Mutex<Vec<usize>>>,
    at_work: Arc<Mutex<(usize, usize)>>,
}

/// Counts the records at work, including a record that is dropped at the deadline.
struct AtWork(Arc<Mutex<(usize, usize)>>);

impl AtWork {
    fn start(count: &Arc<Mutex<(usize, usize)>>) -> Self {
        let mut counted = count.lock().unwrap();
        counted.0 += 1;
        counted.1 = counted.1.max(counted.0);
        Self(Arc::clone(count))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.lock().unwrap().0 -= 1;
    }
}

impl Decode for Scripted {
    type Record = (usize, Record);

    fn decode(&self, delivery: &Delivery<'_>) -> Result<(usize, Record), Failure> {
        let (place, record) = self.records[&delivery.position];
        match record.act {
            Act::Undecodable => Err(Failure::permanent("undecodable", "")),
            Act::NewerVersion => Err(Failure::transient("newer_version", "")),
            Act::DecodePanic => panic!("in decode"),
            _ => Ok((place, record)),
        }
    }
}

impl Handler for Scripted {
    async fn handle(
        &self,
        (place, record): &(usize, Record),
        _: &BatchContext,
    ) -> Result<Handled, Failure> {
        self.begun.lock().unwrap().push(*place);
        let _at_work = AtWork::start(&self.at_work);
        tokio::time::sleep(Duration::from_millis(record.work)).await;
        match record.act {
            Act::Ends(effect) => Ok(effect),
            Act::Permanent => Err(Failure::permanent("never", "")),
            Act::Busy => Err(Failure::busy("twin", "")),
            Act::Panic => panic!("in handle"),
            _ => Err(Failure::transient("later", "")),
        }
    }
}

/// How a record ends, before dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done(Handled),
    Permanent,
    Transient,
    /// Transient, without speaking against the record.
    Passing,
    NotRun,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    reported: Vec<String>,
    letters: Vec<String>,
    counts: Counts,
    /// Started records, by lane.
    begun: BTreeMap<u64, Vec<usize>>,
    /// Positions reported to the observer.
    observed: Vec<String>,
}

/// Counts the reported outcomes independently of the runner.
#[derive(Default)]
struct Tally(Mutex<(Vec<String>, Counts)>);

impl Observer for Tally {
    fn observe(&self, seen: &Observation<'_>) {
        let mut tally = self.0.lock().unwrap();
        tally.0.push(seen.delivery.position.clone());
        tally.1.add(seen.outcome);
    }
}

/// Computes the expected result from the rules alone.
fn reference(case: &Case) -> Expected {
    let ends = ends(case);
    let given_up = |place: usize| match ends[place].0 {
        End::Permanent => true,
        End::Transient => case.gives_up_old && case.old(place),
        End::Done(_) | End::Passing | End::NotRun => false,
    };
    let done = |place: usize| matches!(ends[place].0, End::Done(_));
    let count = case.records.len();
    // Everything from a stream's checkpoint on is delivered again, whole aggregates included, so
    // only earlier records get a letter.
    let unfinished = (0..count).find(|place| !done(*place) && !given_up(*place));
    let checkpoint = unfinished
        .map_or(count, |place| (0..count).find(|p| case.item(*p) == case.item(place)).unwrap());
    let letters: Vec<usize> = (0..count)
        .filter(|place| {
            given_up(*place) && !case.replay && (!case.is_stream() || *place < checkpoint)
        })
        .collect();
    let observed = (0..count).map(|place| case.position(place)).collect();
    let mut expected = Expected { observed, ..Expected::default() };
    for (place, (end, begun)) in ends.iter().enumerate() {
        let lettered = letters.contains(&place) && !case.letters_fail;
        if lettered {
            expected.letters.push(case.position(place));
        }
        let counts = &mut expected.counts;
        *match end {
            _ if lettered => &mut counts.dead_lettered,
            End::Done(Handled::Applied) => &mut counts.applied,
            End::Done(Handled::Duplicate) => &mut counts.duplicate,
            End::Done(Handled::Filtered) => &mut counts.filtered,
            End::Done(_) => &mut counts.held,
            End::Permanent | End::Transient | End::Passing => &mut counts.failed,
            End::NotRun => &mut counts.not_run,
        } += 1;
        let room = expected.reported.is_empty() || !case.is_stream();
        if room && !done(place) && !lettered {
            expected.reported.push(case.item(place));
        }
        if *begun {
            expected.begun.entry(case.lane(place)).or_default().push(place);
        }
    }
    expected
}

/// Returns how each record ends and whether it was started.
///
/// Lanes take turns on `concurrency` workers, in the order of their first records.
fn ends(case: &Case) -> Vec<(End, bool)> {
    let deadline = case.remaining - case.remaining / 10;
    let mut ends = vec![(End::NotRun, false); case.records.len()];
    let mut lanes: Vec<(u64, Vec<usize>)> = Vec::new();
    let mut shut = Vec::new();
    for (place, record) in case.records.iter().enumerate() {
        let lane = case.lane(place);
        match record.act {
            _ if shut.contains(&lane) => {}
            Act::Undecodable => ends[place].0 = End::Permanent,
            Act::NewerVersion | Act::DecodePanic => {
                ends[place].0 = End::Transient;
                shut.push(lane);
            }
            _ => match lanes.iter_mut().find(|(name, _)| *name == lane) {
                Some((_, places)) => places.push(place),
                None => lanes.push((lane, vec![place])),
            },
        }
    }
    let mut workers = vec![0_u64; case.concurrency];
    for (_, places) in lanes {
        let worker = workers.iter_mut().min().unwrap();
        for place in places {
            let record = case.records[place];
            if *worker >= deadline {
                break;
            }
            ends[place].1 = true;
            if *worker + record.work > deadline {
                ends[place].0 = End::Passing;
                *worker = deadline;
                break;
            }
            *worker += record.work;
            match record.act {
                Act::Ends(effect) => ends[place].0 = End::Done(effect),
                Act::Permanent => ends[place].0 = End::Permanent,
                act => {
                    ends[place].0 = if act == Act::Busy { End::Passing } else { End::Transient };
                    break;
                }
            }
        }
    }
    ends
}

/// Returns the actual result, and the largest number of records that were at work at a time.
fn actual(case: &Case) -> (Expected, usize) {
    let handler = Scripted {
        records: case
            .records
            .iter()
            .enumerate()
            .map(|(place, record)| (case.position(place), (place, *record)))
            .collect(),
        begun: Arc::default(),
        at_work: Arc::default(),
    };
    let (begun, at_work) = (Arc::clone(&handler.begun), Arc::clone(&handler.at_work));
    let letters = Arc::new(MemoryDeadLetters::default());
    if case.letters_fail {
        letters.fail_with(Some(Failure::transient("dead_letter_queue", "down")));
    }
    let port: Arc<dyn DeadLetters> = Arc::<MemoryDeadLetters>::clone(&letters);
    let tally = Arc::new(Tally::default());
    let runner =
        Runner::new(case.source(), EachRecord::new(handler, case.concurrency), "probe", port)
            .dead_letter_after(case.gives_up_old.then_some(Duration::from_secs(3600)))
            .observe(Arc::<Tally>::clone(&tally));
    // An old record has failed often enough before, except for one failure.
    for place in (0..case.records.len()).filter(|place| case.old(*place)) {
        runner.letters.patience.assume_repeated(&case.position(place));
    }
    let event = case.event();
    let invocation = Invocation {
        event: &event,
        request_id: "r",
        remaining: Duration::from_millis(case.remaining),
        replay: case.replay,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let report = runtime.block_on(runner.run(invocation));
    let mut by_lane: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for place in begun.lock().unwrap().iter() {
        by_lane.entry(case.lane(*place)).or_default().push(*place);
    }
    let order: Vec<String> = (0..case.records.len()).map(|place| case.position(place)).collect();
    let mut letters: Vec<String> =
        letters.letters().iter().map(|letter| letter.position.clone()).collect();
    letters.sort_by_key(|position| order.iter().position(|other| other == position));
    let most = at_work.lock().unwrap().1;
    let reported = report.response.unwrap().items().map(str::to_owned).collect();
    let (observed, tallied) = std::mem::take(&mut *tally.0.lock().unwrap());
    assert_eq!(tallied, report.counts, "an observer counts the same");
    (Expected { reported, letters, counts: report.counts, begun: by_lane, observed }, most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_becomes_of_its_records_a_batch_is_answered_as_the_rules_say(case in case()) {
        let (actual, most_at_work) = actual(&case);
        prop_assert_eq!(&actual, &reference(&case));
        prop_assert!(most_at_work <= case.concurrency);
    }
}
