use std::sync::Arc;

use events::{OrderEvent, OrderPlaced};
use jiff::Timestamp;
use serde_json::value::RawValue;
use tidegate::batch::{BatchContext, Effect, Handler};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::idempotency::{AfterCrash, EffectKey, EffectRun, Effects, Ran, Repeat};
use tidegate::message::MessageSet;
use tidegate::source::Delivery;
use tidegate::store::{EventReader, content};

use crate::confirmation::Confirmation;
use crate::mail::Mailer;

/// Namespace of the effects of this part of the system; it must outlive the function's name.
const NAMESPACE: &str = "notification";

/// Sends one confirmation for each placed order with a customer.
pub(crate) struct Notification<M> {
    pub(crate) function: String,
    pub(crate) effects: Effects,
    pub(crate) events: Arc<dyn EventReader>,
    pub(crate) mailer: M,
    pub(crate) customer_domain: String,
}

/// An event on its way to its e-mail.
pub(crate) struct Notice {
    envelope: Envelope,
    /// The invocation's event, to run it again should the e-mail be held.
    event: Box<RawValue>,
    arrived_at: Option<Timestamp>,
}

impl<M: Mailer> Handler for Notification<M> {
    type Record = Notice;

    fn decode(&self, delivery: &Delivery) -> Result<Notice, Failure> {
        Ok(Notice {
            envelope: Envelope::parse(delivery.bytes()?)?,
            event: delivery.record.clone(),
            arrived_at: delivery.arrived_at,
        })
    }

    fn span(&self, notice: &Notice) -> tracing::Span {
        notice.envelope.span()
    }

    async fn handle(&self, notice: &Notice, context: &BatchContext) -> Result<Effect, Failure> {
        let envelope = &notice.envelope;
        let data = content(self.events.as_ref(), envelope).await?;
        match OrderEvent::decode(&envelope.kind, envelope.schema.version, &data)? {
            OrderEvent::OrderPlaced(order) => self.confirm(&order, notice, context).await,
            OrderEvent::OrderRejected(_) => Ok(Effect::Filtered),
        }
    }
}

impl<M: Mailer> Notification<M> {
    async fn confirm(
        &self,
        order: &OrderPlaced,
        notice: &Notice,
        context: &BatchContext,
    ) -> Result<Effect, Failure> {
        // A guest has no address.
        let Some(customer) = &order.customer_id else { return Ok(Effect::Filtered) };
        let confirmation = Confirmation::new(order, customer, &self.customer_domain);
        let run = EffectRun {
            key: EffectKey::new(NAMESPACE, "order-confirmation", order.order_id.as_str())?,
            // SES takes no idempotency key: after a crash the choice is twice or held.
            after_crash: AfterCrash::Hold,
            repeat: Repeat { function: self.function.clone(), event: notice.event.clone() },
            arrived_at: notice.arrived_at,
        };
        let fields = (&order.order_id, &order.customer_id, order.total);
        let sent =
            self.effects.run(&run, &fields, context, async { self.mailer.send(&confirmation).await }).await?;
        Ok(match sent {
            Ran::Applied(_) => Effect::Applied,
            Ran::Duplicate(_) => Effect::Duplicate,
            Ran::Held => Effect::Held,
        })
    }
}
