use events::{Money, ORDERS_SOURCE, OrderCommand, OrderEvent, OrderPlaced, OrderRejected, PlaceOrder};
use tidegate::store::{Aggregate, Decision};

use crate::lines::{already_accepted, sums};

/// An order. It can be placed once; a rejected one may be placed again.
#[derive(Debug, Default)]
pub(crate) struct Order {
    placed: bool,
}

impl Aggregate for Order {
    type Command = OrderCommand;
    type Event = OrderEvent;
    const SOURCE: &'static str = ORDERS_SOURCE;

    fn creates(command: &OrderCommand) -> bool {
        match command {
            OrderCommand::PlaceOrder(_) => true,
        }
    }

    fn apply(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::OrderPlaced(_) => self.placed = true,
            OrderEvent::OrderRejected(_) => {}
        }
    }

    fn decide(&self, command: &OrderCommand) -> Decision<OrderEvent> {
        match command {
            OrderCommand::PlaceOrder(command) => self.place(command),
        }
    }
}

impl Order {
    fn place(&self, command: &PlaceOrder) -> Decision<OrderEvent> {
        let order_id = command.order_id.clone();
        let sums = if self.placed { Err(already_accepted()) } else { sums(&command.lines) };
        match sums {
            Ok(sums) => Decision::one(OrderPlaced {
                order_id,
                customer_id: command.customer_id.clone(),
                country: command.country.clone(),
                ordered_at: command.ordered_at,
                units: sums.units,
                total: Money { minor: sums.value, currency: command.currency },
                lines: command.lines.clone(),
            }),
            Err(reasons) => Decision::one(OrderRejected { order_id, reasons }),
        }
    }
}

#[cfg(test)]
mod tests {
    use events::{Currency, Defect, OrderLine};

    use super::*;
    use crate::lines::line;

    fn place(lines: Vec<OrderLine>) -> OrderCommand {
        OrderCommand::PlaceOrder(PlaceOrder {
            order_id: "536365".into(),
            customer_id: Some("17850".into()),
            country: "United Kingdom".to_owned(),
            currency: Currency::Gbp,
            ordered_at: "2010-12-01T08:26:00Z".parse().unwrap(),
            lines,
        })
    }

    fn order(history: &[OrderEvent]) -> Order {
        let mut order = Order::default();
        history.iter().for_each(|event| order.apply(event));
        order
    }

    #[test]
    fn an_order_is_placed_with_its_sums() {
        let decision = order(&[]).decide(&place(vec![line("A", 6, 255), line("B", 2, 0)]));
        let [OrderEvent::OrderPlaced(placed)] = decision.events() else { panic!("{decision:?}") };
        assert_eq!((placed.units, placed.total), (8, Money::pence(1530)));
    }

    #[test]
    fn a_rejected_order_may_be_placed_again_and_a_placed_one_not() {
        let refused = order(&[]).decide(&place(vec![line("A", -1, 1)])).events().to_vec();
        assert!(matches!(refused.as_slice(), [OrderEvent::OrderRejected(_)]));
        let accepted = order(&refused).decide(&place(vec![line("A", 1, 1)])).events().to_vec();
        assert!(matches!(accepted.as_slice(), [OrderEvent::OrderPlaced(_)]));
        let again = order(&accepted).decide(&place(vec![line("A", 1, 1)]));
        let [OrderEvent::OrderRejected(rejected)] = again.events() else { panic!("{again:?}") };
        assert_eq!(rejected.reasons[0].defect, Defect::AlreadyAccepted);
    }
}
