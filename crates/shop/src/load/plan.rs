//! What is sent when: a pure function of the options and the number of the order.

use std::time::Duration;

use events::api::{NewOrder, NewOrderLine};
use events::{Currency, StockCode};

/// Products that are ordered.
const PRODUCTS: u64 = 200;

/// The orders of a run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) rate: f64,
    pub(super) duration: Duration,
    pub(super) cancel_percent: u64,
    pub(super) lines: u64,
}

impl Plan {
    /// Returns the number of orders; at least one.
    pub(super) fn orders(&self) -> u64 {
        let orders = (self.rate * self.duration.as_secs_f64()).floor();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the options allow 864 million orders, and none below zero"
        )]
        let orders = orders as u64;
        orders.max(1)
    }

    /// Returns when an order is due, from the start on.
    ///
    /// Orders are due whether or not earlier ones were answered. So a slow system has more requests
    /// at a time, and its latencies count from when a customer would have clicked.
    pub(super) fn due(&self, order: u64) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 orders")]
        let seconds = order as f64 / self.rate;
        Duration::from_secs_f64(seconds)
    }

    /// Returns whether the order is cancelled. The cancelled ones are spread evenly.
    pub(super) fn is_cancelled(&self, order: u64) -> bool {
        let share = self.cancel_percent;
        (order + 1) * share / 100 > order * share / 100
    }

    /// Returns the order with this number.
    pub(super) fn order(&self, number: u64) -> NewOrder {
        let line = |line: u64| {
            let product = (number * self.lines + line) % PRODUCTS;
            NewOrderLine {
                stock_code: StockCode(format!("L{product:03}")),
                description: format!("PRODUCT {product} OF A LOAD TEST"),
                quantity: 1,
                unit_price: 100 + i64::try_from(product).unwrap_or(0),
            }
        };
        NewOrder {
            country: "United Kingdom".to_owned(),
            currency: Currency::Gbp,
            lines: (0..self.lines).map(line).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rate: f64, seconds: u64, cancel_percent: u64) -> Plan {
        Plan { rate, duration: Duration::from_secs(seconds), cancel_percent, lines: 2 }
    }

    #[test]
    fn orders_are_due_at_an_even_rate_whatever_is_answered() {
        let plan = plan(4.0, 5, 0);
        assert_eq!(plan.orders(), 20);
        assert_eq!([0, 1, 8].map(|n| plan.due(n).as_millis()), [0, 250, 2000]);
    }

    #[test]
    fn the_share_of_cancelled_orders_is_exact() {
        for share in [0, 1, 33, 50, 100] {
            let plan = plan(1.0, 1, share);
            let cancelled = (0..1000).filter(|number| plan.is_cancelled(*number)).count();
            assert_eq!(cancelled as u64, share * 10);
        }
    }

    #[test]
    fn an_order_has_the_lines_that_were_asked_for() {
        let order = plan(1.0, 1, 0).order(150);
        let codes: Vec<_> = order.lines.iter().map(|line| line.stock_code.as_str()).collect();
        assert_eq!(codes, ["L100", "L101"]);
    }
}
