//! Tests that a delivery is acknowledged as held only if something else runs its effect again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, ready};
use jiff::Timestamp;
use serde_json::json;
use serde_json::value::RawValue;

use crate::batch::{
    BatchContext, Counts, Decode, EachRecord, Handled, Handler, Invocation, Runner,
};
use crate::dead_letter::MemoryDeadLetters;
use crate::failure::{Class, Failure};
use crate::idempotency::*;
use crate::source::{Delivery, Source};

const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// Runs an effect whose outcome is unknown.
struct Mails {
    effects: Effects,
    key: EffectKey,
}

impl Decode for Mails {
    type Record = ();

    fn decode(&self, _: &Delivery<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

impl Handler for Mails {
    async fn handle(&self, (): &(), context: &BatchContext) -> Result<Handled, Failure> {
        let run = EffectRun::new(self.key.clone(), AfterCrash::Hold, context);
        Ok(self.effects.run(&run, &"x", context, lost()).await?.handled())
    }
}

async fn lost() -> Result<u8, EffectError> {
    Err(EffectError::Unknown(Failure::transient("timeout", "no answer")))
}

fn key() -> EffectKey {
    EffectKey::new("test", "mail", "7").unwrap()
}

/// Returns the counts of an invocation with this event, and the effects that are held afterwards.
async fn invoke(
    effects: &Effects,
    store: &MemoryIdempotency,
    source: Source,
    event: &str,
) -> (Counts, HeldEffect) {
    let handler = EachRecord::new(Mails { effects: effects.clone(), key: key() }, 1);
    let runner = Runner::new(source, handler, "mailer", Arc::new(MemoryDeadLetters::default()));
    let event = RawValue::from_string(event.to_owned()).unwrap();
    let report = runner.run(Invocation::new(&event, Duration::from_secs(10))).await;
    (report.counts, store.waiting(key().as_str()).await.unwrap().expect("it is held"))
}

fn world() -> (Arc<MemoryIdempotency>, Effects) {
    let store = Arc::new(MemoryIdempotency::default());
    (Arc::clone(&store), Effects::new(store, "test", RETENTION))
}

fn held() -> Counts {
    Counts { held: 1, ..Counts::default() }
}

fn failed() -> Counts {
    Counts { failed: 1, ..Counts::default() }
}

/// Creates a queue message of this many bytes.
fn message(bytes: usize) -> String {
    json!({ "Records": [{ "messageId": "m", "body": "x".repeat(bytes) }] }).to_string()
}

#[tokio::test]
async fn a_handler_that_says_nothing_of_it_keeps_the_event_of_its_delivery_alone() {
    let (store, effects) = world();
    let event = r#"{"Records":[{"messageId":"m1","body":"1.50"}]}"#;
    let (counts, effect) = invoke(&effects, &store, Source::Sqs, event).await;
    let repeat = effect.repeat.unwrap();
    assert_eq!((counts, repeat.function.as_str()), (held(), "mailer"));
    assert_eq!(repeat.inline().unwrap().get(), event, "as it came, number for number");

    let (store, effects) = world();
    let event = r#"{"id":"e","source":"s","detail-type":"t","detail":{"n":1.50}}"#;
    let (counts, effect) = invoke(&effects, &store, Source::EventBridge, event).await;
    assert_eq!((counts, effect.repeat.unwrap().inline().unwrap().get()), (held(), event));
}

#[derive(Default)]
struct Objects {
    put: Mutex<Vec<String>>,
    down: bool,
}

impl LargeEvents for Objects {
    fn put<'a>(
        &'a self,
        name: &'a str,
        _: &'a RawValue,
    ) -> BoxFuture<'a, Result<RepeatEvent, Failure>> {
        self.put.lock().unwrap().push(name.to_owned());
        let object = RepeatEvent::Object { bucket: "letters".to_owned(), key: name.to_owned() };
        ready(if self.down { Err(Failure::transient("event_bucket", "down")) } else { Ok(object) })
            .boxed()
    }
}

#[tokio::test]
async fn an_event_too_large_for_a_record_goes_to_the_bucket_and_else_its_delivery_comes_again() {
    let large = message(Repeat::INLINE_LIMIT);
    for (objects, kept) in [(Some(false), true), (Some(true), false), (None, false)] {
        let (store, mut effects) = world();
        let objects = objects.map(|down| Arc::new(Objects { down, ..Objects::default() }));
        if let Some(objects) = &objects {
            effects = effects.large_events(Arc::<Objects>::clone(objects));
        }
        for _ in 0..2 {
            let (counts, effect) = invoke(&effects, &store, Source::Sqs, &large).await;
            assert_eq!(
                counts,
                if kept { held() } else { failed() },
                "held in the record, in any case"
            );
            match effect.repeat.map(|repeat| repeat.event) {
                Some(RepeatEvent::Object { bucket, .. }) if kept => assert_eq!(bucket, "letters"),
                None if !kept => {}
                other => panic!("{other:?}"),
            }
        }
        let names = objects.map(|objects| objects.put.lock().unwrap().clone());
        let is_own = |name: &String| name.starts_with("held/mailer/") && name.ends_with(".json");
        assert!(
            names.is_none_or(|names| !names.is_empty()
                && names.iter().all(|name| *name == names[0] && is_own(name)))
        );
    }
    let (store, effects) = world();
    let small = message(Repeat::INLINE_LIMIT - 100);
    assert_eq!(invoke(&effects, &store, Source::Sqs, &small).await.0, held());
}

/// Runs the effect without time for a twin, and returns how it ended.
async fn run(effects: &Effects, run: &EffectRun) -> Result<Ran<u8>, &'static str> {
    let ran = effects.run(run, &"x", Lease::new(Duration::from_secs(10)), lost()).await;
    ran.map_err(|failure| {
        assert_eq!((failure.class(), failure.code()), (Class::Transient, "no_event"));
        "no_event"
    })
}

#[tokio::test]
async fn a_run_that_nothing_repeats_fails_where_it_would_be_held_and_a_later_one_brings_the_event()
{
    let (store, effects) = world();
    let whole_batch = BatchContext::new(Duration::from_secs(10));
    let forgotten = EffectRun::new(key(), AfterCrash::Hold, &whole_batch);
    let given = || {
        let event = RawValue::from_string("{}".to_owned()).unwrap();
        forgotten.clone().repeated_by(Repeat::new("f", event))
    };
    let waiting = async || store.waiting(key().as_str()).await.unwrap().unwrap();
    assert_eq!(run(&effects, &forgotten).await, Err("no_event"), "its own outcome is unknown");
    assert_eq!(run(&effects, &forgotten).await, Err("no_event"), "found held");
    let client = EffectRun::for_request(key(), AfterCrash::Hold);
    assert_eq!(run(&effects, &client).await, Ok(Ran::Held), "a client asks again by itself");
    assert!(waiting().await.repeat.is_none());
    let reason = waiting().await.reason;
    assert_eq!(run(&effects, &given()).await, Ok(Ran::Held));
    assert_eq!(
        (waiting().await.repeat.is_some(), waiting().await.reason),
        (true, reason),
        "why it is held stays"
    );
    assert_eq!(run(&effects, &forgotten).await, Ok(Ran::Held), "now there is one");
}

#[tokio::test]
async fn an_orphan_is_held_with_the_event_of_the_delivery_that_finds_it_and_of_no_other_payload() {
    let event = RawValue::from_string("{}".to_owned()).unwrap();
    let given =
        EffectRun::for_request(key(), AfterCrash::Hold).repeated_by(Repeat::new("f", event));
    let forgotten = EffectRun::new(key(), AfterCrash::Hold, &BatchContext::new(Duration::ZERO));
    let (store, effects) = world();
    let dead = Claim {
        key: key(),
        owner: "dead".to_owned(),
        lease_until: Timestamp::UNIX_EPOCH,
        payload_hash: PayloadHash::new(&"x").unwrap(),
        take_over: false,
    };
    assert_eq!(store.claim(&dead).await, Ok(Claimed::Yes));
    let lease = Lease::new(Duration::from_secs(10));
    let other = effects.run::<u8, _>(&given, &"y", lease, lost()).await.unwrap_err();
    assert_eq!(other.code(), "payload_mismatch");
    let left = store.waiting(key().as_str()).await.unwrap().unwrap();
    assert_eq!(
        (left.status, left.repeat.is_some()),
        (Status::InProgress, false),
        "another's event is not kept"
    );
    assert_eq!(run(&effects, &forgotten).await, Err("no_event"));
    assert_eq!(run(&effects, &given).await, Ok(Ran::Held));
    let other = effects.run::<u8, _>(&given, &"y", lease, lost()).await.unwrap_err();
    assert_eq!(other.code(), "payload_mismatch");
    assert!(store.waiting(key().as_str()).await.unwrap().unwrap().repeat.is_some());
}

#[tokio::test]
async fn an_effect_that_an_operator_released_without_an_event_is_held_again_with_that_of_its_late_run()
 {
    let (store, effects) = world();
    let event = RawValue::from_string("{}".to_owned()).unwrap();
    let run = EffectRun::for_request(key(), AfterCrash::Hold).repeated_by(Repeat::new("f", event));
    let over = Lease { until: Timestamp::UNIX_EPOCH, ..Lease::new(Duration::from_secs(10)) };
    let late = async {
        assert_eq!(store.release_held(key().as_str()).await, Ok(true), "its lease is over");
        lost().await
    };
    assert_eq!(effects.run::<u8, _>(&run, &"x", over, late).await, Ok(Ran::Held));
    let held = store.waiting(key().as_str()).await.unwrap().unwrap();
    assert_eq!((held.status, held.repeat.is_some()), (Status::Held, true));
}

#[tokio::test]
async fn a_reason_of_any_length_is_kept_shortened() {
    let (store, effects) = world();
    let long =
        async { Err(EffectError::Unknown(Failure::transient("timeout", "ä".repeat(1_000_000)))) };
    let run = EffectRun::for_request(key(), AfterCrash::Hold);
    assert_eq!(
        effects.run::<u8, _>(&run, &"x", Lease::new(Duration::from_secs(10)), long).await,
        Ok(Ran::Held)
    );
    let reason = store.waiting(key().as_str()).await.unwrap().unwrap().reason.unwrap();
    assert_eq!(reason.chars().count(), 2001);
}
