//! Messages in every order, large orders, and messages that are not for this order.

use events::{
    CancellationCause, Money, OrderLine, OrderPlaced, PaymentOverdue, ReserveStock, StockLine,
    StockReserved,
};

use super::Test;
use super::said::*;
use crate::input::Input;
use crate::state::Fulfilment;

/// Counts commands of this type.
fn sent(test: &Test, kind: &str) -> usize {
    test.sent().iter().filter(|sent| sent.envelope.kind == kind).count()
}

fn about_the_order(test: &mut Test) {
    test.about("order#536365".parse().unwrap());
}

#[test]
fn a_cancellation_may_overtake_the_order() {
    let mut test = Test::new();
    about_the_order(&mut test);
    test.in_every_order([placed().into(), cancellation().into()], |test| {
        if !test.instance().has_ended() {
            say(test, "reservation", stock_released());
        }
        assert_eq!(test.state(), Fulfilment::Cancelled(CancellationCause::Requested));
        assert_eq!(sent(test, "ReserveStock"), sent(test, "ReleaseStock"));
    });
}

#[test]
fn a_shipment_that_cannot_be_recalled_is_paid_once_in_whichever_order_shipping_answers() {
    let mut test = Test::new();
    say(&mut test, "order", placed());
    say(&mut test, "reservation", reserved());
    say(&mut test, "payment", authorised());
    about_the_order(&mut test);
    let inputs: [Input; 3] =
        [cancellation().into(), shipment_dispatched().into(), shipment_on_its_way().into()];
    test.in_every_order(inputs, |test| {
        assert_eq!(test.instance().state_name(), "Capturing", "{}", test.trace());
        assert_eq!((sent(test, "CapturePayment"), sent(test, "ShipStock")), (1, 1));
        assert_eq!((sent(test, "ReleasePayment"), sent(test, "ReleaseStock")), (0, 0));
    });
}

#[test]
fn an_authorisation_and_its_release_may_come_in_any_order() {
    let mut test = Test::new();
    say(&mut test, "order", placed());
    say(&mut test, "reservation", reserved());
    say(&mut test, "order", cancellation());
    about_the_order(&mut test);
    test.in_every_order([authorised().into(), payment_released().into()], |test| {
        assert_eq!(sent(test, "ReleaseStock"), 1);
        say(test, "reservation", stock_released());
        assert_eq!(test.state(), Fulfilment::Cancelled(CancellationCause::Requested));
    });
}

#[test]
fn an_order_of_1110_lines_passes_and_its_state_stays_small() {
    let line = |number: i64| OrderLine {
        stock_code: format!("{number:05}").as_str().into(),
        description: "a long description of the product, as the shop writes it".to_owned(),
        quantity: 1,
        unit_price: 100,
    };
    let lines: Vec<_> = (0..1110).map(line).collect();
    let order =
        OrderPlaced { units: 1110, total: Money::pence(111_000), lines: lines.clone(), ..placed() };
    let mut test = Test::new();
    let step = say(&mut test, "order", order);
    let reserve: ReserveStock = step.commands()[0].content();
    assert_eq!(reserve.lines.len(), 1110);
    let lines = lines.into_iter();
    let lines =
        lines.map(|line| StockLine { stock_code: line.stock_code, units: line.quantity }).collect();
    let value = Money::pence(111_000);
    say(&mut test, "reservation", StockReserved { lines, value, ..reserved() })
        .sends("payment", &authorise(111_000));
    let state = serde_json::to_string(&test.state()).unwrap();
    assert!(state.len() < 200, "{state}");
}

#[test]
fn a_message_about_another_order_is_not_decided() {
    let mut test = Test::new();
    test.about("order#536366".parse().unwrap()).input(placed()).dead_lettered("subject_mismatch");
}

#[test]
fn a_deadline_passes_by_its_own_message_only() {
    let mut test = Test::new();
    say(&mut test, "order", placed());
    say(&mut test, "reservation", reserved());
    say(&mut test, "fulfilment", PaymentOverdue {}).dead_lettered("not_a_deadline");
    test.pass("payment").moved_to("Cancelling");
}

#[test]
fn an_answer_that_nobody_asked_for_waits_for_an_operator() {
    let mut test = Test::new();
    say(&mut test, "payment", authorised()).stuck("not_asked");
    let mut test = Test::new();
    say(&mut test, "order", placed());
    say(&mut test, "payment", captured()).stuck("not_asked");
    let mut test = Test::new();
    say(&mut test, "order", placed());
    say(&mut test, "reservation", reserved());
    say(&mut test, "payment", authorised());
    say(&mut test, "shipment", shipment_cancelled()).stuck("not_asked");
}
