//! Tests the check of the whole shop: what is right is equal, and every kind of fault is found.

use events::{
    CancellationCause, CaptureRefused, Currency, FulfilmentEvent, InventoryEvent, Money,
    OrderCancelled, OrderCompleted, OrderDispatched, PaymentAuthorised, PaymentCaptured,
    PaymentDeclined, PaymentEvent, PaymentRefunded, ShipmentDispatched, ShipmentHeld,
    ShippingEvent, StockLine, StockOpened, StockReleased, StockReserved, StockReturned,
    StockShipped,
};
use jiff::Timestamp;
use serde_json::json;
use tidegate::envelope::DataSchema;
use tidegate::ids::{Cause, Version};
use tidegate::store::{RecordedCommit, RecordedEvent};

use super::expected::Moved;
use super::facts::Fact;
use super::found::{Decision, End, Shipment};
use super::*;
use crate::ledger::balances::Balances;

/// A shop that completed the order 1, whose customer returned one of two units, and that declined
/// the order 2.
struct Shop {
    expected: Expected,
    found: Found,
    rows: BTreeMap<String, StockRow>,
    running: BTreeMap<Currency, Balances>,
    report: serde_json::Value,
    letters: serde_json::Value,
    unreadable: Vec<Vec<u8>>,
}

fn moved(value: i128, products: &[(&str, i128)]) -> Moved {
    let products = products.iter().map(|(product, units)| ((*product).to_owned(), *units));
    Moved { value, products: products.collect() }
}

fn lines(lines: &[(&str, i64)]) -> Vec<StockLine> {
    lines
        .iter()
        .map(|(code, units)| StockLine { stock_code: (*code).into(), units: *units })
        .collect()
}

fn opened(of: &[(&str, i64)]) -> Fact {
    Fact::Stock(InventoryEvent::StockOpened(StockOpened { lines: lines(of) }))
}

fn reserved(of: &[(&str, i64)], value: i64) -> Fact {
    Fact::Stock(InventoryEvent::StockReserved(StockReserved {
        order_id: "1".into(),
        lines: lines(of),
        value: Money::pence(value),
        missing: vec![],
    }))
}

fn completed() -> Vec<(&'static str, Fact)> {
    let (order_id, amount) = (events::OrderId::from("1"), Money::pence(500));
    let of = || order_id.clone();
    let authorised = PaymentAuthorised { order_id: of(), amount, reference: "p1".to_owned() };
    let tracking = "T1".to_owned();
    let sent = ShipmentDispatched { order_id: of(), tracking: tracking.clone() };
    let dispatched = OrderDispatched { order_id: of(), customer_id: None, tracking };
    let shipped = StockShipped { order_id: of(), lines: lines(&[("A", 2)]) };
    vec![
        ("order#1", Fact::Placed),
        ("reservation#1", opened(&[("A", 100)])),
        ("reservation#1", reserved(&[("A", 2)], 500)),
        ("payment#1", Fact::Payment(PaymentEvent::PaymentAuthorised(authorised))),
        ("shipment#1", Fact::Shipping(ShippingEvent::ShipmentDispatched(sent))),
        ("fulfilment#1", Fact::Published(FulfilmentEvent::OrderDispatched(dispatched))),
        ("reservation#1", Fact::Stock(InventoryEvent::StockShipped(shipped))),
        (
            "payment#1",
            Fact::Payment(PaymentEvent::PaymentCaptured(PaymentCaptured {
                order_id: of(),
                amount,
            })),
        ),
        (
            "fulfilment#1",
            Fact::Published(FulfilmentEvent::OrderCompleted(OrderCompleted {
                order_id: of(),
                total: amount,
            })),
        ),
    ]
}

fn declined_and_returned() -> Vec<(&'static str, Fact)> {
    let (order_id, cause) = (events::OrderId::from("2"), CancellationCause::PaymentDeclined);
    let declined = PaymentDeclined { order_id: order_id.clone(), reason: "no funds".to_owned() };
    let released =
        StockReleased { order_id: order_id.clone(), lines: lines(&[("A", 1), ("B", 1)]) };
    let cancelled = OrderCancelled { order_id, customer_id: None, cause };
    let returned = StockReturned { return_id: "C1".into(), lines: lines(&[("A", 1)]) };
    let refunded = PaymentRefunded { return_id: "C1".into(), amount: Money::pence(250) };
    vec![
        ("order#2", Fact::Placed),
        ("reservation#2", opened(&[("B", 100)])),
        ("reservation#2", reserved(&[("A", 1), ("B", 1)], 300)),
        ("payment#2", Fact::Payment(PaymentEvent::PaymentDeclined(declined))),
        ("reservation#2", Fact::Stock(InventoryEvent::StockReleased(released))),
        ("fulfilment#2", Fact::Published(FulfilmentEvent::OrderCancelled(cancelled))),
        ("restock#C1", Fact::Stock(InventoryEvent::StockReturned(returned))),
        ("payment#C1", Fact::Payment(PaymentEvent::PaymentRefunded(refunded))),
    ]
}

fn row(product: &str, [on_hand, reserved, shipped, received]: [i64; 4]) -> (String, StockRow) {
    let stock_code = product.to_owned();
    let row = StockRow { stock_code, on_hand, reserved, shipped, received, on_order: 0 };
    (product.to_owned(), row)
}

impl Shop {
    fn new() -> Self {
        Self::of(completed(), None)
    }

    /// A shop in which this happened to the order 1, and these are the events of its process.
    fn of(first: Vec<(&'static str, Fact)>, process: Option<RecordedCommit>) -> Self {
        let mut facts = Facts::default();
        let mut history: Vec<_> =
            (1..).zip(first.into_iter().chain(declined_and_returned())).collect();
        // Commits come in any order.
        history.reverse();
        for (version, (stream, fact)) in history {
            facts.add(stream, version, fact);
        }
        process.into_iter().for_each(|commit| facts.take(commit).unwrap());
        let orders = [("1", moved(500, &[("A", 2)])), ("2", moved(300, &[("A", 1), ("B", 1)]))];
        let named = |(number, moved): (&str, Moved)| (number.to_owned(), moved);
        Self {
            expected: Expected {
                orders: orders.map(named).into(),
                returns: [("C1", moved(250, &[("A", 1)]))].map(named).into(),
            },
            found: Found::from_facts(facts),
            rows: [row("A", [99, 0, 2, 101]), row("B", [100, 0, 0, 100])].into(),
            running: [(Currency::Gbp, Balances::of_totals(500, 0, 500, 250))].into(),
            report: json!({
                "charges": 1, "duplicate_charges": 0, "declines": 1,
                "references": {
                    "1": { "authorised": 500, "captured": 500, "released": 0, "refunded": 0 },
                    "C1": { "authorised": 0, "captured": 0, "released": 0, "refunded": 250 },
                },
            }),
            letters: json!([{
                "queue": "dead-letters", "function": "order-processor", "reason": "not JSON",
                "condition": "permanent/malformed", "subject": "", "payload": "A1,x",
            }]),
            unreadable: vec![b"A1,x".to_vec()],
        }
    }

    /// Returns the lines of all parts, and whether they are equal.
    fn check(&self) -> (bool, String) {
        let Self { expected, found, rows, running, .. } = self;
        let report: ProviderReport = serde_json::from_value(self.report.clone()).unwrap();
        let letters: Vec<Letter> = serde_json::from_value(self.letters.clone()).unwrap();
        let parts = [
            orders::orders(expected, found),
            goods::goods(expected, found),
            goods::stock(expected, found, rows),
            amounts::payments(expected, found),
            amounts::ledger(expected, found, running),
            amounts::provider(&report, found),
            letters::letters(&letters, &self.unreadable),
        ];
        let text = parts.iter().flat_map(Part::lines).collect::<Vec<_>>().join("\n");
        (parts.iter().all(|part| part.equal), text)
    }

    fn order(&mut self, number: &str) -> &mut found::Invoice {
        self.found.invoices.get_mut(number).unwrap()
    }
}

#[test]
fn a_shop_without_a_fault_is_equal_and_says_how_its_orders_ended() {
    let (equal, text) = Shop::new().check();
    assert!(equal, "{text}");
    for part in [
        "1 completed, 1 rejected (payment_declined)",
        "500 pence authorised, 500 pence captured, 250 pence refunded",
        "199 on hand, 201 received, 0 reserved, 2 shipped",
        "1 order-processor: permanent/malformed",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

type Fault = fn(&mut Shop);

#[track_caller]
fn found_by(faults: &[(Fault, &str)]) {
    for (fault, difference) in faults {
        let mut shop = Shop::new();
        fault(&mut shop);
        let (equal, text) = shop.check();
        assert!(!equal && text.contains(difference), "{difference}: {text}");
    }
}

#[test]
fn every_wrong_end_of_an_order_is_found() {
    found_by(&[
        (|shop| shop.order("1").end = End::Open, "order#1  end: expected an end, found open"),
        (
            |shop| shop.order("1").placed = false,
            "order#1  order: expected placed, found not placed",
        ),
        (
            |shop| _ = shop.expected.orders.remove("1"),
            "order#1  order: expected not in the file, found placed",
        ),
        (
            |shop| shop.order("2").money.declined = false,
            "order#2  end: expected completed, found rejected (payment_declined)",
        ),
        (
            |shop| shop.order("1").reservation.rejected = true,
            "order#1  end: expected rejected (out_of_stock), found completed",
        ),
        (
            |shop| shop.order("1").shipment = Shipment::None,
            "order#1  end: expected no delivery, found completed",
        ),
    ]);
    let causes = [
        CancellationCause::OutOfStock,
        CancellationCause::NotDeliverable,
        CancellationCause::Requested,
    ];
    for cause in causes {
        let mut shop = Shop::new();
        shop.order("2").end = End::Cancelled(cause);
        assert!(shop.check().1.contains("order#2  end: expected completed"), "{cause:?}");
    }
    for cause in [CancellationCause::PaymentOverdue, CancellationCause::DispatchOverdue] {
        let mut shop = Shop::new();
        shop.order("2").end = End::Cancelled(cause);
        assert!(shop.check().0, "a deadline passed: {cause:?}");
        shop.order("2").shipment = Shipment::Dispatched;
        assert!(shop.check().1.contains("order#2  end: expected completed"), "{cause:?}");
    }
}

#[test]
fn an_order_that_waits_for_a_person_is_said_with_its_reason() {
    let mut shop = Shop::new();
    shop.order("2").stuck = Some("capture_refused".to_owned());
    assert!(shop.check().1.contains("1 stuck (capture_refused)"));
    let held = ShipmentHeld { order_id: "3".into(), units: 80_000 };
    let mut facts = Facts::default();
    facts.add("order#3", 1, Fact::Placed);
    facts.add("shipment#3", 1, Fact::Shipping(ShippingEvent::ShipmentHeld(held)));
    let mut shop = Shop::new();
    shop.found.invoices.extend(Found::from_facts(facts).invoices);
    shop.expected.orders.insert("3".to_owned(), moved(0, &[]));
    let (equal, text) = shop.check();
    assert!(!equal && text.contains("waits for a person; hand it over"), "{text}");
}

/// A shop that dispatched the order 1, whose capture was then refused. Its process became stuck for
/// the reason with this code, and then an operator decided.
fn refused(code: &str, decided: &[(&str, serde_json::Value)]) -> Shop {
    let mut history = completed();
    history.retain(|(_, fact)| {
        !matches!(
            fact,
            Fact::Payment(PaymentEvent::PaymentCaptured(_))
                | Fact::Published(FulfilmentEvent::OrderCompleted(_))
        )
    });
    let refusal = CaptureRefused { order_id: "1".into(), reason: "too old".to_owned() };
    history.push(("payment#1", Fact::Payment(PaymentEvent::CaptureRefused(refusal))));
    let stuck = ("ProcessStuck", json!({ "code": code }));
    let at = Timestamp::UNIX_EPOCH;
    let event = |(version, (kind, data)): (u64, &(&str, serde_json::Value))| {
        let schema = DataSchema::new(*kind, 1);
        RecordedEvent::new("e", Version::new(version), schema, at, data.to_string())
    };
    let events = (100..).zip(std::iter::once(&stuck).chain(decided)).map(event).collect();
    let (stream, cause) = ("fulfilment#1".parse().unwrap(), Cause::new("s", "c"));
    let mut shop =
        Shop::of(history, Some(RecordedCommit::new(stream, "fulfilment", cause, at, events)));
    shop.running = [(Currency::Gbp, Balances::of_totals(500, 0, 0, 250))].into();
    shop.report["charges"] = 0.into();
    shop.report["references"]["1"]["captured"] = 0.into();
    shop
}

fn forced(to: &str, ended: bool) -> (&'static str, serde_json::Value) {
    ("ProcessForced", json!({ "operator": "ann", "from": "Capturing", "to": to, "ended": ended }))
}

#[test]
fn an_order_that_an_operator_ended_is_explained_and_paid_nothing() {
    let skipped = ("ProcessSkipped", json!({ "operator": "ann" }));
    for (decided, word) in [
        (forced("Completed", true), "1 ended by an operator (capture_refused)"),
        (skipped, "1 left open by an operator (capture_refused)"),
    ] {
        let mut shop = refused("capture_refused", &[decided]);
        let (equal, text) = shop.check();
        assert!(equal && text.contains(word), "{word}: {text}");
        shop.order("1").money.captured = 500;
        let text = shop.check().1;
        assert!(text.contains("order#1  captured: expected 0.00, found 5.00"), "{text}");
        shop.order("1").reservation.shipped.clear();
        let text = shop.check().1;
        assert!(text.contains("order#1 A  shipped: expected 2, found 0"), "{text}");
    }
}

#[test]
fn an_order_that_goes_on_after_an_operator_decided_must_still_end() {
    let skipped = || ("ProcessSkipped", json!({}));
    let goes_on = json!({ "from": "Capturing", "to": "Dispatching" });
    for (code, decided) in [
        ("capture_refused", vec![("ProcessResumed", json!({}))]),
        ("capture_refused", vec![("ProcessForced", goes_on)]),
        ("capture_refused", vec![skipped(), forced("Dispatching", false)]),
        ("not_asked", vec![skipped()]),
    ] {
        let text = refused(code, &decided).check().1;
        assert!(text.contains("end: expected an end, found dispatched"), "{decided:?}: {text}");
    }
    let mut shop = Shop::new();
    shop.order("1").decision = Some(Decision::LeftOpen("panic".to_owned()));
    let (equal, text) = shop.check();
    assert!(equal && text.contains("1 completed"), "{text}");
}

#[test]
fn an_order_that_goes_on_after_an_input_was_dropped_must_still_end() {
    let mut facts = Facts::default();
    let dispatched = completed()
        .into_iter()
        .find(|(_, fact)| matches!(fact, Fact::Published(FulfilmentEvent::OrderDispatched(_))));
    let before = [Fact::Placed, Fact::Stuck("panic".to_owned()), Fact::Skipped];
    for (version, fact) in (1..).zip(before.into_iter().chain(dispatched.map(|(_, fact)| fact))) {
        facts.add("fulfilment#1", version, fact);
    }
    let order = Found::from_facts(facts).invoices.remove("1").unwrap();
    assert_eq!((order.end, order.decision), (End::Dispatched, None));
}

#[test]
fn goods_that_an_ended_order_keeps_are_named() {
    let mut shop = refused("panic", &[forced("Completed", true)]);
    shop.order("1").reservation.held.insert("A".to_owned(), 2);
    let text = shop.check().1;
    assert!(text.contains("1 ended by an operator (panic, goods reserved)"), "{text}");
}

#[test]
fn every_unit_that_is_lost_or_made_up_is_found() {
    found_by(&[
        (|shop| shop.rows.get_mut("A").unwrap().on_hand = 98, "A  on_hand: expected 99, found 98"),
        (|shop| shop.rows.get_mut("A").unwrap().reserved = 1, "A  reserved: expected 0, found 1"),
        (|shop| shop.rows.get_mut("B").unwrap().on_hand = -1, "expected no units below zero"),
        (|shop| _ = shop.rows.remove("B"), "B  received: expected 100, found 0"),
        (
            |shop| shop.found.stock.get_mut("A").unwrap().shipped = 3,
            "A  shipped by events: expected 2, found 3",
        ),
        (
            |shop| _ = shop.order("1").reservation.shipped.remove("A"),
            "order#1 A  shipped: expected 2, found 0",
        ),
        (
            |shop| _ = shop.order("2").reservation.held.insert("A".to_owned(), 1),
            "order#2 A  reserved: expected 0, found 1",
        ),
        (
            |shop| _ = shop.order("C1").returned.insert("A".to_owned(), 2),
            "return#C1 A  returned: expected 1, found 2",
        ),
    ]);
}

#[test]
fn every_penny_that_is_lost_or_made_up_is_found() {
    found_by(&[
        (
            |shop| shop.order("1").money.captured = 499,
            "order#1  captured: expected 5.00, found 4.99",
        ),
        (
            |shop| shop.order("2").money.authorised = 300,
            "order#2  authorised and not released: expected 0.00, found 3.00",
        ),
        (
            |shop| shop.order("C1").money.refunded = 0,
            "return#C1  refunded: expected 2.50, found 0.00",
        ),
        (|shop| shop.order("1").money.charges = 2, "1  charges: expected at most one"),
        (
            |shop| _ = shop.expected.returns.remove("C1"),
            "C1  refunded: expected not in the file, found 2.50",
        ),
        (
            |shop| _ = shop.running.insert(Currency::Gbp, Balances::of_totals(500, 0, 499, 250)),
            "balance  revenue: expected -5.00, found -4.99",
        ),
        (|shop| shop.running.clear(), "balance  cash: expected 2.50, found 0.00"),
    ]);
}

#[test]
fn every_charge_that_the_shop_does_not_know_is_found() {
    found_by(&[
        (
            |shop| shop.report["duplicate_charges"] = 1.into(),
            "the provider  duplicate charges: expected 0, found 1",
        ),
        (|shop| shop.report["charges"] = 2.into(), "charges: expected 1, found 2"),
        (
            |shop| {
                shop.report["references"]["2"] =
                    json!({ "authorised": 300, "captured": 0, "released": 0, "refunded": 0 })
            },
            "2  authorised: expected 0.00, found 3.00",
        ),
        (
            |shop| _ = shop.report["references"].as_object_mut().unwrap().remove("1"),
            "1  captured: expected 5.00, found 0.00",
        ),
    ]);
}

#[test]
fn every_letter_that_is_not_a_line_of_the_file_is_found() {
    found_by(&[
        (|shop| shop.letters = json!([]), "A1,x  letter: expected a letter, found none"),
        (
            |shop| shop.letters[0]["payload"] = "{}".into(),
            "found permanent/malformed in dead-letters",
        ),
        (
            |shop| shop.letters[0]["condition"] = "transient/throttled".into(),
            "found transient/throttled in dead-letters: not JSON",
        ),
        (|shop| shop.letters[0]["queue"] = "queue-failures".into(), "in queue-failures"),
    ]);
}
