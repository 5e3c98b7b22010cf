//! All pairs of a state and a command, without the provider and with its answers.

use events::{
    AuthorisePayment, CapturePayment, CaptureRefused, Money, PaymentAuthorised, PaymentCaptured,
    PaymentDeclined, PaymentEvent, PaymentReleased, ReleasePayment,
};
use tidegate::batch::Handled;
use tidegate::failure::{Class, Failure};
use tidegate::message::MessageSet;
use tidegate::store::Aggregate;

use super::{Input, Next, Payment, Settled};
use crate::provider::{Answer, Authorisation, Operation, Request};

const AMOUNT: i64 = 1530;

fn amount() -> Money {
    Money::pence(AMOUNT)
}

/// The states, by the events that lead to them.
fn states() -> Vec<(&'static str, Vec<PaymentEvent>)> {
    let order_id = || "7".into();
    let authorised = || {
        PaymentAuthorised { order_id: order_id(), amount: amount(), reference: "pay-1".to_owned() }
            .into()
    };
    let declined =
        |reason: &str| PaymentDeclined { order_id: order_id(), reason: reason.to_owned() }.into();
    let released = |amount: Option<Money>| PaymentReleased { order_id: order_id(), amount }.into();
    let refused = || CaptureRefused { order_id: order_id(), reason: "expired".to_owned() }.into();
    let captured = || PaymentCaptured { order_id: order_id(), amount: amount() }.into();
    vec![
        ("new", vec![]),
        ("authorised", vec![authorised()]),
        ("capture refused", vec![authorised(), refused()]),
        ("declined", vec![declined("card_declined")]),
        ("captured", vec![authorised(), captured()]),
        ("released", vec![authorised(), released(Some(amount()))]),
        ("released after a decline", vec![declined("card_declined"), released(None)]),
        ("released first", vec![released(None)]),
        ("released first, then declined", vec![released(None), declined("released")]),
    ]
}

fn payment(events: &[PaymentEvent]) -> Payment {
    let mut payment = Payment::default();
    events.iter().for_each(|event| payment.apply(event));
    payment
}

fn authorise() -> Input {
    AuthorisePayment { order_id: "7".into(), amount: amount() }.into()
}

fn capture() -> Input {
    CapturePayment { order_id: "7".into() }.into()
}

fn release() -> Input {
    ReleasePayment { order_id: "7".into() }.into()
}

/// Writes down what an input needs next.
fn told(next: Result<Next, Failure>) -> String {
    match next {
        Ok(Next::Provider(Operation { request, .. })) => match request {
            Request::Authorise(_) => "asks to authorise".to_owned(),
            Request::Capture(_) => "asks to capture".to_owned(),
            Request::Void => "asks to void".to_owned(),
            Request::Refund(_) => "asks to refund".to_owned(),
        },
        Ok(Next::Record) => "records".to_owned(),
        Ok(Next::Done(Handled::Duplicate)) => "nothing".to_owned(),
        Ok(Next::Done(handled)) => format!("{handled:?}"),
        Err(failure) => format!("{}: {}", failure.class(), failure.code()),
    }
}

#[test]
fn each_state_says_what_a_command_needs_next() {
    let expected = [
        ("new", ["asks to authorise", "records", "asks to void"]),
        ("authorised", ["nothing", "asks to capture", "asks to void"]),
        ("capture refused", ["nothing", "records", "asks to void"]),
        ("declined", ["nothing", "records", "records"]),
        ("captured", ["nothing", "nothing", "permanent: captured"]),
        ("released", ["records", "records", "nothing"]),
        ("released after a decline", ["records", "records", "nothing"]),
        ("released first", ["records", "records", "nothing"]),
        ("released first, then declined", ["records", "records", "nothing"]),
    ];
    for ((state, events), (name, nexts)) in states().into_iter().zip(expected) {
        assert_eq!(state, name);
        let payment = payment(&events);
        let found = [authorise(), capture(), release()].map(|input| told(payment.next(&input)));
        assert_eq!(found, nexts, "{state}");
    }
}

/// The answers to each command, and no answer.
fn answers(input: &Input) -> Vec<Option<Answer>> {
    let authorised = || Authorisation { payment: "pay-1".to_owned(), amount: amount() };
    let reason = || "no".to_owned();
    match input {
        Input::AuthorisePayment(_) => vec![
            None,
            Some(Answer::Authorised(authorised())),
            Some(Answer::Declined { reason: reason() }),
        ],
        Input::CapturePayment(_) => {
            vec![None, Some(Answer::Captured), Some(Answer::Refused { reason: reason() })]
        }
        _ => vec![
            None,
            Some(Answer::Voided { authorised: Some(authorised()) }),
            Some(Answer::Voided { authorised: None }),
            Some(Answer::Refused { reason: reason() }),
        ],
    }
}

/// Writes down what an answer leads to.
fn decided(payment: &Payment, input: &Input, answer: Option<Answer>) -> String {
    match payment.try_decide(&Settled { input: input.clone(), answer }) {
        Ok(decision) => {
            let kinds = decision.events().iter().map(|event| event.schema().0);
            kinds.collect::<Vec<_>>().join(", ")
        }
        Err(failure) => failure.code().to_owned(),
    }
}

/// A state, and what each answer to a command to authorise, capture and release leads to in it.
type Row = (&'static str, [&'static str; 3], [&'static str; 3], [&'static str; 4]);

/// The state may have changed while the provider was asked, so each answer meets each state.
#[test]
fn each_answer_that_meets_a_state_is_recorded_or_looked_at_again() {
    const AGAIN: &str = "version_conflict";
    let declined = "PaymentDeclined";
    let released = "PaymentReleased";
    let refused = "CaptureRefused";
    let expected: [Row; 9] = [
        (
            "new",
            [AGAIN, "PaymentAuthorised", declined],
            [refused, AGAIN, AGAIN],
            [AGAIN, "PaymentAuthorised, PaymentReleased", released, "void_refused"],
        ),
        (
            "authorised",
            [AGAIN, AGAIN, AGAIN],
            [AGAIN, "PaymentCaptured", refused],
            [AGAIN, released, released, "void_refused"],
        ),
        (
            "capture refused",
            [AGAIN, AGAIN, AGAIN],
            [refused, "PaymentCaptured", refused],
            [AGAIN, released, released, "void_refused"],
        ),
        (
            "declined",
            [AGAIN, AGAIN, AGAIN],
            [refused, AGAIN, AGAIN],
            [released, AGAIN, released, "void_refused"],
        ),
        (
            "captured",
            [AGAIN, AGAIN, AGAIN],
            [AGAIN, AGAIN, AGAIN],
            [AGAIN, AGAIN, AGAIN, "void_refused"],
        ),
        (
            "released",
            [declined, declined, declined],
            [refused, "captured_after_void", refused],
            [AGAIN, AGAIN, AGAIN, "void_refused"],
        ),
        (
            "released after a decline",
            [declined, "authorised_after_void", declined],
            [refused, "captured_after_void", refused],
            [AGAIN, AGAIN, AGAIN, "void_refused"],
        ),
        (
            "released first",
            [declined, "authorised_after_void", declined],
            [refused, "captured_after_void", refused],
            [AGAIN, AGAIN, AGAIN, "void_refused"],
        ),
        (
            "released first, then declined",
            [declined, "authorised_after_void", declined],
            [refused, "captured_after_void", refused],
            [AGAIN, AGAIN, AGAIN, "void_refused"],
        ),
    ];
    for ((state, events), (name, authorising, capturing, releasing)) in
        states().into_iter().zip(expected)
    {
        assert_eq!(state, name);
        let payment = payment(&events);
        for (input, expected) in [
            (authorise(), authorising.as_slice()),
            (capture(), capturing.as_slice()),
            (release(), releasing.as_slice()),
        ] {
            let found = answers(&input).into_iter();
            let found: Vec<_> = found.map(|answer| decided(&payment, &input, answer)).collect();
            assert_eq!(found, expected, "{state}, {input:?}");
        }
    }
}

#[test]
fn an_amount_that_was_authorised_is_not_another_amount() {
    let other = AuthorisePayment { order_id: "7".into(), amount: Money::pence(AMOUNT + 1) }.into();
    for (state, events) in &states()[1..3] {
        let failure = payment(events).next(&other).unwrap_err();
        assert_eq!(
            (failure.class(), failure.code()),
            (Class::Permanent, "other_amount"),
            "{state}"
        );
    }
}

#[test]
fn the_keys_of_operations_differ_and_stay() {
    let key = |reference: &str, request| Operation::new(reference, request).key();
    assert_eq!(key("536365", Request::Authorise(amount())), "authorise:536365");
    assert_eq!(key("536365", Request::Capture(amount())), "capture:536365");
    assert_eq!(key("536365", Request::Void), "void:536365");
    assert_eq!(key("C536379", Request::Refund(amount())), "refund:C536379");
    assert_eq!(key("a/ü#%", Request::Void), "void:a%2F%C3%BC%23%25");
}
