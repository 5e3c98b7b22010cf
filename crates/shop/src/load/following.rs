//! Follows placed orders in the event store until they are confirmed, or end otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use events::{FulfilmentEvent, OrderId, OrderStatus, stream_kind};
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use tidegate::failure::Failure;
use tidegate::ids::{StreamId, Version};
use tidegate::store::{EventReader, RecordedCommit};
use tokio::time::{Instant, sleep};

/// Streams that are read at the same time.
const READS: usize = 32;
/// Pause between two looks at the orders that are not decided yet.
const PAUSE: Duration = Duration::from_millis(500);

/// What became of the orders.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// Milliseconds from the arrival of each confirmed order to the commit that confirmed it.
    pub(super) waits: Vec<i64>,
    /// Numbers of orders by status, as of the last look.
    pub(super) statuses: BTreeMap<&'static str, u64>,
}

/// An order as of a look.
struct Seen {
    order: OrderId,
    status: OrderStatus,
    /// When it was confirmed, and how long after its arrival.
    wait: Option<i64>,
}

/// Looks at the orders until all are decided, or the time is over. Calls `each` after each look
/// with the number of orders that are decided.
///
/// # Errors
/// A stream cannot be read.
pub(super) async fn follow(
    store: &dyn EventReader,
    mut orders: Vec<OrderId>,
    wait: Duration,
    mut each: impl FnMut(u64),
) -> Result<Followed, Failure> {
    let mut followed = Followed::default();
    let end = Instant::now() + wait;
    let mut decided = 0;
    loop {
        let is_last = Instant::now() >= end;
        let looks = stream::iter(orders).map(|order| look(store, order)).buffer_unordered(READS);
        let seen: Vec<Result<Seen, Failure>> = looks.collect().await;
        orders = Vec::new();
        for seen in seen {
            let seen = seen?;
            if seen.wait.is_none() && seen.status == OrderStatus::Placed && !is_last {
                orders.push(seen.order);
                continue;
            }
            decided += u64::from(seen.status != OrderStatus::Placed);
            followed.waits.extend(seen.wait);
            *followed.statuses.entry(seen.status.as_str()).or_default() += 1;
        }
        each(decided);
        if orders.is_empty() {
            return Ok(followed);
        }
        sleep(PAUSE).await;
    }
}

async fn look(store: &dyn EventReader, order: OrderId) -> Result<Seen, Failure> {
    let fulfilment = read(store, stream_kind::FULFILMENT, &order).await?;
    let status = OrderStatus::of(&fulfilment)?;
    let confirmed = fulfilment.iter().find(|commit| confirms(commit));
    let wait = match confirmed {
        None => None,
        Some(confirmed) => {
            let placed = read(store, OrderId::STREAM_KIND, &order).await?;
            arrived_at(&placed).map(|at| millis(at, confirmed.written_at))
        }
    };
    Ok(Seen { order, status, wait })
}

async fn read(
    store: &dyn EventReader,
    kind: &str,
    order: &OrderId,
) -> Result<Vec<RecordedCommit>, Failure> {
    store.read(&StreamId::new(kind, order.as_str())?, Version::NONE).await
}

fn confirms(commit: &RecordedCommit) -> bool {
    commit.events.iter().any(|event| {
        matches!(event.decode::<FulfilmentEvent>(), Ok(FulfilmentEvent::OrderConfirmed(_)))
    })
}

fn arrived_at(placed: &[RecordedCommit]) -> Option<Timestamp> {
    placed.iter().flat_map(|commit| &commit.decisions).find_map(|decision| decision.arrived_at)
}

fn millis(from: Timestamp, to: Timestamp) -> i64 {
    to.as_millisecond() - from.as_millisecond()
}
