//! Tests the limits of age and repetition after which a delivery becomes a dead letter.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use proptest::prelude::*;
use serde_json::json;
use serde_json::value::RawValue;

use super::*;
use crate::batch::{
    BatchContext, Decode, EachRecord, Handled, Handler, Invocation, Report, Runner,
};
use crate::dead_letter::MemoryDeadLetters;
use crate::test::{DynamoDbEvent, KinesisEvent};

const HOUR: i64 = 3600;
/// Start of every test, in seconds since 1970.
const START: i64 = 1_800_000_000;

/// Ends as the record's code says: `ok`, or a failure with this code.
struct Coded;

impl Decode for Coded {
    type Record = String;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<String, Failure> {
        // A table change has no bytes, and fails with `later`.
        Ok(delivery.bytes().map_or("later".into(), String::from_utf8_lossy).into_owned())
    }
}

impl Handler for Coded {
    async fn handle(&self, code: &String, _: &BatchContext) -> Result<Handled, Failure> {
        match code.as_str() {
            "ok" => Ok(Handled::Applied),
            "busy" => Err(Failure::busy("twin", "")),
            code => Err(Failure::transient(code.to_owned(), "")),
        }
    }
}

/// A mapping with a record age of six hours and `dead_letter_after` of three hours.
struct World {
    now: Arc<AtomicI64>,
    letters: Arc<MemoryDeadLetters>,
    after: i64,
    record_age: Option<i64>,
}

type Environment = Runner<EachRecord<Coded>>;

fn world() -> World {
    World {
        now: Arc::new(AtomicI64::new(START)),
        letters: Arc::default(),
        after: 3 * HOUR,
        record_age: Some(6 * HOUR),
    }
}

impl World {
    fn environment_of(&self, source: Source) -> Environment {
        let seconds = |seconds: i64| Duration::from_secs(u64::try_from(seconds).unwrap());
        let now = Arc::clone(&self.now);
        Runner::new(
            source,
            EachRecord::new(Coded, 4),
            "probe",
            Arc::<MemoryDeadLetters>::clone(&self.letters),
        )
        .dead_letter_after(Some(seconds(self.after)))
        .maximum_record_age(self.record_age.map(seconds))
        .clock(move || moment(now.load(Ordering::Relaxed)))
    }

    fn environment(&self) -> Environment {
        self.environment_of(Source::Kinesis)
    }

    /// Sets the time to this number of seconds after [`START`].
    fn at(&self, seconds: i64) -> &Self {
        self.now.store(START + seconds, Ordering::Relaxed);
        self
    }

    /// Delivers a record that arrived at [`START`] to an environment.
    ///
    /// Returns whether it became a letter.
    async fn deliver(&self, environment: &Environment, code: &str) -> bool {
        let event = KinesisEvent::new().arrived_at(moment(START)).record("key", code).build();
        self.hand(environment, &event).await
    }

    async fn hand(&self, environment: &Environment, event: &RawValue) -> bool {
        let before = self.letters.letters().len();
        run(environment, event).await;
        self.letters.letters().len() > before
    }
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

async fn run(environment: &Environment, event: &RawValue) -> Report {
    environment.run(Invocation::new(event, Duration::from_secs(30))).await
}

#[tokio::test]
async fn after_a_pause_no_first_failure_of_any_kind_is_final() {
    for code in ["throttled", "deadline", "version_conflict", "busy", "later", Failure::NEWER] {
        let world = world();
        let environment = world.environment();
        assert!(!world.at(4 * HOUR).deliver(&environment, code).await, "{code}");
        assert!(!world.at(4 * HOUR + 1).deliver(&environment, code).await, "{code}");
        world.at(4 * HOUR + 2).deliver(&environment, "ok").await;
        assert!(world.letters.letters().is_empty(), "{code}");
    }
}

#[tokio::test]
async fn the_third_failure_a_minute_after_the_second_gives_up_a_record_that_is_old_enough() {
    let world = world();
    let environment = world.environment();
    for at in [0, 60, 120, 3 * HOUR] {
        assert!(!world.at(at).deliver(&environment, "later").await, "{at}: not old");
    }
    for at in [1, 30, 61, 90, 120] {
        assert!(
            !world.at(3 * HOUR + at).deliver(&environment, "later").await,
            "{at}: too few or too close"
        );
    }
    assert!(world.at(3 * HOUR + 121).deliver(&environment, "later").await);
    assert_eq!(world.letters.letters()[0].code, "later");
}

#[tokio::test]
async fn failures_before_a_success_do_not_count() {
    let world = world();
    let environment = world.environment();
    for (at, code) in [(1, "later"), (61, "later"), (62, "ok"), (121, "later"), (181, "later")] {
        assert!(!world.at(3 * HOUR + at).deliver(&environment, code).await, "{at}");
    }
}

#[tokio::test]
async fn failures_at_the_same_position_of_another_table_do_not_count() {
    let world = world();
    let environment = world.environment_of(Source::DynamoDb);
    for (at, table) in [(1, "orders"), (61, "orders"), (121, "payments"), (181, "payments")] {
        let event = DynamoDbEvent::new(["id"]).table(table).created_at(moment(START));
        let event = event.insert(&json!({ "id": "1" })).unwrap().build();
        assert!(!world.at(3 * HOUR + at).hand(&environment, &event).await, "{table} at {at}");
    }
}

#[tokio::test]
async fn load_and_lost_races_give_up_a_record_in_the_last_twelfth_of_its_age_alone() {
    for code in
        ["throttled", "deadline", "guard_moved", "transaction_conflict", "claim_lost", "busy"]
    {
        let world = world();
        let environment = world.environment();
        let last = 6 * HOUR * 11 / 12;
        for at in (0..last).step_by(60) {
            assert!(!world.at(at).deliver(&environment, code).await, "{code} at {at}");
        }
        assert!(!world.at(last).deliver(&environment, code).await, "{code}: the first one");
        assert!(!world.at(last + 59).deliver(&environment, code).await, "{code}: too close");
        assert!(world.at(last + 60).deliver(&environment, code).await, "{code}");
    }
}

#[tokio::test]
async fn a_fresh_environment_tries_twice_however_little_time_is_left() {
    let world = world();
    let environment = world.environment();
    assert!(!world.at(6 * HOUR - 20).deliver(&environment, "throttled").await);
    assert!(world.at(6 * HOUR - 19).deliver(&environment, "throttled").await);
}

#[tokio::test]
async fn a_record_older_than_the_limit_belongs_to_another_mapping() {
    let world = world();
    let environment = world.environment();
    for minute in 0..120 {
        assert!(!world.at(7 * HOUR + 60 * minute).deliver(&environment, "throttled").await);
    }
    for minute in 0..2 {
        assert!(!world.at(10 * HOUR + 60 * minute).deliver(&environment, "later").await);
    }
    assert!(
        world.at(10 * HOUR + 120).deliver(&environment, "later").await,
        "repetition holds for it too"
    );
}

#[tokio::test]
async fn without_a_known_limit_throttles_never_become_letters() {
    let world = World { record_age: None, ..world() };
    let environment = world.environment();
    for minute in 0..24 * 60 {
        assert!(!world.at(60 * minute).deliver(&environment, "throttled").await);
    }
}

#[tokio::test]
async fn short_ages_have_short_spacings() {
    let world = World { after: 30, record_age: Some(60), ..world() };
    let environment = world.environment();
    for at in [31, 33, 34, 36] {
        assert!(!world.at(at).deliver(&environment, "later").await, "{at}");
    }
    assert!(world.at(37).deliver(&environment, "later").await);
}

#[tokio::test]
async fn a_record_of_unknown_age_is_as_old_as_it_is_known_to_fail() {
    let world = world();
    let environment = world.environment_of(Source::DynamoDb);
    let event = json!({ "Records": [{ "eventID": "e", "eventName": "INSERT", "dynamodb": {
        "Keys": { "k": { "S": "key" } }, "SequenceNumber": "1",
    } }] });
    let event = RawValue::from_string(event.to_string()).unwrap();
    let mut lettered = None;
    for minute in 0..400 {
        if world.at(60 * minute).hand(&environment, &event).await {
            lettered.get_or_insert(minute);
        }
    }
    assert_eq!(lettered, Some(183), "three failures, and the first of them after three hours");
}

fn message(first_receive: i64, receives: u32, body: &str) -> Box<RawValue> {
    let event = json!({ "Records": [{ "messageId": "m", "body": body, "attributes": {
        "SentTimestamp": (START * 1000).to_string(),
        "ApproximateReceiveCount": receives.to_string(),
        "ApproximateFirstReceiveTimestamp": ((START + first_receive) * 1000).to_string(),
    } }] });
    RawValue::from_string(event.to_string()).unwrap()
}

#[tokio::test]
async fn receives_of_a_queue_count_wherever_they_went() {
    let world = world();
    let first = 4 * HOUR;
    for (at, receives, code, lettered) in [
        (first, 1, "later", false),
        (first + 360, 2, "later", false),
        (first + 119, 3, "later", false),
        (first + 120, 3, "throttled", false),
        (first + 120, 3, "later", true),
    ] {
        // Each receive goes to another environment.
        let environment = world.environment_of(Source::Sqs);
        let event = message(first, receives, code);
        assert_eq!(
            world.at(at).hand(&environment, &event).await,
            lettered,
            "receive {receives} at {at}: {code}"
        );
    }
}

/// One attempt: the time since the last one, its environment, and how it ends.
#[derive(Clone, Debug)]
struct Try {
    gap: i64,
    environment: u8,
    code: &'static str,
}

fn tries(
    codes: &'static [&'static str],
    gap: std::ops::RangeInclusive<i64>,
    environments: u8,
) -> impl Strategy<Value = Vec<Try>> {
    let one = (gap, 0..environments, prop::sample::select(codes));
    let one = one.prop_map(|(gap, environment, code)| Try { gap, environment, code });
    prop::collection::vec(one, 1..400)
}

/// Delivers the record until it becomes a letter. Returns the number of attempts.
fn until_lettered(world: &World, tries: &[Try], from: i64) -> Option<usize> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut environments: BTreeMap<u8, Environment> = BTreeMap::new();
        let mut at = from;
        for (number, one) in tries.iter().enumerate() {
            at += one.gap;
            let environment =
                environments.entry(one.environment).or_insert_with(|| world.environment());
            if world.at(at).deliver(environment, one.code).await {
                return Some(number);
            }
        }
        None
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Attempts are at most a minute apart.
    ///
    /// Take the first attempt of every two minutes: of 2n + 1 such attempts, three belong to one of
    /// n environments, and they are a minute or more apart.
    #[test]
    fn a_poison_record_becomes_a_letter_before_its_source_discards_it_if_environments_live_long_enough(
        tries in tries(&["later", "panic", Failure::NEWER], 1..=60, 4),
        pause in 0..2 * HOUR,
    ) {
        let world = world();
        let from = 3 * HOUR + pause;
        let environments = tries.iter().map(|one| one.environment).collect::<std::collections::BTreeSet<_>>().len();
        let within = i64::try_from(2 * environments + 1).unwrap() * 120;
        let lasts: i64 = tries.iter().map(|one| one.gap).sum();
        let lettered = until_lettered(&world, &tries, from);
        if lasts >= within {
            prop_assert!(lettered.is_some());
        }
        if lettered.is_some() {
            let age = world.now.load(Ordering::Relaxed) - START;
            prop_assert!(age <= from + within, "it took {} s of {}", age - from, within);
            prop_assert!(age < 6 * HOUR);
        }
    }

    #[test]
    fn no_record_becomes_a_letter_without_repetition_in_one_environment(
        tries in tries(&["later", "throttled", "deadline", "busy", "ok"], 1..=900, 3),
        from in 0..6 * HOUR,
    ) {
        let world = world();
        if let Some(last) = until_lettered(&world, &tries, from) {
            let mut at = from;
            let moments: Vec<(i64, &Try)> = tries[..=last].iter().map(|one| { at += one.gap; (at, one) }).collect();
            let (end, given_up) = moments[last];
            prop_assert_ne!(given_up.code, "ok");
            let of_it: Vec<&(i64, &Try)> =
                moments.iter().filter(|(_, one)| one.environment == given_up.environment).collect();
            let since_success = of_it.rsplit(|(_, one)| one.code == "ok").next().unwrap();
            let ordinary: Vec<i64> = since_success
                .iter()
                .filter(|(at, one)| one.code == "later" && *at > 3 * HOUR)
                .map(|(at, _)| *at)
                .collect();
            let repeated = given_up.code == "later" && ordinary.len() >= 3 && end - ordinary[0] >= 120;
            let late = since_success.iter().filter(|(at, _)| *at >= 6 * HOUR * 11 / 12).count();
            prop_assert!(repeated || late >= 2, "{moments:?}");
        }
    }
}
