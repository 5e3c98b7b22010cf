//! Tests routes that run once for each caller and key.

use std::time::Duration;

use super::*;
use crate::test::{Call as Port, Fault, Faults, Faulty};

#[track_caller]
fn assert_same(again: &HttpAnswer, first: &HttpAnswer) {
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    for name in ["location", "content-type", "x-bank"] {
        assert_eq!(again.header(name), first.header(name));
    }
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn the_same_request_gets_the_first_answer_with_its_status_and_headers() {
    let world = World::new();
    let first = world.send(payment("k", "")).await;
    assert_eq!((first.status, first.header("location")), (201, Some("/payments/1")));
    assert_eq!(first.header("idempotent-replayed"), None);
    let quoted = payment("\"k\"", "");
    for again in [payment("k", ""), quoted] {
        assert_same(&world.send(again).await, &first);
    }
    let spaced = anna("POST", "/payments").key("k");
    let spaced = spaced.text("application/json", "{ \"pence\" : 100,\n \"how\": \"\" }");
    assert_same(&world.send(spaced).await, &first);
    assert_eq!(world.charges(), 1);
}

#[tokio::test]
async fn another_body_or_query_with_the_key_is_a_422_and_runs_nothing() {
    let world = World::new();
    world.send(payment("k", "")).await;
    let other = anna("POST", "/payments").key("k").json(&json!({ "pence": 101 }));
    for other in [other, payment("k", "").query("a=b")] {
        assert_eq!(problem(&world.send(other).await), (422, "key_reused".to_owned()));
    }
    assert_eq!(world.charges(), 1);
}

#[tokio::test]
async fn callers_and_routes_do_not_share_keys() {
    let world = World::new();
    let first = world.send(payment("k", "")).await;
    let body = json!({ "pence": 100, "how": "" });
    let others = [
        ben("POST", "/payments").key("k").json(&body),
        HttpEvent::api("POST", "/payments")
            .jwt("https://other.example", "anna", &[])
            .key("k")
            .json(&body),
        HttpEvent::url("POST", "/payments").iam("arn:aws:iam::1:user/anna").key("k").json(&body),
        anna("POST", "/gifts").key("k").json(&body),
    ];
    for other in others {
        let answer = world.send(other).await;
        assert_eq!((answer.status, answer.header("idempotent-replayed")), (201, None));
        assert_ne!(answer.body, first.body);
    }
    assert_eq!(world.charges(), 5);
}

#[tokio::test]
async fn a_caller_who_cannot_be_told_from_others_has_no_keys() {
    let world = World::new();
    let mut event = payment("k", "").value();
    event["requestContext"]["authorizer"]["jwt"]["claims"] = json!({ "iss": ISSUER });
    let answer = world.client.send_raw(serde_json::value::to_raw_value(&event).unwrap()).await;
    assert_eq!(problem(&answer), (403, "forbidden".to_owned()));
    assert_eq!(world.charges(), 0);
}

#[tokio::test]
async fn a_key_is_optional_where_the_route_says_so() {
    let world = World::new();
    let gift = || anna("POST", "/gifts").json(&json!({ "pence": 1 }));
    assert_eq!(world.send(gift()).await.json()["key"], json!(null));
    world.send(gift()).await;
    assert_eq!(world.charges(), 2);
    let first = world.send(gift().key("k")).await;
    assert!(first.json()["key"].as_str().is_some_and(|key| key.starts_with("shop#request#")));
    assert_same(&world.send(gift().key("k")).await, &first);
    assert_eq!(world.charges(), 3);
}

#[tokio::test(start_paused = true)]
async fn twins_at_the_same_moment_get_one_answer() {
    let world = World::new();
    let twins = (0..5).map(|_| payment("k", "wait")).collect();
    let both = world.client.send_together(twins);
    let bank = async {
        world.shop.begun.notified().await;
        world.shop.paid.notify_one();
    };
    let (answers, ()) = tokio::join!(both, bank);
    let first = answers.iter().find(|answer| answer.header("idempotent-replayed").is_none());
    let first = first.expect("one of them ran").clone();
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &first.body));
    }
    assert_eq!(world.charges(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_twin_of_a_request_that_takes_too_long_is_told_to_come_again() {
    let world = World::new();
    let first = world.send(payment("k", "wait"));
    let twin = async {
        world.shop.begun.notified().await;
        let short = world.client.clone().time(Duration::from_secs(2));
        let twin = short.send(payment("k", "wait")).await;
        world.shop.paid.notify_one();
        twin
    };
    let (first, twin) = tokio::join!(first, twin);
    assert_eq!(problem(&twin), (409, "in_progress".to_owned()));
    assert_eq!(twin.header("retry-after"), Some("1"));
    assert_eq!((first.status, world.charges()), (201, 1));
    assert_same(&world.send(payment("k", "wait")).await, &first);
}

#[tokio::test]
async fn what_did_not_take_place_gives_its_key_back() {
    let world = World::new();
    let declined = world.send(payment("k", "decline")).await;
    assert_eq!(problem(&declined), (422, "invalid".to_owned()));
    let down = world.send(payment("k", "down")).await;
    assert_eq!(problem(&down), (503, "unavailable".to_owned()));
    assert!(!String::from_utf8(down.body).unwrap().contains("secret"));
    assert_eq!(world.send(payment("k", "")).await.status, 201);
}

#[tokio::test]
async fn what_may_have_taken_place_is_held_for_an_operator() {
    let records = Arc::new(MemoryIdempotency::default());
    let world = World::with(Arc::<MemoryIdempotency>::clone(&records), AfterCrash::Hold);
    for _ in 0..2 {
        let answer = world.send(payment("k", "lose")).await;
        assert_eq!(problem(&answer), (409, "outcome_unknown".to_owned()));
    }
    assert_eq!(world.charges(), 1);
    let held = records.held(None).await.unwrap();
    let key = &held.effects[0].key;
    assert!(key.contains("POST /payments") && key.ends_with("#k"), "an operator reads it: {key}");
    records
        .complete_held(key, "operator", &crate::idempotency::Kept::Unknown, now() + MONTH)
        .await
        .unwrap();
    let answer = world.send(payment("k", "lose")).await;
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (204, Some("true")));
    assert_eq!(world.charges(), 1);
}

#[tokio::test]
async fn an_answer_that_is_too_large_to_keep_still_says_that_it_took_place() {
    let world = World::new();
    assert_eq!(world.send(payment("k", "large")).await.status, 200);
    let again = world.send(payment("k", "large")).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (204, Some("true")));
    assert_eq!(world.charges(), 1);
}

#[tokio::test]
async fn lost_answers_of_the_store_do_not_run_it_twice() {
    for (call, charges) in [(Port::Claim, 1), (Port::Complete, 1)] {
        let faults = Faults::none().at(call, 1, Fault::LostResponse);
        let records = Faulty::new(Arc::new(MemoryIdempotency::default()), faults.clone());
        let world = World::with(Arc::new(records), AfterCrash::Hold);
        let mut answer = world.send(payment("k", "")).await;
        for _ in 0..2 {
            if answer.status == 503 {
                answer = world.send(payment("k", "")).await;
            }
        }
        assert_eq!((answer.status, world.charges()), (201, charges), "{call:?}: {answer:?}");
        assert_eq!(faults.injected().len(), 1, "{call:?}");
    }
}

#[tokio::test]
async fn after_the_death_of_the_first_the_route_decides() {
    for (after_crash, wanted, charges) in
        [(AfterCrash::RunAgain, 201, 2), (AfterCrash::Hold, 409, 1)]
    {
        let records = Arc::new(MemoryIdempotency::default());
        let world = World::with(Arc::<MemoryIdempotency>::clone(&records), after_crash);
        let begun = async { world.shop.begun.notified().await };
        let first = world.client.clone().time(Duration::from_secs(2));
        assert_eq!(first.send_until(payment("k", "wait"), begun).await, None);
        // The second waits until the first is certainly over.
        world.shop.paid.notify_one();
        let answer = world.send(payment("k", "wait")).await;
        assert_eq!((answer.status, world.charges()), (wanted, charges), "{answer:?}");
    }
}
