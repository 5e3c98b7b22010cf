use jiff::Timestamp;
use tidegate::idempotency::{
    Claim, Claimed, DynamoDbIdempotency, EffectKey, IdempotencyStore, MemoryIdempotency, Repeat, Status,
    Stored,
};
use tidegate::serde_json::value::RawValue;

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
        payload_hash: "hash".to_owned(),
        repeat: Repeat {
            function: "f".to_owned(),
            event: RawValue::from_string(r#"{"n":1.50}"#.to_owned()).unwrap(),
        },
        take_over: false,
    }
}

async fn contract(store: &dyn IdempotencyStore) {
    a_claim_excludes_others_until_it_is_released(store).await;
    a_completed_effect_keeps_its_result_until_it_expires(store).await;
    only_the_owner_changes_a_claim(store).await;
    a_claim_past_its_lease_is_taken_over_only_where_that_is_declared(store).await;
    a_held_effect_is_listed_until_it_is_released_and_run(store).await;
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
        payload_hash: "hash".to_owned(),
        result: None,
    };
    assert_eq!(store.claim(&claim(&key, "b", 60)).await, Ok(Claimed::No(wanted)));
    assert_eq!(store.release(&key, "a").await, Ok(true));
    assert_eq!(store.claim(&claim(&key, "b", 60)).await, Ok(Claimed::Yes));
}

async fn a_completed_effect_keeps_its_result_until_it_expires(store: &dyn IdempotencyStore) {
    let key = key();
    store.claim(&claim(&key, "a", 60)).await.unwrap();
    assert_eq!(store.complete(&key, "a", Some("\"r\""), from_now(60)).await, Ok(true));
    let Ok(Claimed::No(stored)) = store.claim(&claim(&key, "b", 60)).await else { panic!("claimed twice") };
    assert_eq!((stored.status, stored.result.as_deref()), (Status::Completed, Some("\"r\"")));

    let expired = self::key();
    store.claim(&claim(&expired, "a", 60)).await.unwrap();
    store.complete(&expired, "a", None, from_now(-60)).await.unwrap();
    assert_eq!(
        store.claim(&claim(&expired, "b", 60)).await,
        Ok(Claimed::Yes),
        "deletion by time to live is days late"
    );
}

async fn only_the_owner_changes_a_claim(store: &dyn IdempotencyStore) {
    let key = key();
    store.claim(&claim(&key, "a", 60)).await.unwrap();
    assert_eq!(store.complete(&key, "b", None, from_now(60)).await, Ok(false));
    assert_eq!(store.release(&key, "b").await, Ok(false));
    assert_eq!(store.extend(&key, "b", from_now(90)).await, Ok(false));
    assert_eq!(store.hold(&key, "b", "why").await, Ok(false));
    let later = from_now(90);
    assert_eq!(store.extend(&key, "a", later).await, Ok(true));
    let Ok(Claimed::No(stored)) = store.claim(&claim(&key, "b", 60)).await else { panic!("claimed twice") };
    assert_eq!(stored.lease_until, later);
    assert_eq!(
        store.complete(&self::key(), "a", None, from_now(60)).await,
        Ok(false),
        "there is no such claim"
    );
}

async fn a_claim_past_its_lease_is_taken_over_only_where_that_is_declared(store: &dyn IdempotencyStore) {
    let key = key();
    store.claim(&claim(&key, "dead", -5)).await.unwrap();
    let Ok(Claimed::No(stored)) = store.claim(&claim(&key, "b", 60)).await else { panic!("taken over") };
    assert_eq!((stored.status, stored.owner.as_str()), (Status::InProgress, "dead"));
    let taking = Claim { take_over: true, ..claim(&key, "b", 60) };
    assert_eq!(store.claim(&taking).await, Ok(Claimed::Yes));
    assert_eq!(
        store.complete(&key, "dead", None, from_now(60)).await,
        Ok(false),
        "the dead owner comes back"
    );
    let other = Claim { take_over: true, ..claim(&key, "c", 60) };
    assert!(matches!(store.claim(&other).await, Ok(Claimed::No(_))), "a live claim is not taken over");
}

async fn a_held_effect_is_listed_until_it_is_released_and_run(store: &dyn IdempotencyStore) {
    let (held, orphan, live) = (key(), key(), key());
    store.claim(&claim(&held, "a", 60)).await.unwrap();
    assert_eq!(store.hold(&held, "a", "no answer").await, Ok(true));
    store.claim(&claim(&orphan, "a", -5)).await.unwrap();
    store.claim(&claim(&live, "a", 60)).await.unwrap();

    let listed = store.held().await.unwrap();
    let of = |key: &EffectKey| listed.iter().find(|effect| effect.key == key.as_str());
    let effect = of(&held).expect("the held one");
    assert_eq!((effect.status, effect.reason.as_deref()), (Status::Held, Some("no answer")));
    assert_eq!(effect.repeat.as_ref().expect("the event").event.get(), r#"{"n":1.50}"#);
    assert_eq!(of(&orphan).expect("the one whose owner is gone").status, Status::InProgress);
    assert!(of(&live).is_none());

    assert!(matches!(store.claim(&claim(&held, "b", 60)).await, Ok(Claimed::No(_))));
    for (key, released) in [(&held, true), (&held, true), (&orphan, true), (&live, false)] {
        assert_eq!(store.release_held(key.as_str()).await, Ok(released), "{key}");
    }
    assert_eq!(store.claim(&claim(&held, "b", 60)).await, Ok(Claimed::AfterRelease));
    assert!(store.held().await.unwrap().iter().all(|effect| effect.key != held.as_str()));
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
    let store = DynamoDbIdempotency::new(tables.clients.dynamodb.clone(), "idempotency");
    contract(&store).await;
    // What an attribute may hold is not the double's to show: a result close to the limit.
    let key = key();
    store.claim(&claim(&key, "a", 60)).await.unwrap();
    let result = format!("\"{}\"", "x".repeat(64 * 1024 - 2));
    assert_eq!(store.complete(&key, "a", Some(&result), from_now(60)).await, Ok(true));
    tables.end().await;
}
