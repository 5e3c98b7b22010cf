//! Status of an order, as customers and people in the shop see it.

use std::fmt;

use serde::{Deserialize, Serialize};
use tidegate::failure::Failure;
use tidegate::message::{Message, MessageSet};
use tidegate::process::{ProcessForced, ProcessResumed, ProcessSkipped, ProcessStuck, StoredEvent};
use tidegate::store::{RecordedCommit, RecordedEvent};

use crate::FulfilmentEvent;

/// Status of an order: what the published events of its fulfilment say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// The shop has the order. Stock and payment are not decided yet.
    #[default]
    Placed,
    /// Products are reserved, and the payment is authorised.
    Confirmed,
    /// The order is on its way.
    Dispatched,
    /// The order is dispatched and paid.
    Completed,
    /// The order ended without delivery, as the customer asked, or because it took too long.
    Cancelled,
    /// The shop does not deliver the order: no stock, no payment, or no carrier.
    Rejected,
    /// A person of the shop looks into the order.
    Stuck,
}

impl OrderStatus {
    /// Returns the status of a placed order from the commits of its stream `fulfilment#…`, from the
    /// first on. Without commits it is placed.
    ///
    /// # Errors
    /// [`Failure::NEWER`] (transient): a newer version wrote an event that is published.
    pub fn of(fulfilment: &[RecordedCommit]) -> Result<Self, Failure> {
        OrderProgress::of(fulfilment).map(OrderProgress::status)
    }

    /// Returns whether nothing follows.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Rejected)
    }

    /// Returns the word for it, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Confirmed => "confirmed",
            Self::Dispatched => "dispatched",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Stuck => "stuck",
        }
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far an order is, folded from the events of its stream `fulfilment#…` one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderProgress {
    published: OrderStatus,
    stuck: bool,
}

impl OrderProgress {
    /// Folds the commits of an order's stream `fulfilment#…`, from the first on.
    ///
    /// # Errors
    /// Those of [`Self::apply`].
    pub fn of(fulfilment: &[RecordedCommit]) -> Result<Self, Failure> {
        let mut progress = Self::default();
        for event in fulfilment.iter().flat_map(|commit| &commit.events) {
            progress.apply(event)?;
        }
        Ok(progress)
    }

    /// Applies the next event of the stream. The toolkit's own events count only if they say that
    /// the process waits for a person, or waits no longer.
    ///
    /// # Errors
    /// [`Failure::NEWER`] (transient): a newer version wrote an event that is published.
    pub fn apply(&mut self, event: &RecordedEvent) -> Result<(), Failure> {
        match event.kind.as_str() {
            ProcessStuck::TYPE => self.stuck = true,
            ProcessResumed::TYPE | ProcessSkipped::TYPE | ProcessForced::TYPE => self.stuck = false,
            kind if StoredEvent::knows(kind) => {}
            kind if FulfilmentEvent::newest(kind).is_some() => {
                self.published = published(&event.decode()?);
            }
            // A fact that only newer readers know does not change what customers see.
            _ => {}
        }
        Ok(())
    }

    /// Returns what was published last, whether or not the order is stuck: never
    /// [`OrderStatus::Stuck`].
    pub fn published(self) -> OrderStatus {
        self.published
    }

    /// Returns the status.
    pub fn status(self) -> OrderStatus {
        if self.stuck && !self.published.is_end() { OrderStatus::Stuck } else { self.published }
    }
}

fn published(event: &FulfilmentEvent) -> OrderStatus {
    match event {
        FulfilmentEvent::OrderConfirmed(_) => OrderStatus::Confirmed,
        FulfilmentEvent::OrderDispatched(_) => OrderStatus::Dispatched,
        FulfilmentEvent::OrderCompleted(_) => OrderStatus::Completed,
        FulfilmentEvent::OrderCancelled(event) if event.cause.is_rejection() => {
            OrderStatus::Rejected
        }
        FulfilmentEvent::OrderCancelled(_) => OrderStatus::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;
    use tidegate::envelope::DataSchema;
    use tidegate::ids::Version;

    use super::*;
    use crate::{
        CancellationCause, Money, OrderCancelled, OrderCompleted, OrderConfirmed, OrderDispatched,
    };

    fn event(kind: &str, data: &serde_json::Value) -> RecordedEvent {
        let schema = DataSchema::new(kind, 1);
        RecordedEvent::new("e", Version::new(1), schema, Timestamp::UNIX_EPOCH, data.to_string())
    }

    fn fact<M: Message>(message: &M) -> RecordedEvent {
        event(M::TYPE, &serde_json::to_value(message).unwrap())
    }

    fn status(events: &[RecordedEvent]) -> OrderStatus {
        let mut progress = OrderProgress::default();
        for event in events {
            progress.apply(event).unwrap();
        }
        progress.status()
    }

    fn cancelled(cause: CancellationCause) -> RecordedEvent {
        fact(&OrderCancelled { order_id: "1".into(), customer_id: None, cause })
    }

    #[test]
    fn the_newest_published_event_is_the_status() {
        let total = Money::pence(1);
        let (order_id, customer_id) = (crate::OrderId::from("1"), None);
        let confirmed = fact(&OrderConfirmed { order_id, customer_id, total });
        let (order_id, customer_id) = (crate::OrderId::from("1"), None);
        let tracking = "T1".to_owned();
        let dispatched = fact(&OrderDispatched { order_id, customer_id, tracking });
        let completed = fact(&OrderCompleted { order_id: "1".into(), total });
        let moved = event("ProcessMoved", &json!({}));
        let events = [moved.clone(), confirmed, moved, dispatched, completed];
        let seen: Vec<_> = (0..=events.len()).map(|count| status(&events[..count])).collect();
        let words: Vec<_> = seen.iter().map(|status| status.as_str()).collect();
        assert_eq!(
            words,
            ["placed", "placed", "confirmed", "confirmed", "dispatched", "completed"]
        );
        assert_eq!(serde_json::to_value(OrderStatus::Dispatched).unwrap(), "dispatched");
    }

    #[test]
    fn the_cause_says_whether_the_shop_or_the_customer_ended_the_order() {
        let rejections = [
            CancellationCause::OutOfStock,
            CancellationCause::PaymentDeclined,
            CancellationCause::NotDeliverable,
        ];
        for cause in rejections {
            assert_eq!(status(&[cancelled(cause)]), OrderStatus::Rejected);
        }
        let cancellations = [
            CancellationCause::Requested,
            CancellationCause::PaymentOverdue,
            CancellationCause::DispatchOverdue,
        ];
        for cause in cancellations {
            assert_eq!(status(&[cancelled(cause)]), OrderStatus::Cancelled);
        }
    }

    #[test]
    fn an_order_is_stuck_until_a_person_decides() {
        let stuck = event("ProcessStuck", &json!({}));
        assert_eq!(status(std::slice::from_ref(&stuck)), OrderStatus::Stuck);
        for word in ["ProcessResumed", "ProcessSkipped", "ProcessForced"] {
            let decided = event(word, &json!({}));
            assert_eq!(status(&[stuck.clone(), decided]), OrderStatus::Placed);
        }
        let ended = cancelled(CancellationCause::Requested);
        assert_eq!(status(&[ended, stuck]), OrderStatus::Cancelled, "an end stays");
    }

    #[test]
    fn a_newer_published_event_is_not_guessed_at() {
        let mut newer = cancelled(CancellationCause::Requested);
        newer.data_version = 2;
        let failure = OrderProgress::default().apply(&newer).unwrap_err();
        assert_eq!(failure.code(), Failure::NEWER);
    }
}
