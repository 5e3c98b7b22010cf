//! The idempotency store in DynamoDB keeps the contract that every idempotency store keeps.

mod dynamodb;

use futures::future::join_all;
use jiff::Timestamp;
use tidegate::aws::DynamoDb;
use tidegate::idempotency::{
    Claim, Claimed, DynamoDbIdempotency, EffectKey, HeldEffect, IdempotencyStore, Kept, Repeat,
    Status, Stored,
};
use tidegate::serde_json::value::RawValue;
use tidegate::test::MemoryIdempotency;

use super::operations::Operations;
use super::{Tables, unique};

fn key() -> EffectKey {
    EffectKey::new("contract", "effect", &unique("order")).unwrap()
}

fn from_now(seconds: i64) -> Timestamp {
    Timestamp::from_millisecond(Timestamp::now().as_millisecond() + seconds * 1000).unwrap()
}

fn claim(key: &EffectKey, owner: &str, lease: i64) -> Claim {
    Claim {
        key: key.clone(),
        owner: owner.to_owned(),
        lease_until: from_now(lease),
        payload_hash: "hash".into(),
        take_over: false,
    }
}

fn repeat(event: &str) -> Repeat {
    Repeat::new("f", RawValue::from_string(event.to_owned()).unwrap())
}

/// All effects that wait for an operator.
async fn held_effects(store: &dyn IdempotencyStore) -> Vec<HeldEffect> {
    let (mut effects, mut from) = (Vec::new(), None);
    loop {
        let page = store.held(from.as_deref()).await.unwrap();
        effects.extend(page.effects);
        from = page.next;
        if from.is_none() {
            return effects;
        }
    }
}

async fn contract(store: &dyn IdempotencyStore) {
    a_claim_excludes_others_until_it_is_released(store).await;
    a_completed_effect_keeps_its_result_until_it_expires(store).await;
    only_the_owner_changes_a_claim(store).await;
    a_claim_past_its_lease_is_taken_over_only_where_that_is_declared(store).await;
    a_held_effect_is_listed_until_it_is_released_and_run(store).await;
    an_operator_completes_what_waits_for_one_and_nothing_else(store).await;
    a_lease_that_is_not_over_keeps_others_from_holding_a_claim(store).await;
    an_owner_completes_as_long_as_its_token_is_there(store).await;
    a_look_shows_the_record_and_changes_nothing(store).await;
    an_effect_that_waits_without_an_event_gets_one_and_keeps_it(store).await;
    claims_that_wait_at_the_same_moment_have_their_own_results(store).await;
}

async fn claims_that_wait_at_the_same_moment_have_their_own_results(store: &dyn IdempotencyStore) {
    let keys: Vec<EffectKey> = (0..60).map(|_| key()).collect();
    for (place, key) in keys.iter().enumerate().filter(|(place, _)| place % 4 != 0) {
        store.claim(&claim(key, "before", 60)).await.unwrap();
        let expires_at = from_now(if place % 4 == 1 { -60 } else { 60 });
        if place % 4 != 3 {
            store.complete(key, "before", &Kept::Unknown, expires_at).await.unwrap();
        }
    }
    let claims: Vec<Claim> = keys.iter().map(|key| claim(key, "now", 60)).collect();
    let claimed = join_all(claims.iter().map(|claim| store.claim(claim))).await;
    for (place, claimed) in claimed.into_iter().enumerate() {
        let status = match claimed.unwrap() {
            Claimed::Yes => None,
            Claimed::No(there) => Some(there.status),
            Claimed::AfterRelease => panic!("nothing was released"),
        };
        // New, expired, completed, in progress.
        let wanted = [None, None, Some(Status::Completed), Some(Status::InProgress)];
        assert_eq!(status, wanted[place % 4], "{place}");
    }
    let result = Kept::Result("1".to_owned());
    let complete = |key| store.complete(key, "now", &result, from_now(60));
    for again in [false, true] {
        let completed = join_all(keys.iter().map(complete)).await;
        for (place, completed) in completed.into_iter().enumerate() {
            assert_eq!(completed, Ok(place % 4 < 2), "{place}, again: {again}");
        }
    }
}

async fn a_look_shows_the_record_and_changes_nothing(store: &dyn IdempotencyStore) {
    let key = key();
    assert_eq!(store.look(&key).await, Ok(None));
    store.claim(&claim(&key, "a", 60)).await.unwrap();
    for _ in 0..2 {
        let Ok(Claimed::No(met)) = store.claim(&claim(&key, "b", 60)).await else {
            panic!("claimed twice")
        };
        assert_eq!(store.look(&key).await, Ok(Some(met)));
    }
    store.complete(&key, "a", &Kept::Result("1".to_owned()), from_now(60)).await.unwrap();
    let seen = store.look(&key).await.unwrap().unwrap();
    assert_eq!((seen.status, seen.result), (Status::Completed, Kept::Result("1".to_owned())));
}

async fn an_effect_that_waits_without_an_event_gets_one_and_keeps_it(store: &dyn IdempotencyStore) {
    let (first, second) = (repeat("1"), repeat("2"));
    let event = async |key: &EffectKey| {
        let waiting = store.waiting(key.as_str()).await.unwrap().expect("it waits");
        let repeat = waiting.repeat.map(|repeat| repeat.inline().unwrap().get().to_owned());
        (waiting.status, waiting.reason.unwrap_or_default(), repeat)
    };
    for status in [Status::InProgress, Status::Held, Status::Released] {
        let key = key();
        store.claim(&claim(&key, "a", -5)).await.unwrap();
        if status != Status::InProgress {
            assert_eq!(store.hold_orphan(&key, "a", "why", None).await, Ok(true));
            assert_eq!(event(&key).await, (Status::Held, "why".to_owned(), None));
        }
        if status == Status::Released {
            store.release_held(key.as_str()).await.unwrap();
            assert_eq!(
                store.hold_orphan(&key, "a", "no", Some(&first)).await,
                Ok(false),
                "it may run"
            );
            assert_eq!(
                store.hold(&key, "a", "no", None).await,
                Ok(true),
                "an operator has decided"
            );
            assert_eq!(event(&key).await.0, Status::Released);
            assert_eq!(store.hold(&key, "a", "no", Some(&first)).await, Ok(true));
        } else {
            assert_eq!(
                store.hold_orphan(&key, "b", "no", Some(&first)).await,
                Ok(false),
                "another\'s"
            );
            assert_eq!(store.hold_orphan(&key, "a", "why", Some(&first)).await, Ok(true));
        }
        let kept = (Status::Held, "why".to_owned(), Some("1".to_owned()));
        assert_eq!(event(&key).await, kept, "{status:?}");
        for repeat in [Some(&second), None] {
            assert_eq!(store.hold_orphan(&key, "a", "no", repeat).await, Ok(true));
            assert_eq!(store.hold(&key, "a", "no", repeat).await, Ok(true));
        }
        assert_eq!(event(&key).await, kept, "the first stays");
        store.release_held(key.as_str()).await.unwrap();
        assert_eq!(event(&key).await.2, Some("1".to_owned()), "until it has run");
        assert_eq!(store.claim(&claim(&key, "b", -5)).await, Ok(Claimed::AfterRelease));
        assert!(store.waiting(key.as_str()).await.unwrap().unwrap().repeat.is_none());
    }
    assert!(store.waiting("no such effect").await.unwrap().is_none());
}

async fn an_operator_completes_what_waits_for_one_and_nothing_else(store: &dyn IdempotencyStore) {
    let (held, released, orphan, live, done) = (key(), key(), key(), key(), key());
    for (key, lease) in [(&held, 60), (&released, 60), (&orphan, -5), (&live, 60), (&done, 60)] {
        store.claim(&claim(key, "a", lease)).await.unwrap();
    }
    store.hold(&held, "a", "why", None).await.unwrap();
    store.hold(&released, "a", "why", None).await.unwrap();
    store.release_held(released.as_str()).await.unwrap();
    store.complete(&done, "a", &Kept::Unknown, from_now(60)).await.unwrap();
    let result = Kept::Result("\"by hand\"".to_owned());
    let by = async |key: &EffectKey, operator: &str| {
        store.complete_held(key.as_str(), operator, &result, from_now(60)).await
    };
    for (key, completes) in
        [(&held, true), (&released, true), (&orphan, true), (&live, false), (&done, false)]
    {
        assert_eq!(by(key, "operator").await, Ok(completes), "{key}");
        assert_eq!(
            by(key, "operator").await,
            Ok(completes),
            "{key}: the same request, after a lost answer"
        );
        assert_eq!(by(key, "another").await, Ok(false), "{key}");
    }
    assert_eq!(by(&self::key(), "operator").await, Ok(false), "there is no such effect");
    let Ok(Claimed::No(stored)) = store.claim(&claim(&held, "b", 60)).await else {
        panic!("claimed again")
    };
    assert_eq!((stored.status, &stored.result), (Status::Completed, &result));
    let listed = held_effects(store).await;
    assert!(
        listed.iter().all(|effect| effect.key != held.as_str() && effect.key != orphan.as_str())
    );
}

async fn a_lease_that_is_not_over_keeps_others_from_holding_a_claim(store: &dyn IdempotencyStore) {
    let key = key();
    store.claim(&claim(&key, "a", -5)).await.unwrap();
    let later = from_now(60);
    assert_eq!(store.extend(&key, "a", later).await, Ok(true));
    assert_eq!(store.hold_orphan(&key, "a", "why", None).await, Ok(false));
    assert_eq!(store.extend(&key, "a", from_now(30)).await, Ok(true));
    let Ok(Claimed::No(stored)) = store.claim(&claim(&key, "b", 60)).await else {
        panic!("claimed twice")
    };
    assert_eq!(stored.lease_until, later, "a lease is never shortened");
    let orphan = self::key();
    store.claim(&claim(&orphan, "a", -5)).await.unwrap();
    assert_eq!(store.hold_orphan(&orphan, "b", "why", None).await, Ok(false), "another's");
    assert_eq!(store.hold_orphan(&orphan, "a", "why", None).await, Ok(true));
}

async fn an_owner_completes_as_long_as_its_token_is_there(store: &dyn IdempotencyStore) {
    for released in [false, true] {
        let key = key();
        store.claim(&claim(&key, "a", -5)).await.unwrap();
        store.hold_orphan(&key, "a", "why", None).await.unwrap();
        if released {
            store.release_held(key.as_str()).await.unwrap();
        }
        assert_eq!(store.complete(&key, "b", &Kept::Unknown, from_now(60)).await, Ok(false));
        assert_eq!(store.complete(&key, "a", &Kept::Unknown, from_now(60)).await, Ok(true));
    }
}

async fn a_claim_excludes_others_until_it_is_released(store: &dyn IdempotencyStore) {
    let key = key();
    let mine = claim(&key, "a", 60);
    assert_eq!(store.claim(&mine).await, Ok(Claimed::Yes));
    assert_eq!(store.claim(&mine).await, Ok(Claimed::Yes), "its own claim, after a lost answer");
    let wanted = Stored {
        status: Status::InProgress,
        owner: "a".to_owned(),
        lease_until: mine.lease_until,
        payload_hash: "hash".into(),
        repeat: false,
        result: Kept::Unknown,
        expires_at: None,
    };
    assert_eq!(store.claim(&claim(&key, "b", 60)).await, Ok(Claimed::No(wanted)));
    assert_eq!(store.release(&key, "a").await, Ok(true));
    assert_eq!(store.claim(&claim(&key, "b", 60)).await, Ok(Claimed::Yes));
}

async fn a_completed_effect_keeps_its_result_until_it_expires(store: &dyn IdempotencyStore) {
    let key = key();
    store.claim(&claim(&key, "a", 60)).await.unwrap();
    let until = Timestamp::from_second(from_now(60).as_second()).unwrap();
    for (key, kept) in [
        (key, Kept::Result("\"r\"".to_owned())),
        (self::key(), Kept::TooLarge { bytes: 500_000 }),
        (self::key(), Kept::Unknown),
    ] {
        store.claim(&claim(&key, "a", 60)).await.unwrap();
        assert_eq!(store.complete(&key, "a", &kept, until).await, Ok(true));
        let Ok(Claimed::No(stored)) = store.claim(&claim(&key, "b", 60)).await else {
            panic!("claimed twice")
        };
        assert_eq!(
            (stored.status, stored.result, stored.expires_at),
            (Status::Completed, kept, Some(until))
        );
    }

    let expired = self::key();
    store.claim(&claim(&expired, "a", 60)).await.unwrap();
    store.complete(&expired, "a", &Kept::Unknown, from_now(-60)).await.unwrap();
    assert_eq!(
        store.claim(&claim(&expired, "b", 60)).await,
        Ok(Claimed::Yes),
        "deletion by time to live is days late"
    );
}

async fn only_the_owner_changes_a_claim(store: &dyn IdempotencyStore) {
    let key = key();
    store.claim(&claim(&key, "a", 60)).await.unwrap();
    assert_eq!(store.complete(&key, "b", &Kept::Unknown, from_now(60)).await, Ok(false));
    assert_eq!(store.release(&key, "b").await, Ok(false));
    assert_eq!(store.extend(&key, "b", from_now(90)).await, Ok(false));
    assert_eq!(store.hold(&key, "b", "why", None).await, Ok(false));
    let later = from_now(90);
    assert_eq!(store.extend(&key, "a", later).await, Ok(true));
    let Ok(Claimed::No(stored)) = store.claim(&claim(&key, "b", 60)).await else {
        panic!("claimed twice")
    };
    assert_eq!(stored.lease_until, later);
    assert_eq!(
        store.complete(&self::key(), "a", &Kept::Unknown, from_now(60)).await,
        Ok(false),
        "there is no such claim"
    );
}

async fn a_claim_past_its_lease_is_taken_over_only_where_that_is_declared(
    store: &dyn IdempotencyStore,
) {
    let key = key();
    store.claim(&claim(&key, "dead", -5)).await.unwrap();
    let Ok(Claimed::No(stored)) = store.claim(&claim(&key, "b", 60)).await else {
        panic!("taken over")
    };
    assert_eq!((stored.status, stored.owner.as_str()), (Status::InProgress, "dead"));
    let taking = Claim { take_over: true, ..claim(&key, "b", 60) };
    assert_eq!(store.claim(&taking).await, Ok(Claimed::Yes));
    assert_eq!(
        store.complete(&key, "dead", &Kept::Unknown, from_now(60)).await,
        Ok(false),
        "the dead owner comes back"
    );
    let other = Claim { take_over: true, ..claim(&key, "c", 60) };
    assert!(
        matches!(store.claim(&other).await, Ok(Claimed::No(_))),
        "a live claim is not taken over"
    );
}

async fn a_held_effect_is_listed_until_it_is_released_and_run(store: &dyn IdempotencyStore) {
    let (held, orphan, live) = (key(), key(), key());
    store.claim(&claim(&held, "a", 60)).await.unwrap();
    assert_eq!(store.hold(&held, "a", "no answer", Some(&repeat(r#"{"n":1.50}"#))).await, Ok(true));
    store.claim(&claim(&orphan, "a", -5)).await.unwrap();
    store.claim(&claim(&live, "a", 60)).await.unwrap();

    let listed = held_effects(store).await;
    let of = |key: &EffectKey| listed.iter().find(|effect| effect.key == key.as_str());
    let effect = of(&held).expect("the held one");
    assert_eq!((effect.status, effect.reason.as_deref()), (Status::Held, Some("no answer")));
    assert_eq!(
        effect.repeat.as_ref().and_then(Repeat::inline).expect("the event").get(),
        r#"{"n":1.50}"#
    );
    assert_eq!(of(&orphan).expect("the one whose owner is gone").status, Status::InProgress);
    assert!(of(&live).is_none());

    assert!(matches!(store.claim(&claim(&held, "b", 60)).await, Ok(Claimed::No(_))));
    for (key, released) in [(&held, true), (&held, true), (&orphan, true), (&live, false)] {
        assert_eq!(store.release_held(key.as_str()).await, Ok(released), "{key}");
    }
    assert_eq!(store.claim(&claim(&held, "b", 60)).await, Ok(Claimed::AfterRelease));
    assert!(held_effects(store).await.iter().all(|effect| effect.key != held.as_str()));
    assert_eq!(store.release_held(held.as_str()).await, Ok(false), "it is at work");
    assert_eq!(store.release_held("no such effect").await, Ok(false));
}

#[tokio::test]
async fn idempotency_records_in_memory_keep_the_contract() {
    contract(&MemoryIdempotency::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_records_in_dynamodb_keep_the_contract() {
    let tables = Tables::create().await;
    let operations = Operations::default();
    let client = operations.of(&tables.clients.dynamodb);
    let store = DynamoDbIdempotency::new(client.clone(), "idempotency");
    // Several at the same moment, so that their writes share requests.
    join_all((0..3).map(|_| contract(&store))).await;
    assert!(operations.number("BatchExecuteStatement") > 10, "{operations:?}");
    // A backend that cannot do batches gets the same contract from single writes.
    let before = operations.number("BatchExecuteStatement");
    contract(&DynamoDbIdempotency::new(DynamoDb::single(client), "idempotency")).await;
    assert_eq!(operations.number("BatchExecuteStatement"), before);
    // The double cannot show the limit of an attribute: this result is close to it.
    let key = key();
    store.claim(&claim(&key, "a", 60)).await.unwrap();
    let result = Kept::Result(format!("\"{}\"", "x".repeat(64 * 1024 - 2)));
    assert_eq!(store.complete(&key, "a", &result, from_now(60)).await, Ok(true));
    // Nor can it show the largest event in the same record.
    let (key, event) = (self::key(), format!("\"{}\"", "e".repeat(Repeat::INLINE_LIMIT - 2)));
    store.claim(&claim(&key, "a", 60)).await.unwrap();
    assert_eq!(store.hold(&key, "a", &"ä".repeat(2000), Some(&repeat(&event))).await, Ok(true));
    let waiting = store.waiting(key.as_str()).await.unwrap().unwrap();
    assert_eq!(waiting.repeat.unwrap().inline().unwrap().get().len(), Repeat::INLINE_LIMIT);
    tables.end().await;
}
