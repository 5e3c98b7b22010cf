//! Contents of events and deadlines of the process that fulfils orders.

use events::{
    CancellationCause, DispatchOverdue, Money, OrderCancelled, OrderCompleted, OrderConfirmed,
    OrderDispatched, PaymentOverdue,
};

use super::{ORDER, TOTAL, customer, lost_order, order, shipping};

pub fn order_confirmed() -> OrderConfirmed {
    OrderConfirmed { order_id: order(), customer_id: customer(), total: Money::pence(TOTAL) }
}

pub fn order_dispatched() -> OrderDispatched {
    OrderDispatched {
        order_id: order(),
        customer_id: customer(),
        tracking: shipping::tracking(ORDER),
    }
}

pub fn order_completed() -> OrderCompleted {
    OrderCompleted { order_id: order(), total: Money::pence(TOTAL) }
}

pub fn order_cancelled() -> OrderCancelled {
    OrderCancelled {
        order_id: lost_order(),
        customer_id: customer(),
        cause: CancellationCause::Requested,
    }
}

pub fn payment_overdue() -> PaymentOverdue {
    PaymentOverdue {}
}

pub fn dispatch_overdue() -> DispatchOverdue {
    DispatchOverdue {}
}
