//! Tests effects that are delivered twice, fail, or lose their run.

mod effect;
mod held;
mod holes;
mod protocol;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::batch::BatchContext;
use crate::failure::{Class, Failure};
use crate::idempotency::*;
use holes::{Fault, Watched, each_hole};

macro_rules! in_memory {
    ($($hole:ident)*) => {
        $(#[tokio::test]
        async fn $hole() {
            holes::$hole(Arc::new(MemoryIdempotency::default())).await;
        })*
    };
}
each_hole!(in_memory);

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
        Self {
            effects: Effects::new(Arc::<MemoryIdempotency>::clone(&store), "test", RETENTION),
            store,
            runs: AtomicU32::new(0),
            after_crash,
        }
    }

    fn run(&self) -> EffectRun {
        let event = RawValue::from_string("{}".to_owned()).unwrap();
        EffectRun::for_request(key(), self.after_crash).repeated_by(Repeat::new("f", event))
    }

    async fn send(
        &self,
        fields: &str,
        result: Result<String, EffectError>,
    ) -> Result<Ran<String>, Failure> {
        let effect = async {
            self.runs.fetch_add(1, Ordering::Relaxed);
            result
        };
        self.effects.run(&self.run(), &fields, &context(Duration::from_secs(10)), effect).await
    }

    /// Claims the effect like a process that dies right afterwards.
    async fn die(&self, lease: Duration) {
        assert_eq!(self.store.claim(&claim(lease)).await, Ok(Claimed::Yes));
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::Relaxed)
    }

    async fn held(&self) -> Vec<HeldEffect> {
        self.store.held(None).await.unwrap().effects
    }
}

fn claim(lease: Duration) -> Claim {
    Claim {
        key: key(),
        owner: "dead".to_owned(),
        lease_until: Timestamp::now().saturating_add(lease).unwrap(),
        payload_hash: PayloadHash::new(&"x").unwrap(),
        take_over: false,
    }
}

fn key() -> EffectKey {
    EffectKey::new("test", "mail", "7").unwrap()
}

fn context(remaining: Duration) -> BatchContext {
    BatchContext {
        deadline: Instant::now() + remaining,
        lease_until: Timestamp::now().saturating_add(remaining).unwrap(),
        ..BatchContext::new(remaining)
    }
}

fn not_done() -> EffectError {
    EffectError::NotDone(Failure::transient("throttled", "slow down"))
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
    assert_eq!(
        world.send("x", Ok("m".to_owned())).await,
        Ok(Ran::Held),
        "redelivery does not run it"
    );
    let held = world.held().await;
    assert_eq!((held.len(), held[0].reason.as_deref()), (1, Some("no answer")));
    assert_eq!(world.store.release_held(&held[0].key).await, Ok(true));
    assert_eq!(world.held().await[0].status, Status::Released, "it is listed until it has run");
    assert_eq!(world.send("x", Ok("m".to_owned())).await, Ok(Ran::Applied("m".to_owned())));
    assert_eq!(world.runs(), 2);
    assert!(world.held().await.is_empty());
    assert_eq!(world.store.release_held(&held[0].key).await, Ok(false), "it took place");
}

#[tokio::test]
async fn an_effect_whose_answer_was_lost_is_given_back_where_it_may_run_again() {
    let world = World::new(AfterCrash::RunAgain);
    let unknown = EffectError::Unknown(Failure::transient("timeout", "no answer"));
    assert_eq!(world.send("x", Err(unknown)).await.unwrap_err().code(), "timeout");
    assert_eq!(world.send("x", Ok("m".to_owned())).await, Ok(Ran::Applied("m".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn an_effect_is_tried_to_be_recorded_until_the_deadline_and_three_times_at_least() {
    let watched = Watched::new(Arc::new(MemoryIdempotency::default()));
    let effects = Effects::new(Arc::<Watched>::clone(&watched), "test", RETENTION);
    // Pauses double from 20 to 500 ms; the deadline is a tenth of the time before its end.
    for (time, attempts, waited) in [(10_000, 22, 8620), (1, 3, 60)] {
        watched.will("complete", Fault::Unreached, attempts + 1);
        let (begun, before) = (Instant::now(), watched.calls("complete"));
        let run = EffectRun::for_request(effects.key("mail", &time).unwrap(), AfterCrash::Hold);
        let lease = Lease::new(Duration::from_millis(time));
        let failed = effects.run::<u8, _>(&run, &"x", lease, async { Ok(7) }).await;
        assert_eq!(failed.unwrap_err().code(), "not_recorded");
        assert_eq!(watched.calls("complete") - before, attempts);
        assert_eq!(begun.elapsed(), Duration::from_millis(waited));
    }
}

#[tokio::test(start_paused = true)]
async fn a_twin_at_work_is_waited_for_and_reported_busy_at_the_deadline() {
    let world = World::new(AfterCrash::Hold);
    world.die(Duration::from_secs(3600)).await;
    let failure = world.send("x", Ok("m".to_owned())).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Busy, "twin_running"));
    assert_eq!(world.runs(), 0);
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
async fn a_delivery_older_than_the_records_are_kept_is_held() {
    let world = World::new(AfterCrash::RunAgain);
    let run = world.run().arrived_at(Some(Timestamp::UNIX_EPOCH));
    let ran = world
        .effects
        .run::<String, _>(&run, &"x", &context(Duration::from_secs(10)), async {
            Ok(String::new())
        })
        .await;
    assert_eq!(ran, Ok(Ran::Held));
    assert_eq!(world.store.release_held("test#mail#7").await, Ok(true));
    let again = world
        .effects
        .run(&run, &"x", &context(Duration::from_secs(10)), async { Ok("m".to_owned()) })
        .await;
    assert_eq!(again, Ok(Ran::Applied("m".to_owned())), "an operator decided");
}

#[tokio::test]
async fn a_lost_answer_to_ones_own_write_is_no_conflict() {
    let store = Arc::new(MemoryIdempotency::default());
    let lossy = Watched::new(Arc::<MemoryIdempotency>::clone(&store));
    for write in [
        "claim",
        "complete",
        "release",
        "extend",
        "hold",
        "hold_orphan",
        "complete_held",
        "release_held",
    ] {
        lossy.will(write, Fault::SentAgain, 10);
    }
    holes::a_lost_answer_to_ones_own_write_is_no_conflict(lossy, store).await;
}

#[tokio::test]
async fn a_run_whose_answers_are_all_lost_ends_well() {
    let store = Arc::new(MemoryIdempotency::default());
    let lossy = Watched::new(Arc::<MemoryIdempotency>::clone(&store));
    let effects = Effects::new(Arc::<Watched>::clone(&lossy), "test", RETENTION);
    let run = EffectRun::for_request(key(), AfterCrash::Hold);
    let send = async |result: Result<&str, EffectError>| {
        let effect = async { result.map(str::to_owned) };
        effects.run(&run, &"x", Lease::new(Duration::from_secs(10)), effect).await
    };
    lossy.will("claim", Fault::AnswerLost, 1);
    assert_eq!(send(Ok("m")).await.unwrap_err().code(), "injected");
    assert_eq!(store.lease_until(key().as_str()), None, "the claim was given back");
    lossy.will("release", Fault::AnswerLost, 1);
    assert_eq!(send(Err(not_done())).await.unwrap_err().code(), "throttled");
    lossy.will("complete", Fault::AnswerLost, 1);
    assert_eq!(send(Ok("m")).await, Ok(Ran::Applied("m".to_owned())));
}

#[tokio::test]
async fn the_owner_completes_a_claim_that_was_held_or_released_meanwhile() {
    for released in [false, true] {
        let world = World::new(AfterCrash::Hold);
        let over = Lease { until: Timestamp::UNIX_EPOCH, ..Lease::new(Duration::from_secs(10)) };
        let held = async {
            assert_eq!(world.send("x", Ok("other".to_owned())).await, Ok(Ran::Held));
            if released {
                assert_eq!(world.store.release_held("test#mail#7").await, Ok(true));
            }
            Ok("late".to_owned())
        };
        let ran = world.effects.run::<String, _>(&world.run(), &"x", over, held).await;
        assert_eq!(ran, Ok(Ran::Applied("late".to_owned())));
        let again = world.send("x", Ok("other".to_owned())).await;
        assert_eq!(again, Ok(Ran::Duplicate(Kept::Result("late".to_owned()))));
        assert!(world.held().await.is_empty());
    }
}

#[tokio::test]
async fn a_lease_that_was_extended_is_not_put_on_hold() {
    let world = World::new(AfterCrash::Hold);
    world.die(Duration::ZERO).await;
    let later = Timestamp::now().saturating_add(Duration::from_secs(60)).unwrap();
    assert_eq!(world.store.extend(&key(), "dead", later).await, Ok(true));
    assert_eq!(world.store.hold_orphan(&key(), "dead", "why", None).await, Ok(false));
    assert_eq!(
        world.store.extend(&key(), "dead", Timestamp::UNIX_EPOCH).await,
        Ok(true),
        "nothing to do"
    );
    assert_eq!(world.store.lease_until("test#mail#7"), Some(later), "a lease is never shortened");
}

#[tokio::test(start_paused = true)]
async fn a_twin_is_waited_for_no_longer_than_asked_for() {
    let world = World::new(AfterCrash::Hold);
    world.die(Duration::from_secs(3600)).await;
    let effects = world.effects.clone().wait_at_most(Duration::from_secs(2));
    let begun = Instant::now();
    let effect = async { Ok(String::new()) };
    let busy = effects.run(&world.run(), &"x", &context(Duration::from_secs(900)), effect).await;
    assert_eq!(busy.unwrap_err().class(), Class::Busy);
    let waited = begun.elapsed();
    assert!(waited > Duration::from_secs(1) && waited <= Duration::from_secs(2), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_effect_keeps_its_claim_by_a_heartbeat() {
    let watched = Watched::new(Arc::new(MemoryIdempotency::default()));
    let effects = Effects::new(Arc::<Watched>::clone(&watched), "test", RETENTION);
    let beating = EffectRun::for_request(key(), AfterCrash::Hold).heartbeat(Duration::from_secs(3));
    let send = async |run: &EffectRun| {
        let effect = async {
            tokio::time::sleep(Duration::from_millis(10_500)).await;
            Ok("m".to_owned())
        };
        effects.run(run, &"x", Lease::new(Duration::from_secs(1)), effect).await
    };
    watched.will("extend", Fault::Unreached, 1);
    assert_eq!(send(&beating).await, Ok(Ran::Applied("m".to_owned())));
    assert_eq!(watched.calls("extend"), 10, "three times within each lease, one of which failed");
    let quiet = EffectRun::for_request(effects.key("quiet", "7").unwrap(), AfterCrash::Hold);
    assert_eq!(send(&quiet).await, Ok(Ran::Applied("m".to_owned())));
    assert_eq!(watched.calls("extend"), 10, "only if it is asked for");
}

#[tokio::test]
async fn a_lease_with_a_heartbeat_begins_with_the_claim_and_not_with_the_wait_for_a_twin() {
    let watched = Watched::new(Arc::new(MemoryIdempotency::default()));
    let effects = Effects::new(Arc::<Watched>::clone(&watched), "test", RETENTION);
    let twin = claim(Duration::from_secs(3600));
    assert_eq!(watched.claim(&twin).await, Ok(Claimed::Yes));
    let gone = async {
        while watched.calls("look") < 2 {
            tokio::task::yield_now().await;
        }
        let now = Timestamp::now();
        assert_eq!(watched.release(&key(), "dead").await, Ok(true));
        now
    };
    let run =
        EffectRun::for_request(key(), AfterCrash::Hold).heartbeat(EffectRun::SHORTEST_HEARTBEAT);
    let effect =
        async { Ok(watched.look(&key()).await.unwrap().unwrap().lease_until.as_millisecond()) };
    let lease = Lease::new(Duration::from_secs(10));
    let (ran, gone) = tokio::join!(effects.run(&run, &"x", lease, effect), gone);
    let least = gone.saturating_add(EffectRun::SHORTEST_HEARTBEAT).unwrap().as_millisecond();
    assert!(ran.unwrap().result().unwrap() >= least, "it was waited for at least 60 ms");
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_without_a_length_is_no_tight_loop() {
    let watched = Watched::new(Arc::new(MemoryIdempotency::default()));
    let effects = Effects::new(Arc::<Watched>::clone(&watched), "test", RETENTION);
    let run = EffectRun::for_request(key(), AfterCrash::Hold).heartbeat(Duration::ZERO);
    let effect = async {
        tokio::time::sleep(Duration::from_millis(3500)).await;
        Ok(())
    };
    assert_eq!(
        effects.run(&run, &"x", Lease::new(Duration::from_secs(10)), effect).await,
        Ok(Ran::Applied(()))
    );
    assert_eq!(watched.calls("extend"), 3, "one a second");
}

#[tokio::test(start_paused = true)]
async fn a_long_effect_ends_when_its_claim_is_lost() {
    let world = World::new(AfterCrash::Hold);
    let run = world.run().heartbeat(Duration::from_secs(3));
    let ended = AtomicU32::new(0);
    let effect = async {
        let owner = loop {
            let look = Claim { owner: "look".to_owned(), ..claim(Duration::ZERO) };
            if let Claimed::No(stored) = world.store.claim(&look).await.unwrap() {
                break stored.owner;
            }
        };
        assert_eq!(
            world.store.hold(&key(), &owner, "an operator stepped in", None).await,
            Ok(true)
        );
        tokio::time::sleep(Duration::from_secs(60)).await;
        ended.fetch_add(1, Ordering::Relaxed);
        Ok(String::new())
    };
    let lost = world.effects.run(&run, &"x", &context(Duration::from_secs(600)), effect).await;
    assert_eq!((lost.unwrap_err().code(), ended.load(Ordering::Relaxed)), ("claim_lost", 0));
}

#[tokio::test]
async fn a_hook_hears_of_replays_and_of_nothing_else() {
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = Arc::clone(&heard);
    let mut world = World::new(AfterCrash::Hold);
    world.effects = world.effects.on_replay(move |key, result| {
        noted.lock().unwrap().push((key.to_string(), result.clone()));
    });
    world.send("x", Err(not_done())).await.unwrap_err();
    world.send("x", Ok("m".to_owned())).await.unwrap();
    world.send("y", Ok("m".to_owned())).await.unwrap_err();
    assert!(heard.lock().unwrap().is_empty());
    world.send("x", Ok("other".to_owned())).await.unwrap();
    assert_eq!(
        *heard.lock().unwrap(),
        [("test#mail#7".to_owned(), Kept::Result("\"m\"".to_owned()))]
    );
}

#[tokio::test]
async fn a_kept_result_of_another_type_is_an_error_that_names_the_key() {
    let world = World::new(AfterCrash::Hold);
    world.send("x", Ok("m".to_owned())).await.unwrap();
    let effect = async { Ok(7_u32) };
    let failure =
        world.effects.run(&world.run(), &"x", &context(Duration::from_secs(10)), effect).await;
    let failure = failure.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "unreadable_result"));
    assert!(failure.reason().contains("test#mail#7"), "{failure}");
}

#[tokio::test]
async fn switched_off_effects_run_each_time_and_fail_as_they_do() {
    let effects = Effects::disabled();
    let run = EffectRun::for_request(effects.key("mail", "7").unwrap(), AfterCrash::Hold);
    let send = async |end: Result<u32, EffectError>| {
        effects.run(&run, &"x", Lease::new(Duration::ZERO), async { end }).await
    };
    for number in 0..3 {
        assert_eq!(send(Ok(number)).await, Ok(Ran::Applied(number)));
    }
    assert_eq!(send(Err(not_done())).await.unwrap_err().code(), "throttled");
    assert_eq!(
        effects.key("mail", "").unwrap_err().code(),
        "missing_key",
        "keys are checked all the same"
    );
}

#[tokio::test]
async fn the_claims_of_a_batch_are_made_at_the_same_time() {
    let world = World::new(AfterCrash::Hold);
    let barrier = tokio::sync::Barrier::new(10);
    let runs = (0..10).map(|number| {
        let run =
            EffectRun::for_request(world.effects.key("mail", &number).unwrap(), AfterCrash::Hold);
        let (effects, barrier) = (&world.effects, &barrier);
        async move {
            let effect = async {
                // No effect ends before all runs have their claims.
                barrier.wait().await;
                Ok(number)
            };
            effects.run(&run, &"x", Lease::new(Duration::from_secs(10)), effect).await
        }
    });
    let ran = tokio::time::timeout(Duration::from_secs(5), futures::future::join_all(runs))
        .await
        .unwrap();
    assert_eq!(ran, (0..10).map(|number| Ok(Ran::Applied(number))).collect::<Vec<_>>());
}

#[tokio::test]
async fn twins_of_one_batch_run_once() {
    let world = World::new(AfterCrash::Hold);
    let ran = futures::future::join_all((0..5).map(|_| world.send("x", Ok("m".to_owned())))).await;
    let applied = ran.iter().filter(|ran| **ran == Ok(Ran::Applied("m".to_owned()))).count();
    assert_eq!((applied, world.runs()), (1, 1));
    assert!(ran.iter().all(Result::is_ok), "{ran:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_twin_is_looks_and_claims_once_more_when_a_look_says_that_it_can() {
    for (after_crash, gone) in
        [(AfterCrash::Hold, true), (AfterCrash::RunAgain, true), (AfterCrash::Hold, false)]
    {
        let watched = Watched::new(Arc::new(MemoryIdempotency::default()));
        let effects = Effects::new(Arc::<Watched>::clone(&watched), "test", RETENTION);
        assert_eq!(watched.claim(&claim(Duration::from_secs(3600))).await, Ok(Claimed::Yes));
        let twin = async {
            while watched.calls("look") < 10 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            if gone {
                assert_eq!(watched.release(&key(), "dead").await, Ok(true));
            } else {
                let result = Kept::Result("\"theirs\"".to_owned());
                assert_eq!(
                    watched.complete(&key(), "dead", &result, Timestamp::MAX).await,
                    Ok(true)
                );
            }
        };
        let run = EffectRun::for_request(key(), after_crash);
        let effect = async { Ok("mine".to_owned()) };
        let lease = Lease::new(Duration::from_secs(60));
        let (ran, ()) = tokio::join!(effects.run(&run, &"x", lease, effect), twin);
        assert_eq!(ran.unwrap().result().unwrap(), if gone { "mine" } else { "theirs" });
        assert_eq!(watched.calls("look"), 11);
        assert_eq!(
            watched.calls("claim"),
            if gone { 3 } else { 2 },
            "the twin\'s, the first, and the last"
        );
    }
}

#[tokio::test]
async fn an_honest_replay_passes_though_a_map_is_walked_in_another_order() {
    let world = World::new(AfterCrash::Hold);
    // Each map has its own hash state. With 20 names, two of them practically never have the same
    // order.
    let fields =
        || (0..20).map(|n| (n.to_string(), n)).collect::<std::collections::HashMap<_, _>>();
    let send = async |fields| {
        let lease = Lease::new(Duration::from_secs(10));
        world.effects.run(&world.run(), &fields, lease, async { Ok(7) }).await
    };
    assert_eq!(send(fields()).await, Ok(Ran::Applied(7)));
    assert_eq!(send(fields()).await, Ok(Ran::Duplicate(Kept::Result(7))));
    let other = fields().into_iter().map(|(name, n)| (name, n + 1)).collect();
    assert_eq!(send(other).await.unwrap_err().code(), "payload_mismatch");
}
