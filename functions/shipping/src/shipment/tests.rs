//! Every command in every state of a shipment.

use events::{CancelShipment, HandOver};
use tidegate::test::{Given, given};

use super::*;

fn order() -> OrderId {
    "7".into()
}

fn asked(command: impl Into<ShippingCommand>) -> Asked {
    Asked { command: command.into(), ruling: Ruling::Send }
}

fn dispatch(ruling: Ruling) -> Asked {
    let country = "France".to_owned();
    let command = DispatchOrder { order_id: order(), customer_id: None, country, units: 12 };
    Asked { command: command.into(), ruling }
}

fn cancel() -> Asked {
    asked(CancelShipment { order_id: order() })
}

fn hand_over() -> Asked {
    asked(HandOver { order_id: order() })
}

fn at(hour: i8) -> Timestamp {
    format!("2026-01-02T{hour:02}:00:00Z").parse().unwrap()
}

fn report(status: TrackingStatus, hour: i8) -> Asked {
    asked(RecordTracking { order_id: order(), status, at: at(hour) })
}

fn held() -> ShippingEvent {
    ShipmentHeld { order_id: order(), units: 12 }.into()
}

fn dispatched() -> ShippingEvent {
    ShipmentDispatched { order_id: order(), tracking: "TG-7".to_owned() }.into()
}

fn on_its_way() -> ShippingEvent {
    ShipmentOnItsWay { order_id: order(), tracking: "TG-7".to_owned() }.into()
}

fn refused() -> ShippingEvent {
    ShipmentRefused { order_id: order(), reason: "no carrier goes to France".to_owned() }.into()
}

fn cancelled() -> ShippingEvent {
    ShipmentCancelled { order_id: order() }.into()
}

fn not_handed_over(reason: ShipmentDefect) -> ShippingEvent {
    HandOverRejected { order_id: order(), reason }.into()
}

fn recorded(status: TrackingStatus, hour: i8, late: bool) -> ShippingEvent {
    TrackingRecorded { order_id: order(), status, at: at(hour), late }.into()
}

fn not_recorded(reason: ShipmentDefect) -> ShippingEvent {
    TrackingRejected { order_id: order(), status: TrackingStatus::InTransit, reason }.into()
}

#[test]
fn the_ruling_says_what_becomes_of_an_order() {
    for (ruling, event) in
        [(Ruling::Send, dispatched()), (Ruling::Hold, held()), (Ruling::Refuse, refused())]
    {
        given::<Shipment>([]).when(&dispatch(ruling)).then([event]);
    }
}

#[test]
fn each_command_has_one_answer_in_each_state() {
    use ShipmentDefect as Defect;
    let in_transit = TrackingStatus::InTransit;
    for (history, again, cancellation, handing_over, tracking) in [
        (
            vec![],
            dispatched(),
            cancelled(),
            not_handed_over(Defect::Unknown),
            not_recorded(Defect::Unknown),
        ),
        (vec![held()], held(), cancelled(), dispatched(), not_recorded(Defect::Held)),
        (
            vec![held(), dispatched()],
            on_its_way(),
            on_its_way(),
            on_its_way(),
            recorded(in_transit, 1, false),
        ),
        (
            vec![refused()],
            refused(),
            cancelled(),
            not_handed_over(Defect::Refused),
            not_recorded(Defect::Refused),
        ),
        (
            vec![cancelled()],
            cancelled(),
            cancelled(),
            not_handed_over(Defect::Cancelled),
            not_recorded(Defect::Cancelled),
        ),
    ] {
        let given = || -> Given<Shipment> { given(history.clone()) };
        given().when(&dispatch(Ruling::Send)).then([again]);
        given().when(&cancel()).then([cancellation]);
        given().when(&hand_over()).then([handing_over]);
        given().when(&report(in_transit, 1)).then([tracking]);
    }
}

#[test]
fn a_cancellation_that_overtakes_its_order_keeps_it_in_the_warehouse() {
    given::<Shipment>([])
        .when(&cancel())
        .then([cancelled()])
        .when(&dispatch(Ruling::Send))
        .then([cancelled()]);
}

#[test]
fn a_refused_shipment_stays_refused_after_its_cancellation() {
    given::<Shipment>([refused()])
        .when(&cancel())
        .then([cancelled()])
        .when(&dispatch(Ruling::Send))
        .then([refused()]);
}

#[test]
fn a_report_that_comes_after_a_later_one_is_late() {
    use TrackingStatus as Status;
    given::<Shipment>([dispatched()])
        .when(&report(Status::OutForDelivery, 9))
        .then([recorded(Status::OutForDelivery, 9, false)])
        .when(&report(Status::InTransit, 3))
        .then([recorded(Status::InTransit, 3, true)])
        .when(&report(Status::InTransit, 10))
        .then([recorded(Status::InTransit, 10, true)])
        .when(&report(Status::OutForDelivery, 9))
        .then([recorded(Status::OutForDelivery, 9, false)])
        .when(&report(Status::OutForDelivery, 8))
        .then([recorded(Status::OutForDelivery, 8, true)])
        .when(&report(Status::Delivered, 12))
        .then([recorded(Status::Delivered, 12, false)])
        .when(&cancel())
        .then([on_its_way()]);
}
