//! What became of the orders, by the event store alone.

use std::collections::{BTreeMap, HashMap};

use events::{OrderConfirmed, OrderId, OrderPlaced, OrderStatus, stream_kind};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use tidegate::failure::Failure;
use tidegate::message::Message;
use tidegate::store::RecordedCommit;

use crate::percentile::nearest_rank;

/// What the streams of an order say.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// When the transport accepted the order that was placed.
    placed: Option<Timestamp>,
    fulfilment: Vec<RecordedCommit>,
}

/// Facts by the order's number.
pub(super) type ByOrder = BTreeMap<String, Facts>;

/// Orders by what became of them.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Orders {
    /// Placed orders by their status.
    #[serde(deserialize_with = "by_status")]
    pub(super) orders: BTreeMap<&'static str, u64>,
    /// Orders to which nothing happens any more.
    pub(super) finished: u64,
    /// Number of a completed order.
    pub(super) example: Option<String>,
    /// Orders that were confirmed at some time.
    pub(super) confirmed: u64,
    /// Milliseconds from the arrival of an order to its confirmation, half of them below.
    pub(super) confirmed_after_p50_ms: Option<i64>,
    /// As above, 99 of 100 below.
    pub(super) confirmed_after_p99_ms: Option<i64>,
}

/// Reads numbers by status. Another word is not a status, so the file is not a summary.
fn by_status<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<&'static str, u64>, D::Error> {
    let numbers = HashMap::<OrderStatus, u64>::deserialize(from)?;
    Ok(numbers.into_iter().map(|(status, number)| (status.as_str(), number)).collect())
}

/// Takes a commit into the facts of a segment.
pub(super) fn take(orders: &mut ByOrder, commit: RecordedCommit) -> Result<(), Failure> {
    let key = commit.stream.key().to_owned();
    match commit.stream.kind() {
        OrderId::STREAM_KIND => {
            let placed = commit.events.iter().find(|event| event.kind == OrderPlaced::TYPE);
            if let Some(event) = placed {
                let arrived = commit.decision(event.version).and_then(|found| found.arrived_at);
                let facts = orders.entry(key).or_default();
                facts.placed = Some(arrived.unwrap_or(commit.written_at));
            }
        }
        stream_kind::FULFILMENT => orders.entry(key).or_default().fulfilment.push(commit),
        _ => {}
    }
    Ok(())
}

impl Orders {
    /// Sums the facts of all segments up.
    ///
    /// # Errors
    /// [`Failure::NEWER`]: a newer version of the shop wrote an event.
    pub(super) fn of(segments: Vec<ByOrder>) -> Result<Self, Failure> {
        let mut facts = ByOrder::new();
        // The streams of an order may be in several segments.
        for (key, of) in segments.into_iter().flatten() {
            let order = facts.entry(key).or_default();
            order.placed = order.placed.or(of.placed);
            order.fulfilment.extend(of.fulfilment);
        }
        let (mut orders, mut waits) = (Self::default(), Vec::new());
        for (key, mut facts) in facts {
            let Some(placed) = facts.placed else { continue };
            facts.fulfilment.sort_by_key(|commit| commit.events.first().map(|event| event.version));
            let status = OrderStatus::of(&facts.fulfilment)?;
            *orders.orders.entry(status.as_str()).or_default() += 1;
            orders.finished += u64::from(status.is_end());
            if let Some(confirmed) = facts.confirmed() {
                waits.push(confirmed.as_millisecond() - placed.as_millisecond());
            }
            if status == OrderStatus::Completed && orders.example.is_none() {
                orders.example = Some(key);
            }
        }
        waits.sort_unstable();
        orders.confirmed = waits.len() as u64;
        orders.confirmed_after_p50_ms = nearest_rank(&waits, 50);
        orders.confirmed_after_p99_ms = nearest_rank(&waits, 99);
        Ok(orders)
    }
}

impl Facts {
    /// Returns when the order was confirmed.
    fn confirmed(&self) -> Option<Timestamp> {
        let confirms = |commit: &&RecordedCommit| {
            commit.events.iter().any(|event| event.kind == OrderConfirmed::TYPE)
        };
        Some(self.fulfilment.iter().find(confirms)?.written_at)
    }
}

#[cfg(test)]
mod tests {
    use events::{Currency, Money, OrderCompleted};
    use tidegate::envelope::DataSchema;
    use tidegate::ids::{Cause, StreamId, Version};
    use tidegate::store::RecordedEvent;

    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).unwrap()
    }

    fn commit(stream: &str, version: u64, at: Timestamp, kind: &str, data: &str) -> RecordedCommit {
        let schema = DataSchema::new(kind, 1);
        let event = RecordedEvent::new("e", Version::new(version), schema, at, data);
        let stream: StreamId = stream.parse().unwrap();
        RecordedCommit::new(stream, "s", Cause::new("s", "c"), at, vec![event])
    }

    fn placed(order: &str, arrived: i64) -> RecordedCommit {
        let mut commit = commit(&format!("order#{order}"), 1, at(9_000), OrderPlaced::TYPE, "{}");
        commit.decisions[0].arrived_at = Some(at(arrived));
        commit
    }

    fn followed(order: &str, written: i64) -> [RecordedCommit; 2] {
        let total = Money { minor: 5, currency: Currency::Gbp };
        let confirmed = OrderConfirmed { order_id: order.into(), customer_id: None, total };
        let completed = OrderCompleted { order_id: order.into(), total };
        let stream = format!("fulfilment#{order}");
        let confirmed = serde_json::to_string(&confirmed).unwrap();
        let completed = serde_json::to_string(&completed).unwrap();
        // The later commit first: a segment has them in any order.
        [
            commit(&stream, 2, at(written + 50), OrderCompleted::TYPE, &completed),
            commit(&stream, 1, at(written), OrderConfirmed::TYPE, &confirmed),
        ]
    }

    #[test]
    fn orders_are_counted_by_status_and_timed_from_their_arrival() {
        let (mut one, mut other) = (ByOrder::new(), ByOrder::new());
        for (order, arrived) in [("1", 1_000), ("2", 1_000), ("3", 2_000)] {
            take(&mut one, placed(order, arrived)).unwrap();
        }
        for commit in followed("1", 1_030).into_iter().chain(followed("2", 1_700)) {
            take(&mut other, commit).unwrap();
        }
        // Not an order: a return, and a cancellation of what was never placed.
        take(&mut other, commit("return#C1", 1, at(1), "ReturnRecorded", "{}")).unwrap();
        take(&mut other, followed("4", 1).into_iter().next().unwrap()).unwrap();
        let orders = Orders::of(vec![one, other]).unwrap();
        assert_eq!(orders.orders, BTreeMap::from([("completed", 2), ("placed", 1)]));
        assert_eq!((orders.finished, orders.confirmed), (2, 2));
        assert_eq!(orders.example.as_deref(), Some("1"));
        assert_eq!(
            (orders.confirmed_after_p50_ms, orders.confirmed_after_p99_ms),
            (Some(30), Some(700))
        );
    }

    #[test]
    fn an_empty_store_has_no_orders() {
        let orders = Orders::of(Vec::new()).unwrap();
        assert_eq!((orders.finished, orders.confirmed_after_p50_ms), (0, None));
    }
}
