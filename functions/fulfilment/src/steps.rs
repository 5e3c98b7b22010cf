//! The steps of an order: what it asks services for, and what it tells others.

use events::{
    AuthorisePayment, CancelShipment, CancellationCause, CapturePayment, DispatchOrder,
    DispatchOverdue, OrderCancelled, OrderCompleted, OrderConfirmed, OrderDispatched, OrderPlaced,
    PaymentOverdue, ReleasePayment, ReleaseStock, ReservationLine, ReserveStock, ShipStock,
    stream_kind,
};
use jiff::Timestamp;
use tidegate::process::{Reaction, Step, Taken};

use crate::order::Order;
use crate::policy::{DISPATCH, PAYMENT, Service, is_paid, kept_for};
use crate::state::Fulfilment;

/// Queues of the services, by the names that the publisher knows.
const INVENTORY: &str = "inventory";
const SHIPPING: &str = "shipping";
const PAYMENTS: &str = "payment";

/// What a message leads to.
type Reacted = Reaction<Fulfilment>;

/// Asks for the products of an order.
pub(crate) fn reserve(placed: &OrderPlaced) -> Reacted {
    let order = Order::new(placed);
    let lines = placed.lines.iter().map(|line| ReservationLine {
        stock_code: line.stock_code.clone(),
        units: line.quantity,
        unit_price: line.unit_price,
    });
    let command = ReserveStock {
        order_id: order.order_id.clone(),
        currency: placed.total.currency,
        lines: lines.collect(),
    };
    let reservation = order.stream(stream_kind::RESERVATION);
    Step::to(Fulfilment::Reserving(order)).send(INVENTORY, reservation, command).into()
}

impl Order {
    /// Asks for the payment of what is reserved. What costs nothing is confirmed at once.
    pub(crate) fn authorise(&self, now: Timestamp) -> Reacted {
        if !is_paid(self.total) {
            return self.dispatch(now);
        }
        let command = AuthorisePayment { order_id: self.order_id.clone(), amount: self.total };
        Step::to(Fulfilment::Authorising(self.clone()))
            .send(PAYMENTS, self.stream(stream_kind::PAYMENT), command)
            .deadline(PAYMENT.name, PAYMENT.due(now), PaymentOverdue {})
            .into()
    }

    /// Confirms the order, and asks to send it.
    pub(crate) fn dispatch(&self, now: Timestamp) -> Reacted {
        let Self { order_id, customer_id, country, units, total } = self.clone();
        let confirmed =
            OrderConfirmed { order_id: order_id.clone(), customer_id: customer_id.clone(), total };
        let command = DispatchOrder { order_id, customer_id, country, units };
        Step::to(Fulfilment::Dispatching(self.clone()))
            .publish(confirmed)
            .send(SHIPPING, self.stream(stream_kind::SHIPMENT), command)
            .deadline(DISPATCH.name, DISPATCH.due(now), DispatchOverdue {})
            .into()
    }

    /// Asks to keep the order in the warehouse.
    pub(crate) fn recall(&self, cause: CancellationCause) -> Reacted {
        let command = CancelShipment { order_id: self.order_id.clone() };
        Step::to(Fulfilment::Recalling(self.clone(), cause))
            .send(SHIPPING, self.stream(stream_kind::SHIPMENT), command)
            .into()
    }

    /// Says that the order is on its way, takes its products out of the stock, and asks for the
    /// money. What costs nothing is complete.
    pub(crate) fn ship(&self, tracking: &str) -> Reacted {
        let Self { order_id, customer_id, total, .. } = self.clone();
        let next = if is_paid(total) {
            Fulfilment::Capturing(self.clone())
        } else {
            Fulfilment::Completed
        };
        let ship = ShipStock { order_id: order_id.clone() };
        let capture = CapturePayment { order_id: order_id.clone() };
        let dispatched = OrderDispatched { order_id, customer_id, tracking: tracking.to_owned() };
        let step = Step::to(next).publish(dispatched).send(
            INVENTORY,
            self.stream(stream_kind::RESERVATION),
            ship,
        );
        if is_paid(total) {
            step.send(PAYMENTS, self.stream(stream_kind::PAYMENT), capture).into()
        } else {
            step.publish(self.completed()).into()
        }
    }

    /// Ends the way of an order that is dispatched and paid.
    pub(crate) fn complete(&self) -> Reacted {
        Step::to(Fulfilment::Completed).publish(self.completed()).into()
    }

    /// Cancels an order for which no service keeps anything.
    pub(crate) fn cancel(&self, cause: CancellationCause) -> Reacted {
        let (order_id, customer_id) = (self.order_id.clone(), self.customer_id.clone());
        Step::to(Fulfilment::Cancelled(cause))
            .publish(OrderCancelled { order_id, customer_id, cause })
            .into()
    }

    /// Cancels an order whose products are reserved, or may be.
    pub(crate) fn release_stock(&self, cause: CancellationCause) -> Reacted {
        self.release_last(cause, Taken::default().and(Service::Inventory))
    }

    /// Cancels an order that is reserved and whose payment is authorised, or may be.
    pub(crate) fn release(&self, cause: CancellationCause) -> Reacted {
        self.release_last(cause, kept_for(self.total))
    }

    /// Goes on after the last of the services released what it kept.
    pub(crate) fn release_next(&self, cause: CancellationCause, kept: Taken<Service>) -> Reacted {
        let left = kept.undo().map(|(_, left)| left).unwrap_or_default();
        self.release_last(cause, left)
    }

    /// Asks the last of the services to release what it keeps. Without one, the order is cancelled.
    fn release_last(&self, cause: CancellationCause, kept: Taken<Service>) -> Reacted {
        let Some(last) = kept.last().copied() else { return self.cancel(cause) };
        let order_id = self.order_id.clone();
        let step = Step::to(Fulfilment::Cancelling(self.clone(), cause, kept));
        let step = match last {
            Service::Inventory => {
                let reservation = self.stream(stream_kind::RESERVATION);
                step.send(INVENTORY, reservation, ReleaseStock { order_id })
            }
            Service::Payment => {
                let payment = self.stream(stream_kind::PAYMENT);
                step.send(PAYMENTS, payment, ReleasePayment { order_id })
            }
        };
        step.into()
    }

    fn completed(&self) -> OrderCompleted {
        OrderCompleted { order_id: self.order_id.clone(), total: self.total }
    }
}
