//! What the event store says, stream by stream.

use std::collections::HashMap;

use events::{FulfilmentEvent, InventoryEvent, OrderId, PaymentEvent, ShippingEvent, stream_kind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tidegate::failure::Failure;
use tidegate::message::MessageSet;
use tidegate::store::{RecordedCommit, RecordedEvent};

/// An event, as far as the check needs it.
#[derive(Debug)]
pub(super) enum Fact {
    /// The order was placed.
    Placed,
    /// The customer asked to cancel the order.
    CancellationRequested,
    /// The process published this.
    Published(FulfilmentEvent),
    /// The process waits for a person, for the reason with this code.
    Stuck(String),
    /// An operator had the stuck input decided again.
    Resumed,
    /// An operator dropped the stuck input.
    Skipped,
    /// An operator set a state.
    Forced {
        /// It is an end state.
        ended: bool,
    },
    Stock(InventoryEvent),
    Payment(PaymentEvent),
    Shipping(ShippingEvent),
}

/// The facts of all streams, with their versions.
#[derive(Debug, Default)]
pub(super) struct Facts(HashMap<String, Vec<(u64, Fact)>>);

#[derive(Deserialize)]
struct Stuck {
    code: String,
}

#[derive(Deserialize)]
struct Forced {
    #[serde(default)]
    ended: bool,
}

impl Facts {
    /// Takes a commit of the event store.
    ///
    /// # Errors
    /// It has an event that this program does not know.
    pub(super) fn take(&mut self, commit: RecordedCommit) -> Result<(), Failure> {
        for event in &commit.events {
            if let Some(fact) = fact(commit.stream.kind(), event)? {
                self.add(commit.stream.as_str(), event.version.number(), fact);
            }
        }
        Ok(())
    }

    pub(super) fn add(&mut self, stream: &str, version: u64, fact: Fact) {
        self.0.entry(stream.to_owned()).or_default().push((version, fact));
    }

    /// Adds the facts of other streams.
    pub(super) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Returns each stream, by kind and key, with its facts in order.
    pub(super) fn streams(self) -> impl Iterator<Item = (String, String, Vec<Fact>)> {
        self.0.into_iter().map(|(stream, mut facts)| {
            facts.sort_by_key(|(version, _)| *version);
            let (kind, key) = stream.split_once('#').unwrap_or((&stream, ""));
            let facts = facts.into_iter().map(|(_, fact)| fact).collect();
            (kind.to_owned(), key.to_owned(), facts)
        })
    }
}

fn fact(stream: &str, event: &RecordedEvent) -> Result<Option<Fact>, Failure> {
    Ok(match (stream, event.kind.as_str()) {
        (OrderId::STREAM_KIND, "OrderPlaced") => Some(Fact::Placed),
        (OrderId::STREAM_KIND, "CancellationRequested") => Some(Fact::CancellationRequested),
        (stream_kind::FULFILMENT, "ProcessStuck") => Some(Fact::Stuck(read::<Stuck>(event)?.code)),
        (stream_kind::FULFILMENT, "ProcessResumed") => Some(Fact::Resumed),
        (stream_kind::FULFILMENT, "ProcessSkipped") => Some(Fact::Skipped),
        (stream_kind::FULFILMENT, "ProcessForced") => {
            Some(Fact::Forced { ended: read::<Forced>(event)?.ended })
        }
        (stream_kind::FULFILMENT, kind) if FulfilmentEvent::newest(kind).is_some() => {
            Some(Fact::Published(event.decode()?))
        }
        (stream_kind::PAYMENT, _) => Some(Fact::Payment(event.decode()?)),
        (stream_kind::SHIPMENT, _) => Some(Fact::Shipping(event.decode()?)),
        (stream_kind::RESERVATION | stream_kind::RESTOCK | stream_kind::SUPPLY, _) => {
            Some(Fact::Stock(event.decode()?))
        }
        _ => None,
    })
}

/// Reads what the check needs of an event of the toolkit.
fn read<T: DeserializeOwned>(event: &RecordedEvent) -> Result<T, Failure> {
    serde_json::from_str(&event.data).map_err(|error| {
        Failure::permanent("unreadable_event", format!("event {}: {error}", event.id))
    })
}
