//! The states of an order on its way.

use events::CancellationCause;
use serde::{Deserialize, Serialize};
use tidegate::process::{State, Taken};

use crate::order::Order;
use crate::policy::Service;

/// Where an order is on its way, and what it waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
pub(crate) enum Fulfilment {
    /// Nothing is known of the order.
    #[state(start)]
    New,
    /// The customer's cancellation came before the order itself, which still comes.
    Withdrawn,
    /// Inventory was asked for the products.
    Reserving(Order),
    /// Payment was asked to authorise the value.
    Authorising(Order),
    /// The order is confirmed, and shipping was asked to send it.
    Dispatching(Order),
    /// Shipping was asked to keep the order in the warehouse. If it is too late, the order is
    /// dispatched.
    Recalling(Order, CancellationCause),
    /// The order is on its way, and payment was asked to take the amount.
    Capturing(Order),
    /// Services release what they keep. The last of them was asked and has not answered.
    Cancelling(Order, CancellationCause, Taken<Service>),
    /// The order is dispatched and paid.
    #[state(end)]
    Completed,
    /// The order ended without delivery.
    #[state(end)]
    Cancelled(CancellationCause),
}
