//! News come twice, late, and to guests; and SES fails.

use std::sync::Mutex;
use std::time::Duration;

use events::{CancellationCause, FulfilmentEvent, OrderCancelled};
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tidegate::batch::{Counts, EachRecord, Invocation, Metrics, Runner};
use tidegate::idempotency::IdempotencyStore;
use tidegate::ids::Cause;
use tidegate::source::Source;
use tidegate::store::{Aggregate, Decision, Origin, Retry, execute};
use tidegate::test::{MemoryDeadLetters, MemoryEventStore, MemoryIdempotency};

use super::*;
use crate::parts::NAMESPACE;

/// Records the mails that are sent, and fails with the given errors.
#[derive(Default)]
struct Outbox {
    sent: Mutex<Vec<Mail>>,
    errors: Mutex<Vec<EffectError>>,
}

impl Mailer for Arc<Outbox> {
    async fn send(&self, mail: &Mail) -> Result<String, EffectError> {
        if let Some(error) = self.errors.lock().unwrap().pop() {
            return Err(error);
        }
        self.sent.lock().unwrap().push(mail.clone());
        Ok("message".to_owned())
    }
}

struct World {
    outbox: Arc<Outbox>,
    idempotency: Arc<MemoryIdempotency>,
    store: Arc<MemoryEventStore>,
    letters: Arc<MemoryDeadLetters>,
    metrics: Arc<Mutex<String>>,
    runner: Runner<EachRecord<Notification<Arc<Outbox>>>>,
}

/// The process of an order, which publishes what it is told to.
#[derive(Default)]
struct Process;

impl Aggregate for Process {
    type Command = FulfilmentEvent;
    type Event = FulfilmentEvent;
    const SOURCE: &'static str = events::FULFILMENT_SOURCE;

    fn creates(_: &FulfilmentEvent) -> bool {
        true
    }

    fn apply(&mut self, _: &FulfilmentEvent) {}

    fn decide(&self, event: &FulfilmentEvent) -> Decision<FulfilmentEvent> {
        Decision::one(event.clone())
    }
}

impl World {
    fn new() -> Self {
        let outbox: Arc<Outbox> = Arc::default();
        let idempotency: Arc<MemoryIdempotency> = Arc::default();
        let store: Arc<MemoryEventStore> = Arc::default();
        let letters: Arc<MemoryDeadLetters> = Arc::default();
        let metrics: Arc<Mutex<String>> = Arc::default();
        let notification = Notification {
            effects: Effects::new(
                Arc::<MemoryIdempotency>::clone(&idempotency),
                NAMESPACE,
                Duration::from_secs(30 * 24 * 3600),
            ),
            events: Arc::<MemoryEventStore>::clone(&store),
            mailer: Arc::clone(&outbox),
            templates: Templates::new().unwrap(),
            customer_domain: "example.com".to_owned(),
        };
        let written = Arc::clone(&metrics);
        let runner = Runner::new(
            Source::EventBridge,
            EachRecord::new(notification, 1),
            "notification",
            Arc::<MemoryDeadLetters>::clone(&letters),
        )
        .metrics("Test".parse::<Metrics>().unwrap().to(move |line| {
            written.lock().unwrap().push_str(&String::from_utf8_lossy(line));
        }));
        Self { outbox, idempotency, store, letters, metrics, runner }
    }

    async fn invoke(&self, event: &RawValue) -> Counts {
        self.runner.run(Invocation::new(event, Duration::from_secs(10))).await.counts
    }

    /// Cancels the order 7, as its process does.
    async fn cancel(&self) {
        let cause = CancellationCause::Requested;
        let event = OrderCancelled { order_id: "7".into(), customer_id: None, cause };
        let origin = Origin::new(
            Cause { source: "test".to_owned(), id: "c1".to_owned() },
            Timestamp::UNIX_EPOCH,
        );
        let stream = "fulfilment#7".parse().unwrap();
        let (store, retry) = (self.store.as_ref(), Retry::default());
        execute::<Process>(store, &stream, &event.into(), &origin, retry).await.unwrap();
    }

    /// Returns the subjects of the e-mails that were sent.
    fn sent(&self) -> Vec<String> {
        self.outbox.sent.lock().unwrap().iter().map(|mail| mail.subject.clone()).collect()
    }
}

/// Returns the counts of one delivery.
fn one(set: impl FnOnce(&mut Counts)) -> Counts {
    let mut counts = Counts::default();
    set(&mut counts);
    counts
}

fn event(kind: &str, data: &Value) -> Box<RawValue> {
    let event = json!({
        "id": "delivery", "detail-type": kind, "source": "shop", "time": Timestamp::now(),
        "detail": {
            "specversion": "1.0", "id": "e1", "source": "shop", "type": kind,
            "subject": "order#7", "time": "2010-12-01T08:26:00Z", "sequence": 1,
            "dataschema": format!("urn:tidegate:schema:{kind}:1"), "correlationid": "c1",
            "data": data,
        },
    });
    RawValue::from_string(event.to_string()).unwrap()
}

fn placed_by(customer: Option<&str>) -> Box<RawValue> {
    event(
        "OrderPlaced",
        &json!({
            "order_id": "7", "customer_id": customer, "country": "France",
            "ordered_at": "2010-12-01T08:26:00Z", "units": 1,
            "total": { "minor": 100, "currency": "GBP" },
            "lines": [{ "stock_code": "A", "quantity": 1, "unit_price": 100 }],
        }),
    )
}

fn placed() -> Box<RawValue> {
    placed_by(Some("17850"))
}

fn confirmed() -> Box<RawValue> {
    let total = json!({ "minor": 100, "currency": "GBP" });
    event("OrderConfirmed", &json!({ "order_id": "7", "customer_id": "17850", "total": total }))
}

fn dispatched() -> Box<RawValue> {
    let data = json!({ "order_id": "7", "customer_id": "17850", "tracking": "TG-7" });
    event("OrderDispatched", &data)
}

fn cancelled() -> Box<RawValue> {
    let data = json!({ "order_id": "7", "customer_id": "17850", "cause": "out_of_stock" });
    event("OrderCancelled", &data)
}

#[tokio::test]
async fn each_kind_of_news_is_told_once_however_often_its_event_comes() {
    let world = World::new();
    for news in [placed(), confirmed(), dispatched(), cancelled()] {
        assert_eq!(world.invoke(&news).await, one(|counts| counts.applied = 1));
        assert_eq!(world.invoke(&news).await, one(|counts| counts.duplicate = 1));
    }
    assert_eq!(
        world.sent(),
        [
            "Your order 7",
            "Your order 7 is confirmed",
            "Your order 7 is on its way",
            "Your order 7 could not be accepted"
        ]
    );
}

#[tokio::test]
async fn a_guest_is_sent_nothing_and_other_events_are_no_news() {
    let world = World::new();
    let completed = json!({ "order_id": "7", "total": { "minor": 100, "currency": "GBP" } });
    let rejected = json!({ "order_id": "7", "reasons": [] });
    for event in [
        placed_by(None),
        event("OrderCompleted", &completed),
        event("OrderRejected", &rejected),
        event("CancellationRequested", &json!({ "order_id": "7" })),
    ] {
        assert_eq!(world.invoke(&event).await, one(|counts| counts.filtered = 1));
    }
    assert!(world.sent().is_empty());
}

#[tokio::test]
async fn news_of_an_order_that_is_cancelled_by_now_are_not_sent_and_are_counted() {
    let world = World::new();
    world.cancel().await;
    for news in [placed(), confirmed(), dispatched()] {
        assert_eq!(world.invoke(&news).await, one(|counts| counts.filtered = 1));
        assert_eq!(world.invoke(&news).await, one(|counts| counts.duplicate = 1));
    }
    assert_eq!(world.invoke(&cancelled()).await, one(|counts| counts.applied = 1));
    assert_eq!(world.sent(), ["Your order 7 could not be accepted"]);
    let metrics = world.metrics.lock().unwrap();
    for kind in ["order-placed", "order-confirmed", "order-dispatched"] {
        let counted = format!(r#""kind":"{kind}""#);
        let line = metrics.lines().find(|line| line.contains(&counted));
        assert!(line.is_some_and(|line| line.contains(r#""MailsStale":1"#)), "{kind}: {metrics}");
    }
}

#[tokio::test]
async fn news_that_were_sent_before_the_cancellation_are_duplicates_afterwards() {
    let world = World::new();
    assert_eq!(world.invoke(&confirmed()).await, one(|counts| counts.applied = 1));
    world.cancel().await;
    assert_eq!(world.invoke(&confirmed()).await, one(|counts| counts.duplicate = 1));
    assert_eq!(world.sent(), ["Your order 7 is confirmed"]);
}

#[tokio::test]
async fn an_email_that_ses_refused_is_sent_by_the_next_delivery() {
    let world = World::new();
    let refused = EffectError::NotDone(Failure::transient("mail_refused", "throttled"));
    world.outbox.errors.lock().unwrap().push(refused);
    assert_eq!(world.invoke(&placed()).await, one(|counts| counts.failed = 1));
    assert_eq!(world.invoke(&placed()).await, one(|counts| counts.applied = 1));
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn an_email_that_may_have_been_sent_is_held_with_the_event_that_repeats_it() {
    let world = World::new();
    let lost = EffectError::Unknown(Failure::transient("mail_unknown", "no answer"));
    world.outbox.errors.lock().unwrap().push(lost);
    for _ in 0..2 {
        assert_eq!(world.invoke(&placed()).await, one(|counts| counts.held = 1));
    }
    assert!(world.sent().is_empty());
    let held = world.idempotency.held(None).await.unwrap().effects;
    assert_eq!(held[0].key, "notification#order-placed#7");
    let repeat = held[0].repeat.as_ref().unwrap();
    assert_eq!(repeat.function, "notification");
    assert!(repeat.inline().unwrap().get().contains(r#""detail-type":"OrderPlaced""#));
}

#[tokio::test]
async fn a_customer_without_a_possible_address_becomes_a_letter() {
    let world = World::new();
    let event = placed_by(Some("7@evil.example,a"));
    assert_eq!(world.invoke(&event).await, one(|counts| counts.dead_lettered = 1));
    assert_eq!(world.letters.letters()[0].code, "invalid_address");
    assert!(world.sent().is_empty());
}
