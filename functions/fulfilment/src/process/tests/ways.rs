//! The ways of an order.

use events::CancellationCause as Cause;
use jiff::SignedDuration;
use tidegate::test::{interrupted, repeated};

use super::Test;
use super::said::*;
use crate::state::Fulfilment;

/// Takes an order as far as its payment is asked for.
fn as_far_as_the_payment(test: &mut Test) {
    say(test, "order", placed()).moved_to("Reserving").sends("inventory", &reserve());
    let due = test.now() + SignedDuration::from_mins(15);
    say(test, "reservation", reserved())
        .moved_to("Authorising")
        .sends("payment", &authorise(TOTAL))
        .sets("payment", due);
}

/// Takes an order as far as its dispatch is asked for.
fn as_far_as_the_dispatch(test: &mut Test) {
    as_far_as_the_payment(test);
    let due = test.now() + SignedDuration::from_hours(48);
    say(test, "payment", authorised())
        .moved_to("Dispatching")
        .publishes(&confirmed(TOTAL))
        .sends("shipping", &dispatch(UNITS))
        .cancels("payment")
        .sets("dispatch", due);
}

/// Takes an order as far as its money is asked for.
fn as_far_as_the_capture(test: &mut Test) {
    as_far_as_the_dispatch(test);
    say(test, "shipment", shipment_dispatched())
        .moved_to("Capturing")
        .publishes(&dispatched())
        .sends("inventory", &ship_stock())
        .sends("payment", &capture())
        .cancels("dispatch");
}

/// Releases the stock, and ends.
fn released_and_cancelled(test: &mut Test, cause: Cause) {
    say(test, "reservation", stock_released()).moved_to("Cancelled").publishes(&cancelled(cause));
    say(test, "reservation", stock_released()).refused("not_awaited").sends_nothing();
}

fn delivered(test: &mut Test) {
    as_far_as_the_capture(test);
    say(test, "order", cancellation()).refused("dispatched").sends_nothing();
    say(test, "payment", captured()).moved_to("Completed").publishes(&completed(TOTAL));
    test.pass_late("payment").ignored("payment");
    test.pass_late("dispatch").ignored("dispatch");
    say(test, "order", cancellation()).refused("dispatched").sends_nothing();
}

fn costs_nothing(test: &mut Test) {
    say(test, "order", placed_for_free()).moved_to("Reserving");
    say(test, "reservation", reserved_for_free())
        .moved_to("Dispatching")
        .publishes(&confirmed(0))
        .sends("shipping", &dispatch(2));
    say(test, "shipment", shipment_dispatched())
        .moved_to("Completed")
        .publishes(&dispatched())
        .publishes(&completed(0))
        .sends("inventory", &ship_stock());
    assert!(test.sent().iter().all(|sent| sent.to != "payment"), "{:?}", test.sent());
}

fn out_of_stock(test: &mut Test) {
    say(test, "order", placed());
    say(test, "reservation", stock_rejected())
        .moved_to("Cancelled")
        .publishes(&cancelled(Cause::OutOfStock))
        .sends_nothing();
}

fn payment_declined(test: &mut Test) {
    as_far_as_the_payment(test);
    say(test, "payment", declined())
        .moved_to("Cancelling")
        .sends("inventory", &release_stock())
        .cancels("payment");
    released_and_cancelled(test, Cause::PaymentDeclined);
}

/// The provider is asked whether it authorised after all, before the products are given back.
fn payment_overdue(test: &mut Test) {
    as_far_as_the_payment(test);
    test.pass("payment").moved_to("Cancelling").sends("payment", &release_payment());
    say(test, "payment", authorised()).refused("not_awaited").sends_nothing();
    say(test, "payment", payment_released())
        .moved_to("Cancelling")
        .sends("inventory", &release_stock());
    released_and_cancelled(test, Cause::PaymentOverdue);
}

fn not_deliverable(test: &mut Test) {
    as_far_as_the_dispatch(test);
    say(test, "shipment", shipment_refused())
        .moved_to("Cancelling")
        .sends("payment", &release_payment())
        .cancels("dispatch");
    say(test, "payment", payment_released()).sends("inventory", &release_stock());
    released_and_cancelled(test, Cause::NotDeliverable);
}

fn cancelled_while_reserving(test: &mut Test) {
    say(test, "order", placed());
    say(test, "order", cancellation()).moved_to("Cancelling").sends("inventory", &release_stock());
    say(test, "reservation", reserved()).refused("not_awaited").sends_nothing();
    released_and_cancelled(test, Cause::Requested);
}

fn recalled(test: &mut Test) {
    as_far_as_the_dispatch(test);
    say(test, "order", cancellation())
        .moved_to("Recalling")
        .sends("shipping", &cancel_shipment())
        .cancels("dispatch");
    say(test, "shipment", shipment_cancelled())
        .moved_to("Cancelling")
        .sends("payment", &release_payment());
    say(test, "payment", payment_released()).sends("inventory", &release_stock());
    released_and_cancelled(test, Cause::Requested);
    say(test, "order", cancellation()).refused("cancelled").sends_nothing();
}

fn recalled_too_late(test: &mut Test) {
    as_far_as_the_dispatch(test);
    say(test, "order", cancellation()).moved_to("Recalling");
    say(test, "shipment", shipment_on_its_way())
        .moved_to("Capturing")
        .publishes(&dispatched())
        .sends("payment", &capture());
    say(test, "shipment", shipment_dispatched()).refused("not_awaited").sends_nothing();
    say(test, "payment", captured()).moved_to("Completed").publishes(&completed(TOTAL));
}

/// The customer pays by transfer, and an operator ends the order by hand.
fn capture_is_refused(test: &mut Test) {
    as_far_as_the_capture(test);
    say(test, "payment", capture_refused()).stuck("capture_refused").sends_nothing();
    say(test, "order", cancellation()).held();
    test.force(&Fulfilment::Completed, "paid by transfer").moved_to("Completed").sends_nothing();
}

/// What was refused is captured after all, and an operator drops the refusal.
fn captured_after_a_refusal(test: &mut Test) {
    as_far_as_the_capture(test);
    say(test, "payment", capture_refused()).stuck("capture_refused");
    say(test, "payment", captured()).held();
    test.skip("the bank was asked again").moved_to("Completed").publishes(&completed(TOTAL));
}

fn dispatch_overdue(test: &mut Test) {
    as_far_as_the_dispatch(test);
    test.pass("dispatch").moved_to("Recalling").sends("shipping", &cancel_shipment());
    say(test, "order", cancellation()).refused("cancelled").sends_nothing();
    say(test, "shipment", shipment_cancelled()).moved_to("Cancelling");
    say(test, "payment", payment_released()).sends("inventory", &release_stock());
    released_and_cancelled(test, Cause::DispatchOverdue);
}

fn cancelled_before_it_was_placed(test: &mut Test) {
    say(test, "order", cancellation()).moved_to("Withdrawn").sends_nothing();
    say(test, "order", placed())
        .moved_to("Cancelled")
        .publishes(&cancelled(Cause::Requested))
        .sends_nothing();
    say(test, "order", placed()).refused("placed_before").sends_nothing();
}

fn cancelled_while_authorising(test: &mut Test) {
    as_far_as_the_payment(test);
    say(test, "order", cancellation())
        .moved_to("Cancelling")
        .sends("payment", &release_payment())
        .cancels("payment");
    say(test, "payment", declined()).refused("not_awaited").sends_nothing();
    say(test, "payment", payment_released()).sends("inventory", &release_stock());
    released_and_cancelled(test, Cause::Requested);
}

fn free_and_recalled(test: &mut Test) {
    say(test, "order", placed_for_free());
    say(test, "reservation", reserved_for_free());
    say(test, "order", cancellation()).moved_to("Recalling");
    say(test, "shipment", shipment_cancelled())
        .moved_to("Cancelling")
        .sends("inventory", &release_stock());
    released_and_cancelled(test, Cause::Requested);
}

/// Inventory reserves what there is: that is what is paid and sent.
fn reserved_as_far_as_available(test: &mut Test) {
    say(test, "order", placed());
    say(test, "reservation", reserved_in_part()).sends("payment", &authorise(1530));
    say(test, "payment", authorised()).publishes(&confirmed(1530)).sends("shipping", &dispatch(6));
    say(test, "shipment", shipment_dispatched());
    say(test, "payment", captured()).publishes(&completed(1530));
}

/// Name of a way, and what leads along it.
type Way = (&'static str, fn(&mut Test));

/// Ways with a golden trace: those that customers and operators meet.
const TRACED: [Way; 10] = [
    ("delivered", delivered),
    ("costs-nothing", costs_nothing),
    ("out-of-stock", out_of_stock),
    ("payment-declined", payment_declined),
    ("payment-overdue", payment_overdue),
    ("not-deliverable", not_deliverable),
    ("cancelled-while-reserving", cancelled_while_reserving),
    ("recalled", recalled),
    ("recalled-too-late", recalled_too_late),
    ("capture-refused", capture_is_refused),
];

/// Further ways, without one.
const FURTHER: [fn(&mut Test); 6] = [
    captured_after_a_refusal,
    dispatch_overdue,
    cancelled_before_it_was_placed,
    cancelled_while_authorising,
    free_and_recalled,
    reserved_as_far_as_available,
];

fn ways() -> impl Iterator<Item = fn(&mut Test)> {
    TRACED.into_iter().map(|(_, way)| way).chain(FURTHER)
}

#[test]
fn each_traced_way_is_as_its_golden_trace_says() {
    for (name, way) in TRACED {
        let mut test = Test::new();
        way(&mut test);
        test.golden(&format!("traces/{name}.txt"));
    }
}

#[test]
fn each_way_ends_and_leaves_no_deadline() {
    for way in ways() {
        let mut test = Test::new();
        way(&mut test);
        assert!(test.instance().has_ended(), "{}", test.trace());
        assert!(test.deadlines().is_empty(), "{}", test.trace());
    }
}

#[test]
fn every_message_may_come_twice() {
    ways().for_each(repeated);
}

#[test]
fn every_request_to_the_store_may_fail() {
    ways().for_each(interrupted);
}
