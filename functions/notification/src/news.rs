//! What customers are told about.

use events::{
    CancellationCause, CustomerId, FulfilmentEvent, OrderCancelled, OrderConfirmed,
    OrderDispatched, OrderEvent, OrderId, OrderPlaced,
};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::message::MessageSet;

/// What customers are told about, one e-mail for each order and kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum News {
    Placed(OrderPlaced),
    Confirmed(OrderConfirmed),
    Dispatched(OrderDispatched),
    Cancelled(OrderCancelled),
}

/// Kind of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Placed,
    Confirmed,
    Dispatched,
    Cancelled,
}

impl Kind {
    /// All kinds.
    pub(crate) const ALL: [Self; 4] =
        [Self::Placed, Self::Confirmed, Self::Dispatched, Self::Cancelled];

    /// Returns the name of the effect, which is a part of its keys.
    pub(crate) fn effect(self) -> &'static str {
        match self {
            Self::Placed => "order-placed",
            Self::Confirmed => "order-confirmed",
            Self::Dispatched => "order-dispatched",
            Self::Cancelled => "order-cancelled",
        }
    }
}

impl News {
    /// Reads an event with this content. `None`: customers are not told about it.
    ///
    /// # Errors
    /// Those of [`MessageSet::decode`].
    pub(crate) fn from_event(envelope: &Envelope, data: &str) -> Result<Option<Self>, Failure> {
        let (kind, version) = (&*envelope.kind, envelope.schema.version);
        if FulfilmentEvent::newest(kind).is_some() {
            return Ok(match FulfilmentEvent::decode(kind, version, data)? {
                FulfilmentEvent::OrderConfirmed(event) => Some(Self::Confirmed(event)),
                FulfilmentEvent::OrderDispatched(event) => Some(Self::Dispatched(event)),
                FulfilmentEvent::OrderCancelled(event) => Some(Self::Cancelled(event)),
                FulfilmentEvent::OrderCompleted(_) => None,
            });
        }
        Ok(match OrderEvent::decode(kind, version, data)? {
            OrderEvent::OrderPlaced(event) => Some(Self::Placed(event)),
            OrderEvent::OrderRejected(_)
            | OrderEvent::CancellationRequested(_)
            | OrderEvent::CancellationRejected(_) => None,
        })
    }

    /// Returns the kind.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Placed(_) => Kind::Placed,
            Self::Confirmed(_) => Kind::Confirmed,
            Self::Dispatched(_) => Kind::Dispatched,
            Self::Cancelled(_) => Kind::Cancelled,
        }
    }

    /// Returns the order.
    pub(crate) fn order_id(&self) -> &OrderId {
        match self {
            Self::Placed(event) => &event.order_id,
            Self::Confirmed(event) => &event.order_id,
            Self::Dispatched(event) => &event.order_id,
            Self::Cancelled(event) => &event.order_id,
        }
    }

    /// Returns the customer. `None`: a guest, who has no address.
    pub(crate) fn customer_id(&self) -> Option<&CustomerId> {
        match self {
            Self::Placed(event) => event.customer_id.as_ref(),
            Self::Confirmed(event) => event.customer_id.as_ref(),
            Self::Dispatched(event) => event.customer_id.as_ref(),
            Self::Cancelled(event) => event.customer_id.as_ref(),
        }
    }

    /// Returns why an order was cancelled, if these are the news.
    pub(crate) fn cause(&self) -> Option<CancellationCause> {
        match self {
            Self::Cancelled(event) => Some(event.cause),
            Self::Placed(_) | Self::Confirmed(_) | Self::Dispatched(_) => None,
        }
    }

    /// Returns whether these news mislead somebody whose order is cancelled by now.
    pub(crate) fn is_stale_if_cancelled(&self) -> bool {
        self.kind() != Kind::Cancelled
    }
}
