//! Shows that known ways in which other idempotency utilities run an effect twice, lose a record or
//! get stuck do not occur here.
//!
//! Each test `hole_…` covers one of them. One suite covers every store. It runs here with the
//! double, and with DynamoDB in the system tests, which include this file. It therefore refers to
//! the crate by name, as its users do. It waits for conditions on the real clock, which no double
//! of a store can change.

mod world;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate::failure::{Class, Failure};
use tidegate::idempotency::{
    AfterCrash, Claim, Claimed, EffectError, EffectRun, Effects, Kept, Lease, PayloadHash, Ran,
    Repeat, Status,
};
use tidegate::serde_json::value::RawValue;
use tidegate::serde_json::{self, Value, json};
use tidegate::source::{Body, ChangeKind, Source};
use uuid::Uuid;

pub(crate) use world::{Fault, Watched};
use world::{
    PATIENCE, RETENTION, Store, World, applied, duplicate, from_now, not_done, unknown, until_past,
};

/// Passes the names of all holes to a macro that creates a test for each.
macro_rules! each_hole {
    ($tests:ident) => {
        $tests! {
            hole_a_a_rejected_duplicate_leaves_the_record_of_the_run_that_owns_it
            hole_b_a_run_that_outlived_its_lease_leaves_its_successors_record
            hole_c_an_expired_record_does_not_let_a_second_run_in_beside_a_live_one
            hole_d_a_claim_has_an_end_and_is_live_before_and_orphaned_after_it
            hole_e_no_time_left_is_not_an_unknown_time
            hole_f_an_effect_that_changes_the_payload_completes_the_key_it_claimed
            hole_g_the_payload_is_checked_against_the_record_that_the_claim_met
            hole_h_every_honest_replay_passes_the_payload_check
            hole_i_only_completed_records_are_remembered
            hole_j_two_configurations_over_one_store_keep_their_own_settings
            hole_k_configuring_again_changes_no_key
            hole_l_deadlines_and_expiries_are_compared_in_their_own_units
            hole_m_a_selector_that_yields_only_nulls_is_an_error
            hole_n_a_renamed_function_keeps_its_history
            hole_o_an_effect_whose_completion_failed_does_not_run_again
            hole_p_a_twin_at_work_is_waited_for_and_its_result_used
            hole_t_a_result_too_large_to_keep_completes_the_effect_and_says_so
            hole_u_expiry_is_checked_and_a_removal_by_time_to_live_is_no_business_delete
        }
    };
}
pub(crate) use each_hole;

pub(crate) async fn hole_a_a_rejected_duplicate_leaves_the_record_of_the_run_that_owns_it(
    store: Store,
) {
    let watched = Watched::new(store);
    let world = World::new(Arc::<Watched>::clone(&watched), AfterCrash::Hold);
    assert_eq!(world.claimed("owner", 60_000).await, Claimed::Yes);
    let impatient = world.effects.clone().wait_at_most(Duration::ZERO);
    let rejected = world.send_with(&impatient, "x", Ok("other")).await.unwrap_err();
    assert_eq!(rejected.class(), Class::Busy);
    assert_eq!(watched.calls("release"), 0, "there is nothing of its own to give back");
    assert_eq!(world.stored().await.owner, "owner", "its record is there");
    assert_eq!(world.store.release(world.key(), "owner").await, Ok(true));

    assert_eq!(world.send("x", Ok("first")).await, applied("first"));
    for _ in 0..2 {
        assert_eq!(world.send("y", Ok("other")).await.unwrap_err().code(), "payload_mismatch");
    }
    assert_eq!(world.send("x", Ok("other")).await, duplicate("first"));
    assert_eq!(world.runs(), 1);
}

pub(crate) async fn hole_b_a_run_that_outlived_its_lease_leaves_its_successors_record(
    store: Store,
) {
    for end in [Ok("old"), not_done(), unknown()] {
        for after_crash in [AfterCrash::RunAgain, AfterCrash::Hold] {
            let world = World::new(Arc::clone(&store), AfterCrash::RunAgain);
            let over = Lease { until: from_now(-1000), ..Lease::new(PATIENCE) };
            let mut run = world.run.clone();
            run.after_crash = after_crash;
            let end = end.clone().map(str::to_owned);
            let overtaken = async {
                assert_eq!(
                    world.send("x", Ok("new")).await,
                    applied("new"),
                    "the successor takes over"
                );
                end
            };
            let old = world.effects.run::<String, _>(&run, &"x", over, overtaken).await;
            assert_ne!(old.map(|_| ()), Ok(()), "it must not say that its effect is recorded");
            assert_eq!(world.stored().await.result, Kept::Result("\"new\"".to_owned()));
            assert_eq!(world.send("x", Ok("third")).await, duplicate("new"));
        }
    }
}

pub(crate) async fn hole_c_an_expired_record_does_not_let_a_second_run_in_beside_a_live_one(
    store: Store,
) {
    for after_crash in [AfterCrash::RunAgain, AfterCrash::Hold] {
        let world = World::new(Arc::clone(&store), after_crash);
        assert_eq!(world.claimed("first", 60_000).await, Claimed::Yes);
        let done =
            world.store.complete(world.key(), "first", &Kept::Unknown, from_now(-5000)).await;
        assert_eq!(done, Ok(true));
        assert_eq!(world.claimed("second", 60_000).await, Claimed::Yes, "the record is expired");
        for rival in ["third", "fourth"] {
            let Claimed::No(stored) = world.claimed(rival, 60_000).await else {
                panic!("two runs at once")
            };
            assert_eq!((stored.status, stored.owner.as_str()), (Status::InProgress, "second"));
            assert_eq!(stored.expires_at, None, "the old expiry is gone");
        }
    }
}

pub(crate) async fn hole_d_a_claim_has_an_end_and_is_live_before_and_orphaned_after_it(
    store: Store,
) {
    for (after_crash, then) in
        [(AfterCrash::RunAgain, applied("m")), (AfterCrash::Hold, Ok(Ran::Held))]
    {
        let world = World::new(Arc::clone(&store), after_crash);
        let lease = Lease::new(PATIENCE);
        let mut payload_hash = PayloadHash::from("");
        let looks = async {
            let stored = world.stored().await;
            assert_eq!(stored.lease_until.as_millisecond(), lease.until.as_millisecond());
            payload_hash = stored.payload_hash;
            Err(EffectError::NotDone(Failure::transient("again", "later")))
        };
        let looked = world.effects.run::<String, _>(&world.run, &"x", lease, looks).await;
        assert_eq!(looked.unwrap_err().code(), "again", "each claim ends with its lease");

        assert_eq!(world.claimed("dead", 60_000).await, Claimed::Yes);
        let impatient = world.effects.clone().wait_at_most(Duration::ZERO);
        assert_eq!(
            world.send_with(&impatient, "x", Ok("m")).await.unwrap_err().class(),
            Class::Busy
        );
        assert_eq!(world.store.release(world.key(), "dead").await, Ok(true));

        let dead = Claim { payload_hash, ..world.claim("dead", -2000) };
        assert_eq!(world.store.claim(&dead).await, Ok(Claimed::Yes));
        assert_eq!(world.send("x", Ok("m")).await, then);
    }
}

pub(crate) async fn hole_e_no_time_left_is_not_an_unknown_time(store: Store) {
    let world = World::new(store, AfterCrash::RunAgain);
    let effect = async { Ok("begun".to_owned()) };
    let late =
        world.effects.run::<String, _>(&world.run, &"x", Lease::new(Duration::ZERO), effect).await;
    let late = late.unwrap_err();
    assert_eq!((late.class(), late.code()), (Class::Transient, "out_of_time"));
    assert_eq!(world.claimed("next", 0).await, Claimed::Yes, "nothing was claimed");
    until_past(world.stored().await.lease_until).await;
    assert_eq!(
        world.send("x", Ok("m")).await,
        applied("m"),
        "a claim without time is over at once"
    );
}

pub(crate) async fn hole_f_an_effect_that_changes_the_payload_completes_the_key_it_claimed(
    store: Store,
) {
    let world = World::new(store, AfterCrash::Hold);
    let first = json!({"id": "7"});
    let key_of = |payload: &Value| world.effects.key_at("mail", payload, &["/id"]).unwrap();
    let deliver = async || {
        let mut payload = first.clone();
        let run = EffectRun::for_request(key_of(&payload), AfterCrash::Hold);
        let fields = payload.clone();
        let effect = async {
            payload["id"] = json!("changed");
            Ok(payload["id"].to_string())
        };
        world.effects.run(&run, &fields, Lease::new(PATIENCE), effect).await
    };
    assert_eq!(deliver().await, applied("\"changed\""));
    assert_eq!(deliver().await, duplicate("\"changed\""));
    let other = Claim { key: key_of(&json!({"id": "changed"})), ..world.claim("a", 0) };
    assert_eq!(world.store.claim(&other).await, Ok(Claimed::Yes), "nothing was recorded there");
}

pub(crate) async fn hole_g_the_payload_is_checked_against_the_record_that_the_claim_met(
    store: Store,
) {
    let world = World::new(store, AfterCrash::Hold);
    let remembering = world.effects.clone().remember(10, RETENTION);
    assert_eq!(world.send_with(&remembering, "x", Ok("m")).await, applied("m"));
    for effects in [&world.effects, &remembering] {
        let failure = world.send_with(effects, "y", Ok("other")).await.unwrap_err();
        assert_eq!((failure.class(), failure.code()), (Class::Permanent, "payload_mismatch"));
    }
    assert_eq!(world.runs(), 1);

    // The twin at work completes while its duplicate with another payload waits.
    let watched = Watched::new(Arc::clone(&world.store));
    let world = World::new(Arc::<Watched>::clone(&watched), AfterCrash::Hold);
    let (first, twin) = world.twins(&watched, "y").await;
    assert_eq!(
        (first, twin.unwrap_err().code(), world.runs()),
        (applied("m"), "payload_mismatch", 0)
    );
}

pub(crate) async fn hole_h_every_honest_replay_passes_the_payload_check(store: Store) {
    let world = World::new(Arc::clone(&store), AfterCrash::Hold);
    assert_eq!(world.send("x", Ok("m")).await, applied("m"));
    for _ in 0..2 {
        assert_eq!(world.send("x", Ok("other")).await, duplicate("m"));
    }
    assert!(!world.stored().await.payload_hash.written.is_empty());

    let held = World::new(store, AfterCrash::Hold);
    assert_eq!(held.send("x", unknown()).await, Ok(Ran::Held));
    let result = Kept::Result("\"by hand\"".to_owned());
    let done =
        held.store.complete_held(held.key().as_str(), "operator", &result, from_now(60_000)).await;
    assert_eq!(done, Ok(true));
    assert_eq!(held.send("x", Ok("other")).await, duplicate("by hand"));
    assert_eq!(held.send("y", Ok("other")).await.unwrap_err().code(), "payload_mismatch");
}

pub(crate) async fn hole_i_only_completed_records_are_remembered(store: Store) {
    let watched = Watched::new(store);
    let world = World::new(Arc::<Watched>::clone(&watched), AfterCrash::Hold);
    let effects = world.effects.clone().remember(10, RETENTION);
    let send = |fields, end| world.send_with(&effects, fields, end);

    assert_eq!(send("x", not_done()).await.unwrap_err().code(), "throttled");
    assert_eq!(
        send("x", unknown()).await,
        Ok(Ran::Held),
        "a failed run was not remembered as done"
    );
    assert_eq!(world.store.release_held(world.key().as_str()).await, Ok(true));
    watched.will("complete", Fault::Unreached, 1000);
    let lease = Lease::new(Duration::from_millis(100));
    let effect = async { Ok("unconfirmed".to_owned()) };
    let unconfirmed = effects.run(&world.run, &"x", lease, effect).await.unwrap_err();
    assert_eq!(unconfirmed.code(), "not_recorded");
    assert_eq!(
        send("x", Ok("m")).await.unwrap_err().code(),
        "injected",
        "the store is asked, not memory"
    );
    watched.faults.lock().unwrap().clear();
    assert_eq!(send("x", Ok("m")).await, duplicate("unconfirmed"), "recorded at last");

    let before = watched.calls("claim");
    assert_eq!(send("x", Ok("other")).await, duplicate("unconfirmed"));
    assert_eq!(send("y", Ok("other")).await.unwrap_err().code(), "payload_mismatch");
    assert_eq!(watched.calls("claim"), before, "what is completed is known without a request");
}

pub(crate) async fn hole_j_two_configurations_over_one_store_keep_their_own_settings(store: Store) {
    let world = World::new(Arc::clone(&store), AfterCrash::Hold);
    let replays: Arc<Mutex<Vec<String>>> = Arc::default();
    let configured = |namespace: &str, retention| {
        let noted = Arc::clone(&replays);
        let effects =
            Effects::new(Arc::clone(&store), format!("{namespace}{}", Uuid::new_v4()), retention);
        effects.on_replay(move |key, _| noted.lock().unwrap().push(key.to_string()))
    };
    let (short, long) = (configured("short", Duration::ZERO), configured("long", RETENTION));
    let send = async |effects: &Effects, result: &str| {
        let run = EffectRun::for_request(effects.key("mail", "7").unwrap(), AfterCrash::Hold);
        let effect = async { Ok(result.to_owned()) };
        effects.run(&run, &"x", Lease::new(PATIENCE), effect).await
    };
    assert_eq!(send(&long, "l1").await, applied("l1"));
    assert_eq!(send(&short, "s1").await, applied("s1"), "its own namespace");
    until_past(from_now(2000)).await;
    assert_eq!(send(&short, "s2").await, applied("s2"), "its own retention");
    assert_eq!(send(&long, "l2").await, duplicate("l1"));
    assert_eq!(
        *replays.lock().unwrap(),
        [long.key("mail", "7").unwrap().to_string()],
        "its own hook"
    );
    assert_eq!(world.send("x", Ok("m")).await, applied("m"), "and a third without any");
    assert_eq!(world.send("x", Ok("m2")).await, duplicate("m"));
    assert_eq!(replays.lock().unwrap().len(), 1);
}

pub(crate) async fn hole_k_configuring_again_changes_no_key(store: Store) {
    let world = World::new(store, AfterCrash::Hold);
    assert_eq!(world.send("x", Ok("m")).await, applied("m"));
    let mut effects = world.effects.clone();
    for _ in 0..3 {
        effects =
            effects.wait_at_most(PATIENCE).remember(1, RETENTION).on_replay(|_, _| {}).clone();
        assert_eq!(effects.key("mail", "7").unwrap(), *world.key());
        assert_eq!(world.send_with(&effects, "x", Ok("other")).await, duplicate("m"));
    }
}

pub(crate) async fn hole_l_deadlines_and_expiries_are_compared_in_their_own_units(store: Store) {
    for (lease, live) in [(-3000, false), (3000, true), (3_600_000, true)] {
        let world = World::new(Arc::clone(&store), AfterCrash::RunAgain);
        assert_eq!(world.claimed("owner", lease).await, Claimed::Yes);
        let taken = world.claimed("rival", 60_000).await == Claimed::Yes;
        assert_eq!(taken, !live, "a lease of {lease} ms");
    }
    for (expiry, live) in [(-3000, false), (3000, true), (3_600_000, true)] {
        let world = World::new(Arc::clone(&store), AfterCrash::RunAgain);
        assert_eq!(world.claimed("owner", 60_000).await, Claimed::Yes);
        let done =
            world.store.complete(world.key(), "owner", &Kept::Unknown, from_now(expiry)).await;
        assert_eq!(done, Ok(true));
        let taken = world.claimed("rival", 60_000).await == Claimed::Yes;
        assert_eq!(taken, !live, "an expiry of {expiry} ms");
    }
}

pub(crate) async fn hole_m_a_selector_that_yields_only_nulls_is_an_error(store: Store) {
    let world = World::new(store, AfterCrash::Hold);
    let select =
        |payload: Value| world.effects.key_at("mail", &payload, &["/order/id", "/order/line"]);
    for nothing in [
        json!({}),
        json!(null),
        json!([]),
        json!({"order": null}),
        json!({"order": {"id": null, "line": ""}}),
    ] {
        let failure = select(nothing.clone()).unwrap_err();
        assert_eq!(
            (failure.class(), failure.code()),
            (Class::Permanent, "missing_key"),
            "{nothing}"
        );
    }
    for absent in [json!(null), json!(""), json!([null, null]), json!([])] {
        assert_eq!(
            world.effects.key("mail", &absent).unwrap_err().code(),
            "missing_key",
            "{absent}"
        );
    }
    let (one, other) = (
        json!({"order": {"id": "7", "line": 1}}),
        json!({"order": {"id": "7", "line": 2, "note": null}}),
    );
    for payload in [one, other] {
        let run = EffectRun::for_request(select(payload.clone()).unwrap(), AfterCrash::Hold);
        let effect = async { Ok(String::new()) };
        let ran = world.effects.run(&run, &payload, Lease::new(PATIENCE), effect).await;
        assert_eq!(ran, applied(""), "different keys are different effects");
    }
}

pub(crate) async fn hole_n_a_renamed_function_keeps_its_history(store: Store) {
    let world = World::new(Arc::clone(&store), AfterCrash::Hold);
    let send = async |effects: &Effects, function: &str| {
        let event = RawValue::from_string("{}".to_owned()).unwrap();
        let run = EffectRun::for_request(effects.key("mail", "7").unwrap(), AfterCrash::Hold)
            .repeated_by(Repeat::new(function, event));
        let effect = async { Ok(function.to_owned()) };
        effects.run(&run, &"x", Lease::new(PATIENCE), effect).await
    };
    assert_eq!(send(&world.effects, "mailer").await, applied("mailer"));
    assert_eq!(send(&world.effects, "mailer-v2").await, duplicate("mailer"));
    let elsewhere = Effects::new(store, Uuid::new_v4().to_string(), RETENTION);
    assert_eq!(
        send(&elsewhere, "mailer").await,
        applied("mailer"),
        "only the namespace tells them apart"
    );
}

pub(crate) async fn hole_o_an_effect_whose_completion_failed_does_not_run_again(store: Store) {
    let watched = Watched::new(store);
    for fault in [Fault::Unreached, Fault::AnswerLost] {
        let world = World::new(Arc::<Watched>::clone(&watched), AfterCrash::RunAgain);
        watched.will("complete", fault, 2);
        assert_eq!(
            world.send("x", Ok("m")).await,
            applied("m"),
            "{fault:?}: it is recorded in the end"
        );
        assert_eq!(world.send("x", Ok("other")).await, duplicate("m"));
        assert_eq!(world.runs(), 1);
    }

    let released = watched.calls("release");
    for elsewhere in [false, true] {
        let world = World::new(Arc::<Watched>::clone(&watched), AfterCrash::Hold);
        watched.will("complete", Fault::Unreached, 1000);
        let lease = Lease::new(Duration::from_millis(100));
        let effect = async { Ok("m".to_owned()) };
        let failure = world.effects.run(&world.run, &"x", lease, effect).await.unwrap_err();
        assert_eq!((failure.class(), failure.code()), (Class::Transient, "not_recorded"));
        watched.faults.lock().unwrap().clear();
        if elsewhere {
            until_past(lease.until).await;
            let namespace = world.key().as_str().split('#').next().unwrap().to_owned();
            let fresh = Effects::new(Arc::clone(&world.store), namespace, RETENTION);
            assert_eq!(
                world.send_with(&fresh, "x", Ok("other")).await,
                Ok(Ran::Held),
                "an operator decides"
            );
        } else {
            assert_eq!(world.send("x", Ok("other")).await, duplicate("m"), "this process knows");
            let recorded = watched.calls("complete");
            assert_eq!(world.send("x", Ok("other")).await, duplicate("m"));
            assert_eq!(watched.calls("complete"), recorded, "from then on the store does");
        }
        assert_eq!(world.runs(), 0, "no delivery ran it again");
    }
    assert_eq!(watched.calls("release"), released, "the claim was never given back");
}

pub(crate) async fn hole_p_a_twin_at_work_is_waited_for_and_its_result_used(store: Store) {
    let watched = Watched::new(store);
    let world = World::new(Arc::<Watched>::clone(&watched), AfterCrash::Hold);
    let (first, twin) = world.twins(&watched, "x").await;
    assert_eq!((first, twin), (applied("m"), duplicate("m")), "neither has failed");
    assert_eq!(world.runs(), 0);
    assert_eq!(
        watched.calls("claim"),
        2,
        "one each: the wait is looks, and the last one brings the result"
    );
    assert_eq!(watched.calls("release"), 0);
}

pub(crate) async fn hole_t_a_result_too_large_to_keep_completes_the_effect_and_says_so(
    store: Store,
) {
    let world = World::new(store, AfterCrash::Hold);
    let large = "x".repeat(500_000);
    assert_eq!(world.send("x", Ok(&large)).await, applied(&large));
    let bytes = serde_json::to_string(&large).unwrap().len();
    assert_eq!(world.send("x", Ok("m")).await, Ok(Ran::Duplicate(Kept::TooLarge { bytes })));
    assert_eq!(world.runs(), 1);

    // The largest result that is kept, together with the largest event.
    let world = World::new(Arc::clone(&world.store), AfterCrash::Hold);
    let largest = "x".repeat(65_536 - 2);
    let event = RawValue::from_string(format!("\"{}\"", "e".repeat(299 * 1024))).unwrap();
    let run = world.run.clone().repeated_by(Repeat::new("f", event));
    let effect = async { Ok(largest.clone()) };
    let ran = world.effects.run(&run, &"x", Lease::new(PATIENCE), effect).await;
    assert_eq!(ran, applied(&largest));
    assert_eq!(world.send("x", Ok("m")).await, duplicate(&largest));
    let world = World::new(Arc::clone(&world.store), AfterCrash::Hold);
    let larger = format!("{largest}x");
    assert_eq!(world.send("x", Ok(&larger)).await, applied(&larger));
    assert_eq!(
        world.send("x", Ok("m")).await,
        Ok(Ran::Duplicate(Kept::TooLarge { bytes: 65_537 }))
    );
}

pub(crate) async fn hole_u_expiry_is_checked_and_a_removal_by_time_to_live_is_no_business_delete(
    store: Store,
) {
    let world = World::new(store, AfterCrash::Hold);
    assert_eq!(world.claimed("owner", 60_000).await, Claimed::Yes);
    let done =
        world.store.complete(world.key(), "owner", &Kept::Unknown, from_now(-86_400_000)).await;
    assert_eq!(done, Ok(true));
    assert_eq!(
        world.send("x", Ok("m")).await,
        applied("m"),
        "a day past its expiry, and not deleted yet"
    );

    let removed = |identity: Value| {
        let record = json!({
            "eventID": "1", "eventName": "REMOVE", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1", "userIdentity": identity,
            "dynamodb": {
                "ApproximateCreationDateTime": 1_767_225_600.0, "Keys": {"key": {"S": "k"}},
                "SequenceNumber": "100000000000000000001", "SizeBytes": 10, "StreamViewType": "KEYS_ONLY",
            },
        });
        let event = RawValue::from_string(json!({"Records": [record]}).to_string()).unwrap();
        let deliveries = Source::DynamoDb.split(&event).unwrap();
        match &deliveries[0].body {
            Ok(Body::Change(change)) => change.kind,
            other => panic!("no change of a table: {other:?}"),
        }
    };
    let service = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
    assert_eq!(removed(service), ChangeKind::Expire);
    assert_eq!(removed(Value::Null), ChangeKind::Remove);
}

/// `lossy` loses the answer to the first attempt of each write, and sends the write again.
///
/// `store` is the same store without faults.
pub(crate) async fn a_lost_answer_to_ones_own_write_is_no_conflict(lossy: Store, store: Store) {
    let later = from_now(120_000);
    let world = World::new(lossy, AfterCrash::Hold);
    let (lossy, key) = (&world.store, world.key());
    assert_eq!(lossy.claim(&world.claim("a", 60_000)).await, Ok(Claimed::Yes));
    assert_eq!(lossy.extend(key, "a", later).await, Ok(true));
    assert_eq!(lossy.release(key, "a").await, Ok(true));
    assert_eq!(lossy.claim(&world.claim("b", 60_000)).await, Ok(Claimed::Yes));
    let repeat = Repeat::new("f", RawValue::from_string("{}".to_owned()).unwrap());
    assert_eq!(lossy.hold(key, "b", "why", Some(&repeat)).await, Ok(true));
    assert_eq!(lossy.release_held(key.as_str()).await, Ok(true));
    assert!(!matches!(lossy.claim(&world.claim("c", -5000)).await, Ok(Claimed::No(_))));
    assert_eq!(lossy.hold_orphan(key, "c", "why", None).await, Ok(true));
    assert_eq!(lossy.hold_orphan(key, "c", "why", Some(&repeat)).await, Ok(true));
    assert!(lossy.waiting(key.as_str()).await.unwrap().unwrap().repeat.is_some());
    let result = Kept::Result("1".to_owned());
    assert_eq!(lossy.complete_held(key.as_str(), "operator", &result, later).await, Ok(true));
    assert_eq!(store.complete_held(key.as_str(), "another", &result, later).await, Ok(false));

    let world = World::new(Arc::clone(lossy), AfterCrash::Hold);
    let key = world.key();
    assert_eq!(lossy.claim(&world.claim("a", 60_000)).await, Ok(Claimed::Yes));
    assert_eq!(lossy.complete(key, "a", &result, later).await, Ok(true));
    assert_eq!(store.complete(key, "b", &result, later).await, Ok(false));

    // A claim that another run has put on hold in the meantime is not recognised as the caller's
    // own.
    let world = World::new(Arc::clone(lossy), AfterCrash::Hold);
    let late = world.claim("a", -5000);
    assert_eq!(store.claim(&late).await, Ok(Claimed::Yes));
    assert_eq!(store.hold_orphan(world.key(), "a", "why", None).await, Ok(true));
    let Ok(Claimed::No(held)) = lossy.claim(&late).await else {
        panic!("it runs beside the operator")
    };
    assert_eq!(held.status, Status::Held);
}
