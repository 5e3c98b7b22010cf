//! What each message means in each state.

use events::{
    CancellationCause as Cause, FULFILMENT_SOURCE, ShipmentDispatched, ShipmentOnItsWay,
    stream_kind,
};
use jiff::Timestamp;
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::ids::StreamId;
use tidegate::process::{self, Process, Reaction, Step};

use crate::input::Input as I;
use crate::order::Order;
use crate::state::Fulfilment;
use crate::steps::reserve;
use crate::unexpected::unexpected;

impl Process for Fulfilment {
    const KIND: &'static str = stream_kind::FULFILMENT;
    const SOURCE: &'static str = FULFILMENT_SOURCE;
    const RULES: u32 = 1;
    type Input = I;
    type State = Self;

    fn instance(input: &I, envelope: &Envelope) -> Result<StreamId, Failure> {
        // Each stream of an order has the order's key: `payment#7` belongs to `fulfilment#7`.
        let (subject, kind) = (&envelope.subject, &envelope.kind);
        match input.order_id() {
            Some(order) if order.as_str() == subject.key() => process::stream::<Self>(&order.0),
            Some(order) => {
                let reason = format!("{kind}: the subject is {subject}, its order is {order}");
                Err(Failure::permanent("subject_mismatch", reason))
            }
            None => {
                let reason = format!("{kind} for {subject} did not come as a passed deadline");
                Err(Failure::permanent("not_a_deadline", reason))
            }
        }
    }

    fn starts(input: &I) -> bool {
        matches!(input, I::OrderPlaced(_))
    }

    #[process::total]
    fn react(state: &Self, input: &I, now: Timestamp) -> Reaction<Self> {
        match (state, input) {
            (Self::New, I::OrderPlaced(placed)) => reserve(placed),
            (Self::New, I::CancellationRequested(_)) => Step::to(Self::Withdrawn).into(),
            (Self::Withdrawn, I::OrderPlaced(placed)) => {
                Order::new(placed).cancel(Cause::Requested)
            }
            (Self::Reserving(order), I::StockReserved(kept)) => order.reserved(kept).authorise(now),
            (Self::Reserving(order), I::StockRejected(_)) => order.cancel(Cause::OutOfStock),
            (Self::Reserving(order), I::CancellationRequested(_)) => {
                order.release_stock(Cause::Requested)
            }
            (Self::Authorising(order), I::PaymentAuthorised(_)) => order.dispatch(now),
            (Self::Authorising(order), I::PaymentDeclined(_)) => {
                order.release_stock(Cause::PaymentDeclined)
            }
            // The payment may be authorised, so it is released too.
            (Self::Authorising(order), I::PaymentOverdue(_)) => {
                order.release(Cause::PaymentOverdue)
            }
            (Self::Authorising(order), I::CancellationRequested(_)) => {
                order.release(Cause::Requested)
            }
            (Self::Dispatching(order), I::ShipmentRefused(_)) => {
                order.release(Cause::NotDeliverable)
            }
            (Self::Dispatching(order), I::DispatchOverdue(_)) => {
                order.recall(Cause::DispatchOverdue)
            }
            (Self::Dispatching(order), I::CancellationRequested(_)) => {
                order.recall(Cause::Requested)
            }
            (
                Self::Dispatching(order) | Self::Recalling(order, _),
                I::ShipmentDispatched(ShipmentDispatched { tracking, .. })
                | I::ShipmentOnItsWay(ShipmentOnItsWay { tracking, .. }),
            ) => order.ship(tracking),
            (Self::Recalling(order, cause), I::ShipmentCancelled(_) | I::ShipmentRefused(_)) => {
                order.release(*cause)
            }
            (Self::Capturing(order), I::PaymentCaptured(_)) => order.complete(),
            (Self::Capturing(_), I::CaptureRefused(refused)) => {
                process::stuck("capture_refused", refused.reason.clone())
            }
            (Self::Cancelling(order, cause, kept), I::StockReleased(_) | I::PaymentReleased(_))
                if kept.last().is_some_and(|service| input.is_release_by(*service)) =>
            {
                order.release_next(*cause, kept.clone())
            }
            (
                Self::New
                | Self::Withdrawn
                | Self::Reserving(_)
                | Self::Authorising(_)
                | Self::Dispatching(_)
                | Self::Recalling(..)
                | Self::Capturing(_)
                | Self::Cancelling(..)
                | Self::Completed
                | Self::Cancelled(_),
                I::OrderPlaced(_)
                | I::CancellationRequested(_)
                | I::StockReserved(_)
                | I::StockRejected(_)
                | I::StockReleased(_)
                | I::PaymentAuthorised(_)
                | I::PaymentDeclined(_)
                | I::PaymentCaptured(_)
                | I::CaptureRefused(_)
                | I::PaymentReleased(_)
                | I::ShipmentDispatched(_)
                | I::ShipmentRefused(_)
                | I::ShipmentCancelled(_)
                | I::ShipmentOnItsWay(_)
                | I::PaymentOverdue(_)
                | I::DispatchOverdue(_),
            ) => unexpected(state, input),
        }
    }
}

#[cfg(test)]
mod tests;
