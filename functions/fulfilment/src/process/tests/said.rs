//! What customers and services say about the order 536365.

use events::{
    AuthorisePayment, CancelShipment, CancellationCause, CancellationRequested, CapturePayment,
    CaptureRefused, Currency, DispatchOrder, Money, OrderCancelled, OrderCompleted, OrderConfirmed,
    OrderDispatched, OrderId, OrderLine, OrderPlaced, PaymentAuthorised, PaymentCaptured,
    PaymentDeclined, PaymentReleased, ReleasePayment, ReleaseStock, ReservationLine, ReserveStock,
    ShipStock, ShipmentCancelled, ShipmentDispatched, ShipmentOnItsWay, ShipmentRefused, Shortage,
    StockLine, StockRejected, StockReleased, StockReserved,
};
use tidegate::test::ProcessStep;

use super::Test;
use crate::input::Input;

pub(super) const UNITS: i64 = 8;
pub(super) const TOTAL: i64 = 2040;
const TRACKING: &str = "TG-536365";

pub(super) fn order_id() -> OrderId {
    "536365".into()
}

fn line(stock_code: &str, quantity: i64, unit_price: i64) -> OrderLine {
    let description = "WHITE HANGING HEART".to_owned();
    OrderLine { stock_code: stock_code.into(), description, quantity, unit_price }
}

pub(super) fn placed() -> OrderPlaced {
    OrderPlaced {
        order_id: order_id(),
        customer_id: Some("17850".into()),
        country: "France".to_owned(),
        ordered_at: "2010-12-01T08:26:00Z".parse().unwrap(),
        units: UNITS,
        total: Money::pence(TOTAL),
        lines: vec![line("85123A", 6, 255), line("71053", 2, 255)],
    }
}

/// An order of samples, which cost nothing.
pub(super) fn placed_for_free() -> OrderPlaced {
    OrderPlaced { units: 2, total: Money::pence(0), lines: vec![line("SAMPLE", 2, 0)], ..placed() }
}

/// Delivers a message about a stream of the order.
pub(super) fn say(test: &mut Test, kind: &str, input: impl Into<Input>) -> ProcessStep {
    let stream = format!("{kind}#{}", order_id());
    test.about(stream.parse().unwrap()).input(input)
}

pub(super) fn cancellation() -> CancellationRequested {
    CancellationRequested { order_id: order_id() }
}

fn stock(stock_code: &str, units: i64) -> StockLine {
    StockLine { stock_code: stock_code.into(), units }
}

pub(super) fn reserved() -> StockReserved {
    let lines = vec![stock("85123A", 6), stock("71053", 2)];
    StockReserved { order_id: order_id(), lines, value: Money::pence(TOTAL), missing: vec![] }
}

pub(super) fn reserved_for_free() -> StockReserved {
    StockReserved { lines: vec![stock("SAMPLE", 2)], value: Money::pence(0), ..reserved() }
}

pub(super) fn shortage() -> Shortage {
    Shortage { stock_code: "71053".into(), wanted: 2, available: 0 }
}

/// What is reserved if inventory may reserve a part.
pub(super) fn reserved_in_part() -> StockReserved {
    let (lines, missing) = (vec![stock("85123A", 6)], vec![shortage()]);
    StockReserved { order_id: order_id(), lines, value: Money::pence(1530), missing }
}

pub(super) fn stock_rejected() -> StockRejected {
    StockRejected { order_id: order_id(), missing: vec![shortage()] }
}

pub(super) fn stock_released() -> StockReleased {
    StockReleased { order_id: order_id(), lines: reserved().lines }
}

pub(super) fn authorised() -> PaymentAuthorised {
    let (amount, reference) = (Money::pence(TOTAL), "P-1".to_owned());
    PaymentAuthorised { order_id: order_id(), amount, reference }
}

pub(super) fn declined() -> PaymentDeclined {
    PaymentDeclined { order_id: order_id(), reason: "the card has expired".to_owned() }
}

pub(super) fn captured() -> PaymentCaptured {
    PaymentCaptured { order_id: order_id(), amount: Money::pence(TOTAL) }
}

pub(super) fn capture_refused() -> CaptureRefused {
    CaptureRefused { order_id: order_id(), reason: "the authorisation is too old".to_owned() }
}

pub(super) fn payment_released() -> PaymentReleased {
    PaymentReleased { order_id: order_id(), amount: Some(Money::pence(TOTAL)) }
}

pub(super) fn shipment_dispatched() -> ShipmentDispatched {
    ShipmentDispatched { order_id: order_id(), tracking: TRACKING.to_owned() }
}

pub(super) fn shipment_refused() -> ShipmentRefused {
    ShipmentRefused { order_id: order_id(), reason: "no carrier goes to France".to_owned() }
}

pub(super) fn shipment_cancelled() -> ShipmentCancelled {
    ShipmentCancelled { order_id: order_id() }
}

pub(super) fn shipment_on_its_way() -> ShipmentOnItsWay {
    ShipmentOnItsWay { order_id: order_id(), tracking: TRACKING.to_owned() }
}

pub(super) fn reserve() -> ReserveStock {
    let lines = placed().lines.into_iter().map(|line| ReservationLine {
        stock_code: line.stock_code,
        units: line.quantity,
        unit_price: line.unit_price,
    });
    ReserveStock { order_id: order_id(), currency: Currency::Gbp, lines: lines.collect() }
}

pub(super) fn release_stock() -> ReleaseStock {
    ReleaseStock { order_id: order_id() }
}

pub(super) fn ship_stock() -> ShipStock {
    ShipStock { order_id: order_id() }
}

pub(super) fn authorise(pence: i64) -> AuthorisePayment {
    AuthorisePayment { order_id: order_id(), amount: Money::pence(pence) }
}

pub(super) fn capture() -> CapturePayment {
    CapturePayment { order_id: order_id() }
}

pub(super) fn release_payment() -> ReleasePayment {
    ReleasePayment { order_id: order_id() }
}

pub(super) fn dispatch(units: i64) -> DispatchOrder {
    let (customer_id, country) = (Some("17850".into()), "France".to_owned());
    DispatchOrder { order_id: order_id(), customer_id, country, units }
}

pub(super) fn cancel_shipment() -> CancelShipment {
    CancelShipment { order_id: order_id() }
}

pub(super) fn confirmed(pence: i64) -> OrderConfirmed {
    let (customer_id, total) = (Some("17850".into()), Money::pence(pence));
    OrderConfirmed { order_id: order_id(), customer_id, total }
}

pub(super) fn dispatched() -> OrderDispatched {
    let (customer_id, tracking) = (Some("17850".into()), TRACKING.to_owned());
    OrderDispatched { order_id: order_id(), customer_id, tracking }
}

pub(super) fn completed(pence: i64) -> OrderCompleted {
    OrderCompleted { order_id: order_id(), total: Money::pence(pence) }
}

pub(super) fn cancelled(cause: CancellationCause) -> OrderCancelled {
    OrderCancelled { order_id: order_id(), customer_id: Some("17850".into()), cause }
}
