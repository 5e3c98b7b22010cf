//! The aggregate of an order.

use events::{
    CancelOrder, CancellationDefect, CancellationRejected, CancellationRequested, Money,
    ORDERS_SOURCE, OrderCommand, OrderEvent, OrderPlaced, OrderRejected, PlaceOrder,
};
use tidegate::store::{Aggregate, Decision};

use crate::lines::{Rejected, already_accepted, sums};

/// An order. It can be placed once; a rejected one may be placed again.
#[derive(Debug, Default)]
pub struct Order {
    placed: bool,
    cancellation_requested: bool,
}

impl Aggregate for Order {
    type Command = OrderCommand;
    type Event = OrderEvent;
    const SOURCE: &'static str = ORDERS_SOURCE;

    fn creates(command: &OrderCommand) -> bool {
        match command {
            OrderCommand::PlaceOrder(_) => true,
            OrderCommand::CancelOrder(_) => false,
        }
    }

    fn apply(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::OrderPlaced(_) => self.placed = true,
            OrderEvent::CancellationRequested(_) => self.cancellation_requested = true,
            OrderEvent::OrderRejected(_) | OrderEvent::CancellationRejected(_) => {}
        }
    }

    fn decide(&self, command: &OrderCommand) -> Decision<OrderEvent> {
        match command {
            OrderCommand::PlaceOrder(command) => self.place(command),
            OrderCommand::CancelOrder(command) => self.cancel(command),
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
            Err(Rejected { reasons, more }) => {
                Decision::one(OrderRejected { order_id, reasons, more })
            }
        }
    }

    fn cancel(&self, command: &CancelOrder) -> Decision<OrderEvent> {
        let order_id = command.order_id.clone();
        let reason = match self {
            Self { placed: false, .. } => CancellationDefect::NotPlaced,
            Self { cancellation_requested: true, .. } => CancellationDefect::AlreadyRequested,
            _ => return Decision::one(CancellationRequested { order_id }),
        };
        Decision::one(CancellationRejected { order_id, reason })
    }
}

#[cfg(test)]
mod tests {
    use events::{Currency, Defect, OrderLine};
    use tidegate::test::given;

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

    #[test]
    fn an_order_is_placed_with_its_sums() {
        let decision = given::<Order>([]).when(&place(vec![line("A", 6, 255), line("B", 2, 0)]));
        let [OrderEvent::OrderPlaced(placed)] = decision.events() else { panic!("{decision:?}") };
        assert_eq!((placed.units, placed.total), (8, Money::pence(1530)));
    }

    #[test]
    fn a_rejected_order_may_be_placed_again_and_a_placed_one_not() {
        let rejected = |events: &[OrderEvent], defect: &[Defect]| match events {
            [OrderEvent::OrderRejected(rejected)] => {
                rejected.reasons.iter().map(|reason| &reason.defect).eq(defect)
            }
            _ => false,
        };
        given::<Order>([])
            .when(&place(vec![line("A", -1, 1)]))
            .then_that(|events| matches!(events, [OrderEvent::OrderRejected(_)]))
            .when(&place(vec![line("A", 1, 1)]))
            .then_that(|events| matches!(events, [OrderEvent::OrderPlaced(_)]))
            .when(&place(vec![line("A", 1, 1)]))
            .then_that(|events| rejected(events, &[Defect::AlreadyAccepted]));
    }
}
