//! Carries out what a message asks for, at the provider, and records the answer.

#[cfg(test)]
mod repeated;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

use std::sync::Arc;

use events::PaymentEvent;
use tidegate::batch::{BatchContext, Decode, Handled, Handler};
use tidegate::breaker::Breaker;
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::message::MessageSet;
use tidegate::metrics::Unit;
use tidegate::source::Delivery;
use tidegate::store::{EventStore, Origin, Retry, content, execute, load};
use tracing::warn;

use crate::call::answer;
use crate::payment::{Input, Next, Payment, Settled};
use crate::provider::Provider;

/// Carries out the inputs of payments.
pub(crate) struct Payments<P> {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) breaker: Breaker,
    pub(crate) provider: P,
}

/// A message of the queue.
pub(crate) struct Received {
    envelope: Envelope,
    origin: Origin,
    /// Whether the queue handed it over before.
    again: bool,
}

impl<P: Provider> Decode for Payments<P> {
    type Record = Received;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Received, Failure> {
        let envelope = Envelope::parse(delivery.bytes()?)?;
        let origin = Origin::delivered::<Input>(&envelope, delivery);
        let again = delivery.attempts.is_none_or(|attempts| attempts > 1);
        Ok(Received { envelope, origin, again })
    }

    fn span(&self, received: &Received) -> tracing::Span {
        received.envelope.span()
    }
}

impl<P: Provider> Handler for Payments<P> {
    /// What is stored decides what the provider is asked for; the answer decides what is stored.
    async fn handle(
        &self,
        received: &Received,
        context: &BatchContext,
    ) -> Result<Handled, Failure> {
        let (store, envelope) = (self.store.as_ref(), &received.envelope);
        let data = content(store, envelope).await?;
        let input = Input::decode(&envelope.kind, envelope.schema.version, &data)?;
        let stream = input.stream(envelope)?;
        let payment = load::<Payment>(store, &stream).await?.aggregate;
        let answer = match payment.next(&input)? {
            Next::Done(handled) => return Ok(handled),
            Next::Record => None,
            Next::Provider(operation) => {
                let may_be_known = received.again || context.replay;
                let call = async || {
                    answer(&self.provider, &operation, may_be_known, context.deadline).await
                };
                Some(self.breaker.call(context, call).await?)
            }
        };
        let (settled, origin) = (Settled { input, answer }, &received.origin);
        let executed =
            execute::<Payment>(store, &stream, &settled, origin, Retry::default()).await?;
        let handled = executed.handled();
        if handled == Handled::Applied {
            report_refusals(executed.events(), context);
        }
        Ok(handled)
    }
}

/// Counts the refunds that the provider refuses. No service listens to the event, so a person must
/// pay the money back. The provider's reason may name the customer, so the log does not have it.
fn report_refusals(events: &[PaymentEvent], context: &BatchContext) {
    for event in events {
        if let PaymentEvent::RefundRefused(refused) = event {
            warn!(return_id = %refused.return_id, "the provider refuses to refund a return");
            context.metrics.add("RefundsRefused", Unit::Count, 1.0, &[]);
        }
    }
}
