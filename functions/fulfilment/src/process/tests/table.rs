//! The table of states and messages.

use events::{CancellationCause, DispatchOverdue, PaymentOverdue};
use tidegate::process::Taken;
use tidegate::test::ProcessTable;

use super::said::*;
use crate::input::Input;
use crate::order::Order;
use crate::policy::{Service, kept_for};
use crate::state::Fulfilment;

fn inputs() -> [Input; 17] {
    [
        placed().into(),
        cancellation().into(),
        reserved().into(),
        reserved_for_free().into(),
        stock_rejected().into(),
        stock_released().into(),
        authorised().into(),
        declined().into(),
        captured().into(),
        capture_refused().into(),
        payment_released().into(),
        shipment_dispatched().into(),
        shipment_refused().into(),
        shipment_cancelled().into(),
        shipment_on_its_way().into(),
        PaymentOverdue {}.into(),
        DispatchOverdue {}.into(),
    ]
}

#[test]
fn the_table_says_what_each_message_means_in_each_state() {
    let cause = CancellationCause::Requested;
    let (order, free) = (Order::new(&placed()), Order::new(&placed_for_free()));
    let both = kept_for(order.total);
    let inventory = Taken::default().and(Service::Inventory);
    ProcessTable::<Fulfilment>::new()
        .states([Fulfilment::New, Fulfilment::Withdrawn, Fulfilment::Reserving(order.clone())])
        .states([Fulfilment::Authorising(order.clone())])
        .states([order.clone(), free.clone()].map(Fulfilment::Dispatching))
        .states([order.clone(), free].map(|order| Fulfilment::Recalling(order, cause)))
        .states([Fulfilment::Capturing(order.clone())])
        .states([both, inventory].map(|kept| Fulfilment::Cancelling(order.clone(), cause, kept)))
        .states([Fulfilment::Completed, Fulfilment::Cancelled(cause)])
        .inputs(inputs())
        .golden("table.md");
}
