//! The idempotency store in DynamoDB: the toolkit's suite of holes, and what only DynamoDB shows.
//! The idempotency store in DynamoDB: the toolkit's suite of failures at every point, and what only
//! DynamoDB can show.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::AttributeValue;
use tidegate::failure::Class;
use tidegate::idempotency::{Claim, DynamoDbIdempotency, IdempotencyStore, Kept};
use tidegate_local::clients::Clients;
use tokio::sync::Mutex;

use super::{Tables, claim, from_now, key, repeat};

/// The suite that the toolkit runs against its double.
#[path = "../../../../crates/tidegate/src/idempotency/tests/holes/mod.rs"]
mod holes;

/// One backend for the tests below, as long as one of them runs.
static SHARED: Mutex<Weak<Tables>> = Mutex::const_new(Weak::new());

/// The shared backend, with a client for the runtime of this test.
async fn shared() -> (Arc<Tables>, Client) {
    let mut shared = SHARED.lock().await;
    let tables = match shared.upgrade() {
        Some(tables) => tables,
        None => Arc::new(Tables::create().await),
    };
    *shared = Arc::downgrade(&tables);
    let client = Clients::new(tables.emulator.endpoint()).dynamodb;
    (tables, client)
}

macro_rules! in_dynamodb {
    ($($hole:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $hole() {
            let (_tables, client) = shared().await;
            holes::$hole(Arc::new(DynamoDbIdempotency::new(client, "idempotency"))).await;
        })*
    };
}
holes::each_hole!(in_dynamodb);

#[tokio::test(flavor = "multi_thread")]
async fn hole_d_a_record_without_a_deadline_is_an_error_and_not_taken_over() {
    let (_tables, client) = shared().await;
    let store = DynamoDbIdempotency::new(client.clone(), "idempotency");
    let key = key();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let item =
        [("key", key.as_str()), ("status", "in_progress"), ("owner", "o"), ("payload_hash", "h")];
    let item = item.map(|(name, value)| (name.to_owned(), text(value))).into();
    client.put_item().table_name("idempotency").set_item(Some(item)).send().await.unwrap();
    for take_over in [false, true] {
        let failure = store.claim(&Claim { take_over, ..claim(&key, "a", 60) }).await.unwrap_err();
        assert_eq!((failure.class(), failure.code()), (Class::Permanent, "corrupt_record"));
        assert!(failure.reason().contains(key.as_str()), "{failure}");
    }
    let delete = client.delete_item().table_name("idempotency").key("key", text(key.as_str()));
    delete.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_one_write_and_a_look_is_one_read_however_large_the_event_of_a_record_is() {
    let (_tables, client) = shared().await;
    let store = DynamoDbIdempotency::new(client.clone(), "idempotency");
    let key = key();
    // A record of a version that kept the event with the claim.
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let event = format!(r#"{{"function":"f","event":"{}"}}"#, "e".repeat(300_000));
    let item = [
        ("key", text(key.as_str())),
        ("status", text("in_progress")),
        ("owner", text("o")),
        ("payload_hash", text("hash")),
        ("lease_until", AttributeValue::N("0".to_owned())),
        ("repeat", text(&event)),
    ];
    let item = item.map(|(name, value)| (name.to_owned(), value)).into();
    client.put_item().table_name("idempotency").set_item(Some(item)).send().await.unwrap();
    let largest = Arc::new(AtomicU32::default());
    let measured =
        client.config().to_builder().interceptor(LargestAnswer(Arc::clone(&largest))).build();
    let measured = Client::from_conf(measured);
    let looks = DynamoDbIdempotency::new(measured.clone(), "idempotency");
    assert!(looks.look(&key).await.unwrap().is_some());
    let bytes = largest.load(Ordering::Relaxed);
    assert!(bytes < 1000, "the event is not sent along: {bytes} bytes");
    let whole = measured.get_item().table_name("idempotency").key("key", text(key.as_str()));
    assert!(whole.send().await.unwrap().item.is_some());
    assert!(largest.load(Ordering::Relaxed) > 300_000, "the record has it, and it would be seen");
    assert_eq!(store.hold_orphan(&key, "o", "why", Some(&repeat("1"))).await, Ok(true));
    let waiting = store.waiting(key.as_str()).await.unwrap().unwrap();
    assert!(waiting.repeat.unwrap().inline().is_some(), "it can be read, and is what is held now");
    store.complete_held(key.as_str(), "o", &Kept::Unknown, from_now(60)).await.unwrap();
}

/// Notes the size of the largest answer.
#[derive(Debug)]
struct LargestAnswer(Arc<AtomicU32>);

impl Intercept for LargestAnswer {
    fn name(&self) -> &'static str {
        "LargestAnswer"
    }

    // Before deserialization the body is a stream of unknown length.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().map_or(u32::MAX, |bytes| bytes.len() as u32);
        self.0.fetch_max(bytes, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_record_is_named_and_hides_no_other() {
    let (_tables, client) = shared().await;
    let store = DynamoDbIdempotency::new(client.clone(), "idempotency");
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let good = key();
    store.claim(&claim(&good, "a", -5)).await.unwrap();
    let bad = |more: &[(&str, &str)]| {
        let key = key().as_str().to_owned();
        let fields = [("key", key.as_str()), ("owner", "o"), ("payload_hash", "h")];
        let item = fields
            .iter()
            .chain(more)
            .map(|(name, value)| ((*name).to_owned(), text(value)))
            .collect();
        (key, item)
    };
    let mut expected = Vec::new();
    for more in [&[("status", "held")][..], &[("status", "of tomorrow")], &[]] {
        let (key, item) = bad(more);
        client.put_item().table_name("idempotency").set_item(Some(item)).send().await.unwrap();
        expected.push(key);
    }
    let (mut effects, mut unreadable, mut from) = (Vec::new(), Vec::new(), None);
    loop {
        let page = store.held(from.as_deref()).await.unwrap();
        effects.extend(page.effects.into_iter().map(|effect| effect.key));
        unreadable.extend(page.unreadable);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert!(effects.iter().any(|key| key == good.as_str()));
    for key in expected {
        let named = unreadable.iter().find(|record| record.key == key).expect("it is named");
        assert!(named.reason.contains(&key), "{named:?}");
        client.delete_item().table_name("idempotency").key("key", text(&key)).send().await.unwrap();
    }
}

/// Loses every second answer: a request took effect, the client sees an error of the server, and
/// sends the request again.
/// Loses every second answer.
///
/// The request took effect, but the client gets a server error and sends it again.
#[derive(Debug, Default)]
struct LosesFirstAnswers {
    answers: AtomicU32,
}

impl Intercept for LosesFirstAnswers {
    fn name(&self) -> &'static str {
        "LosesFirstAnswers"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.answers.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            *context.response_mut().status_mut() = 500.try_into()?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_ones_own_write_is_no_conflict_in_dynamodb() {
    let (_tables, client) = shared().await;
    let lossy = client.config().to_builder().interceptor(LosesFirstAnswers::default()).build();
    let store = |client| Arc::new(DynamoDbIdempotency::new(client, "idempotency"));
    holes::a_lost_answer_to_ones_own_write_is_no_conflict(
        store(Client::from_conf(lossy)),
        store(client),
    )
    .await;
}
