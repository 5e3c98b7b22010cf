//! The payment provider is down for a while.

use std::collections::BTreeMap;
use std::time::Instant;

use events::{OrderId, OrderStatus, PlaceOrder, stream_kind};
use serde_json::json;

use super::order::order;
use super::system::Shop;

/// Orders of the test: the provider is down for the middle third.
const ORDERS: usize = 36;

fn numbered(orders: std::ops::Range<usize>) -> Vec<PlaceOrder> {
    orders.map(|number| order(&number.to_string())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_provider_delays_orders_and_loses_none() {
    let shop = Shop::open().await;
    let (first, middle, last) = (ORDERS / 3, 2 * ORDERS / 3, ORDERS);
    shop.place(&numbered(0..first)).await;
    shop.until("0", OrderStatus::Completed).await;
    shop.provider.set_down(true).await;
    let began = Instant::now();
    shop.place(&numbered(first..middle)).await;
    shop.until_breaker("open").await;
    shop.provider.set_down(false).await;
    let outage = began.elapsed();
    shop.place(&numbered(middle..last)).await;
    for number in 0..last {
        shop.until(&number.to_string(), OrderStatus::Completed).await;
    }
    shop.world.settle().await;
    let phases = shop.breaker_phases().await;
    println!("an outage of {} s; phases of the breaker: {phases:?}", outage.as_secs());
    assert_eq!(phases.last().map(String::as_str), Some("closed"));
    // The queues of this shop move a message that is received more often than a breaker declares
    // for the longest outage.
    assert_eq!(shop.letters().await, Vec::<serde_json::Value>::new());
    let report = shop.provider.report().await;
    assert_eq!(report["duplicate_charges"], 0, "{report:#}");
    let mut authorised = BTreeMap::new();
    for number in 0..last {
        let types = shop.types(stream_kind::PAYMENT, &number.to_string()).await;
        *authorised.entry(types.join(" ")).or_insert(0) += 1;
    }
    let all = BTreeMap::from([("PaymentAuthorised PaymentCaptured".to_owned(), last)]);
    assert_eq!(authorised, all, "each order is authorised and captured once");
    shop.close().await;
}

/// The provider is down beyond the deadline of the payment: the order is cancelled, and what the
/// provider may hold is released once it answers.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_not_paid_in_time_is_cancelled() {
    let shop = Shop::open().await;
    shop.provider.set_down(true).await;
    shop.place(&[order("overdue"), order("withdrawn")]).await;
    shop.pass_deadline("overdue", "payment").await;
    // A customer may cancel meanwhile, too.
    shop.cancel("withdrawn").await;
    shop.until_event(OrderId::STREAM_KIND, "withdrawn", "CancellationRequested").await;
    shop.provider.set_down(false).await;
    for id in ["overdue", "withdrawn"] {
        shop.until(id, OrderStatus::Cancelled).await;
        // Once the provider is back, the message to authorise may come first or last. If it comes
        // last, it is declined.
        let payment = shop.types(stream_kind::PAYMENT, id).await;
        let released = payment.iter().position(|kind| kind == "PaymentReleased");
        let after = released.map(|at| &payment[at + 1..]).unwrap_or_else(|| panic!("{payment:?}"));
        assert!(after.iter().all(|kind| kind == "PaymentDeclined"), "{id}: {payment:?}");
        let stock = shop.types(stream_kind::RESERVATION, id).await;
        assert!(stock.ends_with(&["StockReserved".into(), "StockReleased".into()]), "{stock:?}");
    }
    shop.world.settle().await;
    assert_eq!(shop.letters().await, Vec::<serde_json::Value>::new());
    let report = shop.provider.report().await;
    assert_eq!(
        (&report["duplicate_charges"], &report["total"]["captured"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(report["total"]["authorised"], report["total"]["released"], "{report:#}");
    shop.close().await;
}
