//! Compares how each order ended with what must have become of it.

use std::collections::BTreeSet;

use events::CancellationCause;

use super::expected::Expected;
use super::found::{Decision, End, Found, Invoice, Shipment};
use crate::comparison::Part;

/// Compares the ends of all orders.
///
/// An order must be completed, unless an event says why not: a shortage, a decline, a refusal of
/// the carrier, a request of the customer, a passed deadline, or a decision of an operator.
pub(super) fn orders(expected: &Expected, found: &Found) -> Part {
    let mut part = Part::new("orders");
    let placed = found.invoices.iter().filter(|(_, invoice)| invoice.placed);
    let numbers: BTreeSet<&String> =
        expected.orders.keys().chain(placed.map(|(number, _)| number)).collect();
    part.compared = numbers.len();
    for number in numbers {
        let order = format!("order#{number}");
        let invoice = found.invoices.get(number).filter(|invoice| invoice.placed);
        match (expected.orders.contains_key(number), invoice) {
            (true, Some(invoice)) => {
                let word = word(invoice);
                if let Some(wanted) = wanted(invoice) {
                    part.differ(&order, "end", wanted, word.as_str());
                }
                part.count(word, 1);
            }
            (true, None) => part.differ(&order, "order", "placed", "not placed"),
            (false, _) => part.differ(&order, "order", "not in the file", "placed"),
        }
    }
    part
}

/// Returns what must have become of an order, if it is something else.
fn wanted(invoice: &Invoice) -> Option<&'static str> {
    let declined = invoice.money.declined && invoice.money.authorised == 0;
    match invoice.end {
        _ if invoice.stuck.is_some() => None,
        End::Open | End::Dispatched => invoice.decision.is_none().then_some("an end"),
        End::Completed if invoice.reservation.rejected => Some("rejected (out_of_stock)"),
        End::Completed if declined => Some("rejected (payment_declined)"),
        End::Completed if invoice.shipment != Shipment::Dispatched => Some("no delivery"),
        End::Completed => None,
        End::Cancelled(cause) => (!is_explained(cause, invoice)).then_some("completed"),
    }
}

/// Returns whether an event says why the order was not delivered.
fn is_explained(cause: CancellationCause, invoice: &Invoice) -> bool {
    match cause {
        CancellationCause::OutOfStock => invoice.reservation.rejected,
        CancellationCause::PaymentDeclined => invoice.money.declined,
        CancellationCause::NotDeliverable => invoice.shipment == Shipment::Refused,
        CancellationCause::Requested => invoice.cancellation_requested,
        // Only the process knows its deadlines. What is on its way must not be cancelled.
        CancellationCause::PaymentOverdue => invoice.shipment == Shipment::None,
        CancellationCause::DispatchOverdue => invoice.shipment != Shipment::Dispatched,
    }
}

/// Returns how an order ended, for people.
fn word(invoice: &Invoice) -> String {
    if let Some(code) = &invoice.stuck {
        return format!("stuck ({code})");
    }
    let cause = |cause: CancellationCause| match cause {
        CancellationCause::OutOfStock => "out_of_stock",
        CancellationCause::PaymentDeclined => "payment_declined",
        CancellationCause::NotDeliverable => "not_deliverable",
        CancellationCause::Requested => "requested",
        CancellationCause::PaymentOverdue => "payment_overdue",
        CancellationCause::DispatchOverdue => "dispatch_overdue",
    };
    match (invoice.end, &invoice.decision) {
        (End::Open | End::Dispatched, Some(Decision::Ended(code))) => {
            let kept = if invoice.reservation.held.is_empty() { "" } else { ", goods reserved" };
            format!("ended by an operator ({code}{kept})")
        }
        (End::Open | End::Dispatched, Some(Decision::LeftOpen(code))) => {
            format!("left open by an operator ({code})")
        }
        (End::Open, None) if invoice.shipment == Shipment::Held => {
            "open (the shipment waits for a person; hand it over)".to_owned()
        }
        (End::Open, None) => "open".to_owned(),
        (End::Dispatched, None) => "dispatched".to_owned(),
        (End::Completed, _) => "completed".to_owned(),
        (End::Cancelled(why), _) if why.is_rejection() => format!("rejected ({})", cause(why)),
        (End::Cancelled(why), _) => format!("cancelled ({})", cause(why)),
    }
}
