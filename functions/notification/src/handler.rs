//! Sends confirmations, once for each placed order.

use std::sync::Arc;

use events::{OrderEvent, OrderPlaced};
use tidegate::batch::{BatchContext, Decode, Handled, Handler};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::idempotency::{AfterCrash, Effect, EffectKey, Effects};
use tidegate::message::MessageSet;
use tidegate::source::Delivery;
use tidegate::store::{EventReader, content};

use crate::confirmation::Confirmation;
use crate::mail::Mailer;

/// Namespace of this part's effects. It stays the same if the function is renamed.
pub(crate) const NAMESPACE: &str = "notification";

/// Declares the e-mail. SES has no idempotency key: after a crash or a lost answer it would be sent
/// twice, so it is held.
pub(crate) fn confirming(effects: Effects) -> Effect {
    Effect::new(effects, "order-confirmation", AfterCrash::Hold)
}

/// Sends one confirmation for each placed order with a customer.
pub(crate) struct Notification<M> {
    pub(crate) confirming: Effect,
    pub(crate) events: Arc<dyn EventReader>,
    pub(crate) mailer: M,
    pub(crate) customer_domain: String,
}

impl<M: Mailer> Decode for Notification<M> {
    type Record = Envelope;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Envelope, Failure> {
        Envelope::parse(delivery.bytes()?)
    }

    fn span(&self, envelope: &Envelope) -> tracing::Span {
        envelope.span()
    }
}

impl<M: Mailer> Handler for Notification<M> {
    async fn handle(
        &self,
        envelope: &Envelope,
        context: &BatchContext,
    ) -> Result<Handled, Failure> {
        let data = content(self.events.as_ref(), envelope).await?;
        match OrderEvent::decode(&envelope.kind, envelope.schema.version, &data)? {
            OrderEvent::OrderPlaced(order) => self.confirm(&order, context).await,
            OrderEvent::OrderRejected(_) => Ok(Handled::Filtered),
        }
    }
}

impl<M: Mailer> Notification<M> {
    async fn confirm(
        &self,
        order: &OrderPlaced,
        context: &BatchContext,
    ) -> Result<Handled, Failure> {
        // A guest has no address.
        let Some(customer) = &order.customer_id else { return Ok(Handled::Filtered) };
        let confirmation = Confirmation::new(order, customer, &self.customer_domain);
        let fields = (&order.order_id, &order.customer_id, order.total);
        let send = async |_: &EffectKey| self.mailer.send(&confirmation).await;
        let sent = self.confirming.run(&order.order_id, &fields, context, send).await?;
        Ok(sent.handled())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use jiff::Timestamp;
    use serde_json::json;
    use serde_json::value::RawValue;
    use tidegate::batch::{Counts, EachRecord, Invocation, Runner};
    use tidegate::idempotency::{EffectError, IdempotencyStore};
    use tidegate::source::Source;
    use tidegate::test::{MemoryDeadLetters, MemoryEventStore, MemoryIdempotency};

    use super::*;

    /// Records the mails that are sent, and fails with the given errors.
    #[derive(Default)]
    struct Outbox {
        sent: Mutex<Vec<Confirmation>>,
        errors: Mutex<Vec<EffectError>>,
    }

    impl Mailer for Arc<Outbox> {
        async fn send(&self, confirmation: &Confirmation) -> Result<String, EffectError> {
            if let Some(error) = self.errors.lock().unwrap().pop() {
                return Err(error);
            }
            self.sent.lock().unwrap().push(confirmation.clone());
            Ok("message".to_owned())
        }
    }

    struct World {
        outbox: Arc<Outbox>,
        idempotency: Arc<MemoryIdempotency>,
        runner: Runner<EachRecord<Notification<Arc<Outbox>>>>,
    }

    impl World {
        fn new() -> Self {
            let (outbox, idempotency): (Arc<Outbox>, Arc<MemoryIdempotency>) = Default::default();
            let notification = Notification {
                confirming: confirming(Effects::new(
                    Arc::<MemoryIdempotency>::clone(&idempotency),
                    NAMESPACE,
                    Duration::from_secs(30 * 24 * 3600),
                )),
                events: Arc::new(MemoryEventStore::default()),
                mailer: Arc::clone(&outbox),
                customer_domain: "example.com".to_owned(),
            };
            let letters = Arc::new(MemoryDeadLetters::default());
            let runner = Runner::new(
                Source::EventBridge,
                EachRecord::new(notification, 1),
                "notification",
                letters,
            );
            Self { outbox, idempotency, runner }
        }

        async fn invoke(&self, customer: Option<&str>) -> Counts {
            let event = event(customer);
            self.runner.run(Invocation::new(&event, Duration::from_secs(10))).await.counts
        }

        fn sent(&self) -> Vec<String> {
            self.outbox
                .sent
                .lock()
                .unwrap()
                .iter()
                .map(|confirmation| confirmation.to.clone())
                .collect()
        }
    }

    /// Returns the counts of one delivery.
    fn one(set: impl FnOnce(&mut Counts)) -> Counts {
        let mut counts = Counts::default();
        set(&mut counts);
        counts
    }

    fn event(customer: Option<&str>) -> Box<RawValue> {
        let event = json!({
            "id": "delivery", "detail-type": "OrderPlaced", "source": "shop.orders", "time": Timestamp::now(),
            "detail": {
                "specversion": "1.0", "id": "e1", "source": "shop.orders", "type": "OrderPlaced",
                "subject": "order#7", "time": "2010-12-01T08:26:00Z", "sequence": 1,
                "dataschema": "urn:tidegate:schema:OrderPlaced:1", "correlationid": "c1",
                "data": {
                    "order_id": "7", "customer_id": customer, "country": "France", "ordered_at": "2010-12-01T08:26:00Z",
                    "units": 1, "total": { "minor": 100, "currency": "GBP" },
                    "lines": [{ "stock_code": "A", "quantity": 1, "unit_price": 100 }],
                },
            },
        });
        RawValue::from_string(event.to_string()).unwrap()
    }

    #[tokio::test]
    async fn an_order_is_confirmed_once_however_often_its_event_comes() {
        let world = World::new();
        assert_eq!(world.invoke(Some("17850")).await, one(|counts| counts.applied = 1));
        assert_eq!(world.invoke(Some("17850")).await, one(|counts| counts.duplicate = 1));
        assert_eq!(world.sent(), ["customer-17850@example.com"]);
    }

    #[tokio::test]
    async fn a_guest_is_sent_nothing() {
        let world = World::new();
        assert_eq!(world.invoke(None).await, one(|counts| counts.filtered = 1));
        assert!(world.sent().is_empty());
    }

    #[tokio::test]
    async fn an_email_that_ses_refused_is_sent_by_the_next_delivery() {
        let world = World::new();
        let refused = EffectError::NotDone(Failure::transient("mail_refused", "throttled"));
        world.outbox.errors.lock().unwrap().push(refused);
        assert_eq!(world.invoke(Some("1")).await, one(|counts| counts.failed = 1));
        assert_eq!(world.invoke(Some("1")).await, one(|counts| counts.applied = 1));
        assert_eq!(world.sent().len(), 1);
    }

    #[tokio::test]
    async fn an_email_that_may_have_been_sent_is_held_with_the_event_that_repeats_it() {
        let world = World::new();
        let lost = EffectError::Unknown(Failure::transient("mail_unknown", "no answer"));
        world.outbox.errors.lock().unwrap().push(lost);
        for _ in 0..2 {
            assert_eq!(world.invoke(Some("1")).await, one(|counts| counts.held = 1));
        }
        assert!(world.sent().is_empty());
        let held = world.idempotency.held(None).await.unwrap().effects;
        assert_eq!(held[0].key, "notification#order-confirmation#7");
        let repeat = held[0].repeat.as_ref().unwrap();
        assert_eq!(repeat.function, "notification");
        assert!(repeat.inline().unwrap().get().contains(r#""detail-type":"OrderPlaced""#));
    }
}
