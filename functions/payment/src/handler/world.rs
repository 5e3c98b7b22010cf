//! A world for tests: the handler, a store in memory, and the simulator on a real socket.

use std::sync::Arc;
use std::time::Duration;

use events::{
    AuthorisePayment, CapturePayment, Money, PaymentEvent, ReleasePayment, ReturnRecorded,
};
use parking_lot::Mutex;
use payment_simulator::{Script, Simulator, Sums};
use serde_json::value::RawValue;
use tidegate::batch::{Counts, EachRecord, Invocation, Metrics, Runner};
use tidegate::breaker::{Breaker, Rules};
use tidegate::envelope::{Data, DataSchema, Envelope};
use tidegate::ids::{StreamId, Version, content_id};
use tidegate::message::Message;
use tidegate::source::Source;
use tidegate::store::{EventReader, EventStore};
use tidegate::test::{
    Faults, Faulty, MemoryBreakers, MemoryDeadLetters, MemoryEventStore, SqsEvent,
};

use super::Payments;
use crate::provider::HttpProvider;

/// Time of an invocation: far more than any of the tests needs.
pub(super) const TIME: Duration = Duration::from_secs(600);

pub(super) struct World {
    pub(super) simulator: Simulator,
    pub(super) store: Arc<MemoryEventStore>,
    pub(super) letters: Arc<MemoryDeadLetters>,
    /// The lines of metrics that were written.
    pub(super) metrics: Arc<Mutex<String>>,
    pub(super) runner: Runner<EachRecord<Payments<HttpProvider>>>,
}

/// Returns a breaker that no failure opens.
pub(super) fn always_closed() -> Breaker {
    let rules = Rules::new(Duration::from_secs(1)).failures_in_a_row(None);
    Breaker::new(Arc::new(MemoryBreakers::default()), "payment-provider", rules)
}

impl World {
    pub(super) async fn new(script: Script) -> Self {
        Self::with(script, Faults::none(), always_closed()).await
    }

    pub(super) async fn with(script: Script, faults: Faults, breaker: Breaker) -> Self {
        let simulator = Simulator::start(0, script).await.unwrap();
        let memory = Arc::new(MemoryEventStore::default());
        let store: Arc<dyn EventStore> = Arc::new(Faulty::new(Arc::clone(&memory), faults));
        let provider = simulator.url().parse::<HttpProvider>().unwrap();
        let letters = Arc::new(MemoryDeadLetters::default());
        let payments = Payments { store, breaker, provider };
        let handler = EachRecord::new(payments, 10);
        let metrics: Arc<Mutex<String>> = Arc::default();
        let written = Arc::clone(&metrics);
        let runner =
            Runner::new(Source::Sqs, handler, "payment", Arc::<MemoryDeadLetters>::clone(&letters))
                .metrics("Test".parse::<Metrics>().unwrap().to(move |line| {
                    written.lock().push_str(&String::from_utf8_lossy(line));
                }));
        Self { simulator, store: memory, letters, metrics, runner }
    }

    /// Delivers messages that the queue hands over for this number of times.
    pub(super) async fn deliver(&self, bodies: &[&str], times: u32) -> Counts {
        let event = batch(bodies, times);
        self.runner.run(Invocation::new(&event, TIME)).await.counts
    }

    /// Delivers a message for the first time, and expects that it is applied.
    #[track_caller]
    pub(super) fn apply<'a>(&'a self, body: &'a str) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let counts = self.deliver(&[body], 1).await;
            assert_eq!(counts, one(|counts| counts.applied = 1), "{body}, at {caller}");
        }
    }

    /// Returns the stored events of an order or return.
    pub(super) async fn events(&self, key: &str) -> Vec<PaymentEvent> {
        let stream = StreamId::new("payment", key).unwrap();
        let commits = self.store.read(&stream, Version::NONE).await.unwrap();
        let events = commits.iter().flat_map(|commit| &commit.events);
        events.map(|event| event.decode().unwrap()).collect()
    }

    /// Returns what the stored events say about the money of an order or return.
    pub(super) async fn sums(&self, key: &str) -> Sums {
        let mut sums = Sums::default();
        for event in self.events(key).await {
            match event {
                PaymentEvent::PaymentAuthorised(event) => sums.authorised += event.amount.minor,
                PaymentEvent::PaymentCaptured(event) => sums.captured += event.amount.minor,
                PaymentEvent::PaymentReleased(event) => {
                    sums.released += event.amount.map_or(0, |amount| amount.minor);
                }
                PaymentEvent::PaymentRefunded(event) => sums.refunded += event.amount.minor,
                PaymentEvent::PaymentDeclined(_)
                | PaymentEvent::CaptureRefused(_)
                | PaymentEvent::RefundRefused(_) => {}
            }
        }
        sums
    }

    /// Returns the codes of the dead letters.
    pub(super) fn codes(&self) -> Vec<String> {
        self.letters.letters().iter().map(|letter| letter.code.clone()).collect()
    }
}

/// Returns the counts of one delivery.
pub(super) fn one(set: impl FnOnce(&mut Counts)) -> Counts {
    let mut counts = Counts::default();
    set(&mut counts);
    counts
}

/// Returns a batch of messages, whose ids follow from their bodies.
pub(super) fn batch(bodies: &[&str], times: u32) -> Box<RawValue> {
    let batch = SqsEvent::new().receive_count(times);
    let batch = bodies.iter().fold(batch, |batch, body| batch.message(body)).build();
    let named = bodies.iter().enumerate().fold(batch.get().to_owned(), |batch, (place, body)| {
        batch.replace(&SqsEvent::message_id(place), &content_id(&[body]))
    });
    RawValue::from_string(named).unwrap()
}

/// Returns a message with this id and subject.
pub(super) fn message<M: Message>(id: &str, subject: &str, content: &M) -> String {
    let schema = DataSchema::new(M::TYPE, M::VERSION);
    let data = RawValue::from_string(serde_json::to_string(content).unwrap()).unwrap();
    let time = "2010-12-01T08:26:00Z".parse().unwrap();
    let subject = subject.parse().unwrap();
    let envelope = Envelope::new(id, "shop.test", subject, time, schema, Data::Inline(data));
    serde_json::to_string(&envelope).unwrap()
}

pub(super) fn authorise(order: &str, pence: i64) -> String {
    let content = AuthorisePayment { order_id: order.into(), amount: Money::pence(pence) };
    message(&format!("authorise {order}"), &format!("payment#{order}"), &content)
}

pub(super) fn capture(order: &str) -> String {
    let content = CapturePayment { order_id: order.into() };
    message(&format!("capture {order}"), &format!("payment#{order}"), &content)
}

pub(super) fn release(order: &str) -> String {
    let content = ReleasePayment { order_id: order.into() };
    message(&format!("release {order}"), &format!("payment#{order}"), &content)
}

pub(super) fn returned(id: &str, pence: i64) -> String {
    let content = ReturnRecorded {
        return_id: id.into(),
        customer_id: None,
        country: "France".to_owned(),
        returned_at: "2010-12-02T08:26:00Z".parse().unwrap(),
        units: 1,
        refund: Money::pence(pence),
        lines: Vec::new(),
    };
    message(&format!("return {id}"), &format!("return#{id}"), &content)
}
