//! Property tests: order, checkpoint and delivery hold for any answers of the function.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use crate::driver::Machine;
use crate::invocation::{Answer, InvocationResult};
use crate::mapping::stream::settings::StreamSettings;
use crate::mapping::stream::shard::Shard;
use crate::mapping::stream::shard::step::{Action, Input};
use lambda_shapes::moment::Moment;
use lambda_shapes::record::{OrderingKey, Record};
use lambda_shapes::sequence::SequenceNumber;
use lambda_shapes::stream_kind::StreamKind;

/// How the function answers one invocation.
#[derive(Clone, Debug)]
enum Reply {
    Success,
    PartialAt(prop::sample::Index),
    UnknownId,
    Error,
    Throttle,
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        4 => Just(Reply::Success),
        3 => any::<prop::sample::Index>().prop_map(Reply::PartialAt),
        1 => Just(Reply::UnknownId),
        2 => Just(Reply::Error),
        2 => Just(Reply::Throttle),
    ]
}

#[derive(Clone, Debug)]
struct Case {
    keys: Vec<u8>,
    pages: Vec<usize>,
    replies: Vec<Reply>,
    order: Vec<prop::sample::Index>,
    lanes: usize,
    batch_size: usize,
    bisect: bool,
    maximum_retry_attempts: u32,
    has_destination: bool,
    /// Steps after which the shard is created again from what it has stored.
    restarts: BTreeSet<usize>,
}

fn case() -> impl Strategy<Value = Case> {
    (
        prop::collection::vec(0_u8..6, 1..60),
        prop::collection::vec(1_usize..12, 1..20),
        prop::collection::vec(reply(), 1..80),
        prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        (1_usize..5, 1_usize..9, any::<bool>(), 0_u32..4, any::<bool>()),
        prop::collection::btree_set(1_usize..60, 0..4),
    )
        .prop_map(
            |(
                keys,
                pages,
                replies,
                order,
                (lanes, batch_size, bisect, attempts, destination),
                restarts,
            )| {
                Case {
                    keys,
                    pages,
                    replies,
                    order,
                    lanes,
                    batch_size,
                    bisect,
                    maximum_retry_attempts: attempts,
                    has_destination: destination,
                    restarts,
                }
            },
        )
}

/// The world around the machine: a stream, a function, a destination.
///
/// It knows nothing of lanes or segments.
struct World {
    case: Case,
    now: Moment,
    read: usize,
    poll: Option<usize>,
    timer: Option<Moment>,
    in_flight: Vec<(usize, u64, Vec<usize>)>,
    hand_overs: Vec<(usize, usize, usize)>,
    delivered: BTreeSet<usize>,
    succeeded: BTreeSet<usize>,
    discarded: Vec<(usize, usize)>,
    /// How often a record was in a batch, or the rest of a batch, that failed.
    failures: BTreeMap<usize, u32>,
    checkpoint: Option<usize>,
    kept: Option<String>,
    closed: bool,
    steps: usize,
    answers: usize,
}

impl World {
    fn take(&mut self, actions: Vec<Action>) {
        self.timer = None;
        for action in actions {
            match action {
                Action::Poll { limit } => {
                    assert!(self.poll.replace(limit).is_none(), "two polls at a time")
                }
                Action::Invoke { lane, invocation, payload } => {
                    let event: Value = serde_json::from_slice(&payload).unwrap();
                    let batch: Vec<usize> = event["Records"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|n| usize::try_from(n.as_u64().unwrap()).unwrap())
                        .collect();
                    self.check_order(&batch);
                    self.delivered.extend(&batch);
                    self.in_flight.push((lane, invocation, batch));
                }
                Action::Checkpoint(sequence) => {
                    let checkpoint: usize = sequence.as_str().parse().unwrap();
                    assert!(self.checkpoint < Some(checkpoint), "the checkpoint went back");
                    self.checkpoint = Some(checkpoint);
                    for record in 0..=checkpoint {
                        assert!(
                            self.is_done(record),
                            "checkpoint {checkpoint} passed undone record {record}"
                        );
                    }
                }
                Action::HandOver { lane, body, .. } => {
                    let body: Value = serde_json::from_str(&body).unwrap();
                    let bound = |name: &str| -> usize {
                        body["KinesisBatchInfo"][name].as_str().unwrap().parse().unwrap()
                    };
                    self.hand_overs.push((
                        lane,
                        bound("startSequenceNumber"),
                        bound("endSequenceNumber"),
                    ));
                }
                Action::WaitUntil(moment) => self.timer = Some(moment),
                Action::Closed => self.closed = true,
                Action::KeepFailing(kept) => self.kept = Some(kept),
                Action::KeepWindow(window) => panic!("there are no windows: {window}"),
                Action::Stopped => panic!("nobody said stop"),
            }
        }
    }

    /// Checks that every earlier record of a record's key is done, or goes before it in the same
    /// batch.
    fn check_order(&self, batch: &[usize]) {
        assert!(!batch.is_empty() && batch.len() <= self.case.batch_size);
        assert!(batch.is_sorted_by(|a, b| a < b), "batch {batch:?} is not in order");
        for &record in batch {
            let first_of_batch = batch[0];
            for earlier in 0..first_of_batch {
                if self.case.keys[earlier] == self.case.keys[record] {
                    assert!(self.is_done(earlier), "{record} overtook {earlier}");
                }
            }
            for earlier in first_of_batch..record {
                if self.case.keys[earlier] == self.case.keys[record] {
                    assert!(
                        batch.contains(&earlier) || self.is_done(earlier),
                        "{record} overtook {earlier}"
                    );
                }
            }
        }
        for (_, _, other) in &self.in_flight {
            assert!(
                batch
                    .iter()
                    .all(|a| other.iter().all(|b| self.case.keys[*a] != self.case.keys[*b])),
                "two batches of one key are in flight"
            );
        }
    }

    fn is_done(&self, record: usize) -> bool {
        self.succeeded.contains(&record)
            || self.discarded.iter().any(|(from, to)| (*from..=*to).contains(&record))
            // Without a destination, giving up is not visible here; the machine's own count is
            // compared at the end.
            || !self.case.has_destination && self.delivered.contains(&record)
    }

    /// Answers one invocation, chosen at random among those in flight.
    fn answer(&mut self) -> Input {
        let chosen =
            self.case.order[self.steps % self.case.order.len()].index(self.in_flight.len());
        let (lane, invocation, batch) = self.in_flight.swap_remove(chosen);
        let partial = |id: String| {
            let response =
                serde_json::json!({"batchItemFailures": [{"itemIdentifier": id}]}).to_string();
            InvocationResult::Success(Bytes::from(response))
        };
        // Every function recovers in the end: only age limits endless throttles, and it is off
        // here.
        let reply = self.case.replies.get(self.answers).unwrap_or(&Reply::Success).clone();
        if matches!(reply, Reply::UnknownId | Reply::Error) {
            self.failed(&batch);
        }
        self.answers += 1;
        let result = match reply {
            Reply::Success => {
                self.succeeded.extend(&batch);
                InvocationResult::Success(Bytes::new())
            }
            Reply::PartialAt(index) => {
                let failed = index.index(batch.len());
                self.succeeded.extend(&batch[..failed]);
                self.failed(&batch[failed..]);
                partial(batch[failed].to_string())
            }
            Reply::UnknownId => partial("1000000".to_owned()),
            Reply::Error => InvocationResult::FunctionError(Bytes::from_static(b"{}")),
            Reply::Throttle => InvocationResult::Throttled,
        };
        Input::Answered { lane, invocation, answer: Answer { request_id: String::new(), result } }
    }

    fn failed(&mut self, records: &[usize]) {
        for record in records {
            if !self.is_done(*record) {
                *self.failures.entry(*record).or_default() += 1;
            }
        }
    }

    /// Creates the shard again; invocations in flight are lost with the engine.
    fn restarted(&mut self, settings: &StreamSettings) -> Shard {
        (self.poll, self.timer) = (None, None);
        self.in_flight.clear();
        self.hand_overs.clear();
        self.read = self.checkpoint.map_or(0, |checkpoint| checkpoint + 1);
        let checkpoint =
            self.checkpoint.map(|checkpoint| SequenceNumber::new(checkpoint.to_string()));
        let mut shard = Shard::new("s", settings.clone(), checkpoint);
        if let Some(kept) = &self.kept {
            shard.resume_failing(kept).unwrap();
        }
        self.take(shard.handle(Input::Start, self.now).unwrap());
        shard
    }

    fn page(&mut self, limit: usize) -> Input {
        let length = self.case.pages[self.steps % self.case.pages.len()].min(limit);
        let end = (self.read + length).min(self.case.keys.len());
        let records = (self.read..end)
            .map(|n| Record {
                sequence: SequenceNumber::new(n.to_string()),
                key: OrderingKey::new(&[self.case.keys[n]]),
                arrived: self.now,
                json: Bytes::from(n.to_string()),
            })
            .collect();
        self.read = end;
        Input::Read { records, closed: end == self.case.keys.len(), behind: false }
    }

    /// Chooses the next input at random among all that can happen.
    fn next(&mut self) -> Option<Input> {
        self.steps += 1;
        let can: [bool; 4] = [
            !self.in_flight.is_empty(),
            self.poll.is_some(),
            !self.hand_overs.is_empty(),
            self.timer.is_some(),
        ];
        let possible: Vec<usize> = (0..4).filter(|n| can[*n]).collect();
        if possible.is_empty() {
            return None;
        }
        let choice =
            self.case.order[(self.steps * 7) % self.case.order.len()].index(possible.len());
        Some(match possible[choice] {
            0 => self.answer(),
            1 => {
                let limit = self.poll.take().unwrap();
                self.page(limit)
            }
            2 => {
                let (lane, from, to) = self.hand_overs.swap_remove(0);
                self.discarded.push((from, to));
                Input::HandedOver { lane }
            }
            _ => {
                self.now = self.now.max(self.timer.take().unwrap());
                Input::TimerDue
            }
        })
    }
}

fn run(case: Case) -> Result<(), TestCaseError> {
    let settings = StreamSettings {
        kind: StreamKind::Kinesis,
        source_arn: String::new(),
        function_arn: String::new(),
        batch_size: case.batch_size,
        batching_window: Duration::ZERO,
        tumbling_window: Duration::ZERO,
        lanes: case.lanes,
        report_batch_item_failures: true,
        bisect_on_error: case.bisect,
        maximum_retry_attempts: Some(case.maximum_retry_attempts),
        maximum_record_age: None,
        has_destination: case.has_destination,
        filter: None,
        time_scale: 1.0,
    };
    let all: BTreeSet<usize> = (0..case.keys.len()).collect();
    let lanes: BTreeMap<usize, usize> =
        all.iter().map(|n| (*n, OrderingKey::new(&[case.keys[*n]]).lane(case.lanes))).collect();
    let mut world = World {
        case,
        now: Moment::from_millis(0),
        read: 0,
        poll: None,
        timer: None,
        in_flight: Vec::new(),
        hand_overs: Vec::new(),
        delivered: BTreeSet::new(),
        succeeded: BTreeSet::new(),
        discarded: Vec::new(),
        failures: BTreeMap::new(),
        checkpoint: None,
        kept: None,
        closed: false,
        steps: 0,
        answers: 0,
    };
    let mut shard = world.restarted(&settings);
    while let Some(input) = world.next() {
        prop_assert!(world.steps < 10_000, "no end");
        let actions = shard.handle(input, world.now).unwrap();
        world.take(actions);
        if world.case.restarts.contains(&world.steps) {
            shard = world.restarted(&settings);
        }
    }
    prop_assert!(world.closed, "the shard did not end: {:?}", shard);
    prop_assert_eq!(&world.delivered, &all, "every record is delivered at least once");
    prop_assert_eq!(world.checkpoint, all.last().copied());
    if world.case.restarts.is_empty() {
        prop_assert_eq!(
            shard.counts().delivered + shard.counts().discarded,
            all.len() as u64,
            "each record ends once, as done or as given up"
        );
    }
    // Splits do not count, and without a destination this test cannot see when a record was given
    // up.
    if !world.case.bisect && world.case.has_destination {
        let allowed = world.case.maximum_retry_attempts + 1;
        prop_assert!(
            world.failures.values().all(|failures| *failures <= allowed),
            "more than {} attempts: {:?}",
            allowed,
            world.failures
        );
    }
    if world.case.has_destination {
        for record in all.difference(&world.succeeded) {
            prop_assert!(
                world.discarded.iter().any(|(from, to)| {
                    (from..=to).contains(&record) && lanes.get(from) == lanes.get(record)
                }),
                "record {} is neither done nor within a given-up range",
                record
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_function_answers_order_checkpoint_and_delivery_hold(case in case()) {
        run(case)?;
    }
}
