//! Tells customers the news of their orders, each once.

use std::sync::Arc;

use events::{CustomerId, OrderStatus, stream_kind};
use serde::{Deserialize, Serialize};
use tidegate::batch::{BatchContext, Decode, Handled, Handler};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::idempotency::{AfterCrash, Effect, EffectError, EffectKey, Effects, Ran};
use tidegate::ids::{StreamId, Version};
use tidegate::metrics::Unit;
use tidegate::source::Delivery;
use tidegate::store::{EventReader, content};
use tracing::info;

use crate::mail::Mail;
use crate::mailer::Mailer;
use crate::news::{Kind, News};
use crate::templates::Templates;

/// Declares the e-mail about news of this kind. SES has no idempotency key: after a crash or a lost
/// answer it would be sent twice, so it is held.
fn effect(effects: &Effects, kind: Kind) -> Effect {
    Effect::new(effects.clone(), kind.effect(), AfterCrash::Hold)
}

/// What became of an e-mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// It was sent; this is the provider's id.
    Sent(String),
    /// It was not sent, because the order was cancelled meanwhile.
    Stale,
}

/// Tells customers the news of their orders, one e-mail for each order and kind.
pub(crate) struct Notification<M> {
    pub(crate) effects: Effects,
    pub(crate) events: Arc<dyn EventReader>,
    pub(crate) mailer: M,
    pub(crate) templates: Templates,
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
        let news = News::from_event(envelope, &data)?;
        // A guest has no address.
        match news.as_ref().and_then(|news| Some((news, news.customer_id()?))) {
            Some((news, customer)) => self.tell(news, customer, context).await,
            None => Ok(Handled::Filtered),
        }
    }
}

impl<M: Mailer> Notification<M> {
    async fn tell(
        &self,
        news: &News,
        customer: &CustomerId,
        context: &BatchContext,
    ) -> Result<Handled, Failure> {
        let mail = Mail::new(news, customer, &self.customer_domain, &self.templates)?;
        let (order, kind) = (news.order_id(), news.kind());
        let send = async |_: &EffectKey| {
            // Asked only by the run that sends: whoever comes later gets its answer.
            if self.is_stale(news).await.map_err(EffectError::NotDone)? {
                return Ok(Outcome::Stale);
            }
            self.mailer.send(&mail).await.map(Outcome::Sent)
        };
        let effect = effect(&self.effects, kind);
        let ran = effect.run(order, &(order, customer, news.cause()), context, send).await?;
        if ran == Ran::Applied(Outcome::Stale) {
            info!(%order, kind = kind.effect(), "the order is cancelled by now: no e-mail is sent");
            context.metrics.add("MailsStale", Unit::Count, 1.0, &[("kind", kind.effect())]);
            return Ok(Handled::Filtered);
        }
        Ok(ran.handled())
    }

    /// Returns whether the order is cancelled by now, so that these news would mislead.
    ///
    /// An event comes late or in another order. The stream of the order's process is the truth.
    async fn is_stale(&self, news: &News) -> Result<bool, Failure> {
        if !news.is_stale_if_cancelled() {
            return Ok(false);
        }
        let process = StreamId::new(stream_kind::FULFILMENT, news.order_id().as_str())
            .map_err(|error| Failure::permanent("invalid_id", error.to_string()))?;
        let status = OrderStatus::of(&self.events.read(&process, Version::NONE).await?)?;
        Ok(matches!(status, OrderStatus::Cancelled | OrderStatus::Rejected))
    }
}

#[cfg(test)]
mod tests;
