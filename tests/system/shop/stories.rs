//! What may become of an order: each story is one order, or a few, in a running shop.

use events::{OrderLine, OrderStatus, PlaceOrder, stream_kind};

use super::order::{VALUE, line, order};
use super::system::{Opening, Shop};
use crate::programs::shown;

/// Payments that the provider does not simply accept, by the order's number.
const SCRIPT: &str = r#"{ "decline": ["declined"], "refuse_capture": ["stuck"] }"#;

/// Few units, so that orders run into shortages; shipments of more than ten units wait for a
/// person.
const VARIABLES: &[(&str, &str, &str)] = &[
    ("inventory", "OPENING_STOCK", "1000"),
    ("inventory", "REORDER_BELOW", "0"),
    ("shipping", "HELD_ABOVE_UNITS", "10"),
];

fn of(id: &str, lines: Vec<OrderLine>) -> PlaceOrder {
    PlaceOrder { lines, ..order(id) }
}

/// An order whose shipment waits for a person.
fn large(id: &str) -> PlaceOrder {
    of(id, vec![line("22423", 20)])
}

impl Shop {
    /// What the provider authorised, captured, released and refunded for an order or a return, in
    /// pence.
    async fn moved(&self, reference: &str) -> [i64; 4] {
        let report = self.provider.report().await;
        let sums = &report["references"][reference];
        ["authorised", "captured", "released", "refunded"]
            .map(|name| sums[name].as_i64().unwrap_or(0))
    }
}

/// What an order's streams of the services have in the end.
struct Facts {
    reservation: Vec<String>,
    payment: Vec<String>,
    shipment: Vec<String>,
    published: Vec<String>,
}

impl Facts {
    async fn of(shop: &Shop, id: &str) -> Self {
        let opened = |types: Vec<String>| -> Vec<String> {
            types.into_iter().filter(|kind| kind != "StockOpened").collect()
        };
        Self {
            reservation: opened(shop.types(stream_kind::RESERVATION, id).await),
            payment: shop.types(stream_kind::PAYMENT, id).await,
            shipment: shop.types(stream_kind::SHIPMENT, id).await,
            published: shop.types(stream_kind::FULFILMENT, id).await,
        }
    }

    /// Fails unless the streams have exactly these events, each as words with spaces between.
    #[track_caller]
    fn are(&self, reservation: &str, payment: &str, shipment: &str, published: &str) {
        let found = [&self.reservation, &self.payment, &self.shipment, &self.published];
        assert_eq!(
            found.map(|types| types.join(" ")),
            [reservation, payment, shipment, published].map(str::to_owned),
            "reservation, payment, shipment, published"
        );
    }
}

async fn completed(shop: &Shop) {
    shop.place(&[order("plain")]).await;
    shop.until("plain", OrderStatus::Completed).await;
    shop.until_event(stream_kind::RESERVATION, "plain", "StockShipped").await;
    Facts::of(shop, "plain").await.are(
        "StockReserved StockShipped",
        "PaymentAuthorised PaymentCaptured",
        "ShipmentDispatched",
        "OrderConfirmed OrderDispatched OrderCompleted",
    );
    assert_eq!(shop.moved("plain").await, [VALUE, VALUE, 0, 0]);
}

/// An order that is worth nothing is confirmed and completed without a payment.
async fn given_away(shop: &Shop) {
    let mut lines = vec![line("GIFT", 1)];
    lines.iter_mut().for_each(|line| line.unit_price = 0);
    shop.place(&[of("gift", lines)]).await;
    shop.until("gift", OrderStatus::Completed).await;
    shop.until_event(stream_kind::RESERVATION, "gift", "StockShipped").await;
    Facts::of(shop, "gift").await.are(
        "StockReserved StockShipped",
        "",
        "ShipmentDispatched",
        "OrderConfirmed OrderDispatched OrderCompleted",
    );
}

/// A product is short, so nothing of the order is reserved.
async fn out_of_stock(shop: &Shop) {
    shop.place(&[of("short", vec![line("85123A", 1), line("21730", 100_000)])]).await;
    shop.until("short", OrderStatus::Rejected).await;
    Facts::of(shop, "short").await.are("StockRejected", "", "", "OrderCancelled");
}

async fn declined(shop: &Shop) {
    shop.place(&[order("declined")]).await;
    shop.until("declined", OrderStatus::Rejected).await;
    Facts::of(shop, "declined").await.are(
        "StockReserved StockReleased",
        "PaymentDeclined",
        "",
        "OrderCancelled",
    );
}

/// No carrier goes there: what was reserved and authorised is released, the last first.
async fn not_deliverable(shop: &Shop) {
    let unserved = PlaceOrder { country: "Unspecified".to_owned(), ..order("unserved") };
    shop.place(&[unserved]).await;
    shop.until("unserved", OrderStatus::Rejected).await;
    let facts = Facts::of(shop, "unserved").await;
    facts.are(
        "StockReserved StockReleased",
        "PaymentAuthorised PaymentReleased",
        "ShipmentRefused",
        "OrderConfirmed OrderCancelled",
    );
}

/// The customer cancels while the shipment waits for a person.
async fn cancelled_before_dispatch(shop: &Shop) {
    shop.place(&[large("called-off")]).await;
    shop.until_event(stream_kind::SHIPMENT, "called-off", "ShipmentHeld").await;
    shop.cancel("called-off").await;
    shop.until("called-off", OrderStatus::Cancelled).await;
    Facts::of(shop, "called-off").await.are(
        "StockReserved StockReleased",
        "PaymentAuthorised PaymentReleased",
        "ShipmentHeld ShipmentCancelled",
        "OrderConfirmed OrderCancelled",
    );
    assert_eq!(shop.moved("called-off").await, [10 * VALUE, 0, 10 * VALUE, 0]);
}

/// The cancellation comes right behind the order, before or after any answer of a service.
async fn cancelled_at_once(shop: &Shop) {
    shop.place(&[large("regretted")]).await;
    shop.cancel("regretted").await;
    shop.until("regretted", OrderStatus::Cancelled).await;
    let facts = Facts::of(shop, "regretted").await;
    // A release that overtakes its reservation lets it be rejected.
    assert_ne!(facts.reservation.last().map(String::as_str), Some("StockReserved"));
    assert_eq!(facts.published.last().map(String::as_str), Some("OrderCancelled"));
    let [authorised, captured, released, refunded] = shop.moved("regretted").await;
    assert_eq!([captured, released, refunded], [0, authorised, 0], "{:?}", facts.payment);
}

/// The cancellation comes too late, and the order is completed.
async fn cancelled_after_dispatch(shop: &Shop) {
    shop.place(&[order("too-late")]).await;
    shop.until("too-late", OrderStatus::Completed).await;
    shop.cancel("too-late").await;
    shop.until_event(stream_kind::FULFILMENT, "too-late", "ProcessRefused").await;
    assert_eq!(shop.status("too-late").await, OrderStatus::Completed);
}

/// Nobody hands the shipment over in time.
async fn never_dispatched(shop: &Shop) {
    shop.place(&[large("forgotten")]).await;
    shop.until("forgotten", OrderStatus::Confirmed).await;
    shop.pass_deadline("forgotten", "dispatch").await;
    shop.until("forgotten", OrderStatus::Cancelled).await;
    Facts::of(shop, "forgotten").await.are(
        "StockReserved StockReleased",
        "PaymentAuthorised PaymentReleased",
        "ShipmentHeld ShipmentCancelled",
        "OrderConfirmed OrderCancelled",
    );
}

/// A person hands the shipment over.
async fn handed_over(shop: &Shop) {
    shop.place(&[large("by-hand")]).await;
    shop.until_event(stream_kind::SHIPMENT, "by-hand", "ShipmentHeld").await;
    let handed = shop.world.shop(&["shipment", "hand-over", "by-hand"]).await;
    assert!(handed.status.success(), "{}", shown(&handed));
    shop.until("by-hand", OrderStatus::Completed).await;
}

/// The provider refuses to pay out what it authorised. A person mends it there, and resumes the
/// order.
async fn stuck_and_resumed(shop: &Shop) {
    shop.place(&[order("stuck")]).await;
    shop.until("stuck", OrderStatus::Stuck).await;
    // The view follows the event store.
    shop.until_that("the stuck order is listed", async || {
        shown(&shop.world.tidegate(&["process", "ls", "--stuck"]).await)
            .contains("fulfilment#stuck")
    })
    .await;
    let word = ["process", "skip", "fulfilment#stuck", "--note", "paid by bank transfer"];
    let word = [&word[..], &["--operator", "ada"]].concat();
    let skipped = shop.world.tidegate(&word).await;
    assert!(skipped.status.success(), "{}", shown(&skipped));
    assert_eq!(shop.status("stuck").await, OrderStatus::Dispatched);
}

/// Goods come back: they are in the stock again, and their value is paid back.
async fn given_back(shop: &Shop) {
    shop.place(&[order("returned")]).await;
    shop.until("returned", OrderStatus::Completed).await;
    shop.give_back("C-returned", 1).await;
    shop.until_event(stream_kind::PAYMENT, "C-returned", "PaymentRefunded").await;
    shop.until_event(stream_kind::RESTOCK, "C-returned", "StockReturned").await;
    assert_eq!(shop.moved("returned").await, [VALUE, VALUE, 0, 0]);
    assert_eq!(shop.moved("C-returned").await, [0, 0, 0, VALUE / 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_the_shop_ends_as_its_story_says() {
    let opening = Opening { script: Some(SCRIPT), variables: VARIABLES, ..Opening::default() };
    let shop = Shop::open_as(opening).await;
    // They are independent, so they may run at the same time.
    tokio::join!(
        completed(&shop),
        given_away(&shop),
        out_of_stock(&shop),
        declined(&shop),
        not_deliverable(&shop),
        cancelled_before_dispatch(&shop),
        cancelled_at_once(&shop),
        cancelled_after_dispatch(&shop),
        never_dispatched(&shop),
        handed_over(&shop),
        stuck_and_resumed(&shop),
        given_back(&shop),
    );
    shop.world.settle().await;
    assert_eq!(shop.letters().await, Vec::<serde_json::Value>::new());
    shop.close().await;
}
