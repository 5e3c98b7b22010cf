//! Shows that known ways in which other batch utilities lose or repeat records do not occur here.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use serde_json::value::RawValue;

use crate::batch::*;
use crate::dead_letter::MemoryDeadLetters;
use crate::failure::Failure;
use crate::source::{Delivery, Source};

/// Stores each record once under its key. Some records fail a number of times first.
#[derive(Clone, Default)]
struct Once {
    effects: Arc<Mutex<BTreeMap<String, Vec<u64>>>>,
    runs: Arc<Mutex<Vec<u64>>>,
    failures_left: Arc<Mutex<BTreeMap<u64, u32>>>,
}

impl Decode for Once {
    type Record = (String, u64);

    fn decode(&self, delivery: &Delivery<'_>) -> Result<(String, u64), Failure> {
        Ok((delivery.ordering_key.clone(), delivery.item.as_deref().unwrap_or_default().parse()?))
    }
}

impl Handler for Once {
    async fn handle(
        &self,
        (key, number): &(String, u64),
        _: &BatchContext,
    ) -> Result<Handled, Failure> {
        self.runs.lock().unwrap().push(*number);
        tokio::task::yield_now().await;
        if let Some(left) =
            self.failures_left.lock().unwrap().get_mut(number).filter(|left| **left > 0)
        {
            *left -= 1;
            return Err(Failure::transient("later", "not yet"));
        }
        let mut effects = self.effects.lock().unwrap();
        let of_key = effects.entry(key.clone()).or_default();
        if of_key.contains(number) {
            return Ok(Handled::Duplicate);
        }
        of_key.push(*number);
        Ok(Handled::Applied)
    }
}

fn kinesis_event(records: &[(u64, String)]) -> Box<RawValue> {
    let records: Vec<_> = records
        .iter()
        .map(|(number, key)| {
            json!({ "eventID": format!("shard:{number}"), "kinesis": {
                "sequenceNumber": number.to_string(), "partitionKey": key, "data": "",
                "approximateArrivalTimestamp": 1_545_084_650.0,
            } })
        })
        .collect();
    RawValue::from_string(json!({ "Records": records }).to_string()).unwrap()
}

fn queue_event(messages: &[(u64, String)]) -> Box<RawValue> {
    let records: Vec<_> = messages
        .iter()
        .map(|(number, group)| json!({ "messageId": number.to_string(), "body": "", "attributes": { "MessageGroupId": group } }))
        .collect();
    RawValue::from_string(json!({ "Records": records }).to_string()).unwrap()
}

async fn failed<H: Handler>(runner: &Runner<EachRecord<H>>, event: &RawValue) -> Vec<u64> {
    let invocation =
        Invocation { event, request_id: "r", remaining: Duration::from_secs(60), replay: false };
    let response = runner.run(invocation).await.response.unwrap();
    response.items().map(|item| item.parse().unwrap()).collect()
}

fn runner(source: Source, handler: &Once, concurrency: usize) -> Runner<EachRecord<Once>> {
    let letters = Arc::new(MemoryDeadLetters::default());
    Runner::new(source, EachRecord::new(handler.clone(), concurrency), "probe", letters)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Delivers a shard as Lambda does, from each checkpoint on, until nothing is left.
    #[test]
    fn hole_q_nothing_behind_a_failure_in_its_lane_runs_and_every_record_takes_effect_once_in_order(
        keys in prop::collection::vec(0..4_u8, 1..20),
        failing in prop::collection::btree_map(8..28_u64, 1..4_u32, 0..5),
        batch in 1..8_usize,
        concurrency in 1..5_usize,
    ) {
        let shard: Vec<(u64, String)> =
            (8_u64..).zip(&keys).map(|(number, key)| (number, format!("key {key}"))).collect();
        let handler = Once::default();
        *handler.failures_left.lock().unwrap() = failing.clone();
        let runner = runner(Source::Kinesis, &handler, concurrency);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut checkpoint = 0;
        let mut invocations = 0;
        while checkpoint < shard.len() {
            let end = (checkpoint + batch).min(shard.len());
            let failing_before = handler.failures_left.lock().unwrap().clone();
            handler.runs.lock().unwrap().clear();
            let failed = runtime.block_on(failed(&runner, &kinesis_event(&shard[checkpoint..end])));
            let runs: HashSet<u64> = handler.runs.lock().unwrap().iter().copied().collect();
            let mut stopped = HashSet::new();
            for (number, key) in &shard[checkpoint..end] {
                prop_assert_eq!(runs.contains(number), !stopped.contains(key), "record {}", number);
                if failing_before.get(number).is_some_and(|left| *left > 0) {
                    stopped.insert(key.clone());
                }
            }
            checkpoint = match failed[..] {
                [] => end,
                [lowest] => shard.iter().position(|(number, _)| *number == lowest).unwrap(),
                _ => return Err(TestCaseError::fail("a stream takes one checkpoint")),
            };
            invocations += 1;
            prop_assert!(invocations < 200, "it never ends");
        }
        let mut wanted: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (number, key) in shard {
            wanted.entry(key).or_default().push(number);
        }
        prop_assert_eq!(&*handler.effects.lock().unwrap(), &wanted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hole_r_no_failed_message_is_forgotten_however_many_fail_at_a_time() {
    let handler = Once::default();
    let failing = (0..2000).filter(|number| number % 3 == 0);
    *handler.failures_left.lock().unwrap() = failing.clone().map(|number| (number, 1)).collect();
    let runner = Arc::new(runner(Source::Sqs, &handler, 256));
    let messages: Vec<(u64, String)> =
        (0..2000).map(|number| (number, format!("group {number}"))).collect();
    // Half of the messages goes to each of two invocations in one process, as with managed
    // instances.
    let halves: Vec<_> = messages
        .chunks(1000)
        .map(|half| {
            let (runner, event) = (Arc::clone(&runner), queue_event(half));
            tokio::spawn(async move { failed(&runner, &event).await })
        })
        .collect();
    let mut reported = Vec::new();
    for half in halves {
        reported.extend(half.await.unwrap());
    }
    assert_eq!(reported, failing.collect::<Vec<_>>());
}

#[tokio::test]
async fn hole_s_a_group_that_failed_is_open_again_in_the_next_invocation_of_a_warm_function() {
    let handler = Once::default();
    handler.failures_left.lock().unwrap().insert(1, 1);
    let runner = runner(Source::Sqs, &handler, 4);
    let group = |number| (number, "g".to_owned());
    assert_eq!(failed(&runner, &queue_event(&[group(1), group(2)])).await, [1, 2]);
    assert_eq!(
        failed(&runner, &queue_event(&[group(1), group(2), group(3)])).await,
        [] as [u64; 0]
    );
    assert_eq!(handler.effects.lock().unwrap()["g"], [1, 2, 3]);
}
