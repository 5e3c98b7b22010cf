//! Eight environments that want the same product at the same time.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tidegate::store::RowOutcome;
use tidegate::test::{Faults, MemoryRowStore};

use super::{POLICY, World, reserve};
use crate::policy::Policy;

/// Environments of the function at a time, as the topology declares.
const WRITERS: usize = 8;
/// Orders of the data that have the hottest product, 85123A.
const ORDERS: usize = 2_204;

/// Eight environments want the last units at the same time, in batches of ten orders.
#[tokio::test(start_paused = true)]
async fn no_unit_is_reserved_twice() {
    let policy = Policy { opening: 100, reorder_below: 0, ..POLICY };
    let store = Arc::new(MemoryRowStore::default().requests_take(Duration::from_millis(8)));
    let environments: Vec<World> =
        (0..WRITERS).map(|_| World::sharing(Arc::clone(&store), policy, Faults::none())).collect();
    join_all(environments.iter().enumerate().map(async |(place, world)| {
        let orders = (0..10).map(|order| format!("{place}-{order}"));
        let orders: Vec<_> = orders.map(|order| reserve(&order, &[("A", 7), ("B", 1)])).collect();
        world.deliver(&orders).await;
    }))
    .await;
    let books = environments[0].check();
    assert_eq!((books.of("A").on_hand, books.of("A").reserved), (2, 98));
    assert_eq!(books.of("B").reserved, 14, "whole or not at all");
    assert!(store.transactions(RowOutcome::Moved) > 0, "no condition was needed");
}

/// Every order has the hottest product and one of its own. A transaction takes 8 ms, in which
/// DynamoDB cancels every other one at the same row.
#[tokio::test(start_paused = true)]
async fn the_hottest_product_costs_a_bounded_number_of_conflicts() {
    let policy =
        Policy { opening: 100_000, reorder_below: 50_000, reorder_units: 100_000, ..POLICY };
    let store = MemoryRowStore::default().requests_take(Duration::from_millis(8));
    let store = Arc::new(store);
    let environments: Vec<World> =
        (0..WRITERS).map(|_| World::sharing(Arc::clone(&store), policy, Faults::none())).collect();
    let orders: Vec<String> = (0..ORDERS).map(|order| order.to_string()).collect();
    let started = tokio::time::Instant::now();
    let deliveries = join_all(environments.iter().enumerate().map(async |(place, world)| {
        let mut deliveries = 0;
        for order in orders.iter().skip(place).step_by(WRITERS) {
            let own = format!("own-{order}");
            deliveries += world.deliver(&[reserve(order, &[("85123A", 6), (&own, 1)])]).await;
        }
        deliveries
    }))
    .await;
    let took = started.elapsed();
    let deliveries: u32 = deliveries.iter().sum();
    let stored = f64::from(store.transactions(RowOutcome::Stored));
    let busy = f64::from(store.transactions(RowOutcome::Busy));
    let moved = f64::from(store.transactions(RowOutcome::Moved));
    println!(
        "hottest product, {WRITERS} writers, {ORDERS} orders: {:.2} conflicts and {:.3} failed \
         conditions an order, {deliveries} deliveries, {took:?} on the clock of the test",
        busy / stored,
        moved / stored,
    );
    assert_eq!(stored as usize, ORDERS);
    assert!(busy / stored < 4.0, "{busy} conflicts");
    assert!(moved / stored < 0.1, "{moved} failed conditions");
    assert!((deliveries as usize) < ORDERS + ORDERS / 20, "{deliveries} deliveries");
    let books = environments[0].check();
    assert_eq!(books.of("85123A").reserved, 6 * ORDERS as i64);
}
