//! E-mails of every kind, and values from outside in them.

use events::{CancellationCause, OrderCancelled, OrderConfirmed, OrderDispatched};

use super::*;

fn placed(lines: usize) -> OrderPlaced {
    let line = OrderLine {
        stock_code: "85123A".into(),
        description: "WHITE HANGING HEART".to_owned(),
        quantity: 6,
        unit_price: 255,
    };
    OrderPlaced {
        order_id: "536365".into(),
        customer_id: Some("17850".into()),
        country: "United Kingdom".to_owned(),
        ordered_at: "2010-12-01T08:26:00Z".parse().unwrap(),
        units: 6 * lines as i64,
        total: Money::pence(1530 * lines as i64),
        lines: vec![line; lines],
    }
}

fn mail(news: &News) -> Mail {
    Mail::new(news, &"17850".into(), "example.com", &Templates::new().unwrap()).unwrap()
}

fn cancelled(cause: CancellationCause) -> News {
    let (order_id, customer_id) = ("536365".into(), Some("17850".into()));
    News::Cancelled(OrderCancelled { order_id, customer_id, cause })
}

#[test]
fn a_placed_order_is_listed_with_its_lines_and_total() {
    let mail = mail(&News::Placed(placed(2)));
    assert_eq!((&*mail.to, &*mail.subject), ("customer-17850@example.com", "Your order 536365"));
    assert_eq!(
        mail.text,
        "Thank you for your order 536365 of 2010-12-01T08:26:00Z.\n\n\
         \x20    6 x 85123A WHITE HANGING HEART at 2.55 GBP\n\
         \x20    6 x 85123A WHITE HANGING HEART at 2.55 GBP\n\n\
         12 units, 30.60 GBP\n"
    );
}

#[test]
fn a_long_order_is_cut_short() {
    let text = mail(&News::Placed(placed(1200))).text;
    assert_eq!(text.matches("85123A").count(), LISTED_LINES);
    assert!(text.contains("\n       and 1180 more lines\n\n7200 units"), "{text}");
}

#[test]
fn a_confirmation_names_the_amount_and_a_dispatch_the_number_of_the_carrier() {
    let (order_id, customer_id) = ("536365".into(), Some("17850".into()));
    let total = Money::pence(1530);
    let confirmed = mail(&News::Confirmed(OrderConfirmed { order_id, customer_id, total }));
    assert_eq!(confirmed.subject, "Your order 536365 is confirmed");
    assert_eq!(
        confirmed.text,
        "We have reserved your order 536365, and its payment is authorised: 15.30 GBP.\n\
         We take the money when the order leaves our warehouse.\n"
    );

    let (order_id, customer_id) = ("536365".into(), Some("17850".into()));
    let tracking = "TG-536365".to_owned();
    let dispatched = mail(&News::Dispatched(OrderDispatched { order_id, customer_id, tracking }));
    assert_eq!(dispatched.subject, "Your order 536365 is on its way");
    assert!(dispatched.text.contains("number is TG-536365."), "{}", dispatched.text);
}

#[test]
fn a_confirmation_of_an_order_that_costs_nothing_speaks_of_no_payment() {
    let (order_id, customer_id, total) = ("536365".into(), Some("17850".into()), Money::pence(0));
    let confirmed = mail(&News::Confirmed(OrderConfirmed { order_id, customer_id, total }));
    assert_eq!(confirmed.text, "We have reserved your order 536365. It costs nothing.\n");
}

#[test]
fn a_cancellation_says_why() {
    use CancellationCause as Cause;
    for (cause, subject, why) in [
        (Cause::OutOfStock, "could not be accepted", "not in stock"),
        (Cause::PaymentDeclined, "could not be accepted", "declined"),
        (Cause::NotDeliverable, "could not be accepted", "No carrier"),
        (Cause::Requested, "is cancelled", "as you asked"),
        (Cause::PaymentOverdue, "is cancelled", "not authorised in time"),
        (Cause::DispatchOverdue, "is cancelled", "did not leave our warehouse in time"),
    ] {
        let mail = mail(&cancelled(cause));
        assert_eq!(mail.subject, format!("Your order 536365 {subject}"));
        let reason = mail.text.lines().next().unwrap();
        assert!(reason.contains(why) && reason.contains("536365"), "{cause:?}: {}", mail.text);
        assert!(mail.text.contains("You pay nothing."), "{}", mail.text);
    }
}

#[test]
fn values_from_outside_stay_in_their_line_and_are_cut_short() {
    let mut order = placed(1);
    order.order_id = "7\r\nBcc: everybody@example.com".into();
    order.lines[0].description = format!("A\n\n9 units, 0.01 GBP\u{7}{}", "ä".repeat(500));
    let forged = mail(&News::Placed(order));
    assert_eq!(forged.subject, "Your order 7 Bcc: everybody@example.com");
    let line = forged.text.lines().find(|line| line.contains("85123A")).unwrap();
    assert!(line.starts_with("     6 x 85123A A 9 units, 0.01 GBP ä"), "{line}");
    assert!(line.ends_with("ä… at 2.55 GBP"), "{line}");
    assert_eq!(line.chars().count(), VALUE_CHARACTERS + "     6 x … at 2.55 GBP".chars().count());
    // A value is not read as a template.
    let mut order = placed(1);
    order.lines[0].description = "{{ total }}".to_owned();
    let braces = mail(&News::Placed(order));
    assert!(braces.text.contains("85123A {{ total }} at"), "{}", braces.text);
}

#[test]
fn a_customer_whose_id_cannot_be_in_an_address_gets_no_mail_and_is_not_named() {
    let templates = Templates::new().unwrap();
    let news = cancelled(CancellationCause::Requested);
    let send = |id: &str| Mail::new(&news, &id.into(), "example.com", &templates);
    let long = "7".repeat(51);
    for id in ["", "a@evil.example,b", "a b", "a\r\nBcc: b@evil.example", "ä", "auth0|7", &long] {
        let failure = send(id).unwrap_err();
        assert_eq!(failure.code(), "invalid_address", "{id}");
        assert!(id.is_empty() || !failure.reason().contains(id), "{failure}");
    }
    assert_eq!(send(&long[1..]).unwrap().to.len(), 50 + "customer-@example.com".len());
}
