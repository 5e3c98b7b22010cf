use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::*;
use crate::batch::BatchContext;
use crate::failure::{Class, Failure};

const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

struct World {
    store: Arc<MemoryIdempotency>,
    effects: Effects,
    runs: AtomicU32,
    after_crash: AfterCrash,
}

impl World {
    fn new(after_crash: AfterCrash) -> Self {
        let store = Arc::new(MemoryIdempotency::default());
        World { effects: Effects::new(store.clone(), RETENTION), store, runs: AtomicU32::new(0), after_crash }
    }

    fn run(&self) -> EffectRun {
        EffectRun {
            key: key(),
            after_crash: self.after_crash,
            repeat: Repeat {
                function: "f".to_owned(),
                event: RawValue::from_string("{}".to_owned()).unwrap(),
            },
            arrived_at: None,
        }
    }

    async fn send(&self, fields: &str, result: Result<String, EffectError>) -> Result<Ran<String>, Failure> {
        let effect = async {
            self.runs.fetch_add(1, Ordering::Relaxed);
            result
        };
        self.effects.run(&self.run(), &fields, &context(Duration::from_secs(10)), effect).await
    }

    /// Claims the effect as a process does that dies right afterwards.
    async fn die(&self, lease: Duration) {
        let claim = Claim {
            key: key(),
            owner: "dead".to_owned(),
            lease_until: Timestamp::now().saturating_add(lease).unwrap(),
            payload_hash: super::key::payload_hash(&"x").unwrap(),
            repeat: self.run().repeat,
            take_over: false,
        };
        assert_eq!(self.store.claim(&claim).await, Ok(Claimed::Yes));
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::Relaxed)
    }
}

fn key() -> EffectKey {
    EffectKey::new("test", "mail", "7").unwrap()
}

fn context(remaining: Duration) -> BatchContext {
    BatchContext {
        request_id: "r".to_owned(),
        deadline: Instant::now() + remaining,
        lease_until: Timestamp::now().saturating_add(remaining).unwrap(),
        replay: false,
    }
}

fn not_done() -> EffectError {
    EffectError::NotDone(Failure::transient("throttled", "slow down"))
}

#[tokio::test]
async fn an_effect_runs_once_and_its_result_is_replayed() {
    let world = World::new(AfterCrash::Hold);
    assert_eq!(world.send("x", Ok("m1".to_owned())).await, Ok(Ran::Applied("m1".to_owned())));
    assert_eq!(world.send("x", Ok("m2".to_owned())).await, Ok(Ran::Duplicate(Some("m1".to_owned()))));
    assert_eq!(world.runs(), 1);
}

#[tokio::test]
async fn the_same_key_with_another_payload_is_an_error_and_leaves_the_record() {
    let world = World::new(AfterCrash::Hold);
    world.send("x", Ok("m1".to_owned())).await.unwrap();
    let failure = world.send("y", Ok("m2".to_owned())).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "payload_mismatch"));
    assert_eq!(world.send("x", Ok("m3".to_owned())).await, Ok(Ran::Duplicate(Some("m1".to_owned()))));
}

#[tokio::test]
async fn an_effect_that_did_not_take_place_is_released_at_once() {
    let world = World::new(AfterCrash::Hold);
    assert_eq!(world.send("x", Err(not_done())).await.unwrap_err().code(), "throttled");
    assert_eq!(world.send("x", Ok("m".to_owned())).await, Ok(Ran::Applied("m".to_owned())));
}

#[tokio::test]
async fn an_effect_whose_answer_was_lost_is_held_until_an_operator_releases_it() {
    let world = World::new(AfterCrash::Hold);
    let unknown = EffectError::Unknown(Failure::transient("timeout", "no answer"));
    assert_eq!(world.send("x", Err(unknown)).await, Ok(Ran::Held));
    assert_eq!(world.send("x", Ok("m".to_owned())).await, Ok(Ran::Held), "redelivery does not run it");
    let held = world.store.held().await.unwrap();
    assert_eq!((held.len(), held[0].reason.as_deref()), (1, Some("no answer")));
    assert_eq!(world.store.release_held(&held[0].key).await, Ok(true));
    assert_eq!(
        world.store.held().await.unwrap()[0].status,
        Status::Released,
        "it is listed until it has run"
    );
    assert_eq!(world.send("x", Ok("m".to_owned())).await, Ok(Ran::Applied("m".to_owned())));
    assert_eq!(world.runs(), 2);
    assert!(world.store.held().await.unwrap().is_empty());
    assert_eq!(world.store.release_held(&held[0].key).await, Ok(false), "it took place");
}

#[tokio::test(start_paused = true)]
async fn a_twin_at_work_is_waited_for_and_reported_busy_at_the_deadline() {
    let world = World::new(AfterCrash::Hold);
    world.die(Duration::from_secs(3600)).await;
    let failure = world.send("x", Ok("m".to_owned())).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Busy, "twin_running"));
    assert_eq!(world.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_result_of_a_twin_that_finishes_is_used() {
    let world = World::new(AfterCrash::Hold);
    world.die(Duration::from_secs(3600)).await;
    let finish = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let expires_at = Timestamp::now().saturating_add(RETENTION).unwrap();
        world.store.complete(&key(), "dead", Some("\"twin\""), expires_at).await
    };
    let (ran, finished) = tokio::join!(world.send("x", Ok("m".to_owned())), finish);
    assert_eq!(finished, Ok(true));
    assert_eq!(ran, Ok(Ran::Duplicate(Some("twin".to_owned()))));
}

#[tokio::test]
async fn after_a_crash_the_effect_is_held_or_run_again_as_declared() {
    for (after_crash, ran, runs) in
        [(AfterCrash::Hold, Ran::Held, 0), (AfterCrash::RunAgain, Ran::Applied("m".to_owned()), 1)]
    {
        let world = World::new(after_crash);
        world.die(Duration::ZERO).await;
        // The lease counts as over from the next millisecond on.
        while Timestamp::now() <= world.store.lease_until("test#mail#7").unwrap() {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.send("x", Ok("m".to_owned())).await, Ok(ran));
        assert_eq!(world.runs(), runs);
    }
}

#[tokio::test]
async fn a_run_that_outlived_its_lease_does_not_touch_its_successors_record() {
    let world = World::new(AfterCrash::RunAgain);
    let zombie = World {
        store: world.store.clone(),
        effects: Effects::new(world.store.clone(), RETENTION),
        runs: AtomicU32::new(0),
        after_crash: AfterCrash::RunAgain,
    };
    let overtaken = async {
        // The successor takes over while the zombie is still at work.
        assert_eq!(world.send("x", Ok("new".to_owned())).await, Ok(Ran::Applied("new".to_owned())));
        Ok("old".to_owned())
    };
    let expired = BatchContext { lease_until: Timestamp::UNIX_EPOCH, ..context(Duration::from_secs(10)) };
    let failure =
        zombie.effects.run::<String, _>(&zombie.run(), &"x", &expired, overtaken).await.unwrap_err();
    assert_eq!(failure.code(), "claim_lost");
    assert_eq!(world.send("x", Ok("third".to_owned())).await, Ok(Ran::Duplicate(Some("new".to_owned()))));
}

#[tokio::test]
async fn a_delivery_older_than_the_records_are_kept_is_held() {
    let world = World::new(AfterCrash::RunAgain);
    let run = EffectRun { arrived_at: Some(Timestamp::UNIX_EPOCH), ..world.run() };
    let ran = world
        .effects
        .run::<String, _>(&run, &"x", &context(Duration::from_secs(10)), async { Ok(String::new()) })
        .await;
    assert_eq!(ran, Ok(Ran::Held));
    assert_eq!(world.store.release_held("test#mail#7").await, Ok(true));
    let again =
        world.effects.run(&run, &"x", &context(Duration::from_secs(10)), async { Ok("m".to_owned()) }).await;
    assert_eq!(again, Ok(Ran::Applied("m".to_owned())), "an operator decided");
}

#[tokio::test]
async fn a_result_too_large_to_keep_leaves_the_effect_completed() {
    let world = World::new(AfterCrash::Hold);
    let large = "x".repeat(500_000);
    assert_eq!(world.send("x", Ok(large.clone())).await, Ok(Ran::Applied(large)));
    assert_eq!(world.send("x", Ok("m".to_owned())).await, Ok(Ran::Duplicate(None)));
}
