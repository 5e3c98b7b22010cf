//! The text of a confirmation.

use std::fmt::Write;

use events::{CustomerId, Money, OrderPlaced};

/// Most lines of an order that the e-mail lists.
const LISTED_LINES: usize = 20;

/// The e-mail that confirms an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confirmation {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Confirmation {
    /// Builds the confirmation of an order. The customer's address is made from the customer's id.
    pub(crate) fn new(order: &OrderPlaced, customer: &CustomerId, domain: &str) -> Self {
        let mut text =
            format!("Thank you for your order {} of {}.\n\n", order.order_id, order.ordered_at);
        for line in order.lines.iter().take(LISTED_LINES) {
            let price = Money { minor: line.unit_price, currency: order.total.currency };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{:>6} x {} {} at {price}",
                line.quantity, line.stock_code, line.description
            );
        }
        if let Some(more) = order.lines.len().checked_sub(LISTED_LINES).filter(|more| *more > 0) {
            let _ = writeln!(text, "       and {more} more lines");
        }
        let _ = write!(text, "\n{} units, {}\n", order.units, order.total);
        Self {
            to: format!("customer-{customer}@{domain}"),
            subject: format!("Your order {}", order.order_id),
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    use events::OrderLine;

    use super::*;

    fn order(lines: usize) -> OrderPlaced {
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

    #[test]
    fn it_goes_to_the_customer_and_names_order_lines_and_total() {
        let confirmation = Confirmation::new(&order(1), &"17850".into(), "example.com");
        assert_eq!(confirmation.to, "customer-17850@example.com");
        assert_eq!(confirmation.subject, "Your order 536365");
        assert!(
            confirmation.text.contains("     6 x 85123A WHITE HANGING HEART at 2.55 GBP\n"),
            "{}",
            confirmation.text
        );
        assert!(confirmation.text.ends_with("6 units, 15.30 GBP\n"), "{}", confirmation.text);
    }

    #[test]
    fn a_long_order_is_cut_short() {
        let text = Confirmation::new(&order(1200), &"17850".into(), "example.com").text;
        assert_eq!(text.matches("85123A").count(), LISTED_LINES);
        assert!(text.contains("and 1180 more lines"), "{text}");
    }
}
