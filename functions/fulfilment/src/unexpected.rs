//! Messages that a state does not wait for.

use tidegate::process::{Reaction, refuse, stuck};

use crate::input::Input;
use crate::state::Fulfilment;

/// Answers a message that the state does not wait for.
///
/// Queues bring answers late and in any order, so most are refused without harm. An answer to a
/// question that was never asked, and money that nobody asked for, wait for an operator.
pub(crate) fn unexpected(state: &Fulfilment, input: &Input) -> Reaction<Fulfilment> {
    use Fulfilment as S;
    match (state, input) {
        (S::Capturing(_) | S::Completed, Input::CancellationRequested(_)) => {
            refuse("dispatched", "the order is on its way: its goods can be sent back")
        }
        (_, Input::CancellationRequested(_)) => {
            refuse("cancelled", "the order is cancelled, or about to be")
        }
        (_, Input::OrderPlaced(_)) => refuse("placed_before", "an order is fulfilled once"),
        (_, Input::PaymentOverdue(_) | Input::DispatchOverdue(_))
        | (S::Completed, Input::PaymentCaptured(_)) => not_awaited(),
        (_, Input::PaymentCaptured(_)) => stuck(
            "not_asked",
            "the amount was taken, and nobody asked for it: compare with the payment",
        ),
        (S::New | S::Withdrawn, _) => stuck(
            "not_asked",
            "a service answers for an order that was not placed: compare with its stream",
        ),
        (S::Dispatching(_), Input::ShipmentCancelled(_)) => stuck(
            "not_asked",
            "the order stays in the warehouse, and nobody asked for it: compare with the shipment",
        ),
        _ => not_awaited(),
    }
}

fn not_awaited() -> Reaction<Fulfilment> {
    refuse("not_awaited", "the order does not wait for this, or not any more")
}
