//! Payments at a provider that drops answers, and by functions that are killed.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use events::{AuthorisePayment, CapturePayment, Money, PaymentEvent, stream_kind};
use payment_simulator::{Script, Simulator, Sums};
use serde_json::value::RawValue;
use tidegate::aws::DynamoDb;
use tidegate::envelope::{Data, DataSchema, Envelope};
use tidegate::ids::{StreamId, Version};
use tidegate::message::Message;
use tidegate::store::{DynamoDbEventStore, EventReader};
use tidegate_local::engine::Variable;

use crate::crashes::kill_functions;
use crate::world::{Part, Setup, World};

/// Orders of a run. Enough for a few dropped answers at five percent, whatever the seed.
const ORDERS: usize = 200;
/// Seed of the dropped answers.
const SEED: u64 = 1;

/// A system whose payments go to a simulator.
struct Payments {
    world: World,
    simulator: Simulator,
}

impl Payments {
    async fn start(drop_percent: u8) -> Self {
        let script = Script { drop_percent, seed: SEED, ..Script::default() };
        let simulator = Simulator::start(0, script).await.unwrap();
        let address = Variable {
            function: "payment".to_owned(),
            name: "PAYMENT_PROVIDER_URL".to_owned(),
            value: simulator.url(),
        };
        let part = Part::Payment;
        let setup = Setup { part, environment: vec![address], ..Setup::default() };
        Self { world: World::start_as(setup).await, simulator }
    }

    async fn queue_url(&self, name: &str) -> String {
        let answer = self.world.clients().sqs.get_queue_url().queue_name(name).send().await;
        answer.unwrap().queue_url.unwrap()
    }

    /// Sends a command for each order, and each twice, as a queue may deliver it.
    async fn send<M: Message>(&self, command: impl Fn(usize) -> M) {
        let url = self.queue_url("payment").await;
        let messages: Vec<_> = (0..ORDERS).map(|order| message(order, &command(order))).collect();
        for part in messages.chunks(10) {
            for copy in 0..2 {
                let entry = |(place, body): (usize, &String)| {
                    SendMessageBatchRequestEntry::builder()
                        .id(format!("{copy}-{place}"))
                        .message_body(body)
                        .build()
                        .unwrap()
                };
                let entries = part.iter().enumerate().map(entry).collect();
                let send = self.world.clients().sqs.send_message_batch().queue_url(&url);
                let sent = send.set_entries(Some(entries)).send().await.unwrap();
                assert!(sent.failed.is_empty(), "{:?}", sent.failed);
            }
        }
    }

    async fn authorise(&self) {
        self.send(|order| AuthorisePayment {
            order_id: order.to_string().as_str().into(),
            amount: amount(order),
        })
        .await;
    }

    async fn capture(&self) {
        self.send(|order| CapturePayment { order_id: order.to_string().as_str().into() }).await;
    }

    /// Returns the stored events of each order that move money, and their amounts.
    async fn stored(&self) -> BTreeMap<String, Sums> {
        let dynamodb = DynamoDb::from(self.world.clients().dynamodb.clone());
        let store = DynamoDbEventStore::new(dynamodb, "event-store");
        let mut stored = BTreeMap::new();
        for order in (0..ORDERS).map(|order| order.to_string()) {
            let stream = StreamId::new(stream_kind::PAYMENT, &order).unwrap();
            let mut sums = Sums::default();
            for commit in store.read(&stream, Version::NONE).await.unwrap() {
                for event in &commit.events {
                    match event.decode().unwrap() {
                        PaymentEvent::PaymentAuthorised(event) => {
                            sums.authorised += event.amount.minor;
                        }
                        PaymentEvent::PaymentCaptured(event) => {
                            sums.captured += event.amount.minor;
                        }
                        other => panic!("{stream}: {other:?}"),
                    }
                }
            }
            stored.insert(order, sums);
        }
        stored
    }

    /// Checks that each order was charged once, by the provider's report and the stored events, and
    /// that no message was given up.
    async fn check(&self) {
        let report = self.simulator.report();
        assert_eq!(report.duplicate_charges, 0, "{report:?}");
        let orders = ORDERS as u64;
        assert_eq!((report.authorisations, report.charges), (orders, orders), "{report:?}");
        let once = |order: usize| {
            let pence = amount(order).minor;
            (order.to_string(), Sums { authorised: pence, captured: pence, ..Sums::default() })
        };
        let expected: BTreeMap<_, _> = (0..ORDERS).map(once).collect();
        assert_eq!(report.references, expected);
        assert_eq!(self.stored().await, expected);
        for queue in ["dead-letters", "queue-failures"] {
            let name = QueueAttributeName::ApproximateNumberOfMessages;
            let url = self.queue_url(queue).await;
            let ask = self.world.clients().sqs.get_queue_attributes().queue_url(url);
            let answer = ask.attribute_names(name.clone()).send().await.unwrap();
            assert_eq!(answer.attributes.unwrap()[&name], "0", "{queue}");
        }
    }
}

fn amount(order: usize) -> Money {
    Money::pence(100 + order as i64)
}

fn message<M: Message>(order: usize, content: &M) -> String {
    let data = RawValue::from_string(serde_json::to_string(content).unwrap()).unwrap();
    let subject = StreamId::new(stream_kind::PAYMENT, &order.to_string()).unwrap();
    let time = "2010-12-01T08:26:00Z".parse().unwrap();
    let schema = DataSchema::new(M::TYPE, M::VERSION);
    let id = format!("{} {order}", M::TYPE);
    let envelope = Envelope::new(id, "test", subject, time, schema, Data::Inline(data));
    serde_json::to_string(&envelope).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_drops_answers_charges_each_order_once() {
    let payments = Payments::start(5).await;
    payments.authorise().await;
    payments.world.settle().await;
    payments.capture().await;
    payments.world.settle().await;
    payments.check().await;
    let report = payments.simulator.report();
    assert!(report.dropped_answers > 0 && report.look_ups > 0, "{report:?}");
    println!(
        "{ORDERS} orders: {} charges, {} dropped answers, {} look-ups, {} duplicate charges",
        report.charges, report.dropped_answers, report.look_ups, report.duplicate_charges
    );
    payments.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_function_at_any_moment_charges_each_order_once() {
    let payments = Payments::start(20).await;
    payments.authorise().await;
    payments.world.settle().await;
    let (killed, ()) = tokio::join!(kill_functions(&payments.world), payments.capture());
    payments.world.settle().await;
    assert!(killed > 0, "no process was killed");
    payments.check().await;
    payments.world.end().await;
}
