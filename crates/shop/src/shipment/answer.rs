//! What shipping decided, for people.

use events::{ShipmentDefect, ShippingEvent, TrackingStatus};
use terminal::problem::Problem;

/// Returns what shipping decided as a line of text.
///
/// # Errors
/// Shipping rejected the command: the problem says why, and what to do.
pub(super) fn answer(event: &ShippingEvent) -> Result<String, Problem> {
    match event {
        ShippingEvent::ShipmentDispatched(event) => {
            Ok(format!("order {} is handed over: {}", event.order_id, event.tracking))
        }
        ShippingEvent::ShipmentOnItsWay(event) => {
            Ok(format!("order {} was on its way before: {}", event.order_id, event.tracking))
        }
        ShippingEvent::TrackingRecorded(event) => {
            let (order, status) = (&event.order_id, status(event.status));
            let late = if event.late { ", and a later report was recorded before" } else { "" };
            Ok(format!("order {order}: {status} is recorded{late}"))
        }
        ShippingEvent::HandOverRejected(event) => {
            let (order, why) = (&event.order_id, why(event.reason));
            Err(Problem::new(format!("order {order} is not handed over: {why}")))
        }
        ShippingEvent::TrackingRejected(event) => {
            let (order, status, why) = (&event.order_id, status(event.status), why(event.reason));
            Err(Problem::new(format!("order {order}: {status} is not recorded: {why}")))
        }
        other @ (ShippingEvent::ShipmentHeld(_)
        | ShippingEvent::ShipmentRefused(_)
        | ShippingEvent::ShipmentCancelled(_)) => {
            Err(Problem::new(format!("shipping answered something else: {other:?}")))
        }
    }
}

fn status(status: TrackingStatus) -> &'static str {
    match status {
        TrackingStatus::InTransit => "in transit",
        TrackingStatus::OutForDelivery => "out for delivery",
        TrackingStatus::Delivered => "delivered",
    }
}

fn why(defect: ShipmentDefect) -> &'static str {
    match defect {
        ShipmentDefect::Unknown => {
            "there is no shipment of it; see what happened to it with `shop order show`"
        }
        ShipmentDefect::Held => {
            "it waits in the warehouse; hand it over with `shop shipment hand-over`"
        }
        ShipmentDefect::Refused => "no carrier takes it",
        ShipmentDefect::Cancelled => "its shipment was cancelled",
    }
}

#[cfg(test)]
mod tests {
    use events::{HandOverRejected, ShipmentDispatched, TrackingRecorded, TrackingRejected};

    use super::*;

    #[test]
    fn an_answer_says_what_happened_and_a_rejection_what_to_do() {
        let dispatched = ShipmentDispatched { order_id: "7".into(), tracking: "TG-7".to_owned() };
        assert_eq!(answer(&dispatched.into()).unwrap(), "order 7 is handed over: TG-7");

        let (status, at) = (TrackingStatus::InTransit, jiff::Timestamp::UNIX_EPOCH);
        let recorded = |late| TrackingRecorded { order_id: "7".into(), status, at, late };
        assert_eq!(answer(&recorded(false).into()).unwrap(), "order 7: in transit is recorded");
        assert!(
            answer(&recorded(true).into()).unwrap().ends_with("a later report was recorded before")
        );

        for (reason, said) in [
            (ShipmentDefect::Unknown, "`shop order show`"),
            (ShipmentDefect::Held, "`shop shipment hand-over`"),
            (ShipmentDefect::Refused, "no carrier"),
            (ShipmentDefect::Cancelled, "cancelled"),
        ] {
            let refused = HandOverRejected { order_id: "7".into(), reason };
            let problem = answer(&refused.into()).unwrap_err().to_string();
            assert!(problem.starts_with("order 7 is not handed over: "), "{problem}");
            assert!(problem.contains(said), "{problem}");
            let refused = TrackingRejected { order_id: "7".into(), status, reason };
            let problem = answer(&refused.into()).unwrap_err().to_string();
            assert!(problem.contains("in transit is not recorded") && problem.contains(said));
        }
    }
}
